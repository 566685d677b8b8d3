//! `[model]`.

use super::{choice, missing};
use crate::names::{ACTIVATIONS, suggestion};
use crate::scenario::ModelChoice;
use crate::scenario::tree::{Node, Problem};
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};

/// Reads `[model]`: a preset, or an architecture, or a folder.
pub(super) fn model(root: &Node) -> Result<ModelChoice, Problem> {
    let Some(table) = root.get("model") else {
        return Err(missing(root, "model", "[model] preset = \"bert-base\""));
    };
    table.keys(&[
        "preset",
        "dir",
        "layers",
        "hidden",
        "heads",
        "feed_forward",
        "activation",
    ])?;
    if let Some(dir) = table.get("dir") {
        for other in [
            "preset",
            "layers",
            "hidden",
            "heads",
            "feed_forward",
            "activation",
        ] {
            if let Some(node) = table.get(other) {
                return Err(
                    node.problem("a model folder brings its own architecture: remove this key")
                );
            }
        }
        return Ok(ModelChoice::Folder(dir.text()?.into()));
    }
    let number = |key: &str| {
        let node = table.get(key);
        node.map(|n| n.whole(1..=65_536).map(|v| v as usize))
            .transpose()
    };
    let (layers, hidden, heads) = (number("layers")?, number("hidden")?, number("heads")?);
    let feed_forward = number("feed_forward")?;
    let mut config = match table.get("preset") {
        Some(node) => {
            let name = node.text()?;
            ModelConfig::preset(name).ok_or_else(|| {
                node.problem(format!(
                    "unknown preset `{name}`{}",
                    suggestion(name, &ModelConfig::PRESETS)
                ))
            })?
        }
        None => {
            let need = |value: Option<usize>, key: &str| {
                let example =
                    "[model] layers = 2 hidden = 128 heads = 2, or preset = \"bert-base\"";
                value.ok_or_else(|| missing(table, &format!("model.{key}"), example))
            };
            let hidden = need(hidden, "hidden")?;
            ModelConfig {
                name: String::new(),
                layers: need(layers, "layers")?,
                hidden,
                heads: need(heads, "heads")?,
                feed_forward: 4 * hidden,
                max_positions: 512,
                activation: ActivationFunction::Relu,
                head: Head::Classifier { labels: 2 },
                layer_norm_epsilon: 1e-12,
                relative_positions: false,
                bit_plan: None,
            }
        }
    };
    let preset = config.clone();
    config.layers = layers.unwrap_or(config.layers);
    config.hidden = hidden.unwrap_or(config.hidden);
    config.heads = heads.unwrap_or(config.heads);
    config.feed_forward = feed_forward.unwrap_or(match hidden {
        Some(hidden) => 4 * hidden,
        None => config.feed_forward,
    });
    let activation = table.get("activation");
    if let Some(node) = activation {
        config.activation = choice(node, ACTIVATIONS)?;
    }
    config.check().map_err(|what| table.problem(what))?;
    // Named after its shape; the activation function has a column of its own.
    let same_shape = ModelConfig {
        activation: preset.activation,
        ..config.clone()
    } == preset;
    if !same_shape || config.name.is_empty() {
        let base = if preset.name.is_empty() {
            "bert"
        } else {
            &preset.name
        };
        config.name = format!(
            "{base}-{}x{}h{}f{}",
            config.layers, config.hidden, config.heads, config.feed_forward
        );
    }
    Ok(ModelChoice::Synthetic {
        config,
        activation_is_given: activation.is_some(),
    })
}

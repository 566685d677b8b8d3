//! Reads a BERT checkpoint in the layout of Hugging Face `transformers`: `config.json` and
//! `model.safetensors`.
//!
//! | module | what |
//! |---|---|
//! | `configuration` | the keys of `config.json`, and the head that it names |
//! | `foreign` | keys that ask for another computation than the one here |
//! | `weights` | the tensors by their names there, and those that nothing here computes with |
//! | `files` | what stands in a folder instead of `model.safetensors` |

mod configuration;
mod files;
mod foreign;
mod weights;

use super::config::{Head, ModelConfig};
use super::float::{FloatHead, FloatModel};
use super::tensors::{TensorFile, fault, read};
use super::walk::Linear;
use crate::{Error, Result};
use configuration::{Configuration, NamedHead};
use std::path::Path;
use weights::Weights;

/// The architecture's file.
pub const CONFIG_FILE: &str = "config.json";
/// The weights' file.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// Reads the checkpoint in folder `dir`. The model is named after the folder. The head is the one that
/// `architectures` names; where that key is missing it is [`Head::Classifier`] if there is a tensor
/// `classifier.weight`, else [`Head::Hidden`]. Tensor names may carry the prefix `bert.`; F16 and BF16 are widened to f32. Keys of
/// `config.json` that are missing have the values that `transformers` gives them.
///
/// # Errors
/// [`crate::Error::Model`] with the file and the fault: unreadable, cut short, in another format; a key with whose value something
/// else is computed than here; a head other than sequence classification; a tensor that is missing, of the wrong type or
/// shape, holds a value that is not finite, or is no part of what is computed here.
pub fn load(dir: &Path) -> Result<FloatModel> {
    let path = dir.join(CONFIG_FILE);
    let source = Configuration::parse(&path, &read(&path)?)?;
    let path_of_weights = dir.join(WEIGHTS_FILE);
    let bytes = files::read_weights(&path_of_weights)?;
    let file = TensorFile::parse(&path_of_weights, &bytes)?;
    assemble(dir, &path, &source, &file).map_err(|error| with_assumptions(error, &source))
}

fn assemble(
    dir: &Path,
    path: &Path,
    source: &Configuration,
    file: &TensorFile<'_>,
) -> Result<FloatModel> {
    let head = head(source, file)?;
    let config = ModelConfig {
        name: dir
            .file_name()
            .map_or_else(|| "checkpoint".into(), |n| n.to_string_lossy().into_owned()),
        layers: source.layers,
        hidden: source.hidden,
        heads: source.heads,
        feed_forward: source.feed_forward,
        max_positions: source.max_positions,
        activation: source.activation,
        head,
        layer_norm_epsilon: source.layer_norm_epsilon,
    };
    config.check().map_err(|what| fault(path, what))?;
    let weights = Weights::new(file, &config)?;
    let model = FloatModel {
        embeddings: Some(weights.embeddings(source)?),
        layers: (0..config.layers)
            .map(|l| weights.layer(l))
            .collect::<Result<_>>()?,
        head: match head {
            Head::Hidden => None,
            Head::Classifier { .. } => Some(FloatHead {
                pooler: weights.linear(&weights.inner("pooler.dense"), Linear::Pooler)?,
                classifier: weights.linear("classifier", Linear::Classifier)?,
            }),
        },
        config: config.clone(),
    };
    weights.nothing_is_left(source)?;
    Ok(model)
}

/// The head that the configuration names, or that the tensors show where it names none.
fn head(source: &Configuration, file: &TensorFile<'_>) -> Result<Head> {
    const TENSOR: &str = "classifier.weight";
    let labels = match file.has(TENSOR) {
        true => file.shape(TENSOR)?.first().copied(),
        false => None,
    };
    match (source.head, labels) {
        (Some(NamedHead::Nothing) | None, None) => Ok(Head::Hidden),
        (Some(NamedHead::Nothing), Some(_)) => Err(file.fault(format!(
            "holds `{TENSOR}`, but `architectures` of {CONFIG_FILE} names `BertModel`, which has no head: name \
             `BertForSequenceClassification` if it is one"
        ))),
        (Some(NamedHead::SequenceClassification), None) => {
            Err(file.fault(format!("has no tensor `{TENSOR}`")))
        }
        (None, Some(_)) if !file.names().any(|name| name.ends_with("pooler.dense.weight")) => {
            Err(file.fault(format!(
                "holds `{TENSOR}` but no `pooler.dense.weight`, as a head that classifies tokens does: only the head \
                 of `BertForSequenceClassification` is implemented, which has both"
            )))
        }
        (_, Some(labels)) => match source.labels {
            Some((key, named)) if named != labels => Err(file.fault(format!(
                "tensor `{TENSOR}` has {labels} rows, but `{key}` of {CONFIG_FILE} says {named} labels"
            ))),
            _ => Ok(Head::Classifier { labels }),
        },
    }
}

/// The same error, with the keys that the configuration leaves out: a value that was assumed may be its cause.
fn with_assumptions(error: Error, source: &Configuration) -> Error {
    match error {
        Error::Model { path, what } if !source.assumed.is_empty() => {
            let keys: Vec<String> = source
                .assumed
                .iter()
                .map(|(key, value)| format!("`{key}` ({value})"))
                .collect();
            let what = format!(
                "{what}; {CONFIG_FILE} has no {}, for which BERT's own values were taken",
                keys.join(", ")
            );
            Error::Model { path, what }
        }
        other => other,
    }
}

//! Reads a checkpoint of BERT, or of a relative that computes the same, in the layout of Hugging Face `transformers`: `config.json` and
//! `model.safetensors`.
//!
//! | module | what |
//! |---|---|
//! | `kind` | kinds of encoders, and what their checkpoints call things |
//! | `configuration` | the keys of `config.json`, and the head that it names |
//! | `foreign` | keys that ask for another computation than the one here |
//! | `weights` | the tensors by their names there, and those that nothing here computes with |
//! | `files` | what stands in a folder instead of `model.safetensors` |

mod configuration;
mod files;
mod foreign;
mod kind;
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
/// `classifier.weight` (or the kind's own), else [`Head::Hidden`]. Tensor names may carry the kind's prefix, such as `bert.`; F16 and BF16 are widened to f32. Keys of
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
        max_positions: positions(path, source)?,
        activation: source.activation,
        head,
        layer_norm_epsilon: source.layer_norm_epsilon,
        relative_positions: source.kind.relative_positions,
        bit_plan: None,
    };
    config.check().map_err(|what| fault(path, what))?;
    let weights = Weights::new(file, source.kind, &config)?;
    let model = FloatModel {
        embeddings: Some(weights.embeddings(source)?),
        layers: (0..config.layers)
            .map(|l| weights.layer(l))
            .collect::<Result<_>>()?,
        score_bias: weights.score_bias()?,
        head: match (head, source.kind.head) {
            (Head::Classifier { .. }, Some(names)) => {
                let pooler = match names.pooler {
                    (name, true) => weights.inner(name),
                    (name, false) => name.to_owned(),
                };
                Some(FloatHead {
                    pooler: weights.linear(&pooler, Linear::Pooler)?,
                    classifier: weights.linear(names.classifier, Linear::Classifier)?,
                })
            }
            _ => None,
        },
        labels: match head {
            Head::Classifier { .. } => source.label_names.clone(),
            Head::Hidden => Vec::new(),
        },
        config: config.clone(),
    };
    weights.nothing_is_left(source)?;
    Ok(model)
}

/// Tokens that the position table has rows for.
fn positions(path: &Path, source: &Configuration) -> Result<usize> {
    let before = source.padding.map_or(0, |padding| padding + 1);
    match source.position_rows.checked_sub(before) {
        Some(positions) if positions > 0 => Ok(positions),
        _ => Err(fault(
            path,
            format!(
                "`{}` is {}, of which the first {before} stand for padding",
                source.kind.position_rows.0, source.position_rows
            ),
        )),
    }
}

/// The head that the configuration names, or that the tensors show where it names none.
fn head(source: &Configuration, file: &TensorFile<'_>) -> Result<Head> {
    let (encoder, class) = (source.kind.encoder_class(), source.kind.classifier_class());
    let (Some(names), Some(class)) = (source.kind.head, class) else {
        return Ok(Head::Hidden);
    };
    let tensor = format!("{}.weight", names.classifier);
    let labels = match file.has(&tensor) {
        true => file.shape(&tensor)?.first().copied(),
        false => None,
    };
    let pooler = format!("{}.weight", names.pooler.0);
    match (source.head, labels) {
        (Some(NamedHead::Nothing) | None, None) => Ok(Head::Hidden),
        (Some(NamedHead::Nothing), Some(_)) => Err(file.fault(format!(
            "holds `{tensor}`, but `architectures` of {CONFIG_FILE} names `{encoder}`, which has no head: name `{class}` if it is one"
        ))),
        (Some(NamedHead::SequenceClassification), None) => {
            Err(file.fault(format!("has no tensor `{tensor}`")))
        }
        (None, Some(_)) if !file.names().any(|name| name.ends_with(&pooler)) => {
            Err(file.fault(format!(
                "holds `{tensor}` but no `{pooler}`, as a head that classifies tokens does: only the head of `{class}` is implemented, \
                 which has both"
            )))
        }
        (_, Some(labels)) => match source.labels {
            Some((key, named)) if named != labels => Err(file.fault(format!(
                "tensor `{tensor}` has {labels} rows, but `{key}` of {CONFIG_FILE} says {named} labels"
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
                "{what}; {CONFIG_FILE} has no {}, for which {}'s own values were taken",
                keys.join(", "),
                source.kind.class
            );
            Error::Model { path, what }
        }
        other => other,
    }
}

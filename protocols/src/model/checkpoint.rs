//! Reads a BERT checkpoint in the layout of Hugging Face `transformers`: `config.json` and
//! `model.safetensors`.

use super::config::{ActivationFunction, Head, ModelConfig};
use super::embeddings::Embeddings;
use super::float::{FloatHead, FloatLayer, FloatLinear, FloatModel, FloatNorm};
use super::tensors::{TensorFile, fault, read};
use super::walk::Linear;
use crate::Result;
use serde::Deserialize;
use std::path::Path;

/// The architecture's file.
pub const CONFIG_FILE: &str = "config.json";
/// The weights' file.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// The fields of `config.json` that decide what is computed.
#[derive(Deserialize)]
struct CheckpointConfig {
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f32,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    type_vocab_size: usize,
    vocab_size: usize,
    position_embedding_type: Option<String>,
}

/// The field that says whether the others can be expected.
#[derive(Deserialize)]
struct ModelType {
    model_type: Option<String>,
}

/// Reads the checkpoint in folder `dir`. The model is named after the folder. With a tensor
/// `classifier.weight` it gets [`Head::Classifier`], else [`Head::Hidden`]; tensor names may carry the
/// prefix `bert.`; F16 and BF16 are widened to f32.
///
/// # Errors
/// [`crate::Error::Model`] with the file and the fault: unreadable, cut short, another architecture than
/// BERT with absolute positions and GELU or ReLU, a tensor that is missing, of the wrong type or
/// shape, or holds a value that is not finite.
pub fn load(dir: &Path) -> Result<FloatModel> {
    let path = dir.join(CONFIG_FILE);
    let (source, activation) = read_config(&path, &read(&path)?)?;
    let path_of_weights = dir.join(WEIGHTS_FILE);
    let bytes = read(&path_of_weights)?;
    let file = TensorFile::parse(&path_of_weights, &bytes)?;

    let head = if file.has("classifier.weight") {
        let labels = file.shape("classifier.weight")?.first().copied();
        Head::Classifier {
            labels: labels.unwrap_or(0),
        }
    } else {
        Head::Hidden
    };
    let config = ModelConfig {
        name: dir
            .file_name()
            .map_or_else(|| "checkpoint".into(), |n| n.to_string_lossy().into_owned()),
        layers: source.num_hidden_layers,
        hidden: source.hidden_size,
        heads: source.num_attention_heads,
        feed_forward: source.intermediate_size,
        max_positions: source.max_position_embeddings,
        activation,
        head,
        layer_norm_epsilon: source.layer_norm_eps,
    };
    config.check().map_err(|what| fault(&path, what))?;
    let tensors = Tensors::new(&file, &config);
    Ok(FloatModel {
        embeddings: Some(tensors.embeddings(&source)?),
        layers: (0..config.layers)
            .map(|l| tensors.layer(l))
            .collect::<Result<_>>()?,
        head: match head {
            Head::Hidden => None,
            Head::Classifier { .. } => Some(FloatHead {
                pooler: tensors.linear(&tensors.inner("pooler.dense"), Linear::Pooler)?,
                classifier: tensors.linear("classifier", Linear::Classifier)?,
            }),
        },
        config,
    })
}

fn read_config(path: &Path, bytes: &[u8]) -> Result<(CheckpointConfig, ActivationFunction)> {
    let broken = |e| {
        fault(
            path,
            format!("is cut short or not a BERT configuration ({e})"),
        )
    };
    let ModelType { model_type } = serde_json::from_slice(bytes).map_err(broken)?;
    let model_type = model_type.unwrap_or_else(|| "unknown".into());
    if model_type != "bert" {
        return Err(fault(
            path,
            format!("is of architecture `{model_type}`, expected `bert`"),
        ));
    }
    let config: CheckpointConfig = serde_json::from_slice(bytes).map_err(broken)?;
    let positions = config.position_embedding_type.as_deref();
    if let Some(other) = positions.filter(|p| *p != "absolute") {
        let what = format!("has `{other}` position embeddings, expected `absolute`");
        return Err(fault(path, what));
    }
    let epsilon = config.layer_norm_eps;
    if !(epsilon.is_finite() && epsilon > 0.0) {
        let what = format!("layer_norm_eps is {epsilon}, but must be positive");
        return Err(fault(path, what));
    }
    let activation = match config.hidden_act.as_str() {
        "gelu" => ActivationFunction::Gelu,
        "relu" => ActivationFunction::Relu,
        other => {
            let what = format!("hidden_act is `{other}`, expected `gelu` or `relu`");
            return Err(fault(path, what));
        }
    };
    Ok((config, activation))
}

/// The checkpoint's tensors by their names there.
struct Tensors<'a> {
    file: &'a TensorFile<'a>,
    config: &'a ModelConfig,
    /// What stands before the encoder's names: `bert.` if there is a head, as a rule.
    prefix: &'static str,
}

impl<'a> Tensors<'a> {
    fn new(file: &'a TensorFile<'a>, config: &'a ModelConfig) -> Self {
        let prefixed = file.has("bert.embeddings.word_embeddings.weight");
        Self {
            file,
            config,
            prefix: if prefixed { "bert." } else { "" },
        }
    }

    fn inner(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn linear(&self, name: &str, linear: Linear) -> Result<FloatLinear> {
        let (outputs, inputs) = linear.shape(self.config);
        Ok(FloatLinear {
            outputs,
            inputs,
            weights: self
                .file
                .any_float(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.file.any_float(&format!("{name}.bias"), &[outputs])?,
        })
    }

    /// A LayerNorm. Checkpoints converted from TensorFlow call its parts gamma and beta.
    fn norm(&self, name: &str) -> Result<FloatNorm> {
        let name = self.inner(name);
        let hidden = [self.config.hidden];
        let (gain, offset) = if self.file.has(&format!("{name}.gamma")) {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        Ok(FloatNorm {
            gamma: self.file.any_float(&format!("{name}.{gain}"), &hidden)?,
            beta: self.file.any_float(&format!("{name}.{offset}"), &hidden)?,
        })
    }

    fn layer(&self, l: usize) -> Result<FloatLayer> {
        let name = |part: &str| format!("encoder.layer.{l}.{part}");
        let linear = |part: &str, linear| self.linear(&self.inner(&name(part)), linear);
        Ok(FloatLayer {
            query: linear("attention.self.query", Linear::Query(l))?,
            key: linear("attention.self.key", Linear::Key(l))?,
            value: linear("attention.self.value", Linear::Value(l))?,
            attention_output: linear("attention.output.dense", Linear::AttentionOutput(l))?,
            feed_forward_in: linear("intermediate.dense", Linear::FeedForwardIn(l))?,
            feed_forward_out: linear("output.dense", Linear::FeedForwardOut(l))?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            feed_forward_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }

    fn embeddings(&self, source: &CheckpointConfig) -> Result<Embeddings> {
        let hidden = self.config.hidden;
        let table = |name: &str, rows: usize| {
            let name = self.inner(&format!("embeddings.{name}_embeddings.weight"));
            if rows == 0 {
                return Err(self.file.fault(format!("tensor `{name}`: has no rows")));
            }
            self.file.any_float(&name, &[rows, hidden])
        };
        let norm = self.norm("embeddings.LayerNorm")?;
        Ok(Embeddings {
            hidden,
            word: table("word", source.vocab_size)?,
            position: table("position", source.max_position_embeddings)?,
            token_type: table("token_type", source.type_vocab_size)?,
            norm_gamma: norm.gamma,
            norm_beta: norm.beta,
            epsilon: self.config.layer_norm_epsilon,
        })
    }
}

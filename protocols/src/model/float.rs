//! A BERT with 32-bit weights, and the view of either kind of model that the float reference runs on.

use super::config::ModelConfig;
use super::quantized::{QuantizedLinear, QuantizedModel, QuantizedNorm};
use super::score_bias::ScoreBias;
use super::walk::{Linear, Norm};
use crate::{Error, Result};
use std::borrow::Cow;

/// A fully connected layer: `y = x W^T + b`.
#[derive(Clone, PartialEq, Debug)]
pub struct FloatLinear {
    /// Output features.
    pub outputs: usize,
    /// Input features.
    pub inputs: usize,
    /// Row-major `outputs` x `inputs`.
    pub weights: Vec<f32>,
    /// One an output.
    pub bias: Vec<f32>,
}

impl From<&QuantizedLinear> for FloatLinear {
    /// The weights `row_scale * level` as numbers.
    fn from(source: &QuantizedLinear) -> Self {
        let mut weights = Vec::with_capacity(source.outputs * source.inputs);
        for (output, scale) in source.row_scale.iter().enumerate() {
            let values: Vec<f32> = source.levels().map(|level| scale * level as f32).collect();
            let codes = source.codes(output);
            weights.extend(codes.iter().map(|code| values[usize::from(*code)]));
        }
        Self {
            outputs: source.outputs,
            inputs: source.inputs,
            weights,
            bias: source.bias.clone(),
        }
    }
}

/// The affine part of a LayerNorm.
#[derive(Clone, PartialEq, Debug)]
pub struct FloatNorm {
    /// Per-feature gain.
    pub gamma: Vec<f32>,
    /// Per-feature offset.
    pub beta: Vec<f32>,
}

/// One encoder layer.
#[derive(Clone, PartialEq, Debug)]
pub struct FloatLayer {
    /// Query projection.
    pub query: FloatLinear,
    /// Key projection.
    pub key: FloatLinear,
    /// Value projection.
    pub value: FloatLinear,
    /// Projection of the context.
    pub attention_output: FloatLinear,
    /// First feed-forward layer.
    pub feed_forward_in: FloatLinear,
    /// Second feed-forward layer.
    pub feed_forward_out: FloatLinear,
    /// LayerNorm after attention.
    pub attention_norm: FloatNorm,
    /// LayerNorm after the feed-forward layers.
    pub feed_forward_norm: FloatNorm,
}

/// Pooler and classifier.
#[derive(Clone, PartialEq, Debug)]
pub struct FloatHead {
    /// Dense layer on the first token.
    pub pooler: FloatLinear,
    /// Logits.
    pub classifier: FloatLinear,
}

/// A whole model: what a checkpoint holds.
#[derive(Clone, PartialEq, Debug)]
pub struct FloatModel {
    /// The architecture.
    pub config: ModelConfig,
    /// Tables that turn tokens into the encoder's input; none for a synthetic model.
    pub embeddings: Option<super::embeddings::Embeddings>,
    /// The layers.
    pub layers: Vec<FloatLayer>,
    /// What is added to every score, where the configuration says so.
    pub score_bias: Option<ScoreBias>,
    /// Pooler and classifier, for [`super::config::Head::Classifier`].
    pub head: Option<FloatHead>,
    /// What each logit stands for, where the checkpoint says so; else empty.
    pub labels: Vec<String>,
}

/// Weights as numbers, whatever a model stores.
pub trait Parameters {
    /// The architecture.
    fn config(&self) -> &ModelConfig;
    /// A fully connected layer; made for this call where the model holds levels.
    ///
    /// # Errors
    /// A layer that the model does not have.
    fn linear(&self, linear: Linear) -> Result<Cow<'_, FloatLinear>>;
    /// Gamma and beta of a LayerNorm.
    ///
    /// # Errors
    /// A norm that the model does not have.
    fn norm(&self, norm: Norm) -> Result<(&[f32], &[f32])>;
    /// What is added to every score, if anything.
    fn score_bias(&self) -> Option<&ScoreBias>;
}

fn absent(config: &ModelConfig, part: &dyn std::fmt::Display) -> Error {
    Error::Model {
        path: config.name.clone(),
        what: format!("has no part `{part}`"),
    }
}

/// Finds a part by its place in the walk, in a float or a quantized model: both name their fields alike.
macro_rules! find_linear {
    ($model:expr, $linear:expr, $get:ident, $as_ref:ident $(, $mut:tt)?) => {
        match $linear {
            Linear::Query(l) => $model.layers.$get(l).map(|x| &$($mut)? x.query),
            Linear::Key(l) => $model.layers.$get(l).map(|x| &$($mut)? x.key),
            Linear::Value(l) => $model.layers.$get(l).map(|x| &$($mut)? x.value),
            Linear::AttentionOutput(l) => $model.layers.$get(l).map(|x| &$($mut)? x.attention_output),
            Linear::FeedForwardIn(l) => $model.layers.$get(l).map(|x| &$($mut)? x.feed_forward_in),
            Linear::FeedForwardOut(l) => $model.layers.$get(l).map(|x| &$($mut)? x.feed_forward_out),
            Linear::Pooler => $model.head.$as_ref().map(|x| &$($mut)? x.pooler),
            Linear::Classifier => $model.head.$as_ref().map(|x| &$($mut)? x.classifier),
        }
    };
}

/// The same for LayerNorms.
macro_rules! find_norm {
    ($model:expr, $norm:expr) => {
        match $norm {
            Norm::Attention(l) => $model.layers.get(l).map(|x| &x.attention_norm),
            Norm::FeedForward(l) => $model.layers.get(l).map(|x| &x.feed_forward_norm),
        }
    };
}

impl QuantizedModel {
    /// A fully connected layer by its place in the walk, if the model has it.
    pub fn quantized_linear(&self, linear: Linear) -> Option<&QuantizedLinear> {
        find_linear!(self, linear, get, as_ref)
    }
    /// The same, to change it.
    pub fn quantized_linear_mut(&mut self, linear: Linear) -> Option<&mut QuantizedLinear> {
        find_linear!(self, linear, get_mut, as_mut, mut)
    }
    /// A LayerNorm by its place in the walk, if the model has it.
    pub fn quantized_norm(&self, norm: Norm) -> Option<&QuantizedNorm> {
        find_norm!(self, norm)
    }
}

impl Parameters for FloatModel {
    fn config(&self) -> &ModelConfig {
        &self.config
    }
    fn linear(&self, linear: Linear) -> Result<Cow<'_, FloatLinear>> {
        find_linear!(self, linear, get, as_ref)
            .map(Cow::Borrowed)
            .ok_or_else(|| absent(&self.config, &linear))
    }
    fn norm(&self, norm: Norm) -> Result<(&[f32], &[f32])> {
        find_norm!(self, norm)
            .map(|norm| (&norm.gamma[..], &norm.beta[..]))
            .ok_or_else(|| absent(&self.config, &norm))
    }
    fn score_bias(&self) -> Option<&ScoreBias> {
        self.score_bias.as_ref()
    }
}

impl Parameters for QuantizedModel {
    fn config(&self) -> &ModelConfig {
        &self.config
    }
    fn linear(&self, linear: Linear) -> Result<Cow<'_, FloatLinear>> {
        self.quantized_linear(linear)
            .map(|linear| Cow::Owned(linear.into()))
            .ok_or_else(|| absent(&self.config, &linear))
    }
    fn norm(&self, norm: Norm) -> Result<(&[f32], &[f32])> {
        self.quantized_norm(norm)
            .map(|norm| (&norm.gamma[..], &norm.beta[..]))
            .ok_or_else(|| absent(&self.config, &norm))
    }
    fn score_bias(&self) -> Option<&ScoreBias> {
        self.score_bias.as_ref()
    }
}

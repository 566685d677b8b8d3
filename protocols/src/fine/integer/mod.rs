//! The model in integers of profile `fine`: what P0 knows once the widths are fixed.

pub mod attention;
pub mod cuts;
pub mod linear;
pub mod norm;

use super::plan::Choices;
use crate::model::bit_plan::{BitPlan, Widths};
use crate::model::config::Head;
use crate::model::float::Parameters;
use crate::model::quantized::{QuantizedModel, Range};
use crate::model::walk::{Linear, Nonlinearity, Norm};
use crate::ring::Ring;
use crate::{Error, Result};
use attention::FineAttention;
use cuts::{Cut, activated, cut, indices};
use linear::{FineLinear, Operand, mean_of};
use norm::FineNorm;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// One encoder layer's scales, factors and tables; its weights are made on demand ([`FineModel::linear`]).
#[derive(Clone, Debug, PartialEq)]
pub struct FineLayer {
    /// What the layer takes.
    pub input: Operand,
    /// Query, key and value.
    pub qkv: [Cut; 3],
    /// Scores, softmax and context.
    pub attention: FineAttention,
    /// After attention.
    pub attention_norm: FineNorm,
    /// Before the non-linearity.
    pub inner: Cut,
    /// For each feature, what the non-linearity makes of each index, from the least on.
    pub activated: Vec<Vec<i64>>,
    /// What comes out of it.
    pub activated_operand: Operand,
    /// After the feed-forward layers.
    pub feed_forward_norm: FineNorm,
}

/// Pooler and classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct FineHead {
    /// Before tanh.
    pub pooler: Cut,
    /// tanh of each index, from the least on: the one table.
    pub tanh: Vec<Vec<i64>>,
}

/// The last hidden states as P1 learns them, in a ring of [`OUTPUT`]: `factor_j x_j + constant_j` of each normalized feature.
#[derive(Clone, Debug, PartialEq)]
pub struct FineOutput {
    /// One a feature.
    pub factor: Vec<i64>,
    /// One a feature.
    pub constant: Vec<i64>,
}

/// The ring of hidden states that P1 learns.
pub const OUTPUT: Ring = Ring::new(32);

/// Value of one integer that P1 learns, public: from the output's range.
pub fn output_unit(head: Head, range: Range, widths: &Widths) -> f64 {
    let (ring, headroom) = match head {
        // Half as much again as was seen fits.
        Head::Classifier { .. } => (widths.product(), 1.5),
        // Wide enough for whatever comes.
        Head::Hidden => (OUTPUT, 64.0),
    };
    headroom * f64::from(range.max).max(1e-6) / (1u64 << (ring.bits() - 1)) as f64
}

/// A model at one set of widths.
#[derive(Clone, Debug)]
pub struct FineModel<'a> {
    /// Levels, scales and ranges.
    pub source: &'a QuantizedModel,
    /// The widths.
    pub widths: BitPlan,
    /// What trades rounds for bytes, of which scores' range depends.
    pub choices: Choices,
    /// Value of one integer of the input.
    pub input_step: f64,
    /// The layers.
    pub layers: Vec<FineLayer>,
    /// Pooler and classifier.
    pub head: Option<FineHead>,
    /// Value of one integer that P1 learns.
    pub output_unit: f64,
    /// Layers that are held, for those who need them again and again.
    held: Layers,
}

/// Fully connected layers by their place in the walk.
pub type Layers = Arc<HashMap<Linear, FineLinear>>;

/// Value of one integer of P1's embedded input: public, as the embeddings are.
pub fn input_step(range: Range, widths: &Widths) -> f64 {
    f64::from(range.rms).max(1e-6) / f64::from(1u32 << widths.fraction)
}

/// P1's embedded tokens as integers of the product ring, rounded; what would not fit is held at its ends.
pub fn quantize_input(range: Range, widths: &Widths, values: &[f32]) -> Vec<i64> {
    let step = input_step(range, widths);
    let most = (1i64 << (widths.product - 1)) - 1;
    let integer = |value: &f32| (f64::from(*value) / step).round() as i64;
    values
        .iter()
        .map(|value| integer(value).clamp(-most, most))
        .collect()
}

impl<'a> FineModel<'a> {
    /// Fixes the integers for `widths` and sequences of `seq_len` tokens.
    ///
    /// # Errors
    /// A model whose calibration saw no features; a head without its weights.
    pub fn new(
        source: &'a QuantizedModel,
        plan: BitPlan,
        choices: Choices,
        seq_len: usize,
    ) -> Result<Self> {
        let config = &source.config;
        plan.check(config).map_err(Error::Unsupported)?;
        let wrong = |what: &str| Error::Model {
            path: config.name.clone(),
            what: what.into(),
        };
        let step = input_step(source.input_range, &plan.first());
        let mut input = Operand::of_steps(vec![step; config.hidden]);
        let bias = source.score_bias.as_ref();
        let mut layers = Vec::with_capacity(config.layers);
        for (l, (layer, widths)) in source.layers.iter().zip(&plan.layers).enumerate() {
            let (features, ranging) = (&layer.features, &layer.ranging);
            if features
                .parts(config)
                .iter()
                .any(|(_, len, part)| part.len() != *len)
            {
                return Err(wrong("has no ranges of features: calibrate it"));
            }
            // With a spare bit: an index has the bits above it.
            let qkv = features
                .qkv
                .each_ref()
                .map(|maxima| cut(widths, maxima, ranging.index.headroom, widths.index, 1));
            let steps = qkv.each_ref().map(|cut| cut.step.clone());
            let attention =
                FineAttention::new(config, widths, layer, bias, &steps, (seq_len, choices));
            let sum = &features.attention_sum;
            let attention_norm = FineNorm::new(config, widths, &layer.attention_norm, sum, ranging)
                .map_err(|what| wrong(&format!("{}: {what}", Norm::Attention(l))))?;
            let inner = cut(
                widths,
                &features.inner,
                ranging.inner.headroom,
                widths.inner,
                0,
            );
            let (activated, activated_step) = activated(
                config.activation,
                widths,
                &inner,
                &features.activated,
                ranging.activated.headroom,
            );
            let sum = &features.feed_forward_sum;
            let feed_forward_norm =
                FineNorm::new(config, widths, &layer.feed_forward_norm, sum, ranging)
                    .map_err(|what| wrong(&format!("{}: {what}", Norm::FeedForward(l))))?;
            let output = feed_forward_norm.output.clone();
            layers.push(FineLayer {
                input,
                qkv,
                attention,
                attention_norm,
                inner,
                activated,
                activated_operand: Operand::of_steps(activated_step),
                feed_forward_norm,
            });
            input = output;
        }
        let widths = plan.last();
        let head = match (&source.head, config.head) {
            (Some(head), Head::Classifier { .. }) => {
                let pooler = cut(
                    &widths,
                    &vec![head.pooler_range.max; config.hidden],
                    source.layers[config.layers - 1].ranging.index.headroom,
                    widths.index,
                    0,
                );
                let half = f64::from(1u32 << (widths.activated - 1)) - 1.0;
                let tanh = indices(widths.index)
                    .map(|i| ((i as f64 * pooler.step[0]).tanh() * half).round() as i64)
                    .collect();
                let tanh = vec![tanh];
                Some(FineHead { pooler, tanh })
            }
            (None, Head::Classifier { .. }) => {
                return Err(wrong("says that it has a classifier, but holds none"));
            }
            (_, Head::Hidden) => None,
        };
        Ok(Self {
            source,
            input_step: step,
            layers,
            head,
            output_unit: output_unit(config.head, source.output_range()?, &widths),
            widths: plan,
            choices,
            held: Layers::default(),
        })
    }

    /// What a layer takes.
    pub fn operand(&self, linear: Linear) -> Operand {
        match linear {
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => self.layers[l].input.clone(),
            Linear::AttentionOutput(l) => {
                Operand::of_steps(self.layers[l].attention.context_step.clone())
            }
            Linear::FeedForwardIn(l) => self.layers[l].attention_norm.output.clone(),
            Linear::FeedForwardOut(l) => self.layers[l].activated_operand.clone(),
            Linear::Pooler => self.last(),
            Linear::Classifier => {
                let half = f64::from(1u32 << (self.widths.last().activated - 1)) - 1.0;
                Operand::of_steps(vec![1.0 / half; self.source.config.hidden])
            }
        }
    }

    /// What comes out of the last layer.
    pub fn last(&self) -> Operand {
        match self.layers.last() {
            Some(layer) => layer.feed_forward_norm.output.clone(),
            None => Operand::of_steps(vec![self.input_step; self.source.config.hidden]),
        }
    }

    /// The ring of what P1 learns.
    pub fn output_ring(&self) -> Ring {
        match self.source.config.head {
            Head::Classifier { .. } => self.widths.last().product(),
            Head::Hidden => OUTPUT,
        }
    }

    /// What P1 learns of the last hidden states.
    pub fn output(&self) -> FineOutput {
        let last = self.last();
        let integers = |values: &[f64]| -> Vec<i64> {
            let integers = values.iter().map(|value| value / self.output_unit);
            integers.map(|value| value.round() as i64).collect()
        };
        FineOutput {
            factor: integers(&last.step),
            constant: integers(&last.offset),
        }
    }

    /// The same model with all its layers made and held: four bytes a weight.
    ///
    /// # Errors
    /// As [`FineModel::linear`].
    pub fn holding_layers(mut self) -> Result<Self> {
        let all = Linear::all(&self.source.config).into_iter();
        let made = all.map(|linear| Ok((linear, self.make(linear)?)));
        self.held = Arc::new(made.collect::<Result<_>>()?);
        Ok(self)
    }

    /// What [`FineModel::holding_layers`] has made.
    pub const fn held(&self) -> &Layers {
        &self.held
    }

    /// The same model with layers that were made for another length of the same model and widths.
    pub fn with_layers(mut self, layers: &Layers) -> Self {
        self.held.clone_from(layers);
        self
    }

    /// A fully connected layer in integers. One before a residual connection has one output more: the mean of the others.
    ///
    /// # Errors
    /// A layer that the model does not have.
    pub fn linear(&self, linear: Linear) -> Result<Cow<'_, FineLinear>> {
        match self.held.get(&linear) {
            Some(held) => Ok(Cow::Borrowed(held)),
            None => self.make(linear).map(Cow::Owned),
        }
    }

    fn make(&self, linear: Linear) -> Result<FineLinear> {
        let source = self.source.linear(linear)?;
        let input = self.operand(linear);
        let head = || {
            self.head.as_ref().ok_or_else(|| Error::Model {
                path: self.source.config.name.clone(),
                what: format!("has no layer `{linear}`"),
            })
        };
        Ok(match linear {
            Linear::Query(l) => FineLinear::new(&source, &input, &self.layers[l].qkv[0].gain),
            Linear::Key(l) => FineLinear::new(&source, &input, &self.layers[l].qkv[1].gain),
            Linear::Value(l) => FineLinear::new(&source, &input, &self.layers[l].qkv[2].gain),
            Linear::FeedForwardIn(l) => {
                FineLinear::new(&source, &input, &self.layers[l].inner.gain)
            }
            Linear::Pooler => FineLinear::new(&source, &input, &head()?.pooler.gain),
            Linear::Classifier => {
                head()?;
                FineLinear::new(
                    &source,
                    &input,
                    &vec![1.0 / self.output_unit; source.outputs],
                )
            }
            Linear::AttentionOutput(l) => {
                let layer = &self.layers[l];
                with_mean(&layer.attention_norm, &layer.input, &source, &input)
            }
            Linear::FeedForwardOut(l) => {
                let layer = &self.layers[l];
                with_mean(
                    &layer.feed_forward_norm,
                    &layer.attention_norm.output,
                    &source,
                    &input,
                )
            }
        })
    }

    /// The norm of a residual connection, and what its residual branch is.
    pub fn norm(&self, norm: Norm) -> (&FineNorm, &Operand) {
        match norm {
            Norm::Attention(l) => (&self.layers[l].attention_norm, &self.layers[l].input),
            Norm::FeedForward(l) => {
                let layer = &self.layers[l];
                (&layer.feed_forward_norm, &layer.attention_norm.output)
            }
        }
    }

    /// What the residual's integers count before a norm.
    pub fn residual(&self, norm: Norm) -> Residual {
        let (norm, residual) = self.norm(norm);
        let hidden = residual.step.len() as f64;
        let steps = residual.step.iter().zip(&norm.gain);
        let own = steps.map(|(step, gain)| (step * gain).round() as i64);
        let steps = residual.step.iter();
        let in_mean = steps.map(|step| (step * norm.mean_gain / hidden).round() as i64);
        Residual {
            own: own.collect(),
            in_mean: in_mean.collect(),
        }
    }

    /// Bits of the index of a non-linearity, and what it makes of each index, from the least on: one table for all features, or one
    /// each.
    ///
    /// # Errors
    /// A pooler that the model does not have.
    pub fn activation(&self, function: Nonlinearity) -> Result<(u32, &[Vec<i64>])> {
        match (function, &self.head) {
            (Nonlinearity::FeedForward(layer), _) => {
                let bits = self.widths.layer(layer).inner;
                Ok((bits, &self.layers[layer].activated))
            }
            (Nonlinearity::Pooler, Some(head)) => Ok((self.widths.last().index, &head.tanh)),
            (Nonlinearity::Pooler, None) => Err(Error::Model {
                path: self.source.config.name.clone(),
                what: "has no pooler".into(),
            }),
        }
    }
}

/// What the residual's integers count in the product ring.
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    /// In their own feature's sum.
    pub own: Vec<i64>,
    /// In the mean, each feature's.
    pub in_mean: Vec<i64>,
}

/// The outputs that a norm takes, whose offsets hold the residual's, and their mean.
fn with_mean(
    norm: &FineNorm,
    residual: &Operand,
    source: &crate::model::float::FloatLinear,
    input: &Operand,
) -> FineLinear {
    let mut layer = FineLinear::new(source, input, &norm.gain);
    let mean = FineLinear::new(&mean_of(source), input, &[norm.mean_gain]);
    for ((bias, gain), offset) in layer.bias.iter_mut().zip(&norm.gain).zip(&residual.offset) {
        *bias += (gain * offset).round() as i64;
    }
    let offset = residual.offset.iter().sum::<f64>() / residual.offset.len() as f64;
    layer.weights.extend(mean.weights);
    layer
        .bias
        .push(mean.bias[0] + (norm.mean_gain * offset).round() as i64);
    layer.outputs += 1;
    layer
}

//! The quantized model in integers: what P0 knows once `index_bits` is fixed. Every weight is an element
//! of Z_{2^16}, every non-linear function the contents of a table.
//!
//! Both the integer reference and P0's part of `lut-rss` are made from this, so the reference checks
//! the protocol, and [`crate::model::reference_float`] checks the quantization.

pub mod norm;
pub mod scale;
pub mod softmax;

use crate::model::config::{ActivationFunction, Head};
use crate::model::quantized::{QuantizedLinear, QuantizedModel, Range};
use crate::model::walk::{Linear, Norm};
use crate::ring::Ring;
use crate::wipe::Wiped;
use crate::{Error, Result};
use norm::IntegerNorm;
use scale::{LEVEL_MAX, LEVEL_MIN, Scale};
use softmax::IntegerSoftmax;

/// The ring of products: Z_{2^16} (paper, section 4).
pub const PRODUCT: Ring = Ring::new(16);

/// A fully connected layer in integers: `W' = round(2^(16-b) * s_w s_x / s_y * level)`, bias likewise.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerLinear<'a> {
    /// Levels and shape.
    pub source: &'a QuantizedLinear,
    /// What a level of one counts in W', for each output.
    pub factors: Vec<f64>,
    /// One an output.
    pub bias: Vec<i64>,
}

impl IntegerLinear<'_> {
    /// `W'` over Z_{2^16}, row-major `outputs` x `inputs`.
    pub fn weights(&self) -> Wiped<u16> {
        let mut weights = Wiped::zeros(self.factors.len() * self.source.inputs);
        let rows = weights.chunks_exact_mut(self.source.inputs.max(1));
        for (output, weights) in rows.enumerate() {
            let of_codes = self.of_codes(output);
            let codes = self.source.codes(output);
            for (weight, code) in weights.iter_mut().zip(&codes) {
                *weight = of_codes[usize::from(*code)] as u16;
            }
        }
        weights
    }

    /// W' of one output's levels, by code.
    pub fn of_codes(&self, output: usize) -> Vec<i64> {
        let weight = |level: i32| (self.factors[output] * f64::from(level)).round() as i64;
        self.source.levels().map(weight).collect()
    }
}

impl IntegerLayer {
    /// What a level of a value counts in the product with the probabilities.
    pub fn value(&self, level: i64) -> i64 {
        (self.value_factor * level as f64).round() as i64
    }
}

/// One encoder layer's scales and tables (its weights are made on demand: [`IntegerModel::linear`]).
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerLayer {
    /// What the layer's input is in.
    pub input: Scale,
    /// Query, key, value: cut, then lifted.
    pub qkv: [Scale; 3],
    /// Multiplier in the query's lift: carries `s_q s_k / (sqrt(head width) * s_score)`.
    pub query_factor: i64,
    /// For each head, what is added to the score of key j and query i of n tokens, at `j + n - 1 - i`, where the model has a bias by
    /// distance.
    pub score_constant: Option<Vec<Vec<i64>>>,
    /// What each level of a value counts in the product with the probabilities: carries `s_v / s_context` but for the part that
    /// the probabilities carry ([`IntegerSoftmax::one`]).
    pub value_factor: f64,
    /// Scores and their softmax.
    pub softmax: IntegerSoftmax,
    /// Attention context.
    pub context: Scale,
    /// Before the non-linearity.
    pub inner: Scale,
    /// Level of each index before the non-linearity, in the units of the next layer's weights.
    pub activated: Vec<i64>,
    /// Unit of those levels.
    pub activated_step: f64,
    /// After attention.
    pub attention_norm: IntegerNorm,
    /// After the feed-forward layers.
    pub feed_forward_norm: IntegerNorm,
}

/// Pooler and classifier in integers.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerHead {
    /// Pooler output before tanh.
    pub pooler: Scale,
    /// Level of each index after tanh.
    pub tanh: Vec<i64>,
}

/// A model for one `index_bits`.
#[derive(Clone, Debug)]
pub struct IntegerModel<'a> {
    /// Signs, scales and ranges.
    pub source: &'a QuantizedModel,
    /// Width of the cut.
    pub index_bits: u32,
    /// The embedded input.
    pub input: Scale,
    /// The layers.
    pub layers: Vec<IntegerLayer>,
    /// Pooler and classifier.
    pub head: Option<IntegerHead>,
}

/// Unit of the values that P1 learns, public: from the output's range and the width of the cut.
pub fn output_unit(head: Head, range: Range, index_bits: u32) -> f64 {
    match head {
        // Logits stay in Z_{2^16}; half as much again as was seen fits.
        Head::Classifier { .. } => 1.5 * f64::from(range.max).max(1e-6) / 32768.0,
        Head::Hidden => Scale::of_table(range, index_bits).step,
    }
}

impl<'a> IntegerModel<'a> {
    /// Fixes the integers for `index_bits` (4..=8) and sequences of `seq_len` tokens.
    ///
    /// # Errors
    /// A head without its weights, or widths outside of 4..=8.
    pub fn new(source: &'a QuantizedModel, index_bits: u32, seq_len: usize) -> Result<Self> {
        if !(4..=8).contains(&index_bits) {
            return Err(Error::Unsupported(format!(
                "index_bits must be 4 to 8, not {index_bits}"
            )));
        }
        let config = &source.config;
        let input = Scale::of_table(source.input_range, index_bits);
        let mut layers = Vec::with_capacity(config.layers);
        let mut x = input;
        for layer in &source.layers {
            let qkv = layer
                .qkv_range
                .map(|range| Scale::of_cut(range, index_bits));
            let scores = Scale::of_cut(layer.score_range, index_bits);
            let context = Scale::of_cut(layer.context_range, index_bits);
            let inner = Scale::of_cut(layer.inner_range, index_bits);
            let unit = f64::from(1u32 << (16 - index_bits));
            let per_head = (config.head_width() as f64).sqrt();
            let gain = unit * qkv[2].level_step() / context.step;
            let softmax = IntegerSoftmax::new(scores, seq_len, gain);
            let (activated, activated_step) =
                activation_levels(config.activation, layer.activated_range, inner, index_bits);
            let attention_norm = IntegerNorm::new(config, &layer.attention_norm, x, index_bits);
            let feed_forward_norm = IntegerNorm::new(
                config,
                &layer.feed_forward_norm,
                attention_norm.output,
                index_bits,
            );
            let output = feed_forward_norm.output;
            let constant = |bias: f32| (unit * f64::from(bias) / scores.step).round() as i64;
            let score_constant = source.score_bias.as_ref().map(|bias| {
                let heads = 0..config.heads;
                let of_head = |head| bias.by_distance(head, seq_len).into_iter();
                heads
                    .map(|head| of_head(head).map(constant).collect())
                    .collect()
            });
            layers.push(IntegerLayer {
                input: x,
                score_constant,
                qkv,
                query_factor: (unit * qkv[0].level_step() * qkv[1].level_step()
                    / (per_head * scores.step))
                    .round() as i64,
                value_factor: gain / softmax.one as f64,
                softmax,
                context,
                inner,
                activated,
                activated_step,
                attention_norm,
                feed_forward_norm,
            });
            x = output;
        }
        let head = match (&source.head, config.head) {
            (Some(head), Head::Classifier { .. }) => {
                let pooler = Scale::of_cut(head.pooler_range, index_bits);
                let tanh = levels(index_bits, |i| (i * pooler.step).tanh() * TANH_LEVELS);
                Some(IntegerHead { pooler, tanh })
            }
            (None, Head::Classifier { .. }) => {
                return Err(Error::Model {
                    path: config.name.clone(),
                    what: "says that it has a classifier, but holds none".into(),
                });
            }
            (_, Head::Hidden) => None,
        };
        Ok(Self {
            source,
            index_bits,
            input,
            layers,
            head,
        })
    }

    /// The weights of one fully connected layer.
    ///
    /// # Errors
    /// A head layer of a model that has no head.
    pub fn linear(&self, linear: Linear) -> Result<IntegerLinear<'a>> {
        let head = || {
            self.source
                .head
                .as_ref()
                .zip(self.head.as_ref())
                .ok_or_else(|| Error::Model {
                    path: self.source.config.name.clone(),
                    what: format!("has no layer `{linear}`"),
                })
        };
        let layer = |l: usize| (&self.source.layers[l], &self.layers[l]);
        let (weights, input_step, output_step) = match linear {
            Linear::Query(l) => (
                &layer(l).0.query,
                layer(l).1.input.level_step(),
                layer(l).1.qkv[0].step,
            ),
            Linear::Key(l) => (
                &layer(l).0.key,
                layer(l).1.input.level_step(),
                layer(l).1.qkv[1].step,
            ),
            Linear::Value(l) => (
                &layer(l).0.value,
                layer(l).1.input.level_step(),
                layer(l).1.qkv[2].step,
            ),
            Linear::AttentionOutput(l) => {
                let (weights, scales) = layer(l);
                let step = scales.attention_norm.sum.step;
                (&weights.attention_output, scales.context.level_step(), step)
            }
            Linear::FeedForwardIn(l) => {
                let (weights, scales) = layer(l);
                let input = scales.attention_norm.output.level_step();
                (&weights.feed_forward_in, input, scales.inner.step)
            }
            Linear::FeedForwardOut(l) => {
                let (weights, scales) = layer(l);
                let step = scales.feed_forward_norm.sum.step;
                (&weights.feed_forward_out, scales.activated_step, step)
            }
            Linear::Pooler => {
                let input = self
                    .layers
                    .last()
                    .map_or(self.input, |l| l.feed_forward_norm.output);
                let (weights, scales) = head()?;
                (&weights.pooler, input.level_step(), scales.pooler.step)
            }
            Linear::Classifier => {
                let (weights, _) = head()?;
                let unit = output_unit(
                    self.source.config.head,
                    weights.logit_range,
                    self.index_bits,
                );
                // The logits are not cut: their unit is that of the whole ring.
                let step = unit * f64::from(1u32 << (16 - self.index_bits));
                (&weights.classifier, 1.0 / TANH_LEVELS, step)
            }
        };
        Ok(self.compile(weights, input_step, output_step))
    }

    /// The weights of a layer for a wide ring, in which no table lifts what comes out: those of queries carry what a query's level
    /// counts in the scores, those of values what a value's level counts in the product with the probabilities.
    ///
    /// # Errors
    /// As [`IntegerModel::linear`].
    pub fn scaled_linear(&self, linear: Linear) -> Result<IntegerLinear<'a>> {
        let mut weights = self.linear(linear)?;
        let factor = match linear {
            Linear::Query(l) => self.layers[l].query_factor as f64,
            Linear::Value(l) => self.layers[l].value_factor,
            _ => return Ok(weights),
        };
        for value in &mut weights.factors {
            *value *= factor;
        }
        for value in &mut weights.bias {
            *value = (*value as f64 * factor).round() as i64;
        }
        Ok(weights)
    }

    fn compile(
        &self,
        source: &'a QuantizedLinear,
        input_step: f64,
        output_step: f64,
    ) -> IntegerLinear<'a> {
        let unit = f64::from(1u32 << (16 - self.index_bits));
        let factor = |scale: &f32| unit * f64::from(*scale) * input_step / output_step;
        let bias = |bias: &f32| (unit * f64::from(*bias) / output_step).round();
        IntegerLinear {
            source,
            factors: source.row_scale.iter().map(factor).collect(),
            bias: source.bias.iter().map(|b| bias(b) as i64).collect(),
        }
    }

    /// The norm of a residual connection.
    pub fn norm(&self, norm: Norm) -> &IntegerNorm {
        match norm {
            Norm::Attention(l) => &self.layers[l].attention_norm,
            Norm::FeedForward(l) => &self.layers[l].feed_forward_norm,
        }
    }

    /// P1's embedded tokens as indices: rounded and clamped. The scale is public, as the embeddings are.
    pub fn quantize_input(range: Range, index_bits: u32, values: &[f32]) -> Wiped<u8> {
        let scale = Scale::of_table(range, index_bits);
        values
            .iter()
            .map(|value| scale.index(f64::from(*value)))
            .collect()
    }
}

/// tanh is in [-1, 1]: seven levels to each side of zero.
const TANH_LEVELS: f64 = 7.0;

/// One level an index of `index_bits` bits (as signed integer), rounded and clamped to 4 bits signed.
fn levels(index_bits: u32, f: impl Fn(f64) -> f64) -> Vec<i64> {
    let ring = Ring::new(index_bits);
    (0..1u64 << index_bits)
        .map(|i| (f(ring.signed(i) as f64).round() as i64).clamp(LEVEL_MIN, LEVEL_MAX))
        .collect()
}

/// The feed-forward non-linearity as 16 levels: 0..=15 for ReLU, -1..=14 for GELU, whose least value
/// is -0.17. The clip is at six times the root mean square, or at the largest value seen if that is less.
fn activation_levels(
    function: ActivationFunction,
    range: Range,
    inner: Scale,
    index_bits: u32,
) -> (Vec<i64>, f64) {
    let (low, high) = match function {
        ActivationFunction::Relu => (0, 15),
        ActivationFunction::Gelu => (-1, 14),
    };
    let clip = f64::from(range.max.min(6.0 * range.rms)).max(1e-6);
    let step = clip / f64::from(high);
    let ring = Ring::new(index_bits);
    let levels = (0..1u64 << index_bits)
        .map(|i| {
            let x = ring.signed(i) as f64 * inner.step;
            let y = match function {
                ActivationFunction::Relu => x.max(0.0),
                ActivationFunction::Gelu => gelu(x),
            };
            ((y / step).round() as i64).clamp(low, i64::from(high))
        })
        .collect();
    (levels, step)
}

/// x * Phi(x).
fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

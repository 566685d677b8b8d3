//! Synthetic models and inputs: the shapes, cost and numerical ranges of BERT without a checkpoint.
//! Signs are random, so the outputs mean nothing; no published accuracy may come from here.

use super::calibrate::{Target, Targets, calibrate};
use super::config::{ActivationFunction, Head, ModelConfig};
use super::features::FeatureRanges;
use super::quantized::{
    QuantizedHead, QuantizedLayer, QuantizedLinear, QuantizedModel, QuantizedNorm, Range,
};
use super::ranging::Ranging;
use super::score_bias::{BUCKETS, ScoreBias};
use super::walk::Linear;
use crate::Result;
use crate::model::reference_float::layer_norm;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Sequences that a synthetic model is calibrated on, and their length.
const CALIBRATION: (u64, usize) = (4, 32);
/// Gain of query and key: scores then spread by about its square.
const ATTENTION_GAIN: f32 = 1.4;
/// Gain of the first feed-forward layer before GELU, half of what it is before ReLU: no value is then beyond 3, up to
/// where the series that fixed-point systems evaluate for GELU holds.
const GELU_GAIN: f32 = 0.5;
/// Gain of what is added to the residual stream: below 1, so that tokens stay apart in deep models.
const BRANCH_GAIN: f32 = 0.5;
/// Domains of the one seed a user gives.
const MODEL_DOMAIN: u64 = 0x6d6f_6465_6c00_0000;
const INPUT_DOMAIN: u64 = 0x696e_7075_7400_0000;

/// A model with random signs, calibrated on synthetic inputs. Equal for equal `config` and `seed`, up
/// to the rounding of the float pass that finds the ranges.
///
/// # Errors
/// A configuration that [`ModelConfig::check`] refuses.
pub fn synthetic(config: &ModelConfig, seed: u64) -> Result<QuantizedModel> {
    config.check().map_err(crate::Error::Unsupported)?;
    let mut random = Random::new(seed ^ MODEL_DOMAIN);
    let mut model = QuantizedModel {
        config: config.clone(),
        input_range: Range::default(),
        score_bias: config.relative_positions.then(|| {
            ScoreBias::new(
                config.heads,
                random.normals(BUCKETS * config.heads, 0.0, 1.0),
            )
        }),
        layers: (0..config.layers)
            .map(|l| layer(config, l, &mut random))
            .collect(),
        head: matches!(config.head, Head::Classifier { .. }).then(|| QuantizedHead {
            pooler: random.linear(Linear::Pooler.shape(config), 1.0),
            classifier: random.linear(Linear::Classifier.shape(config), 1.0),
            pooler_range: Range::default(),
            logit_range: Range::default(),
        }),
    };
    let length = CALIBRATION.1.min(config.max_positions);
    let inputs: Vec<Vec<f32>> = (0..CALIBRATION.0)
        .map(|i| synthetic_input(config, length, seed.wrapping_add(!i)))
        .collect();
    // The biases drawn above become the layers' mean outputs: else what all tokens have in common (such
    // as the mean of a ReLU) grows from layer to layer until all tokens are alike, unlike in a trained model.
    let mut targets = Targets::new();
    for linear in Linear::all(config) {
        let layer = model.quantized_linear(linear);
        targets.extend(layer.map(|layer| {
            let mean = layer.bias.clone();
            let deviation = None;
            (linear, Target { mean, deviation })
        }));
    }
    calibrate(&mut model, &inputs, Some(&targets))?;
    Ok(model)
}

/// An embedded sequence, `seq_len` x `hidden`: each row random and normalized as an embedding's
/// LayerNorm leaves it (mean 0, variance 1).
pub fn synthetic_input(config: &ModelConfig, seq_len: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed ^ INPUT_DOMAIN);
    let mut rows: Vec<f32> = (0..seq_len * config.hidden)
        .map(|_| random.normal())
        .collect();
    let (gamma, beta) = (vec![1.0; config.hidden], vec![0.0; config.hidden]);
    for row in rows.chunks_mut(config.hidden) {
        layer_norm(row, &gamma, &beta, 1e-12);
    }
    rows
}

fn layer(config: &ModelConfig, l: usize, random: &mut Random) -> QuantizedLayer {
    let empty = Range::default();
    QuantizedLayer {
        query: random.linear(Linear::Query(l).shape(config), ATTENTION_GAIN),
        key: random.linear(Linear::Key(l).shape(config), ATTENTION_GAIN),
        value: random.linear(Linear::Value(l).shape(config), 1.0),
        attention_output: random.linear(Linear::AttentionOutput(l).shape(config), BRANCH_GAIN),
        feed_forward_in: random.linear(
            Linear::FeedForwardIn(l).shape(config),
            match config.activation {
                ActivationFunction::Gelu => GELU_GAIN,
                ActivationFunction::Relu => 1.0,
            },
        ),
        feed_forward_out: random.linear(Linear::FeedForwardOut(l).shape(config), BRANCH_GAIN),
        qkv_range: [empty; 3],
        score_range: empty,
        context_range: empty,
        inner_range: empty,
        activated_range: empty,
        attention_norm: random.norm(config.hidden),
        feed_forward_norm: random.norm(config.hidden),
        features: FeatureRanges::default(),
        ranging: Ranging::default(),
    }
}

/// Random numbers that are equal on every machine: no function of the system's mathematics library.
pub(crate) struct Random(Xoshiro256PlusPlus);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f32 {
        (self.0.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Mean 0, variance 1, by Box and Muller (1958); one of the pair is used.
    pub(crate) fn normal(&mut self) -> f32 {
        let radius = libm::sqrtf(-2.0 * libm::logf(1.0 - self.uniform()));
        radius * libm::cosf(std::f32::consts::TAU * self.uniform())
    }

    fn normals(&mut self, count: usize, mean: f32, deviation: f32) -> Vec<f32> {
        (0..count)
            .map(|_| mean + deviation * self.normal())
            .collect()
    }

    /// Random signs; row scales within 20 % of `gain / sqrt(inputs)`, so that inputs of variance 1 give
    /// outputs of variance `gain^2`.
    fn linear(&mut self, (outputs, inputs): (usize, usize), gain: f32) -> QuantizedLinear {
        let row_bytes = inputs.div_ceil(8);
        let mut planes = vec![0; outputs * row_bytes];
        self.0.fill_bytes(&mut planes);
        clear_padding(&mut planes, inputs);
        let scale = gain / (inputs as f32).sqrt();
        QuantizedLinear {
            outputs,
            inputs,
            planes,
            row_scale: (0..outputs)
                .map(|_| scale * (0.8 + 0.4 * self.uniform()))
                .collect(),
            bias: self.normals(outputs, 0.0, 0.05),
        }
    }

    fn norm(&mut self, hidden: usize) -> QuantizedNorm {
        let empty = Range::default();
        QuantizedNorm {
            // Uniform, so that no gain is near zero.
            gamma: (0..hidden).map(|_| 0.8 + 0.4 * self.uniform()).collect(),
            beta: self.normals(hidden, 0.0, 0.05),
            sum: empty,
            mean: empty,
            deviation: empty,
            variance: empty,
            output: empty,
        }
    }
}

/// Clears the bits of each row's last byte that stand for no weight.
fn clear_padding(signs: &mut [u8], inputs: usize) {
    if !inputs.is_multiple_of(8) {
        for row in signs.chunks_mut(inputs.div_ceil(8)) {
            if let Some(last) = row.last_mut() {
                *last &= (1 << (inputs % 8)) - 1;
            }
        }
    }
}

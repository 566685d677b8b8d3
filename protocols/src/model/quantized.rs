//! The quantized model on the level of signs, scales and observed ranges: what quantization puts out
//! and a model folder stores, before a run fixes `index_bits` and turns it into integers.

use super::config::ModelConfig;
use super::features::FeatureRanges;
use super::ranging::Ranging;
use super::score_bias::ScoreBias;
use serde::{Deserialize, Serialize};

/// What calibration saw of one activation tensor, in the float model's units.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Range {
    /// Root mean square.
    pub rms: f32,
    /// Largest absolute value.
    pub max: f32,
}

/// A fully connected layer with weights of 1 to 8 bits: `y_o = row_scale_o * sum_i level_oi x_i + bias_o`.
///
/// A level of b bits is an odd number from `-(2^b - 1)` to `2^b - 1`: the sum over b planes of `2^k` times a sign. One of one bit is a
/// sign.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedLinear {
    /// Output features.
    pub outputs: usize,
    /// Input features.
    pub inputs: usize,
    /// For each plane, the lowest first: one bit a weight, row-major `outputs` x `inputs`, least significant bit first, 1 for +1 and
    /// 0 for -1; each row starts at a new byte.
    pub planes: Vec<u8>,
    /// One positive scale an output.
    pub row_scale: Vec<f32>,
    /// One bias an output.
    pub bias: Vec<f32>,
}

impl QuantizedLinear {
    /// Bytes of one row of a plane.
    pub const fn row_bytes(&self) -> usize {
        self.inputs.div_ceil(8)
    }
    /// Bits of a weight.
    pub const fn bits(&self) -> usize {
        let plane = self.outputs * self.row_bytes();
        match self.planes.len().checked_div(plane) {
            Some(bits) => bits,
            None => 1,
        }
    }
    /// One output's weights as numbers that count their level: 0 to `2^b - 1` for `-(2^b - 1)` to `2^b - 1`.
    pub fn codes(&self, output: usize) -> Vec<u8> {
        let mut codes = vec![0; self.inputs];
        let rows = self
            .planes
            .chunks_exact((self.outputs * self.row_bytes()).max(1));
        for (k, plane) in rows.enumerate() {
            let row = &plane[output * self.row_bytes()..][..self.row_bytes()];
            for (codes, byte) in codes.chunks_mut(8).zip(row) {
                for (bit, code) in codes.iter_mut().enumerate() {
                    *code |= (byte >> bit & 1) << k;
                }
            }
        }
        codes
    }
    /// The level of each code, in order.
    pub fn levels(&self) -> impl Iterator<Item = i32> + use<> {
        let most = (1 << self.bits()) - 1;
        (0..=most).map(move |code| 2 * code - most)
    }
}

/// One residual connection with LayerNorm.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedNorm {
    /// Per-feature gain.
    pub gamma: Vec<f32>,
    /// Per-feature offset.
    pub beta: Vec<f32>,
    /// branch + residual, before normalization.
    pub sum: Range,
    /// The row mean of `sum`.
    pub mean: Range,
    /// `sum` minus its row mean.
    pub deviation: Range,
    /// The row variance.
    pub variance: Range,
    /// The output.
    pub output: Range,
}

/// One encoder layer.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedLayer {
    /// Query projection.
    pub query: QuantizedLinear,
    /// Key projection.
    pub key: QuantizedLinear,
    /// Value projection.
    pub value: QuantizedLinear,
    /// Projection of the context.
    pub attention_output: QuantizedLinear,
    /// First feed-forward layer.
    pub feed_forward_in: QuantizedLinear,
    /// Second feed-forward layer.
    pub feed_forward_out: QuantizedLinear,
    /// Query, key and value outputs.
    pub qkv_range: [Range; 3],
    /// Scores after division by sqrt(head width), as the softmax gets them.
    pub score_range: Range,
    /// Attention context.
    pub context_range: Range,
    /// Output of the first feed-forward layer, before the non-linearity.
    pub inner_range: Range,
    /// After the non-linearity.
    pub activated_range: Range,
    /// Norm after attention.
    pub attention_norm: QuantizedNorm,
    /// Norm after the feed-forward layers.
    pub feed_forward_norm: QuantizedNorm,
    /// The same activations by feature and head.
    pub features: FeatureRanges,
    /// How those were found, and what systems leave above them.
    pub ranging: Ranging,
}

/// Pooler and classifier.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedHead {
    /// Dense layer on the first token.
    pub pooler: QuantizedLinear,
    /// Logits.
    pub classifier: QuantizedLinear,
    /// Pooler output before tanh.
    pub pooler_range: Range,
    /// Logits.
    pub logit_range: Range,
}

/// A whole W1A4 model. The private part of a model folder; only P0 and the references read it.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedModel {
    /// The public architecture.
    pub config: ModelConfig,
    /// The embedded input.
    pub input_range: Range,
    /// The layers.
    pub layers: Vec<QuantizedLayer>,
    /// What is added to every score, where the configuration says so.
    pub score_bias: Option<ScoreBias>,
    /// Pooler and classifier, for [`super::config::Head::Classifier`].
    pub head: Option<QuantizedHead>,
}

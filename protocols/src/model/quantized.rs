//! The quantized model on the level of signs, scales and observed ranges: what quantization puts out
//! and a model folder stores, before a run fixes `index_bits` and turns it into integers.

use super::config::ModelConfig;
use serde::{Deserialize, Serialize};

/// What calibration saw of one activation tensor, in the float model's units.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Range {
    /// Root mean square.
    pub rms: f32,
    /// Largest absolute value.
    pub max: f32,
}

/// A fully connected layer with 1-bit weights: `y_o = row_scale_o * sum_i sign_oi x_i + bias_o`.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedLinear {
    /// Output features.
    pub outputs: usize,
    /// Input features.
    pub inputs: usize,
    /// One bit a weight, row-major `outputs` x `inputs`, least significant bit first, 1 for +1 and 0
    /// for -1; each row starts at a new byte.
    pub signs: Vec<u8>,
    /// One positive scale an output.
    pub row_scale: Vec<f32>,
    /// One bias an output.
    pub bias: Vec<f32>,
}

impl QuantizedLinear {
    /// Bytes of one row of signs.
    pub const fn row_bytes(&self) -> usize {
        self.inputs.div_ceil(8)
    }
    /// The weight's sign as +1 or -1.
    pub fn sign(&self, output: usize, input: usize) -> i32 {
        let byte = self.signs[output * self.row_bytes() + input / 8];
        if byte >> (input % 8) & 1 == 1 { 1 } else { -1 }
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
    /// Pooler and classifier, for [`super::config::Head::Classifier`].
    pub head: Option<QuantizedHead>,
}

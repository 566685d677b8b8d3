//! Post-training quantization to 1-bit weights: binary weight networks (Rastegari et al., ECCV 2016,
//! section 3.1), then calibration of every activation range.

use super::calibrate::{calibrate, targets};
use super::float::{FloatLayer, FloatLinear, FloatModel, FloatNorm};
use super::quantized::{
    QuantizedHead, QuantizedLayer, QuantizedLinear, QuantizedModel, QuantizedNorm, Range,
};
use crate::Result;

/// Version of what [`quantize`] makes of a checkpoint. Raised with every change to it, to the calibration or to what is read of a
/// checkpoint: forms that were kept are then made again.
pub const VERSION: u32 = 1;

/// Binarizes `model` and calibrates it on `inputs`, one embedded sequence (n x hidden) each.
///
/// The scale of a row is the mean absolute weight, which with the weights' signs is the closest
/// binary row in the least squares. Then one pass over `inputs`, layer after layer, moves each bias
/// and row scale so that every output's mean and deviation are those of the float model, and records
/// the ranges. Without it the tokens of a deep model become all alike. Weights that were not trained
/// to be binary lose most of a model's accuracy all the same.
///
/// # Errors
/// As [`calibrate`].
pub fn quantize(model: &FloatModel, inputs: &[Vec<f32>]) -> Result<QuantizedModel> {
    let empty = Range::default();
    let mut quantized = QuantizedModel {
        config: model.config.clone(),
        input_range: empty,
        layers: model.layers.iter().map(layer).collect(),
        head: model.head.as_ref().map(|head| QuantizedHead {
            pooler: binarize(&head.pooler),
            classifier: binarize(&head.classifier),
            pooler_range: empty,
            logit_range: empty,
        }),
    };
    let targets = targets(model, inputs)?;
    calibrate(&mut quantized, inputs, Some(&targets))?;
    Ok(quantized)
}

fn layer(source: &FloatLayer) -> QuantizedLayer {
    let empty = Range::default();
    QuantizedLayer {
        query: binarize(&source.query),
        key: binarize(&source.key),
        value: binarize(&source.value),
        attention_output: binarize(&source.attention_output),
        feed_forward_in: binarize(&source.feed_forward_in),
        feed_forward_out: binarize(&source.feed_forward_out),
        qkv_range: [empty; 3],
        score_range: empty,
        context_range: empty,
        inner_range: empty,
        activated_range: empty,
        attention_norm: norm(&source.attention_norm),
        feed_forward_norm: norm(&source.feed_forward_norm),
    }
}

fn norm(source: &FloatNorm) -> QuantizedNorm {
    let empty = Range::default();
    QuantizedNorm {
        gamma: source.gamma.clone(),
        beta: source.beta.clone(),
        sum: empty,
        mean: empty,
        deviation: empty,
        variance: empty,
        output: empty,
    }
}

/// Signs (of zero: +1) and mean absolute weight of each row. A row of zeros gets the least normal
/// number as its scale, since scales are positive.
pub fn binarize(source: &FloatLinear) -> QuantizedLinear {
    let row_bytes = source.inputs.div_ceil(8);
    let mut signs = Vec::with_capacity(source.outputs * row_bytes);
    let mut row_scale = Vec::with_capacity(source.outputs);
    for row in source.weights.chunks(source.inputs) {
        signs.extend(row.chunks(8).map(|eight| {
            let bit = |(i, w): (usize, &f32)| u8::from(*w >= 0.0) << i;
            eight.iter().enumerate().map(bit).sum::<u8>()
        }));
        let sum: f64 = row.iter().map(|w| f64::from(w.abs())).sum();
        row_scale.push(((sum / source.inputs as f64) as f32).max(f32::MIN_POSITIVE));
    }
    QuantizedLinear {
        outputs: source.outputs,
        inputs: source.inputs,
        signs,
        row_scale,
        bias: source.bias.clone(),
    }
}

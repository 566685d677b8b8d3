//! Post-training quantization to weights of 1 to 8 bits (with one bit, binary weight networks: Rastegari et al., ECCV 2016, section
//! 3.1), then calibration of every activation range.

use super::bit_plan::BitPlan;
use super::calibrate::{calibrate, targets};
use super::features::FeatureRanges;
use super::float::{FloatLayer, FloatLinear, FloatModel, FloatNorm};
use super::quantized::{
    QuantizedHead, QuantizedLayer, QuantizedLinear, QuantizedModel, QuantizedNorm, Range,
};
use super::ranging::Ranging;
use crate::{Error, Result};

/// Version of what [`quantize`] makes of a checkpoint. Raised with every change to it, to the calibration or to what is read of a
/// checkpoint: forms that were kept are then made again.
pub const VERSION: u32 = 4;

/// How a model is quantized.
#[derive(Clone, PartialEq, Debug)]
pub struct Quantization {
    /// Bits of a weight, 1 to 8.
    pub weight_bits: u32,
    /// Widths of its own, for systems that take a plan.
    pub bit_plan: Option<BitPlan>,
    /// How ranges are found, a layer; the default where there is none.
    pub ranging: Option<Vec<Ranging>>,
}

impl Quantization {
    /// Weights of so many bits, all else as it is by default.
    pub const fn of_bits(weight_bits: u32) -> Self {
        Self {
            weight_bits,
            bit_plan: None,
            ranging: None,
        }
    }
}

/// Brings the weights of `model` to 1 to 8 bits ([`to_levels`]) and calibrates it on `inputs`, one embedded sequence (n x hidden)
/// each.
///
/// One pass over `inputs`, layer after layer, moves each bias
/// and row scale so that every output's mean and deviation are those of the float model, and records
/// the ranges. Without it the tokens of a deep model become all alike. Weights that were not trained
/// to be binary lose most of a model's accuracy all the same.
///
/// # Errors
/// As [`calibrate`]; a plan that does not fit the model.
pub fn quantize(
    model: &FloatModel,
    how: &Quantization,
    inputs: &[Vec<f32>],
) -> Result<QuantizedModel> {
    let empty = Range::default();
    let mut config = model.config.clone();
    config.bit_plan.clone_from(&how.bit_plan);
    config.check().map_err(Error::Unsupported)?;
    let ranging = match &how.ranging {
        Some(ranging) => ranging.clone(),
        None => vec![Ranging::default(); config.layers],
    };
    if ranging.len() != config.layers {
        return Err(Error::Unsupported(format!(
            "ranges of {} layers, and the model has {}",
            ranging.len(),
            config.layers
        )));
    }
    for ranging in &ranging {
        ranging.check().map_err(Error::Unsupported)?;
    }
    let bits = how.weight_bits;
    let mut quantized = QuantizedModel {
        config,
        input_range: empty,
        score_bias: model.score_bias.clone(),
        layers: model
            .layers
            .iter()
            .zip(ranging)
            .map(|(source, ranging)| layer(source, bits, ranging))
            .collect(),
        head: model.head.as_ref().map(|head| QuantizedHead {
            pooler: to_levels(&head.pooler, bits),
            classifier: to_levels(&head.classifier, bits),
            pooler_range: empty,
            logit_range: empty,
        }),
    };
    let targets = targets(model, inputs)?;
    calibrate(&mut quantized, inputs, Some(&targets))?;
    Ok(quantized)
}

fn layer(source: &FloatLayer, bits: u32, ranging: Ranging) -> QuantizedLayer {
    let empty = Range::default();
    QuantizedLayer {
        query: to_levels(&source.query, bits),
        key: to_levels(&source.key, bits),
        value: to_levels(&source.value, bits),
        attention_output: to_levels(&source.attention_output, bits),
        feed_forward_in: to_levels(&source.feed_forward_in, bits),
        feed_forward_out: to_levels(&source.feed_forward_out, bits),
        qkv_range: [empty; 3],
        score_range: empty,
        context_range: empty,
        inner_range: empty,
        activated_range: empty,
        attention_norm: norm(&source.attention_norm),
        feed_forward_norm: norm(&source.feed_forward_norm),
        features: FeatureRanges::default(),
        ranging,
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

/// Levels of `bits` bits and the scale of each row. With one bit they are the signs (of zero: +1) and the mean absolute weight,
/// which is the closest binary row in the least squares; with more, each weight's nearest level, at the scale that is closest in the
/// least squares of those at which the largest weight is 1 to 1/2 of the largest level or beyond it. A row of zeros gets the least
/// normal number as its scale, since scales are positive.
///
/// # Panics
/// If `bits` is not 1 to 8.
pub fn to_levels(source: &FloatLinear, bits: u32) -> QuantizedLinear {
    assert!((1..=8).contains(&bits), "weights of 1 to 8 bits");
    let row_bytes = source.inputs.div_ceil(8);
    let plane_bytes = source.outputs * row_bytes;
    let mut planes = vec![0u8; bits as usize * plane_bytes];
    let mut row_scale = Vec::with_capacity(source.outputs);
    for (output, row) in source.weights.chunks(source.inputs).enumerate() {
        let scale = row_scale_of(row, bits);
        for (input, weight) in row.iter().enumerate() {
            let code = code_of(*weight, scale, bits);
            for k in 0..bits {
                let place = k as usize * plane_bytes + output * row_bytes + input / 8;
                planes[place] |= (code >> k & 1) << (input % 8);
            }
        }
        row_scale.push(scale);
    }
    QuantizedLinear {
        outputs: source.outputs,
        inputs: source.inputs,
        planes,
        row_scale,
        bias: source.bias.clone(),
    }
}

/// The number of the level, from the lowest, that is nearest.
fn code_of(weight: f32, scale: f32, bits: u32) -> u8 {
    let most = ((1u32 << bits) - 1) as f32;
    // Levels are odd: between them the even numbers are the thresholds.
    let code = (weight / scale + most + 1.0) / 2.0;
    code.floor().clamp(0.0, most) as u8
}

fn row_scale_of(row: &[f32], bits: u32) -> f32 {
    let most = ((1u32 << bits) - 1) as f32;
    let magnitudes = || row.iter().map(|w| f64::from(w.abs()));
    if bits == 1 {
        return ((magnitudes().sum::<f64>() / row.len() as f64) as f32).max(f32::MIN_POSITIVE);
    }
    let largest = magnitudes().fold(0.0, f64::max) as f32;
    let error = |scale: f32| -> f64 {
        let difference = |w: &f32| {
            let level = 2.0 * f32::from(code_of(*w, scale, bits)) - most;
            f64::from(w - scale * level).powi(2)
        };
        row.iter().map(difference).sum()
    };
    let scales =
        (0..=10).map(|part| (largest / most * (1.0 - part as f32 / 20.0)).max(f32::MIN_POSITIVE));
    let errors = scales.map(|scale| (error(scale), scale));
    let closest = errors.min_by(|(a, _), (b, _)| a.total_cmp(b));
    closest.map_or(f32::MIN_POSITIVE, |(_, scale)| scale)
}

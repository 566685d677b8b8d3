//! Cuts to indices: what one of each output comes to, and the value of an index; and what a non-linearity makes of each.

use crate::model::bit_plan::Widths;
use crate::model::config::ActivationFunction;
use crate::model::reference_float::gelu;

/// The integers of an index: so many to each side of zero, of a range that holds more than was seen.
pub(super) struct Ranges {
    pub(super) half: f64,
    pub(super) headroom: f64,
}

impl Ranges {
    /// Value of one index, where `max` was the largest.
    pub(super) fn step(&self, max: f32) -> f64 {
        f64::from(max).max(1e-6) * self.headroom / self.half
    }
}

/// A layer of which the outputs are cut to indices: what one of each output comes to in the product ring, and the value of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// One an output.
    pub gain: Vec<f64>,
    /// One an output.
    pub step: Vec<f64>,
}

/// Outputs that are cut to `bits` bits and `spare` more.
pub(super) fn cut(widths: &Widths, maxima: &[f32], headroom: f32, bits: u32, spare: u32) -> Cut {
    let range = Ranges {
        half: f64::from(1u32 << (bits - 1)),
        headroom: headroom.into(),
    };
    let step: Vec<f64> = maxima.iter().map(|max| range.step(*max)).collect();
    let dropped = f64::from(1u32 << (widths.product - bits - spare));
    Cut {
        gain: step.iter().map(|step| dropped / step).collect(),
        step,
    }
}

/// The signed numbers of `bits` bits, from the least on.
pub(super) fn indices(bits: u32) -> impl Iterator<Item = i64> {
    let half = 1i64 << (bits - 1);
    -half..half
}

/// What the non-linearity makes of each index of each feature, and the value of one of what it makes.
pub(super) fn activated(
    function: ActivationFunction,
    widths: &Widths,
    inner: &Cut,
    maxima: &[f32],
    headroom: f32,
) -> (Vec<Vec<i64>>, Vec<f64>) {
    let apply = |x: f64| match function {
        ActivationFunction::Relu => x.max(0.0),
        ActivationFunction::Gelu => f64::from(gelu(x as f32)),
    };
    let half = f64::from(1u32 << (widths.activated - 1));
    // GELU's least value is -0.17.
    let steps = maxima
        .iter()
        .map(|max| (f64::from(*max) * f64::from(headroom)).max(0.17) / (half - 1.0));
    let tables = inner.step.iter().zip(steps).map(|(step, out)| {
        let table = indices(widths.inner).map(|i| {
            let value = (apply(i as f64 * step) / out).round();
            value.clamp(-half, half - 1.0) as i64
        });
        (table.collect(), out)
    });
    tables.unzip()
}

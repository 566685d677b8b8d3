//! Residual connection and LayerNorm in integers (paper, section 5; corrections 4, 6, 7).

use super::scale::Scale;
use crate::model::config::ModelConfig;
use crate::model::quantized::{QuantizedNorm, Range};
use crate::ring::Ring;

/// Width of the variance's index: 16 windows of a range that holds half as much again as was seen.
pub const VARIANCE_BITS: u32 = 4;

/// One residual connection with its LayerNorm.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerNorm {
    /// branch + residual, as it is cut.
    pub sum: Scale,
    /// Multiplier of the residual's index in Z_{2^16}, where it is added to the branch.
    pub residual_factor: f64,
    /// Ring of the mean and the variance.
    pub wide: Ring,
    /// Public multiplier of the row sum: `round(2^(l - b) / H)`, with at least 8 significant bits.
    pub mean_factor: u64,
    /// Secret multiplier of the squares: `2^l / (H * largest variance)`.
    pub square_factor: u64,
    /// Variance of one unit of its index, in squared indices of `sum`.
    pub variance_step: f64,
    /// The output.
    pub output: Scale,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f64,
}

/// Ring of mean and variance for an index of `index_bits` and `hidden` features: wide enough that the
/// mean's multiplier has at least 8 significant bits.
pub fn wide_ring(index_bits: u32, hidden: usize) -> Ring {
    Ring::new(index_bits + (hidden as u64).next_power_of_two().trailing_zeros() + 7)
}

/// The public multiplier of the row sum.
pub fn mean_factor(index_bits: u32, hidden: usize) -> u64 {
    let unit = 1u64 << (wide_ring(index_bits, hidden).bits() - index_bits);
    (unit as f64 / hidden as f64).round() as u64
}

impl IntegerNorm {
    /// `residual` is the scale of the residual branch's index.
    pub(super) fn new(
        config: &ModelConfig,
        source: &QuantizedNorm,
        residual: Scale,
        index_bits: u32,
    ) -> Self {
        // The sum and, after the mean is taken off, the deviation live in the same index.
        let both = Range {
            rms: source.sum.rms,
            max: source.sum.max.max(source.deviation.max),
        };
        let sum = Scale::of_cut(both, index_bits);
        let wide = wide_ring(index_bits, config.hidden);
        let largest = 1.5 * f64::from(source.variance.max).max(1e-12) / (sum.step * sum.step);
        let full = (1u64 << wide.bits()) as f64;
        let square_factor = (full / (config.hidden as f64 * largest)).round().max(1.0) as u64;
        Self {
            sum,
            residual_factor: f64::from(1u32 << (16 - index_bits)) * residual.step / sum.step,
            wide,
            mean_factor: mean_factor(index_bits, config.hidden),
            square_factor,
            variance_step: full
                / (square_factor as f64 * config.hidden as f64 * f64::from(1u32 << VARIANCE_BITS)),
            output: Scale::of_table(source.output, index_bits),
            gamma: source.gamma.clone(),
            beta: source.beta.clone(),
            epsilon: f64::from(config.layer_norm_epsilon),
        }
    }

    /// The residual's addend in Z_{2^16}, for each index.
    pub fn residual(&self, index: i64) -> i64 {
        (self.residual_factor * index as f64).round() as i64
    }

    /// The output index for a deviation and a variance index, in one feature.
    pub fn affine(&self, feature: usize, deviation: i64, variance: u64) -> i64 {
        // The first window also holds what was rounded down to it: its middle stands for it.
        let variance =
            (variance as f64).max(0.5) * self.variance_step * self.sum.step * self.sum.step;
        let normal = deviation as f64 * self.sum.step / (variance + self.epsilon).sqrt();
        let value = f64::from(self.gamma[feature]) * normal + f64::from(self.beta[feature]);
        self.output.clamped(value)
    }
}

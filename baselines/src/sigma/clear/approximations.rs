//! What SIGMA's functions compute, in the clear: where a table is read at fewer bits than its argument has, so is it here.

use crate::fixed_point::clear::{Approximations, each};
use crate::sigma::FRACTION_BITS;
use crate::sigma::functions::{mean_factor, normal_distribution, tables};
use crate::sigma::settings::Mean;

/// SIGMA's functions.
pub struct SigmaApproximations {
    /// How the mean of a LayerNorm is taken.
    pub mean: Mean,
}

impl Approximations for SigmaApproximations {
    fn softmax(&self, row: &[f64]) -> Vec<f64> {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers = each(row, |x| (x - max).exp());
        let sum = cut(
            powers.iter().sum(),
            FRACTION_BITS - tables::DENOMINATOR_DROPPED,
        );
        each(&powers, |power| power / sum)
    }

    /// With the mean as SIGMA takes it, and the variance about that.
    fn layer_norm(&self, row: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<f64> {
        let (factor, shift) = mean_factor(self.mean, row.len());
        let mean = row.iter().sum::<f64>() * factor as f64 / 2f64.powi(shift as i32);
        let squares = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        let squares = squares + epsilon * row.len() as f64;
        // The leading one of the sum, and so many bits behind it.
        let leading = squares.log2().floor().exp2();
        let squares = cut(squares / leading, tables::MANTISSA_BITS) * leading;
        let factor = (row.len() as f64 / squares).sqrt();
        let affine = gamma.iter().zip(beta);
        row.iter()
            .zip(affine)
            .map(|(x, (gamma, beta))| (x - mean) * factor * f64::from(*gamma) + f64::from(*beta))
            .collect()
    }

    fn gelu(&self, x: f64) -> f64 {
        let largest = 255.0 / f64::from(1u32 << tables::GELU_FRACTION_BITS);
        let distance = cut(x, tables::GELU_FRACTION_BITS).abs().min(largest);
        x.max(0.0) - distance * (1.0 - normal_distribution(distance))
    }

    fn tanh(&self, x: f64) -> f64 {
        x.tanh()
    }
}

/// The next lower number of so many fractional bits.
fn cut(x: f64, fraction_bits: u32) -> f64 {
    let steps = f64::from(1u32 << fraction_bits);
    (x * steps).floor() / steps
}

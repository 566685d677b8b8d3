//! What SIGMA's functions compute, in the clear. Their tables stand for the functions themselves; the mean alone is another one.

use super::functions::{mean_factor, normal_distribution};
use super::settings::Mean;
use crate::fixed_point::clear::{Approximations, each};

/// SIGMA's functions.
pub struct SigmaApproximations {
    /// How the mean of a LayerNorm is taken.
    pub mean: Mean,
}

impl Approximations for SigmaApproximations {
    fn softmax(&self, row: &[f64]) -> Vec<f64> {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers = each(row, |x| (x - max).exp());
        let sum: f64 = powers.iter().sum();
        each(&powers, |power| power / sum)
    }

    /// With the mean as SIGMA takes it, and the variance about that.
    fn layer_norm(&self, row: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<f64> {
        let (factor, shift) = mean_factor(self.mean, row.len());
        let mean = row.iter().sum::<f64>() * factor as f64 / 2f64.powi(shift as i32);
        let squares = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        let factor = 1.0 / (squares / row.len() as f64 + epsilon).sqrt();
        let affine = gamma.iter().zip(beta);
        row.iter()
            .zip(affine)
            .map(|(x, (gamma, beta))| (x - mean) * factor * f64::from(*gamma) + f64::from(*beta))
            .collect()
    }

    fn gelu(&self, x: f64) -> f64 {
        x * normal_distribution(x)
    }

    fn tanh(&self, x: f64) -> f64 {
        x.tanh()
    }
}

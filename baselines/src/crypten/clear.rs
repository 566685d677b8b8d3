//! What CrypTen approximates, in the clear: the original's series and iterations.

use crate::fixed_point::clear::{self, Approximations, each};

/// CrypTen's approximations.
pub struct CrypTenApproximations;

impl Approximations for CrypTenApproximations {
    fn softmax(&self, row: &[f64]) -> Vec<f64> {
        softmax(row)
    }

    fn layer_norm(&self, row: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<f64> {
        clear::layer_norm(row, gamma, beta, epsilon, inverse_sqrt)
    }

    fn gelu(&self, x: f64) -> f64 {
        gelu(x)
    }

    fn tanh(&self, x: f64) -> f64 {
        tanh(x)
    }
}

/// (1 + x / 2^8)^(2^8).
pub fn exp(x: f64) -> f64 {
    (0..8).fold(1.0 + x / 256.0, |y, _| y * y)
}

/// 1 / x of a positive x: 10 Newton steps.
pub fn reciprocal(x: f64) -> f64 {
    (0..10).fold(3.0 * exp(1.0 - 2.0 * x) + 0.003, |y, _| y * (2.0 - x * y))
}

/// 1 / sqrt(x): 3 Newton steps.
pub fn inverse_sqrt(x: f64) -> f64 {
    let start = 2.2 * exp(-(x / 2.0 + 0.2)) + 0.2 - x / 1024.0;
    (0..3).fold(start, |y, _| y * (3.0 - x * y * y) / 2.0)
}

/// The Taylor series of the error function, to x^17.
pub fn erf(x: f64) -> f64 {
    let (mut sum, mut power, mut factorial) = (0.0, x, 1.0);
    for n in 0..=8 {
        if n > 0 {
            power *= -x * x;
            factorial *= f64::from(n);
        }
        sum += power / (factorial * f64::from(2 * n + 1));
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

/// x / 2 (1 + erf(x / sqrt 2)).
pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// 2 sigmoid(2 x) - 1; the sigmoid of the absolute value by [`exp`] and 3 Newton steps from 0.75.
pub fn tanh(x: f64) -> f64 {
    let denominator = 1.0 + exp(-2.0 * x.abs());
    let sigmoid = (0..3).fold(0.75, |y, _| y * (2.0 - denominator * y));
    (2.0 * sigmoid - 1.0) * x.signum()
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = each(row, |x| exp(x - max));
    let factor = reciprocal(powers.iter().sum());
    each(&powers, |power| power * factor)
}

//! What the functions compute, in the clear: PUMA's polynomials, and iterations for the exponential.

use crate::fixed_point::clear::{self, Approximations, each};

/// Where PUMA's GELU changes its polynomial.
pub const GELU_BOUNDS: [f64; 3] = [-4.0, -1.95, 3.0];
/// Its polynomial from -4 to -1.95, powers 0 to 3 (arXiv 2307.12533, section 3.1).
pub const GELU_CUBIC: [f64; 4] = [
    -0.505_403_119_970_817_4,
    -0.422_265_811_519_838_66,
    -0.118_076_129_511_819_53,
    -0.011_034_134_030_615_728,
];
/// From -1.95 to 3, powers 0, 1, 2, 4 and 6.
pub const GELU_SEXTIC: [f64; 5] = [
    0.008_526_321_541_038_084,
    0.5,
    0.360_329_269_278_962_9,
    -0.037_688_200_365_904_236,
    0.001_806_746_260_614_118_7,
];
/// Below this, the exponential is zero.
pub const EXP_CLIP: f64 = -14.0;

/// PUMA's approximations, with `exp(x) = (1 + x / 2^t)^(2^t)`.
pub struct Polynomials {
    /// t.
    pub squarings: u32,
}

impl Polynomials {
    fn exp(&self, x: f64) -> f64 {
        let start = 1.0 + x / f64::from(1u32 << self.squarings);
        (0..self.squarings).fold(start, |y, _| y * y)
    }
}

impl Approximations for Polynomials {
    fn softmax(&self, row: &[f64]) -> Vec<f64> {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers = each(row, |x| match x - max {
            x if x < EXP_CLIP => 0.0,
            x => self.exp(x),
        });
        let sum: f64 = powers.iter().sum();
        each(&powers, |power| power / sum)
    }

    fn layer_norm(&self, row: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<f64> {
        clear::layer_norm(row, gamma, beta, epsilon, |x| 1.0 / x.sqrt())
    }

    fn gelu(&self, x: f64) -> f64 {
        let [low, middle, high] = GELU_BOUNDS;
        if x < low {
            0.0
        } else if x < middle {
            let [a, b, c, d] = GELU_CUBIC;
            a + x * (b + x * (c + x * d))
        } else if x <= high {
            let [a, b, c, d, e] = GELU_SEXTIC;
            let square = x * x;
            a + b * x + square * (c + square * (d + square * e))
        } else {
            x
        }
    }

    fn tanh(&self, x: f64) -> f64 {
        let power = self.exp(-2.0 * x.abs());
        x.signum() * (1.0 - power) / (1.0 + power)
    }
}

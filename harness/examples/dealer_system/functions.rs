//! The functions of the model by polynomials and Newton's iteration: on shares, and in the clear.

use super::gates::{FIXED, multiply, product, scale};
use qbench_baselines::fixed_point::Share;
use qbench_baselines::fixed_point::bilinear::Bilinear;
use qbench_baselines::fixed_point::clear::{self, Approximations, each};
use qbench_baselines::fixed_point::local::{add, add_integer, negate};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{open_masked, open_masked_all};

/// `x/2 + P(x^2)` for GELU, within 0.01 for |x| up to 3.
const GELU: [f64; 4] = [0.00924, 0.35788, -0.03663, 0.0017];
/// `x P(x^2)` for tanh, within 0.02 for |x| up to 3.
const TANH: [f64; 4] = [0.94391, -0.19865, 0.02516, -0.00119];
/// `exp(x) = (1 + x / 2^6)^(2^6)`.
const EXP_SQUARINGS: u32 = 6;
/// Newton's iteration of `1 / x`: start and steps, for x from 1/32 to 60.
const RECIPROCAL: (f64, usize) = (1.0 / 32.0, 14);
/// Newton's iteration of `1 / sqrt(x)`: start and steps, for x from 0.1 to 700.
const INVERSE_SQRT: (f64, usize) = (1.0 / 16.0, 14);

/// x plus a public real number.
pub fn add_public(runtime: &Runtime<'_>, x: Share, constant: f64) -> Share {
    let constant: u64 = FIXED.encode(constant);
    add_integer(runtime, x, constant as i64)
}

fn square(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let (rows, width) = (1, x.len());
    let wire = open_masked(runtime, x)?;
    product(runtime, Bilinear::Columns { rows, width }, &wire, &wire)
}

/// `c0 + c1 u + c2 u^2 + c3 u^3`.
fn cubic(runtime: &mut Runtime<'_>, u: &Share, c: [f64; 4]) -> Result<Share> {
    let square = square(runtime, u)?;
    let cube = multiply(runtime, &square, u)?;
    let mut sum = scale(runtime, u.clone(), c[1]);
    for (power, factor) in [(square, c[2]), (cube, c[3])] {
        sum = add(runtime, sum, &scale(runtime, power, factor));
    }
    Ok(add_public(runtime, sum, c[0]))
}

/// GELU.
pub fn gelu(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let u = square(runtime, x)?;
    let even = cubic(runtime, &u, GELU)?;
    Ok(add(runtime, even, &scale(runtime, x.clone(), 0.5)))
}

/// Hyperbolic tangent.
pub fn tanh(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let u = square(runtime, x)?;
    let factor = cubic(runtime, &u, TANH)?;
    multiply(runtime, x, &factor)
}

fn exp(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let part = scale(runtime, x.clone(), 0.5f64.powi(EXP_SQUARINGS as i32));
    let mut power = add_public(runtime, part, 1.0);
    for _ in 0..EXP_SQUARINGS {
        power = square(runtime, &power)?;
    }
    Ok(power)
}

/// `y (2 - x y)`, the first step on a public y.
fn reciprocal(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let (start, steps) = RECIPROCAL;
    let first = scale(runtime, x.clone(), -start * start);
    let mut y = add_public(runtime, first, 2.0 * start);
    for _ in 1..steps {
        let xy = multiply(runtime, x, &y)?;
        let factor = add_public(runtime, negate(runtime, xy), 2.0);
        y = multiply(runtime, &y, &factor)?;
    }
    Ok(y)
}

/// `y (3 - x y^2) / 2`, the first step on a public y.
fn inverse_sqrt(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let (start, steps) = INVERSE_SQRT;
    let first = scale(runtime, x.clone(), -0.5 * start.powi(3));
    let mut y = add_public(runtime, first, 1.5 * start);
    for _ in 1..steps {
        let squared = square(runtime, &y)?;
        let product = multiply(runtime, x, &squared)?;
        let factor = add_public(runtime, scale(runtime, product, -0.5), 1.5);
        y = multiply(runtime, &y, &factor)?;
    }
    Ok(y)
}

/// Rows of `width`, each times one element.
fn times_rows(runtime: &mut Runtime<'_>, x: &Share, factors: &Share) -> Result<Share> {
    let rows = factors.len();
    let map = Bilinear::Rows {
        rows,
        width: x.len() / rows,
    };
    let wires = open_masked_all(runtime, &[x, factors])?;
    product(runtime, map, &wires[0], &wires[1])
}

/// Softmax of rows, without taking off the maximum: scores must be small.
pub fn softmax(runtime: &mut Runtime<'_>, scores: &Share, width: usize) -> Result<Share> {
    let powers = exp(runtime, scores)?;
    let mean = scale(runtime, powers.sum_rows(width, 1), 1.0 / width as f64);
    let inverse = reciprocal(runtime, &mean)?;
    times_rows(
        runtime,
        &powers,
        &scale(runtime, inverse, 1.0 / width as f64),
    )
}

/// `(x - mean) / sqrt(variance + epsilon)` of rows.
pub fn normalize(
    runtime: &mut Runtime<'_>,
    x: &Share,
    width: usize,
    epsilon: f64,
) -> Result<Share> {
    let mean = scale(runtime, x.sum_rows(width, 1), 1.0 / width as f64);
    let centred = x.clone().sub_rows(&mean, width);
    let squares = square(runtime, &centred)?;
    let variance = scale(runtime, squares.sum_rows(width, 1), 1.0 / width as f64);
    let variance = add_public(runtime, variance, epsilon);
    let factors = inverse_sqrt(runtime, &variance)?;
    times_rows(runtime, &centred, &factors)
}

/// The same functions in the clear.
pub struct InTheClear;

fn polynomial(u: f64, c: [f64; 4]) -> f64 {
    c[0] + u * (c[1] + u * (c[2] + u * c[3]))
}

fn newton((start, steps): (f64, usize), step: impl Fn(f64) -> f64) -> f64 {
    (0..steps).fold(start, |y, _| step(y))
}

impl Approximations for InTheClear {
    fn softmax(&self, row: &[f64]) -> Vec<f64> {
        let exp = |x: f64| (0..EXP_SQUARINGS).fold(1.0 + x / 64.0, |y, _| y * y);
        let powers = each(row, exp);
        let mean = powers.iter().sum::<f64>() / row.len() as f64;
        let inverse = newton(RECIPROCAL, |y| y * (2.0 - mean * y));
        each(&powers, |power| power * inverse / row.len() as f64)
    }

    fn layer_norm(&self, row: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<f64> {
        clear::layer_norm(row, gamma, beta, epsilon, |x| {
            newton(INVERSE_SQRT, |y| 0.5 * y * (3.0 - x * y * y))
        })
    }

    fn gelu(&self, x: f64) -> f64 {
        x / 2.0 + polynomial(x * x, GELU)
    }

    fn tanh(&self, x: f64) -> f64 {
        x * polynomial(x * x, TANH)
    }
}

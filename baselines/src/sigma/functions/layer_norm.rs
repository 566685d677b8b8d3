//! LayerNorm.

use super::local::{add_per_column, minus_rows, sum_rows};
use super::rsqrt::inverse_sqrt;
use super::tables;
use crate::fixed_point::bilinear::Bilinear;
use crate::sigma::gates::{Wire, faithful_shift, gap_shift, product, square_sums};
use crate::sigma::settings::Mean;
use crate::sigma::{Choices, FRACTION_BITS};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::uncover;

/// What the sum of `width` elements is multiplied by for their mean, and how far it is shifted.
pub fn mean_factor(mean: Mean, width: usize) -> (u64, u32) {
    let (width, double) = (width as u64, 2 * FRACTION_BITS);
    match mean {
        _ if width.is_power_of_two() => (1, width.ilog2()),
        Mean::Original => ((1 << FRACTION_BITS) / width, FRACTION_BITS),
        Mean::Exact => (((1 << double) + width / 2) / width, double),
    }
}

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` of rows as long as gamma.
///
/// As in the original but for epsilon, which it leaves out; a row of one element has no mean to subtract in either.
///
/// Cost: 16 exchanges (in the original order).
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn layer_norm(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    x: &Wire,
    gamma: &Wire,
    beta: &Wire,
    epsilon: f64,
) -> Result<Wire> {
    let (width, ring) = (gamma.len(), x.ring());
    let rows = x.len() / width;
    let means = runtime.step("mean", |runtime| {
        let (factor, shift) = mean_factor(choices.mean, width);
        let sums = sum_rows(x, width).times_public(ring.reduce(factor));
        match shift {
            0 => Ok(sums),
            _ => faithful_shift(runtime, &sums, shift),
        }
    })?;
    let centred = minus_rows(x, &means, width, false);
    let squares = runtime.step("squares", |runtime| {
        let sums = square_sums(runtime, &centred, width)?;
        uncover(runtime, sums)
    })?;
    let epsilon = tables::epsilon(epsilon, width);
    let squares = squares.plus_public(ring.reduce(epsilon));
    let factors = runtime.step("rsqrt", |runtime| inverse_sqrt(runtime, &squares, width))?;
    let normal = runtime.step("normalize", |runtime| {
        let product = product(runtime, Bilinear::Rows { rows, width }, &centred, &factors)?;
        let product = uncover(runtime, product)?;
        gap_shift(runtime, &product, FRACTION_BITS)
    })?;
    runtime.step("scale", |runtime| {
        let product = product(runtime, Bilinear::Columns { rows, width }, &normal, gamma)?;
        let product = uncover(runtime, product)?;
        let beta = beta.clone().times_public(1 << FRACTION_BITS);
        gap_shift(runtime, &add_per_column(&product, &beta), FRACTION_BITS)
    })
}

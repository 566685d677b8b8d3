//! LayerNorm.

use super::super::products::{Factors, bilinear, multiply, truncated};
use super::super::truncate::truncate;
use super::super::{Choices, Share, shares};
use super::inverse_sqrt;
use crate::fixed_point::bilinear::Bilinear;
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` for each row of `gamma`'s length.
///
/// Cost for n rows of h, with T bytes a truncation: 3 n h products (24 + T); a row, two truncations and [`inverse_sqrt`].
///
/// # Security
/// As its parts.
///
/// # Errors
/// The network's.
pub fn layer_norm(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    x: &Share,
    gamma: &Share,
    beta: &Share,
    epsilon: f64,
) -> Result<Share> {
    let width = gamma.len;
    let rows = x.len / width;
    let mean = mean(runtime, choices, &shares::sum_rows(x, width), width)?;
    let centred = shares::subtract_rows(runtime, x.clone(), &mean, width);
    let variance = runtime.step("variance", |runtime| {
        let squares = multiply(runtime, choices, &centred, &centred)?;
        let variance = self::mean(runtime, choices, &shares::sum_rows(&squares, width), width)?;
        Ok(shares::add_public(
            runtime,
            variance,
            choices.encode(epsilon),
        ))
    })?;
    let factor = runtime.step("inverse-sqrt", |runtime| {
        inverse_sqrt(runtime, choices, &variance)
    })?;
    runtime.step("affine", |runtime| {
        let normal = bilinear(
            runtime,
            choices,
            Bilinear::Rows { rows, width },
            &centred,
            &factor,
        )?;
        let columns = Factors::bilinear(Bilinear::Columns { rows, width }, &normal, gamma);
        let scaled = truncated(runtime, choices, &columns, choices.fraction_bits())?;
        Ok(shares::add_columns(runtime, scaled, beta))
    })
}

/// A count's reciprocal has so many bits more than other numbers: of 1/768 they leave little otherwise.
const MORE_BITS: u32 = 8;

/// Sums divided by their count.
fn mean(runtime: &mut Runtime<'_>, choices: &Choices, sums: &Share, count: usize) -> Result<Share> {
    let bits = choices.fraction_bits() + MORE_BITS;
    let factor = (f64::from(1u32 << bits) / count as f64).round() as i64;
    let scaled = shares::times(runtime, sums.clone(), factor);
    truncate(runtime, choices, &scaled, bits)
}

//! Exponential, softmax, hyperbolic tangent.

use super::super::bits::negative;
use super::super::clear::EXP_CLIP;
use super::super::products::{bilinear, multiply};
use super::super::select::times_bit;
use super::super::truncate::truncate;
use super::super::{Choices, Share, shares};
use super::{max_rows, reciprocal};
use crate::fixed_point::bilinear::Bilinear;
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;

/// `(1 + x / 2^t)^(2^t)`.
///
/// Cost: a truncation and t products, one after the other.
///
/// # Security
/// As [`multiply`].
///
/// # Errors
/// The network's.
pub fn exp(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<Share> {
    let part = truncate(runtime, choices, x, choices.squarings)?;
    let mut power = shares::add_public(runtime, part, choices.encode(1.0));
    for _ in 0..choices.squarings {
        power = multiply(runtime, choices, &power, &power)?;
    }
    Ok(power)
}

/// Softmax of rows of `width` elements (PUMA, section 3.2): the exponential of what is more than 14 below the maximum is zero; one
/// reciprocal a row.
///
/// Cost: [`max_rows`]; an element, one comparison and one bit times number (172), [`exp`] and a product; a row, [`reciprocal`].
///
/// # Security
/// As its parts.
///
/// # Errors
/// The network's.
pub fn softmax(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    x: &Share,
    width: usize,
) -> Result<Share> {
    let max = runtime.step("max", |runtime| max_rows(runtime, choices, x, width))?;
    let below = shares::subtract_rows(runtime, x.clone(), &max, width);
    let powers = runtime.step("exponential", |runtime| {
        let clip = choices.encode(-EXP_CLIP);
        let clipped = shares::add_public(runtime, below.clone(), clip);
        let clipped = negative(runtime, choices, &clipped)?;
        let kept = shares::flip(runtime, clipped, 1);
        let power = exp(runtime, choices, &below)?;
        times_bit(runtime, &kept, &power)
    })?;
    let factor = runtime.step("reciprocal", |runtime| {
        reciprocal(runtime, choices, &shares::sum_rows(&powers, width))
    })?;
    runtime.step("quotient", |runtime| {
        let rows = Bilinear::Rows {
            rows: x.len / width,
            width,
        };
        bilinear(runtime, choices, rows, &powers, &factor)
    })
}

/// `sign(x) (1 - e) / (1 + e)`, `e = exp(-2 |x|)`.
///
/// Cost: two choices, a comparison, [`exp`], [`reciprocal`] and a product.
///
/// # Security
/// As its parts.
///
/// # Errors
/// The network's.
pub fn tanh(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<Share> {
    let sign = negative(runtime, choices, x)?;
    // x less twice what is negative of it.
    let size = |runtime: &mut Runtime<'_>, x: &Share| -> Result<Share> {
        let less = times_bit(runtime, &sign, x)?;
        let less = shares::times(runtime, less, 2);
        Ok(shares::subtract(runtime, x.clone(), &less))
    };
    let positive = size(runtime, x)?;
    let power = exp(runtime, choices, &shares::times(runtime, positive, -2))?;
    let one = choices.encode(1.0);
    let denominator = shares::add_public(runtime, power.clone(), one);
    let numerator = shares::add_public(runtime, shares::times(runtime, power, -1), one);
    let factor = reciprocal(runtime, choices, &denominator)?;
    let quotient = multiply(runtime, choices, &numerator, &factor)?;
    size(runtime, &quotient)
}

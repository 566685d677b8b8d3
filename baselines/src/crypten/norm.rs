//! LayerNorm.

use super::approximate::inverse_sqrt;
use super::multiply::{multiply_columns, multiply_rows, square};
use super::weight::Weight;
use super::{Share, add_columns, add_public, divide_public, subtract_rows};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` for each row of `width` elements.
///
/// Cost for n rows of h: `3 h n + 24 n + h` words each way (without the last h where gamma's mask is reused), 20 rounds; offline `3 h n + 17 n`
/// words to P2.
///
/// # Security
/// As [`multiply`](fn@super::multiply).
pub fn layer_norm(
    runtime: &mut Runtime<'_>,
    x: &Share,
    width: usize,
    gamma: &Weight,
    beta: &Share,
    epsilon: f64,
) -> Result<Share> {
    let fits =
        x.len().is_multiple_of(width.max(1)) && (gamma.share.len(), beta.len()) == (width, width);
    runtime.ensure(fits, || {
        let (gamma, beta) = (gamma.share.len(), beta.len());
        format!(
            "rows of {width} in {} elements, gamma {gamma}, beta {beta}",
            x.len()
        )
    })?;
    let mean = divide_public(runtime, x.sum_rows(width, 1), width as u32);
    let centred = subtract_rows(runtime, x.clone(), &mean, width);
    let squares = square(runtime, &centred)?;
    let variance = divide_public(runtime, squares.sum_rows(width, 1), width as u32);
    let variance = add_public(runtime, variance, epsilon);
    let scale = inverse_sqrt(runtime, &variance)?;
    let normal = multiply_rows(runtime, &centred, &scale)?;
    let scaled = multiply_columns(runtime, &normal, gamma)?;
    Ok(add_columns(runtime, scaled, beta))
}

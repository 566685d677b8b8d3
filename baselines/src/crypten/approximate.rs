//! Exponential, reciprocal and inverse square root by iterations (CrypTen, appendix A.3), and what is
//! made of them. All parameters are the original's defaults.

use super::compare::{complement, less_than_zero, select, sign};
use super::multiply::{multiply_unscaled, product, square, square_in_place};
use super::{
    Share, add_integer, add_public, divide_public, negate, scale_public, subtract, times_integer,
};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;

/// `exp(x) = (1 + x / 2^8)^(2^8)`: this many squarings.
const EXP_SQUARINGS: u32 = 8;
/// Newton iterations of the reciprocal.
const RECIPROCAL_ITERATIONS: usize = 10;
/// Newton iterations of the inverse square root.
const INVERSE_SQRT_ITERATIONS: usize = 3;

/// e^x, for x from -256 to about 5: the relative error is about `x^2 / 2^9`, and 2^-16 of x / 2^8 are
/// lost before the squarings.
///
/// Cost: 8 words an element each way, 8 rounds; offline as many to P2.
///
/// # Security
/// As [`square`].
pub fn exp(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let part = divide_public(runtime, x.clone(), 1 << EXP_SQUARINGS);
    let mut power = add_public(runtime, part, 1.0);
    for _ in 0..EXP_SQUARINGS {
        power = square_in_place(runtime, power)?;
    }
    Ok(power)
}

/// 1/x by Newton's iteration from `3 e^(1 - 2x) + 0.003`, for |x| up to some hundreds (the start
/// must lie below 2/x); the error grows with x, to about `x * 2^-16`.
/// `positive`: x is known to be positive; else its sign is computed first.
///
/// Cost: 38 words an element each way and 28 rounds, else 69 and 38; offline 28 words to P2, else
/// 44.
///
/// # Security
/// As [`multiply`](fn@super::multiply) and [`less_than_zero`].
pub fn reciprocal(runtime: &mut Runtime<'_>, x: &Share, positive: bool) -> Result<Share> {
    if positive {
        return positive_reciprocal(runtime, x);
    }
    let sign = sign(runtime, x)?;
    let size = multiply_unscaled(runtime, &sign, x)?;
    let reciprocal = positive_reciprocal(runtime, &size)?;
    product::<false>(runtime, reciprocal, &sign)
}

fn positive_reciprocal(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let exponent = times_integer(runtime, x.clone(), -2);
    let exponent = add_public(runtime, exponent, 1.0);
    let start = exp(runtime, &exponent)?;
    let start = times_integer(runtime, start, 3);
    let start = add_public(runtime, start, 0.003);
    newton_reciprocal(runtime, x, start, RECIPROCAL_ITERATIONS)
}

/// `y + y - y^2 x`, again and again.
fn newton_reciprocal(
    runtime: &mut Runtime<'_>,
    x: &Share,
    start: Share,
    iterations: usize,
) -> Result<Share> {
    let mut y = start;
    for _ in 0..iterations {
        let square = square(runtime, &y)?;
        let product = product::<true>(runtime, square, x)?;
        let doubled = times_integer(runtime, y, 2);
        y = subtract(runtime, doubled, &product);
    }
    Ok(y)
}

/// x^(-1/2) by Newton's iteration from `2.2 e^-(x/2 + 0.2) + 0.2 - x/1024`, for x from about 0.1 to
/// 150: beyond, three iterations do not get there.
///
/// Cost: 23 words an element each way, 17 rounds; offline 17 words to P2.
///
/// # Security
/// As [`multiply`](fn@super::multiply).
pub fn inverse_sqrt(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let half = divide_public(runtime, x.clone(), 2);
    let exponent = negate(runtime, add_public(runtime, half, 0.2));
    let start = exp(runtime, &exponent)?;
    let start = add_public(runtime, scale_public(runtime, start, 2.2), 0.2);
    let mut y = subtract(runtime, start, &divide_public(runtime, x.clone(), 1024));
    for _ in 0..INVERSE_SQRT_ITERATIONS {
        // y (3 - x y^2) / 2
        let square = square(runtime, &y)?;
        let scaled = product::<true>(runtime, square, x)?;
        let factor = add_public(runtime, negate(runtime, scaled), 3.0);
        y = product::<true>(runtime, y, &factor)?;
        y = divide_public(runtime, y, 2);
    }
    Ok(y)
}

/// `1 / (1 + e^-x)`: of |x|, whose reciprocal lies in [1/2, 1] and takes 3 iterations from 3/4, the
/// first of them on a public value; then `1 - y` where x is negative.
///
/// Cost: 47 words an element each way, 23 rounds; offline 29 words to P2.
///
/// # Security
/// As [`multiply`](fn@super::multiply) and [`less_than_zero`].
pub fn sigmoid(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let less = less_than_zero(runtime, x)?;
    // -|x|
    let minus_sign = add_integer(runtime, times_integer(runtime, less.clone(), 2), -1);
    let exponent = product::<false>(runtime, minus_sign, x)?;
    let denominator = exp(runtime, &exponent)?;
    let denominator = add_public(runtime, denominator, 1.0);
    // The first iteration from y = 3/4: 2y - y^2 x.
    let scaled = scale_public(runtime, denominator.clone(), -0.5625);
    let first = add_public(runtime, scaled, 1.5);
    let y = newton_reciprocal(runtime, &denominator, first, 2)?;
    let flipped = add_public(runtime, negate(runtime, y.clone()), 1.0);
    select(runtime, &complement(runtime, less), &y, &flipped)
}

/// `2 sigmoid(2x) - 1`. Cost and security as [`sigmoid`].
pub fn tanh(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let doubled = times_integer(runtime, x.clone(), 2);
    let sigmoid = sigmoid(runtime, &doubled)?;
    Ok(add_public(
        runtime,
        times_integer(runtime, sigmoid, 2),
        -1.0,
    ))
}

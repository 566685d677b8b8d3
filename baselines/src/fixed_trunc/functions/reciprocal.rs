//! Reciprocal and inverse square root of positive numbers: scaled by a power of two to where a line is near, then iterated.

use super::super::bits::{highest, to_bits, to_number};
use super::super::products::multiply;
use super::super::truncate::truncate;
use super::super::{Choices, Share, shares};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;

/// A line's factor and constant.
type Line = (f64, f64);
/// `2.9142 - 2 c` is within 0.0858 of `1 / c` for c from 1/2 to 1 (Goldschmidt's usual start; SPU's too).
const RECIPROCAL: Line = (-2.0, 2.9142);
/// Within 0.086 of `1 / sqrt c`, relatively, for c from 1/4 to 1.
const INVERSE_SQRT: Line = (-1.218_73, 2.132_78);
/// Iterations of the reciprocal: the error 0.0858 becomes 0.0858^4.
const RECIPROCAL_ITERATIONS: usize = 2;
/// Iterations of the inverse square root.
const INVERSE_SQRT_ITERATIONS: usize = 3;

/// A power of two for each number, whose exponent is a linear function of its highest bit's place: `place` gives the factor's place.
fn power(
    runtime: &mut Runtime<'_>,
    x: &Share,
    place: impl Fn(u32) -> Option<u32> + Sync,
) -> Result<Share> {
    let bits = to_bits(runtime, x)?;
    let highest = highest(runtime, &bits)?;
    let moves: Vec<(u32, u32)> = (0..64)
        .filter_map(|from| Some((from, place(from)?)))
        .collect();
    // One bit is set, so that bits which come to the same place do not meet.
    let moved = shares::each(runtime, highest, |bits| {
        let moved = moves.iter().map(|(from, to)| ((bits >> from) & 1) << to);
        moved.fold(0, |all, bit| all ^ bit)
    });
    to_number(runtime, &moved)
}

/// `a x + b`.
fn line(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share, (a, b): Line) -> Result<Share> {
    let scaled = if a.fract() == 0.0 {
        shares::times(runtime, x.clone(), a as i64)
    } else {
        let scaled = shares::times(runtime, x.clone(), choices.encode(a) as i64);
        truncate(runtime, choices, &scaled, choices.fraction_bits())?
    };
    Ok(shares::add_public(runtime, scaled, choices.encode(b)))
}

/// 1 / x for x from 2^-f to 2^f (Goldschmidt; SPU's `reciprocal`): x is brought to [1/2, 1) by a power of two.
///
/// Cost, with T bytes a truncation: 832 and 6 (24 + T) bytes a number; 23 rounds and five products in a row.
///
/// # Security
/// As its parts.
///
/// # Errors
/// The network's.
pub fn reciprocal(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<Share> {
    let bits = choices.fraction_bits();
    let factor = power(runtime, x, |place| (2 * bits - 1).checked_sub(place))?;
    let c = multiply(runtime, choices, x, &factor)?;
    let mut y = line(runtime, choices, &c, RECIPROCAL)?;
    let product = multiply(runtime, choices, &c, &y)?;
    let one = choices.encode(1.0);
    let mut error = shares::add_public(runtime, shares::times(runtime, product, -1), one);
    for iteration in 0..RECIPROCAL_ITERATIONS {
        if iteration + 1 == RECIPROCAL_ITERATIONS {
            let more = multiply(runtime, choices, &y, &error)?;
            y = shares::add(runtime, y, &more);
        } else {
            let left = shares::join(&[&y, &error]);
            let right = shares::join(&[&error, &error]);
            let [more, square] = shares::parts(&multiply(runtime, choices, &left, &right)?);
            y = shares::add(runtime, y, &more);
            error = square;
        }
    }
    multiply(runtime, choices, &y, &factor)
}

/// `1 / sqrt x` for x from 2^-f to 2^(f - 1) (Goldschmidt): x is brought to [1/4, 1) by a power of four.
///
/// Cost, with T bytes a truncation: 832, T, and 12 (24 + T) bytes a number; 23 rounds, a truncation and ten products in a row.
///
/// # Security
/// As its parts.
///
/// # Errors
/// The network's.
pub fn inverse_sqrt(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<Share> {
    let bits = choices.fraction_bits() as i32;
    // x below 2^(place + 1 - f); 4^k x from 1/4 to 1, and 2^k has place f + k.
    let factor = power(runtime, x, |place| {
        let k = (bits - 1 - place as i32).div_euclid(2);
        u32::try_from(bits + k)
            .ok()
            .filter(|to| *to < 2 * bits as u32)
    })?;
    let scaled = multiply(runtime, choices, x, &factor)?;
    let c = multiply(runtime, choices, &scaled, &factor)?;
    // g tends to sqrt c, h to 1 / (2 sqrt c).
    let (slope, constant) = INVERSE_SQRT;
    let mut h = line(runtime, choices, &c, (slope / 2.0, constant / 2.0))?;
    let doubled = shares::times(runtime, h.clone(), 2);
    let mut g = multiply(runtime, choices, &c, &doubled)?;
    for iteration in 0..INVERSE_SQRT_ITERATIONS {
        let product = multiply(runtime, choices, &g, &h)?;
        let half = choices.encode(0.5);
        let r = shares::add_public(runtime, shares::times(runtime, product, -1), half);
        if iteration + 1 == INVERSE_SQRT_ITERATIONS {
            let more = multiply(runtime, choices, &h, &r)?;
            h = shares::add(runtime, h, &more);
        } else {
            let left = shares::join(&[&g, &h]);
            let right = shares::join(&[&r, &r]);
            let [of_g, of_h] = shares::parts(&multiply(runtime, choices, &left, &right)?);
            g = shares::add(runtime, g, &of_g);
            h = shares::add(runtime, h, &of_h);
        }
    }
    let y = shares::times(runtime, h, 2);
    multiply(runtime, choices, &y, &factor)
}

//! The public tables, with the original's entries, and the widths at which they are read.

use crate::sigma::FRACTION_BITS;
use qbench_protocols::ring::Ring;

/// A number with fractional bits.
const UNIT: f64 = (1u64 << FRACTION_BITS) as f64;

/// Bits that the denominator of a softmax drops before its table.
pub const DENOMINATOR_DROPPED: u32 = 6;
/// Fractional bits of GELU's argument at its table.
pub const GELU_FRACTION_BITS: u32 = 6;
/// Fractional bits of tanh's argument at its table.
pub const TANH_FRACTION_BITS: u32 = 8;
/// Bits of a mantissa behind its leading one, which is left out.
pub const MANTISSA_BITS: u32 = 7;
/// Bits of an exponent.
pub const EXPONENT_BITS: u32 = 6;

/// `exp(-i 2^shift)` with fractional bits, for every byte i.
pub fn powers(shift: u32) -> Vec<u64> {
    let entry = |i: u32| ((-f64::from(i << shift) / UNIT).exp() * UNIT) as u64;
    (0..256).map(entry).collect()
}

/// `1 / y` with fractional bits, for y = i / 2^6 below `2^doublings`. A sum of powers, one of which is 1, is at least 1 and at
/// most the length of the row: entry 0 stands for `2^doublings` itself.
pub fn inverses(doublings: u32) -> Vec<u64> {
    let size = 1u64 << (FRACTION_BITS - DENOMINATOR_DROPPED + doublings);
    let unit = (1u64 << (2 * FRACTION_BITS - DENOMINATOR_DROPPED)) as f64;
    let entry = |i: u64| (unit / if i == 0 { size } else { i } as f64) as u64;
    (0..size).map(entry).collect()
}

/// `relu(y) - gelu(y)` at y = i / 64, for every byte i.
pub fn corrections() -> Vec<u64> {
    let entry = |i: u32| {
        let y = f64::from(i) / f64::from(1u32 << GELU_FRACTION_BITS);
        (y * (1.0 - normal_distribution(y)) * UNIT) as u64
    };
    (0..256).map(entry).collect()
}

/// The distribution function of the normal distribution.
pub fn normal_distribution(x: f64) -> f64 {
    0.5 * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// `sqrt(count / x)` for every mantissa and exponent of x, which has twice the fractional bits; the mantissa stands above.
pub fn factors(count: usize) -> Vec<u64> {
    let entry = |index: u64| {
        let (mantissa, exponent) = (index >> EXPONENT_BITS, index & ((1 << EXPONENT_BITS) - 1));
        let value = (mantissa + (1 << MANTISSA_BITS)) as f64
            * 2f64.powi(exponent as i32 - MANTISSA_BITS as i32);
        (UNIT * UNIT / (value / count as f64).sqrt()) as u64
    };
    (0..1 << (MANTISSA_BITS + EXPONENT_BITS))
        .map(entry)
        .collect()
}

/// LayerNorm's epsilon, as it is added to a sum of `count` squares.
pub fn epsilon(epsilon: f64, count: usize) -> u64 {
    (epsilon * count as f64 * UNIT * UNIT).round() as u64
}

/// Tanh in the middle of each step, of which an index, signed, is the lower end: up to eight in either direction.
pub fn tanh(ring: Ring) -> Vec<u64> {
    let index = Ring::new(TANH_FRACTION_BITS + 4);
    let entry = |place: u64| {
        let x = (index.signed(place) as f64 + 0.5) / f64::from(1u32 << TANH_FRACTION_BITS);
        ring.encode((x.tanh() * UNIT).round() as i64)
    };
    (0..=index.mask()).map(entry).collect()
}

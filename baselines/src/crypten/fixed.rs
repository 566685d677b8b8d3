//! Real numbers in Z_{2^64} with 16 fractional bits, as CrypTen encodes them.

use qbench_protocols::ring::Ring;

/// Fractional bits of an encoded real number.
pub const FRACTION_BITS: u32 = 16;

/// Z_{2^64}.
pub const RING: Ring = Ring::new(64);

/// `value` to the nearest multiple of 2^-16. (The original cuts towards zero.)
pub fn encode(value: f64) -> u64 {
    (value * f64::from(1 << FRACTION_BITS)).round() as i64 as u64
}

/// The real number that an element stands for.
pub fn decode(element: u64) -> f64 {
    element as i64 as f64 / f64::from(1 << FRACTION_BITS)
}

//! What needs no communication and knows of 16 fractional bits.

use super::{FIXED, FRACTION_BITS, Share, truncate};
use crate::fixed_point::local::{add_integer, each};
use qbench_protocols::runtime::Runtime;

/// x plus a real number.
pub fn add_public(runtime: &Runtime<'_>, x: Share, value: f64) -> Share {
    add_integer(runtime, x, FIXED.encode::<u64>(value) as i64)
}

/// x times a real number, by local truncation (see [`truncate`] for how it can fail).
pub fn scale_public(runtime: &Runtime<'_>, x: Share, factor: f64) -> Share {
    let factor = FIXED.encode::<u64>(factor);
    each(
        runtime,
        x,
        #[inline(always)]
        |x| truncate(x.wrapping_mul(factor), FRACTION_BITS),
    )
}

/// x divided by a public integer: each party divides its share towards zero (see [`truncate`] for
/// how that can fail).
///
/// # Panics
/// If the divisor is zero.
pub fn divide_public(runtime: &Runtime<'_>, x: Share, divisor: u32) -> Share {
    assert!(divisor > 0, "a divisor");
    if divisor.is_power_of_two() {
        let bits = divisor.trailing_zeros();
        return each(
            runtime,
            x,
            #[inline(always)]
            |x| truncate(x, bits),
        );
    }
    each(
        runtime,
        x,
        #[inline(always)]
        |x| (x as i64 / i64::from(divisor)) as u64,
    )
}

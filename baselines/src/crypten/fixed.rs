//! Real numbers in Z_{2^64} with 16 fractional bits.

use qbench_protocols::ring::Ring;

/// Fractional bits of an encoded real number.
pub const FRACTION_BITS: u32 = 16;

/// Z_{2^64}.
pub const RING: Ring = Ring::new(64);

/// `value` to the nearest multiple of 2^-16. (The original cuts towards zero, so that its constants
/// and inputs are up to twice as far off.)
pub fn encode(value: f64) -> u64 {
    (value * f64::from(1 << FRACTION_BITS)).round() as i64 as u64
}

/// The real number that an element stands for.
pub fn decode(element: u64) -> f64 {
    element as i64 as f64 / f64::from(1 << FRACTION_BITS)
}

/// One party's share divided by 2^bits, towards zero, as a signed integer: local truncation by two
/// parties (SecureML, Mohassel and Zhang, S&P 2017, section 4.1; CrypTen, appendix A.1.2).
///
/// With v the shared integer before the division, the result is v / 2^bits with an error below one
/// unit of the last place, except with probability `|v| / 2^64` an element: then the two shares, as
/// signed integers, do not add up to v but to v +- 2^64, and the result is off by 2^(64 - bits). For a
/// product of size |z| (32 fractional bits before the division) that is `|z| * 2^-32`.
#[inline(always)]
pub fn truncate(share: u64, bits: u32) -> u64 {
    let signed = share as i64;
    let towards_zero = (signed >> 63) & ((1i64 << bits) - 1);
    (signed.wrapping_add(towards_zero) >> bits) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_divides_towards_zero() {
        for share in [
            0i64,
            1,
            -1,
            65535,
            -65535,
            65536,
            -65536,
            i64::MAX,
            i64::MIN,
        ] {
            assert_eq!(truncate(share as u64, 16) as i64, share / 65536);
            assert_eq!(truncate(share as u64, 8) as i64, share / 256);
        }
    }

    #[test]
    fn encoding_is_nearest() {
        for value in [0.0, 1.0, -1.0, 3.300_01, -2.000_009, 1e6] {
            assert!((decode(encode(value)) - value).abs() <= 0.5 / 65536.0);
        }
    }
}

//! Real numbers in rings.

use qbench_protocols::ring::{Ring, Word};

/// Real numbers in Z_{2^l} with f fractional bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// The ring.
    pub ring: Ring,
    /// Fractional bits of an encoded real number.
    pub fraction_bits: u32,
}

impl Fixed {
    /// `fraction_bits` in Z_{2^bits}.
    pub const fn new(bits: u32, fraction_bits: u32) -> Self {
        Self {
            ring: Ring::new(bits),
            fraction_bits,
        }
    }

    /// What 1 is.
    const fn unit(self) -> f64 {
        (1u64 << self.fraction_bits) as f64
    }

    /// `value` to the nearest element.
    pub fn encode<W: Word>(self, value: f64) -> W {
        self.ring.encode((value * self.unit()).round() as i64)
    }

    /// Whether the product of two encodings wraps whose real product is `value`: before it is truncated it has twice the
    /// fractional bits.
    pub fn product_wraps(self, value: f64) -> bool {
        let half = 2f64.powi(self.ring.bits() as i32 - 1);
        let scaled = value * self.unit() * self.unit();
        !(-half..half).contains(&scaled)
    }

    /// The real number that an element stands for.
    pub fn decode<W: Word>(self, element: W) -> f64 {
        self.ring.signed(element) as f64 / self.unit()
    }
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
        for fixed in [Fixed::new(64, 16), Fixed::new(50, 12), Fixed::new(37, 12)] {
            let half = 0.5 / fixed.unit();
            for value in [0.0, 1.0, -1.0, 3.300_01, -2.000_009, 1e6] {
                let element: u64 = fixed.encode(value);
                assert!(element <= fixed.ring.mask());
                assert!((fixed.decode(element) - value).abs() <= half);
            }
        }
    }
}

//! Bit-exact packing of ring elements: element `i` of width l takes bits `i*l .. (i+1)*l` of the
//! message, least significant bit first; the message is padded with zero bits to a whole byte.

use crate::ring::{Ring, Word};

/// Appends `elements`, packed, to `out`. High bits of the words beyond the ring are ignored.
pub fn pack<W: Word>(ring: Ring, elements: &[W], out: &mut Vec<u8>) {
    assert!(ring.bits() <= W::BITS, "the word holds the ring");
    if ring.bits() == W::BITS {
        return W::write_le(elements, out);
    }
    out.reserve(ring.wire_bytes(elements.len()));
    let (mut accumulator, mut held) = (0u128, 0);
    for element in elements {
        accumulator |= u128::from(element.to_u64() & ring.mask()) << held;
        held += ring.bits();
        if held >= 64 {
            out.extend_from_slice(&(accumulator as u64).to_le_bytes());
            accumulator >>= 64;
            held -= 64;
        }
    }
    let left = held.div_ceil(8) as usize;
    out.extend_from_slice(&accumulator.to_le_bytes()[..left]);
}

/// Unpacks `out.len()` elements; `bytes` must hold exactly `ring.wire_bytes(out.len())` bytes.
pub fn unpack<W: Word>(ring: Ring, bytes: &[u8], out: &mut [W]) {
    assert!(ring.bits() <= W::BITS, "the word holds the ring");
    assert_eq!(
        bytes.len(),
        ring.wire_bytes(out.len()),
        "bytes of the message"
    );
    if ring.bits() == W::BITS {
        return W::read_le(bytes, out);
    }
    for (i, out) in out.iter_mut().enumerate() {
        *out = read_at(ring, bytes, ring.wire_bits(i));
    }
}

/// Reads the one element of `ring` that starts at bit `bit` of `bytes`.
///
/// # Panics
/// If the element does not lie within `bytes`.
#[inline]
pub fn read_at<W: Word>(ring: Ring, bytes: &[u8], bit: u64) -> W {
    let first = (bit / 8) as usize;
    let shift = (bit % 8) as u32;
    let value = if ring.bits() <= 57
        && let Some(window) = bytes[first..].first_chunk::<8>()
    {
        u64::from_le_bytes(*window) >> shift
    } else {
        // Near the end, or up to nine bytes wide: the bytes that hold the element and no more.
        let count = (shift + ring.bits()).div_ceil(8) as usize;
        let mut window = [0; 16];
        window[..count].copy_from_slice(&bytes[first..first + count]);
        (u128::from_le_bytes(window) >> shift) as u64
    };
    W::from_u64(value & ring.mask())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// One bit after the other, as the format is defined.
    fn pack_by_bits<W: Word>(ring: Ring, elements: &[W]) -> Vec<u8> {
        let mut bytes = vec![0; ring.wire_bytes(elements.len())];
        for (i, element) in elements.iter().enumerate() {
            for b in 0..ring.bits() {
                let bit = i * ring.bits() as usize + b as usize;
                bytes[bit / 8] |= ((element.to_u64() >> b & 1) as u8) << (bit % 8);
            }
        }
        bytes
    }

    fn check<W: Word>() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(u64::from(W::BITS));
        for bits in 1..=W::BITS {
            let ring = Ring::new(bits);
            for count in (0..40).chain([63, 64, 65, 127, 128, 200, 515]) {
                let words: Vec<W> = (0..count).map(|_| W::from_u64(random.next_u64())).collect();
                let expected = pack_by_bits(ring, &words);
                let mut packed = vec![0xAA; 3];
                pack(ring, &words, &mut packed);
                assert_eq!(packed[..3], [0xAA; 3]);
                assert_eq!(packed[3..], expected, "{ring:?}, {count} elements");

                let reduced: Vec<W> = words.iter().map(|w| ring.reduce(*w)).collect();
                let mut unpacked = vec![W::from_u64(u64::MAX); count];
                unpack(ring, &expected, &mut unpacked);
                assert_eq!(unpacked, reduced, "{ring:?}, {count} elements");
                for (i, element) in reduced.iter().enumerate() {
                    let read: W = read_at(ring, &expected, ring.wire_bits(i));
                    assert_eq!(read, *element, "{ring:?}, element {i} of {count}");
                }
            }
        }
    }

    #[test]
    fn every_width_in_u8() {
        check::<u8>();
    }

    #[test]
    fn every_width_in_u16() {
        check::<u16>();
    }

    #[test]
    fn every_width_in_u32() {
        check::<u32>();
    }

    #[test]
    fn every_width_in_u64() {
        check::<u64>();
    }

    #[test]
    fn reads_at_any_bit() {
        let bytes: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(151) ^ 0x5c).collect();
        for bits in 1..=64 {
            let ring = Ring::new(bits);
            for bit in 0..=(8 * bytes.len() as u64 - u64::from(bits)) {
                let expected = (0..bits).fold(0, |value, b| {
                    let at = (bit + u64::from(b)) as usize;
                    value | u64::from(bytes[at / 8] >> (at % 8) & 1) << b
                });
                assert_eq!(
                    read_at::<u64>(ring, &bytes, bit),
                    expected,
                    "{bits} at {bit}"
                );
            }
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn reads_no_further_than_the_message() {
        read_at::<u16>(Ring::new(11), &[0; 4], 24);
    }
}

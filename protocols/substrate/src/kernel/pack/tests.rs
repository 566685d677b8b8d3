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

/// The portable loops, whatever the machine has.
fn check_portable<W: Word>(ring: Ring, words: &[W], packed: &[u8]) {
    let lanes = Lanes::new::<W>(ring);
    if lanes.fit_window() {
        let mut out = vec![0; packed.len()];
        pack_by(
            words::bytes(words),
            lanes.bits(),
            |w| lanes.join(w),
            &mut out,
        );
        assert_eq!(out, packed);
        let mut unpacked = vec![W::default(); words.len()];
        let bytes = words::bytes_mut(&mut unpacked);
        unpack_by(packed, lanes.bits(), |b| lanes.spread(b), bytes);
        assert!(
            unpacked
                .iter()
                .zip(words)
                .all(|(u, w)| *u == ring.reduce(*w))
        );
    }
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

            check_portable(ring, &words, &expected);

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

/// Messages of several pieces, the last one of any length, into memory that is no larger than they are.
#[test]
fn pieces_are_one_message() {
    fn check<W: Word>(bits: u32) {
        let ring = Ring::new(bits);
        for count in [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 7] {
            let words: Vec<W> = (0..count as u64)
                .map(|i| W::from_u64(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 9))
                .collect();
            let mut packed = Vec::with_capacity(ring.wire_bytes(count));
            let at = packed.as_ptr();
            pack(ring, &words, &mut packed);
            assert_eq!(packed, pack_by_bits(ring, &words), "{bits} bits, {count}");
            assert_eq!(packed.as_ptr(), at, "moved");
        }
    }
    for bits in [1, 4, 5, 7] {
        check::<u8>(bits);
    }
    for bits in [4, 11, 15] {
        check::<u16>(bits);
    }
    check::<u32>(21);
    check::<u64>(37);
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

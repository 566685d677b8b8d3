//! Elements of Z_{2^l} for l = 1..=64, held in the smallest machine word that fits.

use crate::wipe::Wiped;
use std::fmt;

/// A machine word that holds one ring element: `u8`, `u16`, `u32` or `u64`.
pub trait Word:
    Copy + Default + Eq + Ord + Send + Sync + fmt::Debug + fmt::Display + 'static
{
    /// Width of the word in bits.
    const BITS: u32;
    /// The low bits of `value`.
    fn from_u64(value: u64) -> Self;
    /// Zero-extended.
    fn to_u64(self) -> u64;
    /// Sum modulo 2^BITS.
    fn add(self, other: Self) -> Self;
    /// Difference modulo 2^BITS.
    fn sub(self, other: Self) -> Self;
    /// Product modulo 2^BITS.
    fn mul(self, other: Self) -> Self;
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Little-endian bytes to words; `bytes` holds exactly `out.len()` words.
    fn read_le(bytes: &[u8], out: &mut [Self]);
    /// Words to little-endian bytes, appended.
    fn write_le(words: &[Self], out: &mut Vec<u8>);
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            const BITS: u32 = <$type>::BITS;
            #[inline(always)]
            fn from_u64(value: u64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_u64(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline]
            fn read_le(bytes: &[u8], out: &mut [Self]) {
                const SIZE: usize = size_of::<$type>();
                assert_eq!(bytes.len(), out.len() * SIZE, "bytes for words");
                for (word, chunk) in out.iter_mut().zip(bytes.as_chunks::<SIZE>().0) {
                    *word = <$type>::from_le_bytes(*chunk);
                }
            }
            #[inline]
            fn write_le(words: &[Self], out: &mut Vec<u8>) {
                out.reserve(size_of_val(words));
                for word in words {
                    out.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
    };
}
word!(u8);
word!(u16);
word!(u32);
word!(u64);

/// The ring Z_{2^bits}.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ring {
    bits: u8,
}

impl Ring {
    /// Z_{2^bits}.
    ///
    /// # Panics
    /// If `bits` is not in 1..=64; widths come from validated settings.
    pub const fn new(bits: u32) -> Self {
        assert!(bits >= 1 && bits <= 64, "ring width must be 1..=64 bits");
        Self { bits: bits as u8 }
    }

    /// Width in bits.
    #[inline(always)]
    pub const fn bits(self) -> u32 {
        self.bits as u32
    }

    /// 2^bits - 1.
    #[inline(always)]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits as u32)
    }

    /// The mask as a word; the word must be wide enough.
    #[inline(always)]
    pub fn word_mask<W: Word>(self) -> W {
        debug_assert!(self.bits() <= W::BITS);
        W::from_u64(self.mask())
    }

    /// `value` modulo 2^bits.
    #[inline(always)]
    pub fn reduce<W: Word>(self, value: W) -> W {
        value.and(self.word_mask())
    }

    /// The element that stands for a signed integer.
    #[inline(always)]
    pub fn encode<W: Word>(self, value: i64) -> W {
        W::from_u64(value as u64 & self.mask())
    }

    /// The signed integer in [-2^(bits-1), 2^(bits-1)) that an element stands for.
    #[inline(always)]
    pub fn signed<W: Word>(self, element: W) -> i64 {
        let shift = 64 - self.bits();
        ((element.to_u64() << shift) as i64) >> shift
    }

    /// `a - b`, element by element; as many as the shorter has.
    pub fn subtract<W: Word>(self, a: &[W], b: &[W]) -> Wiped<W> {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| self.reduce(a.sub(*b))).collect()
    }

    /// `a += b`, element by element.
    pub fn add_to<W: Word>(self, a: &mut [W], b: &[W]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a = self.reduce(a.add(*b));
        }
    }

    /// Bits that `count` elements take on the wire.
    pub const fn wire_bits(self, count: usize) -> u64 {
        self.bits as u64 * count as u64
    }

    /// Bytes of one message of `count` elements: packed to the bit, rounded up once.
    pub const fn wire_bytes(self, count: usize) -> usize {
        (self.bits as usize * count).div_ceil(8)
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Z_2^{}", self.bits)
    }
}

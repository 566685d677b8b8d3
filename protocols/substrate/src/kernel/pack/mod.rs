//! Bit-exact packing of ring elements: element `i` of width l takes bits `i*l .. (i+1)*l` of the
//! message, least significant bit first; the message is padded with zero bits to a whole byte.
//!
//! The inner loops take 64 bits of words at a time, 8 elements in `u8` or 4 in `u16`: the bits of
//! the ring are drawn together by one `pext` of BMI2 (and spread again by `pdep`) and then shifted
//! into place. The portable form does the same one element after the other. Whole words are copied
//! and half bytes, the commonest elements of all, have loops that the compiler vectorizes.

use super::{cpu, widest, words};
use crate::ring::{Ring, Word};
use crate::wipe::Wiped;

/// Bits that can be read from, or added to, 64 bits at any offset within a byte.
const WINDOW: u32 = 57;

/// Elements that are packed at a time, a multiple of 8, so that each piece ends on a whole byte: the zeros that room for them is
/// made of are still in a near cache when they are overwritten.
const PIECE: usize = 16_384;

/// Appends `elements`, packed, to `out`. High bits of the words beyond the ring are ignored.
///
/// # Panics
/// If the word is narrower than the ring.
pub fn pack<W: Word>(ring: Ring, elements: &[W], out: &mut Vec<u8>) {
    assert!(ring.bits() <= W::BITS, "the word holds the ring");
    if ring.bits() == W::BITS {
        out.extend_from_slice(words::bytes(elements));
        return;
    }
    out.reserve(ring.wire_bytes(elements.len()));
    let lanes = Lanes::new::<W>(ring);
    for elements in elements.chunks(PIECE) {
        let start = out.len();
        out.resize(start + ring.wire_bytes(elements.len()), 0);
        let out = &mut out[start..];
        if lanes.are_nibbles() {
            pack_nibbles(words::bytes(elements), out);
        } else if lanes.fit_window() {
            lanes.pack(words::bytes(elements), out);
        } else {
            pack_wide(ring, elements, out);
        }
    }
}

/// Unpacks `out.len()` elements.
///
/// # Panics
/// If the word is narrower than the ring, or `bytes` does not hold exactly
/// `ring.wire_bytes(out.len())` bytes.
pub fn unpack<W: Word>(ring: Ring, bytes: &[u8], out: &mut [W]) {
    assert!(ring.bits() <= W::BITS, "the word holds the ring");
    let expected = ring.wire_bytes(out.len());
    assert_eq!(bytes.len(), expected, "bytes of the message");
    let lanes = Lanes::new::<W>(ring);
    if ring.bits() == W::BITS {
        words::bytes_mut(out).copy_from_slice(bytes);
    } else if lanes.are_nibbles() {
        unpack_nibbles(bytes, words::bytes_mut(out));
    } else if lanes.fit_window() {
        lanes.unpack(bytes, words::bytes_mut(out));
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = read_at(ring, bytes, ring.wire_bits(i));
        }
    }
}

/// Unpacks the next `len` elements of a message of several vectors, each packed by itself, and moves on.
///
/// # Panics
/// If fewer bytes are left, or the word is narrower than the ring.
pub fn unpack_next<W: Word>(ring: Ring, rest: &mut &[u8], len: usize) -> Wiped<W> {
    let (bytes, tail) = rest.split_at(ring.wire_bytes(len));
    *rest = tail;
    let mut out = Wiped::zeros(len);
    unpack(ring, bytes, &mut out);
    out
}

/// Reads the one element of `ring` that starts at bit `bit` of `bytes`.
///
/// # Panics
/// If the element does not lie within `bytes`, or the word is narrower than the ring (the latter
/// in debug builds).
#[inline]
pub fn read_at<W: Word>(ring: Ring, bytes: &[u8], bit: u64) -> W {
    debug_assert!(ring.bits() <= W::BITS, "the word holds the ring");
    let first = (bit / 8) as usize;
    let shift = (bit % 8) as u32;
    let value = if ring.bits() <= WINDOW
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

/// Packs where the elements of 64 bits of words do not fit a window.
fn pack_wide<W: Word>(ring: Ring, elements: &[W], out: &mut [u8]) {
    let (mut held, mut count, mut at) = (0u128, 0, 0);
    for element in elements {
        held |= u128::from(element.to_u64() & ring.mask()) << count;
        count += ring.bits();
        if count >= 64 {
            out[at..at + 8].copy_from_slice(&(held as u64).to_le_bytes());
            held >>= 64;
            count -= 64;
            at += 8;
        }
    }
    let left = out.len() - at;
    out[at..].copy_from_slice(&held.to_le_bytes()[..left]);
}

/// Packs two half bytes a byte.
fn pack_nibbles(elements: &[u8], out: &mut [u8]) {
    let (pairs, last) = elements.as_chunks::<2>();
    widest(
        #[inline(always)]
        || {
            for (out, pair) in out.iter_mut().zip(pairs) {
                let pair = u16::from_le_bytes(*pair);
                *out = (pair & 0xf | pair >> 4 & 0xf0) as u8;
            }
        },
    );
    if let ([low], Some(out)) = (last, out.last_mut()) {
        *out = low & 0xf;
    }
}

/// Unpacks two half bytes a byte.
fn unpack_nibbles(bytes: &[u8], out: &mut [u8]) {
    let (pairs, last) = out.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [byte & 0xf, byte >> 4];
    }
    if let ([low], Some(byte)) = (last, bytes.last()) {
        *low = byte & 0xf;
    }
}

/// How elements lie in 64 bits of words: `count` lanes, of which the low `width` bits count.
#[derive(Clone, Copy)]
struct Lanes {
    count: u32,
    width: u32,
    /// The bits that count.
    mask: u64,
}

impl Lanes {
    fn new<W: Word>(ring: Ring) -> Self {
        let count = 64 / W::BITS;
        Self {
            count,
            width: ring.bits(),
            mask: (0..count).fold(0, |mask, i| mask | ring.mask() << (i * W::BITS)),
        }
    }

    /// Bits that the lanes take in a message.
    fn bits(self) -> u32 {
        self.count * self.width
    }

    fn are_nibbles(self) -> bool {
        (self.count, self.width) == (8, 4)
    }

    /// Whether there are several lanes that can be packed, and unpacked, by one window.
    fn fit_window(self) -> bool {
        self.count > 1 && self.bits() < WINDOW
    }

    /// The bits that count, drawn together.
    fn join(self, words: u64) -> u64 {
        let from = 64 / self.count;
        let mask = self.mask & u64::MAX >> (64 - from);
        (0..self.count).fold(0, |bits, i| {
            bits | (words >> (i * from) & mask) << (i * self.width)
        })
    }

    /// The low bits, spread over the lanes.
    fn spread(self, bits: u64) -> u64 {
        let to = 64 / self.count;
        let mask = self.mask & u64::MAX >> (64 - to);
        (0..self.count).fold(0, |words, i| {
            words | (bits >> (i * self.width) & mask) << (i * to)
        })
    }

    /// Packs all of `words` into `out`, which is as long as the message.
    fn pack(self, words: &[u8], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if cpu::fast_bmi2() {
            // SAFETY: the machine has BMI2.
            return unsafe { self.pack_bmi2(words, out) };
        }
        pack_by(words, self.bits(), |words| self.join(words), out);
    }

    /// Unpacks all of `words` from `bytes`.
    fn unpack(self, bytes: &[u8], words: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if cpu::fast_bmi2() {
            // SAFETY: the machine has BMI2.
            return unsafe { self.unpack_bmi2(bytes, words) };
        }
        unpack_by(bytes, self.bits(), |bits| self.spread(bits), words);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi2")]
    fn pack_bmi2(self, words: &[u8], out: &mut [u8]) {
        let join = |words| std::arch::x86_64::_pext_u64(words, self.mask);
        pack_by(words, self.bits(), join, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi2")]
    fn unpack_bmi2(self, bytes: &[u8], words: &mut [u8]) {
        let spread = |bits| std::arch::x86_64::_pdep_u64(bits, self.mask);
        unpack_by(bytes, self.bits(), spread, words);
    }
}

/// Appends the `bits` (below [`WINDOW`]) that `join` makes of each 64 bits of words.
#[inline(always)]
fn pack_by(words: &[u8], bits: u32, join: impl Fn(u64) -> u64, out: &mut [u8]) {
    let (whole, rest) = words.as_chunks::<8>();
    // A store of 8 bytes fits where it begins 8 bytes before the end; the last words get one of what is left.
    let fit = match out.len().checked_sub(8) {
        Some(last) => whole.len().min((8 * last + 7) / bits as usize + 1),
        None => 0,
    };
    // Eight words end on a whole byte, where nothing is held: the processor begins with the next ones meanwhile.
    let (fit, unfit) = whole.split_at(fit / 8 * 8);
    let mut at = 0;
    for words in fit.as_chunks::<8>().0 {
        // The bits of the byte at `at` that are known, fewer than 8 of them.
        let (mut held, mut count, mut byte) = (0, 0, at);
        for word in words {
            held |= join(u64::from_le_bytes(*word)) << count;
            out[byte..byte + 8].copy_from_slice(&held.to_le_bytes());
            count += bits;
            byte += (count / 8) as usize;
            held >>= count / 8 * 8;
            count %= 8;
        }
        at += bits as usize;
    }
    let (mut held, mut count) = (0, 0);
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    for word in unfit.iter().chain(Some(&last)) {
        held |= join(u64::from_le_bytes(*word)) << count;
        // Absent lanes are zero, as is all beyond the end.
        let left = &mut out[at..];
        let length = left.len().min(8);
        left[..length].copy_from_slice(&held.to_le_bytes()[..length]);
        count += bits;
        at = (at + (count / 8) as usize).min(out.len());
        held >>= count / 8 * 8;
        count %= 8;
    }
}

/// Makes each 64 bits of words by `spread` of the next `bits` ([`WINDOW`] at most).
#[inline(always)]
fn unpack_by(bytes: &[u8], bits: u32, spread: impl Fn(u64) -> u64, words: &mut [u8]) {
    let read = |i: usize| {
        let bit = i * bits as usize;
        let rest = &bytes[bit / 8..];
        let window = match rest.first_chunk::<8>() {
            Some(window) => *window,
            None => {
                let mut window = [0; 8];
                window[..rest.len()].copy_from_slice(rest);
                window
            }
        };
        spread(u64::from_le_bytes(window) >> (bit % 8)).to_le_bytes()
    };
    let (whole, rest) = words.as_chunks_mut::<8>();
    for (i, word) in whole.iter_mut().enumerate() {
        *word = read(i);
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&read(whole.len())[..rest.len()]);
    }
}

#[cfg(test)]
mod tests;

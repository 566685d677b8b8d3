//! AES-128 in counter mode by VAES on 512-bit registers, four blocks each: counters are made,
//! encrypted and cut to the ring's width without leaving the registers. Chosen at run time; the
//! crate `aes` is what it is tested against, and what other machines run.

use super::{BLOCK, Block};
use crate::kernel::cpu;
use std::arch::x86_64::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Blocks in one register.
const LANES: usize = 4;
/// Registers encrypted side by side, as many as hide the latency of a round.
const WIDE: usize = 8;
/// Round keys of AES-128.
pub(super) const ROUNDS: usize = 11;

/// The round keys of AES-128 on a machine that has VAES: that one could be made is the proof.
/// Zeroed when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Vaes {
    keys: [[u8; BLOCK]; ROUNDS],
}

impl Vaes {
    /// The key schedule, where the machine has VAES and AVX-512 F and BW.
    pub(super) fn new(key: &[u8; BLOCK]) -> Option<Self> {
        cpu::vaes512().then(|| Self {
            // SAFETY: the machine has AES.
            keys: unsafe { expand(key) },
        })
    }

    /// Fills `out` with the key stream from block `first` on, every 64 bits of it cut by `mask`;
    /// `out` is a whole number of blocks.
    pub(super) fn fill(&self, first: u64, mask: u64, out: &mut [Block]) {
        // SAFETY: a value of this type exists only where the machine has what this needs.
        unsafe { self.fill_vaes(first, mask, out) }
    }

    /// Fills `out` with the blocks of the key stream at `indices`, one each.
    pub(super) fn gather(&self, indices: &[u64], out: &mut [Block]) {
        // SAFETY: a value of this type exists only where the machine has what this needs.
        unsafe { self.gather_vaes(indices, out) }
    }

    /// Encrypts each block in place.
    pub(super) fn encrypt(&self, blocks: &mut [Block]) {
        // SAFETY: a value of this type exists only where the machine has what this needs.
        unsafe { self.encrypt_vaes(blocks) }
    }

    /// Each block becomes its encryption exclusive or itself.
    pub(super) fn hash(&self, blocks: &mut [Block]) {
        // SAFETY: a value of this type exists only where the machine has what this needs.
        unsafe { self.hash_vaes(blocks) }
    }

    /// See [`super::doubling::Doubling::children`].
    pub(super) fn children(&self, nodes: &[Block], left: &mut [Block], right: &mut [Block]) {
        // SAFETY: a value of this type exists only where the machine has what this needs.
        unsafe { self.children_vaes(nodes, left, right) }
    }

    /// See [`super::doubling::Doubling::descend`].
    pub(super) fn descend(
        &self,
        nodes: &mut [Block],
        right: u64,
        corrections: [&[Block]; 2],
        difference: u64,
    ) -> u64 {
        // SAFETY: a value of this type exists only where the machine has what this needs.
        unsafe { self.descend_vaes(nodes, right, corrections, difference) }
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes")]
    fn fill_vaes(&self, first: u64, mask: u64, out: &mut [Block]) {
        let keys = self.broadcast();
        let cut = _mm512_set1_epi64(mask as i64);
        // The index of each block in the upper half of its lane, in the machine's byte order.
        let index = _mm512_set_epi64(3, 0, 2, 0, 1, 0, 0, 0);
        let start = _mm512_maskz_set1_epi64(0b1010_1010, first as i64);
        let mut index = _mm512_add_epi64(index, start);
        let next = _mm512_maskz_set1_epi64(0b1010_1010, LANES as i64);
        // Turns that half into big-endian order.
        let swap = _mm512_broadcast_i32x4(_mm_set_epi8(
            8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 4, 3, 2, 1, 0,
        ));

        let (wide, rest) = out.as_chunks_mut::<{ LANES * WIDE }>();
        for out in wide {
            let mut blocks = [_mm512_setzero_si512(); WIDE];
            for block in &mut blocks {
                *block = _mm512_shuffle_epi8(index, swap);
                index = _mm512_add_epi64(index, next);
            }
            let blocks = rounds(&keys, blocks);
            for (out, block) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(blocks) {
                store(out, _mm512_and_si512(block, cut));
            }
        }
        for out in rest.chunks_mut(LANES) {
            let [block] = rounds(&keys, [_mm512_shuffle_epi8(index, swap)]);
            index = _mm512_add_epi64(index, next);
            store(out, _mm512_and_si512(block, cut));
        }
    }

    /// Counters go from the indices to the cipher without being written to memory in parts, which a load would wait for.
    #[target_feature(enable = "avx512f,avx512bw,vaes")]
    fn gather_vaes(&self, indices: &[u64], out: &mut [Block]) {
        let keys = self.broadcast();
        let (wide, rest) = out.as_chunks_mut::<{ LANES * WIDE }>();
        let (wide_indices, rest_indices) = indices.as_chunks::<{ LANES * WIDE }>();
        for (out, indices) in wide.iter_mut().zip(wide_indices) {
            let mut blocks = [_mm512_setzero_si512(); WIDE];
            for (block, indices) in blocks.iter_mut().zip(indices.as_chunks().0) {
                *block = counters(indices);
            }
            let blocks = rounds(&keys, blocks);
            for (out, block) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(blocks) {
                store(out, block);
            }
        }
        for (out, indices) in rest.chunks_mut(LANES).zip(rest_indices.chunks(LANES)) {
            let mut four = [0; LANES];
            four[..indices.len()].copy_from_slice(indices);
            let [block] = rounds(&keys, [counters(&four)]);
            store(out, block);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes")]
    fn encrypt_vaes(&self, blocks: &mut [Block]) {
        let keys = self.broadcast();
        let (wide, rest) = blocks.as_chunks_mut::<{ LANES * WIDE }>();
        for blocks in wide {
            let mut values = [_mm512_setzero_si512(); WIDE];
            for (value, blocks) in values.iter_mut().zip(blocks.as_chunks::<LANES>().0) {
                *value = load(blocks);
            }
            let values = rounds(&keys, values);
            for (value, blocks) in values.iter().zip(blocks.as_chunks_mut::<LANES>().0) {
                store(blocks, *value);
            }
        }
        for blocks in rest.chunks_mut(LANES) {
            let [value] = rounds(&keys, [load(blocks)]);
            store(blocks, value);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes")]
    fn hash_vaes(&self, blocks: &mut [Block]) {
        let keys = self.broadcast();
        let (wide, rest) = blocks.as_chunks_mut::<{ LANES * WIDE }>();
        for blocks in wide {
            hash::<WIDE>(&keys, blocks);
        }
        for blocks in rest.chunks_mut(LANES) {
            hash::<1>(&keys, blocks);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes")]
    fn children_vaes(&self, nodes: &[Block], left: &mut [Block], right: &mut [Block]) {
        const HALF: usize = WIDE / 2;
        let keys = self.broadcast();
        let low = _mm512_maskz_set1_epi64(0b0101_0101, 1);
        let nodes = nodes.chunks(LANES * HALF);
        let children = left
            .chunks_mut(LANES * HALF)
            .zip(right.chunks_mut(LANES * HALF));
        for (nodes, (left, right)) in nodes.zip(children) {
            let mut seeds = [_mm512_setzero_si512(); WIDE];
            for (i, nodes) in nodes.chunks(LANES).enumerate() {
                seeds[i] = _mm512_andnot_si512(low, load(nodes));
                seeds[HALF + i] = _mm512_or_si512(seeds[i], low);
            }
            let hashes = rounds(&keys, seeds);
            let children = left.chunks_mut(LANES).zip(right.chunks_mut(LANES));
            for (i, (left, right)) in children.enumerate() {
                store(left, _mm512_xor_si512(hashes[i], seeds[i]));
                store(right, _mm512_xor_si512(hashes[HALF + i], seeds[HALF + i]));
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes")]
    fn descend_vaes(
        &self,
        nodes: &mut [Block],
        right: u64,
        corrections: [&[Block]; 2],
        difference: u64,
    ) -> u64 {
        let keys = self.broadcast();
        let [lefts, rights] = corrections;
        let (mut control, mut at) = (0, 0);
        let (wide, rest) = nodes.as_chunks_mut::<{ LANES * WIDE }>();
        for nodes in wide {
            let until = at + nodes.len();
            let sides = [&lefts[at..until], &rights[at..until]];
            let next = step::<WIDE>(&keys, nodes, right >> at, sides, difference >> at);
            control |= next << at;
            at = until;
        }
        for nodes in rest.chunks_mut(LANES) {
            let until = at + nodes.len();
            let sides = [&lefts[at..until], &rights[at..until]];
            let next = step::<1>(&keys, nodes, right >> at, sides, difference >> at);
            control |= next << at;
            at = until;
        }
        control
    }

    /// Each round key in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn broadcast(&self) -> [__m512i; ROUNDS] {
        let mut keys = [_mm512_setzero_si512(); ROUNDS];
        for (wide, key) in keys.iter_mut().zip(&self.keys) {
            // SAFETY: a key is 16 bytes.
            *wide = _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(key.as_ptr().cast()) });
        }
        keys
    }
}

/// The counter blocks of four indices.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn counters(indices: &[u64; LANES]) -> __m512i {
    // SAFETY: four indices are 32 bytes.
    let indices = unsafe { _mm256_loadu_si256(indices.as_ptr().cast()) };
    let each_twice = _mm512_permutexvar_epi64(
        _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0),
        _mm512_castsi256_si512(indices),
    );
    // Zero, then the index in big-endian order.
    _mm512_shuffle_epi8(
        each_twice,
        _mm512_broadcast_i32x4(_mm_set_epi8(
            0, 1, 2, 3, 4, 5, 6, 7, -1, -1, -1, -1, -1, -1, -1, -1,
        )),
    )
}

/// AES-128 of N registers (FIPS 197, section 5.1).
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn rounds<const N: usize>(keys: &[__m512i; ROUNDS], mut blocks: [__m512i; N]) -> [__m512i; N] {
    for block in &mut blocks {
        *block = _mm512_xor_si512(*block, keys[0]);
    }
    for key in &keys[1..ROUNDS - 1] {
        for block in &mut blocks {
            *block = _mm512_aesenc_epi128(*block, *key);
        }
    }
    for block in &mut blocks {
        *block = _mm512_aesenclast_epi128(*block, keys[ROUNDS - 1]);
    }
    blocks
}

/// The hash of up to N registers of blocks, in place.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn hash<const N: usize>(keys: &[__m512i; ROUNDS], blocks: &mut [Block]) {
    let mut values = [_mm512_setzero_si512(); N];
    for (value, blocks) in values.iter_mut().zip(blocks.chunks(LANES)) {
        *value = load(blocks);
    }
    let hashes = rounds(keys, values);
    for ((hash, value), blocks) in hashes.iter().zip(values).zip(blocks.chunks_mut(LANES)) {
        store(blocks, _mm512_xor_si512(*hash, value));
    }
}

/// One level down from up to N registers of nodes, of which `right` and `difference` have a bit each; the new control bits.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn step<const N: usize>(
    keys: &[__m512i; ROUNDS],
    nodes: &mut [Block],
    right: u64,
    [lefts, rights]: [&[Block]; 2],
    difference: u64,
) -> u64 {
    let low = _mm512_maskz_set1_epi64(0b0101_0101, 1);
    let mut seeds = [_mm512_setzero_si512(); N];
    let mut control = [0; N];
    for (i, nodes) in nodes.chunks(LANES).enumerate() {
        let node = load(nodes);
        control[i] = _mm512_test_epi64_mask(node, low);
        let seed = _mm512_andnot_si512(low, node);
        seeds[i] = _mm512_mask_or_epi64(seed, spread(right >> (LANES * i)), seed, low);
    }
    let hashes = rounds(keys, seeds);
    let corrections = lefts.chunks(LANES).zip(rights.chunks(LANES));
    let mut next = 0;
    for (i, (nodes, (left, right_side))) in nodes.chunks_mut(LANES).zip(corrections).enumerate() {
        let side = spread(right >> (LANES * i));
        let flipped = side & spread(difference >> (LANES * i));
        let correction = _mm512_mask_blend_epi64(side | side << 1, load(left), load(right_side));
        let correction = _mm512_mask_xor_epi64(correction, flipped, correction, low);
        let child = _mm512_xor_si512(hashes[i], seeds[i]);
        let corrected = control[i] | control[i] << 1;
        let child = _mm512_mask_xor_epi64(child, corrected, child, correction);
        store(nodes, child);
        // A register that is not full has nodes of zeros, whose children are no zeros.
        let set = _mm512_test_epi64_mask(child, low) & halves(nodes.len());
        next |= gather(set) << (LANES * i);
    }
    next
}

/// Four bits, to the lower half of each block's two bits.
#[inline]
fn spread(bits: u64) -> u8 {
    let bits = bits as u8 & 0xf;
    let bits = (bits | bits << 2) & 0x33;
    (bits | bits << 1) & 0x55
}

/// The reverse.
#[inline]
fn gather(mask: u8) -> u64 {
    let bits = mask & 0x55;
    let bits = (bits | bits >> 1) & 0x33;
    u64::from((bits | bits >> 2) & 0xf)
}

/// One mask bit for each 64 bits of `count` blocks, 4 at most.
fn halves(count: usize) -> u8 {
    debug_assert!((1..=LANES).contains(&count));
    u8::MAX >> (2 * (LANES - count))
}

/// Up to four blocks as one register, the rest of it zero.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(blocks: &[Block]) -> __m512i {
    // SAFETY: the mask stops at the end of the blocks.
    unsafe { _mm512_maskz_loadu_epi64(halves(blocks.len()), blocks.as_ptr().cast()) }
}

/// As many blocks as `out` has, four at most.
#[inline]
#[target_feature(enable = "avx512f")]
fn store(out: &mut [Block], value: __m512i) {
    // SAFETY: the mask stops at the end of `out`.
    unsafe { _mm512_mask_storeu_epi64(out.as_mut_ptr().cast(), halves(out.len()), value) }
}

/// The key schedule (FIPS 197, section 5.2).
#[target_feature(enable = "aes")]
pub(super) fn expand(key: &[u8; BLOCK]) -> [[u8; BLOCK]; ROUNDS] {
    let mut keys = [[0; BLOCK]; ROUNDS];
    keys[0] = *key;
    macro_rules! round {
        ($round:literal, $constant:literal) => {
            // SAFETY: keys are 16 bytes.
            unsafe {
                let last = _mm_loadu_si128(keys[$round - 1].as_ptr().cast());
                let assist = _mm_aeskeygenassist_si128::<$constant>(last);
                let word = _mm_shuffle_epi32::<0xff>(assist);
                // Each word adds all words before it: a prefix sum in two steps.
                let sum = _mm_xor_si128(last, _mm_slli_si128::<4>(last));
                let sum = _mm_xor_si128(sum, _mm_slli_si128::<8>(sum));
                let next = _mm_xor_si128(sum, word);
                _mm_storeu_si128(keys[$round].as_mut_ptr().cast(), next);
            }
        };
    }
    round!(1, 0x01);
    round!(2, 0x02);
    round!(3, 0x04);
    round!(4, 0x08);
    round!(5, 0x10);
    round!(6, 0x20);
    round!(7, 0x40);
    round!(8, 0x80);
    round!(9, 0x1b);
    round!(10, 0x36);
    keys
}

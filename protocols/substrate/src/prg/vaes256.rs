//! AES-128 of many blocks by VAES on 256-bit registers, two blocks each: for machines that have VAES and AVX2 but not
//! AVX-512.

use super::{BLOCK, Block, vaes};
use crate::kernel::cpu;
use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use std::arch::x86_64::*;
use std::sync::OnceLock;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Blocks in one register.
const LANES: usize = 2;
/// Registers encrypted side by side, as many as hide the latency of a round.
const WIDE: usize = 8;

/// The round keys of AES-128 on a machine that has VAES: that one could be made is the proof. Zeroed when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Vaes256 {
    keys: [[u8; BLOCK]; vaes::ROUNDS],
}

impl Vaes256 {
    /// The key schedule, where the machine has VAES and AVX2, and they are right.
    pub(super) fn new(key: &[u8; BLOCK]) -> Option<Self> {
        static RIGHT: OnceLock<bool> = OnceLock::new();
        match RIGHT.get_or_init(Self::is_right) {
            true => Self::unchecked(key),
            false => None,
        }
    }

    /// Whether two blocks come out as by the crate `aes`. An emulated machine may say that it has VAES and compute the upper
    /// half of a register wrongly, as QEMU 7.2 does.
    fn is_right() -> bool {
        let mut blocks: [Block; 2] = [[1; BLOCK], [2; BLOCK]];
        let mut expected = blocks;
        let Some(vaes) = Self::unchecked(&[3; BLOCK]) else {
            return false;
        };
        vaes.encrypt(&mut blocks);
        let portable = Aes128::new(&[3; BLOCK].into());
        portable.encrypt_blocks(Array::cast_slice_from_core_mut(&mut expected));
        blocks == expected
    }

    fn unchecked(key: &[u8; BLOCK]) -> Option<Self> {
        cpu::vaes256().then(|| Self {
            // SAFETY: the machine has AES.
            keys: unsafe { vaes::expand(key) },
        })
    }

    /// Fills `out` with the key stream from block `first` on, every 64 bits of it cut by `mask`.
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

    /// Counters are made, encrypted and cut without leaving the registers.
    #[target_feature(enable = "avx2,vaes")]
    fn fill_vaes(&self, first: u64, mask: u64, out: &mut [Block]) {
        let keys = self.broadcast();
        let cut = _mm256_set1_epi64x(mask as i64);
        // The index of each block in the upper half of its lane, in the machine's byte order.
        let first = first as i64;
        let mut index = _mm256_set_epi64x(first.wrapping_add(1), 0, first, 0);
        let next = _mm256_set_epi64x(LANES as i64, 0, LANES as i64, 0);
        // Turns that half into big-endian order.
        let swap = _mm256_broadcastsi128_si256(_mm_set_epi8(
            8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 4, 3, 2, 1, 0,
        ));
        let (pairs, last) = out.as_chunks_mut::<LANES>();
        let (wide, rest) = pairs.as_chunks_mut::<WIDE>();
        for pairs in wide {
            let mut blocks = [_mm256_setzero_si256(); WIDE];
            for block in &mut blocks {
                *block = _mm256_shuffle_epi8(index, swap);
                index = _mm256_add_epi64(index, next);
            }
            for (pair, block) in pairs.iter_mut().zip(rounds(&keys, blocks)) {
                store(pair, _mm256_and_si256(block, cut));
            }
        }
        for pair in rest {
            let [block] = rounds(&keys, [_mm256_shuffle_epi8(index, swap)]);
            index = _mm256_add_epi64(index, next);
            store(pair, _mm256_and_si256(block, cut));
        }
        if let [last] = last {
            let [block] = rounds(&keys, [_mm256_shuffle_epi8(index, swap)]);
            let mut pair = [[0; BLOCK]; LANES];
            store(&mut pair, _mm256_and_si256(block, cut));
            *last = pair[0];
            pair.as_flattened_mut().zeroize();
        }
    }

    /// Counters go from the indices to the cipher without being written to memory in parts, which a load would wait for.
    #[target_feature(enable = "avx2,vaes")]
    fn gather_vaes(&self, indices: &[u64], out: &mut [Block]) {
        let keys = self.broadcast();
        let (pairs, last) = out.as_chunks_mut::<LANES>();
        let (index_pairs, last_index) = indices.as_chunks::<LANES>();
        let (wide, rest) = pairs.as_chunks_mut::<WIDE>();
        let (wide_indices, rest_indices) = index_pairs.as_chunks::<WIDE>();
        for (pairs, indices) in wide.iter_mut().zip(wide_indices) {
            let mut blocks = [_mm256_setzero_si256(); WIDE];
            for (block, indices) in blocks.iter_mut().zip(indices) {
                *block = counters(*indices);
            }
            for (pair, block) in pairs.iter_mut().zip(rounds(&keys, blocks)) {
                store(pair, block);
            }
        }
        for (pair, indices) in rest.iter_mut().zip(rest_indices) {
            let [block] = rounds(&keys, [counters(*indices)]);
            store(pair, block);
        }
        if let ([last], [index]) = (last, last_index) {
            let [block] = rounds(&keys, [counters([*index; LANES])]);
            let mut pair = [[0; BLOCK]; LANES];
            store(&mut pair, block);
            *last = pair[0];
            pair.as_flattened_mut().zeroize();
        }
    }

    #[target_feature(enable = "avx2,vaes")]
    fn encrypt_vaes(&self, blocks: &mut [Block]) {
        let keys = self.broadcast();
        in_place::<false>(&keys, blocks);
    }

    #[target_feature(enable = "avx2,vaes")]
    fn hash_vaes(&self, blocks: &mut [Block]) {
        let keys = self.broadcast();
        in_place::<true>(&keys, blocks);
    }

    /// Each round key in both lanes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn broadcast(&self) -> [__m256i; vaes::ROUNDS] {
        let mut keys = [_mm256_setzero_si256(); vaes::ROUNDS];
        for (wide, key) in keys.iter_mut().zip(&self.keys) {
            // SAFETY: a key is 16 bytes.
            *wide = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(key.as_ptr().cast()) });
        }
        keys
    }
}

/// Each block becomes its encryption, or its hash.
#[inline]
#[target_feature(enable = "avx2,vaes")]
fn in_place<const HASH: bool>(keys: &[__m256i; vaes::ROUNDS], blocks: &mut [Block]) {
    let (pairs, last) = blocks.as_chunks_mut::<LANES>();
    let (wide, rest) = pairs.as_chunks_mut::<WIDE>();
    for pairs in wide {
        run::<WIDE, HASH>(keys, pairs);
    }
    for pair in rest {
        run::<1, HASH>(keys, std::array::from_mut(pair));
    }
    if let [last] = last {
        let mut pair = [[*last, [0; BLOCK]]];
        run::<1, HASH>(keys, &mut pair);
        *last = pair[0][0];
    }
}

/// N registers of blocks, in place.
#[inline]
#[target_feature(enable = "avx2,vaes")]
fn run<const N: usize, const HASH: bool>(
    keys: &[__m256i; vaes::ROUNDS],
    pairs: &mut [[Block; LANES]; N],
) {
    let mut values = [_mm256_setzero_si256(); N];
    for (value, pair) in values.iter_mut().zip(&*pairs) {
        *value = load(pair);
    }
    for (pair, value) in pairs.iter_mut().zip(rounds(keys, values)) {
        let mask = if HASH {
            load(pair)
        } else {
            _mm256_setzero_si256()
        };
        store(pair, _mm256_xor_si256(value, mask));
    }
}

/// AES-128 of N registers (FIPS 197, section 5.1).
#[inline]
#[target_feature(enable = "avx2,vaes")]
fn rounds<const N: usize>(
    keys: &[__m256i; vaes::ROUNDS],
    mut blocks: [__m256i; N],
) -> [__m256i; N] {
    for block in &mut blocks {
        *block = _mm256_xor_si256(*block, keys[0]);
    }
    for key in &keys[1..vaes::ROUNDS - 1] {
        for block in &mut blocks {
            *block = _mm256_aesenc_epi128(*block, *key);
        }
    }
    for block in &mut blocks {
        *block = _mm256_aesenclast_epi128(*block, keys[vaes::ROUNDS - 1]);
    }
    blocks
}

/// The counter blocks of two indices.
#[inline]
#[target_feature(enable = "avx2")]
fn counters(indices: [u64; LANES]) -> __m256i {
    // SAFETY: two indices are 16 bytes.
    let indices = unsafe { _mm_loadu_si128(indices.as_ptr().cast()) };
    let each_twice = _mm256_permute4x64_epi64::<0b01_01_00_00>(_mm256_castsi128_si256(indices));
    // Zero, then the index in big-endian order.
    _mm256_shuffle_epi8(
        each_twice,
        _mm256_broadcastsi128_si256(_mm_set_epi8(
            0, 1, 2, 3, 4, 5, 6, 7, -1, -1, -1, -1, -1, -1, -1, -1,
        )),
    )
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(pair: &[Block; LANES]) -> __m256i {
    // SAFETY: a pair of blocks is 32 bytes.
    unsafe { _mm256_loadu_si256(pair.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(pair: &mut [Block; LANES], value: __m256i) {
    // SAFETY: a pair of blocks is 32 bytes.
    unsafe { _mm256_storeu_si256(pair.as_mut_ptr().cast(), value) }
}

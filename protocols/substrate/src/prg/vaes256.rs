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

    /// Encrypts each block in place.
    pub(super) fn encrypt(&self, blocks: &mut [Block]) {
        // SAFETY: a value of this type exists only where the machine has what this needs.
        unsafe { self.encrypt_vaes(blocks) }
    }

    #[target_feature(enable = "avx2,vaes")]
    fn encrypt_vaes(&self, blocks: &mut [Block]) {
        let mut keys = [_mm256_setzero_si256(); vaes::ROUNDS];
        for (wide, key) in keys.iter_mut().zip(&self.keys) {
            // SAFETY: a key is 16 bytes.
            *wide = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(key.as_ptr().cast()) });
        }
        let (wide, rest) = blocks.as_chunks_mut::<{ LANES * WIDE }>();
        for blocks in wide {
            run::<WIDE>(&keys, blocks);
        }
        let (pairs, last) = rest.as_chunks_mut::<LANES>();
        for pair in pairs {
            run::<1>(&keys, pair);
        }
        if let [last] = last {
            let mut pair = [*last, [0; BLOCK]];
            run::<1>(&keys, &mut pair);
            *last = pair[0];
        }
    }
}

/// AES-128 of N registers of blocks (FIPS 197, section 5.1).
#[inline]
#[target_feature(enable = "avx2,vaes")]
fn run<const N: usize>(keys: &[__m256i; vaes::ROUNDS], blocks: &mut [Block]) {
    assert_eq!(blocks.len(), N * LANES, "whole registers");
    let mut values = [_mm256_setzero_si256(); N];
    for (value, pair) in values.iter_mut().zip(blocks.as_chunks::<LANES>().0) {
        // SAFETY: a pair of blocks is 32 bytes.
        let loaded = unsafe { _mm256_loadu_si256(pair.as_ptr().cast()) };
        *value = _mm256_xor_si256(loaded, keys[0]);
    }
    for key in &keys[1..vaes::ROUNDS - 1] {
        for value in &mut values {
            *value = _mm256_aesenc_epi128(*value, *key);
        }
    }
    for (value, pair) in values.iter().zip(blocks.as_chunks_mut::<LANES>().0) {
        let value = _mm256_aesenclast_epi128(*value, keys[vaes::ROUNDS - 1]);
        // SAFETY: a pair of blocks is 32 bytes.
        unsafe { _mm256_storeu_si256(pair.as_mut_ptr().cast(), value) }
    }
}

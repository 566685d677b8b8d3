//! AES-128 of many blocks: the fastest form that this machine can run.

#[cfg(target_arch = "x86_64")]
use super::vaes::Vaes;
use super::{BLOCK, Block, counter};
use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// Blocks that the crate `aes` is given at a time: enough for its widest form, well inside L1.
const RUN: usize = 256;

/// One key, expanded. Zeroed when dropped.
#[derive(Clone)]
pub(super) enum Cipher {
    /// By the crate `aes`.
    Portable(Aes128),
    /// By 512-bit VAES.
    #[cfg(target_arch = "x86_64")]
    Vaes(Vaes),
}

impl Cipher {
    /// The fastest form.
    pub(super) fn new(key: &[u8; BLOCK]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(vaes) = Vaes::new(key) {
            return Self::Vaes(vaes);
        }
        Self::portable(key)
    }

    fn portable(key: &[u8; BLOCK]) -> Self {
        Self::Portable(Aes128::new(&(*key).into()))
    }

    /// Fills `out` with the blocks of the key stream from `first` on, every 64 bits cut by `mask`.
    pub(super) fn fill(&self, first: u64, mask: u64, out: &mut [Block]) {
        match self {
            Self::Portable(_) => {
                let mask = u128::from(mask) << 64 | u128::from(mask);
                let mut index = first;
                for run in out.chunks_mut(RUN) {
                    for block in &mut *run {
                        *block = counter(index);
                        index = index.wrapping_add(1);
                    }
                    self.encrypt(run);
                    for block in run {
                        *block = (u128::from_le_bytes(*block) & mask).to_le_bytes();
                    }
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(vaes) => vaes.fill(first, mask, out),
        }
    }

    /// Encrypts each block in place.
    pub(super) fn encrypt(&self, blocks: &mut [Block]) {
        match self {
            Self::Portable(aes) => aes.encrypt_blocks(Array::cast_slice_from_core_mut(blocks)),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(vaes) => vaes.encrypt(blocks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A, F.1.1, all four blocks.
    #[test]
    fn block_function_known_answer() {
        let key = 0x2b7e1516_28aed2a6_abf71588_09cf4f3c_u128.to_be_bytes();
        let text: [u128; 4] = [
            0x6bc1bee2_2e409f96_e93d7e11_7393172a,
            0xae2d8a57_1e03ac9c_9eb76fac_45af8e51,
            0x30c81c46_a35ce411_e5fbc119_1a0a52ef,
            0xf69f2445_df4f9b17_ad2b417b_e66c3710,
        ];
        let expected: [u128; 4] = [
            0x3ad77bb4_0d7a3660_a89ecaf3_2466ef97,
            0xf5d3d585_03b9699d_e785895a_96fdbaaf,
            0x43b1cd7f_598ece23_881b00e3_ed030688,
            0x7b0c785e_27e8ad3f_82232071_04725dd4,
        ];
        for cipher in [Cipher::new(&key), Cipher::portable(&key)] {
            let mut blocks = text.map(u128::to_be_bytes);
            cipher.encrypt(&mut blocks);
            assert_eq!(blocks.map(u128::from_be_bytes), expected);
        }
    }

    /// On a machine without VAES this compares the portable form with itself; the known answers
    /// above hold everywhere.
    #[test]
    fn forms_agree() {
        for (i, first) in [0, 1, 250, 1 << 32, u64::MAX - 5].into_iter().enumerate() {
            let key = [0x35 + i as u8; BLOCK];
            for count in (0..70).chain([255, 256, 257, 1000]) {
                for mask in [u64::MAX, 0x0f0f_0f0f_0f0f_0f0f, 0x001f_ffff_001f_ffff] {
                    let mut best = vec![[0xaa; BLOCK]; count];
                    Cipher::new(&key).fill(first, mask, &mut best);
                    let mut portable = vec![[0x55; BLOCK]; count];
                    Cipher::portable(&key).fill(first, mask, &mut portable);
                    assert!(best == portable, "{count} blocks from {first} by {mask:x}");
                }
            }
            let mut best = vec![[i as u8; BLOCK]; 77];
            let mut portable = best.clone();
            Cipher::new(&key).encrypt(&mut best);
            Cipher::portable(&key).encrypt(&mut portable);
            assert!(best == portable);
        }
    }
}

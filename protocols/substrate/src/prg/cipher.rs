//! AES-128 of many blocks: the fastest form that this machine can run.

#[cfg(target_arch = "x86_64")]
use super::vaes::Vaes;
#[cfg(target_arch = "x86_64")]
use super::vaes256::Vaes256;
use super::{BLOCK, Block, counter};
use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroize;

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
    /// By 256-bit VAES.
    #[cfg(target_arch = "x86_64")]
    Vaes256(Vaes256),
}

impl Cipher {
    /// The fastest form.
    pub(super) fn new(key: &[u8; BLOCK]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(vaes) = Vaes::new(key) {
            return Self::Vaes(vaes);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(vaes) = Vaes256::new(key) {
            return Self::Vaes256(vaes);
        }
        Self::portable(key)
    }

    pub(super) fn portable(key: &[u8; BLOCK]) -> Self {
        Self::Portable(Aes128::new(&(*key).into()))
    }

    /// Fills `out` with the blocks of the key stream from `first` on, every 64 bits cut by `mask`.
    pub(super) fn fill(&self, first: u64, mask: u64, out: &mut [Block]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(vaes) => vaes.fill(first, mask, out),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(vaes) => vaes.fill(first, mask, out),
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
        }
    }

    /// Fills `out` with the blocks of the key stream at `indices`, one each.
    pub(super) fn gather(&self, indices: &[u64], out: &mut [Block]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(vaes) => vaes.gather(indices, out),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(vaes) => vaes.gather(indices, out),
            Self::Portable(_) => {
                for (block, index) in out.iter_mut().zip(indices) {
                    *block = counter(*index);
                }
                self.encrypt(out);
            }
        }
    }

    /// Encrypts each block in place.
    pub(super) fn encrypt(&self, blocks: &mut [Block]) {
        match self {
            Self::Portable(aes) => aes.encrypt_blocks(Array::cast_slice_from_core_mut(blocks)),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(vaes) => vaes.encrypt(blocks),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(vaes) => vaes.encrypt(blocks),
        }
    }

    /// Each block becomes its encryption exclusive or itself: a one-way function where the key is public.
    pub(super) fn hash(&self, blocks: &mut [Block]) {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Vaes(vaes) => return vaes.hash(blocks),
            Self::Vaes256(vaes) => return vaes.hash(blocks),
            Self::Portable(_) => {}
        }
        let mut inputs = [[0; BLOCK]; RUN];
        for blocks in blocks.chunks_mut(RUN) {
            let inputs = &mut inputs[..blocks.len()];
            inputs.copy_from_slice(blocks);
            self.encrypt(blocks);
            for (block, input) in blocks.iter_mut().zip(&*inputs) {
                *block = (u128::from_le_bytes(*block) ^ u128::from_le_bytes(*input)).to_le_bytes();
            }
        }
        inputs.as_flattened_mut().zeroize();
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
        for cipher in every_form(&key) {
            let mut blocks = text.map(u128::to_be_bytes);
            cipher.encrypt(&mut blocks);
            assert_eq!(blocks.map(u128::from_be_bytes), expected);
        }
    }

    /// Those that this machine can run.
    fn every_form(key: &[u8; BLOCK]) -> Vec<Cipher> {
        let forms = vec![Cipher::new(key), Cipher::portable(key)];
        #[cfg(target_arch = "x86_64")]
        return forms
            .into_iter()
            .chain(Vaes256::new(key).map(Cipher::Vaes256))
            .collect();
        #[cfg(not(target_arch = "x86_64"))]
        forms
    }

    /// On a machine without VAES this compares the portable form with itself; the known answers
    /// above hold everywhere.
    #[test]
    fn forms_agree() {
        for (i, first) in [0, 1, 250, 1 << 32, u64::MAX - 5].into_iter().enumerate() {
            let key = [0x35 + i as u8; BLOCK];
            for count in (0..70).chain([255, 256, 257, 1000]) {
                for mask in [u64::MAX, 0x0f0f_0f0f_0f0f_0f0f, 0x001f_ffff_001f_ffff] {
                    let mut portable = vec![[0x55; BLOCK]; count];
                    Cipher::portable(&key).fill(first, mask, &mut portable);
                    for cipher in every_form(&key) {
                        let mut met = vec![[0xaa; BLOCK]; count];
                        cipher.fill(first, mask, &mut met);
                        assert!(met == portable, "{count} blocks from {first} by {mask:x}");
                    }
                }
            }
            let indices: Vec<u64> = (0..77).map(|j| first.wrapping_mul(j) ^ j << 33).collect();
            for cipher in every_form(&key) {
                for count in 0..indices.len() {
                    let mut met = vec![[0xaa; BLOCK]; count];
                    cipher.gather(&indices[..count], &mut met);
                    let mut expected: Vec<_> =
                        indices[..count].iter().map(|i| counter(*i)).collect();
                    Cipher::portable(&key).encrypt(&mut expected);
                    assert!(met == expected, "{count} blocks");
                }
            }
            let mut portable: Vec<Block> = (0..77).map(|j| [i as u8 ^ j; BLOCK]).collect();
            let start = portable.clone();
            Cipher::portable(&key).encrypt(&mut portable);
            for cipher in every_form(&key) {
                let (mut met, mut hashed) = (start.clone(), start.clone());
                cipher.encrypt(&mut met);
                assert!(met == portable);
                cipher.hash(&mut hashed);
                for ((hash, cipher), text) in hashed.iter().zip(&met).zip(&start) {
                    let sum = u128::from_le_bytes(*cipher) ^ u128::from_le_bytes(*text);
                    assert_eq!(u128::from_le_bytes(*hash), sum);
                }
            }
        }
    }
}

//! The length-doubling generator of GGM trees (Goldreich, Goldwasser and Micali), on which distributed point functions
//! stand: a node's seed gives those of its two children.
//!
//! `H(x) = AES_k(x) xor x` with a fixed public key k (Matyas, Meyer and Oseas); the children of a seed s, whose lowest bit is
//! zero, are `H(s)` and `H(s xor 1)`. In the model of a random permutation H is correlation robust (Guo, Katz, Wang and Yu,
//! S&P 2020), which is what a tree needs: the inputs are seeds that nobody knows, shifted by a constant. There is no
//! key schedule a node, which would cost more than the cipher.

use super::cipher::Cipher;
use super::{BLOCK as BLOCK_BYTES, Block};

/// The most trees that are descended at a time: one bit each in a word.
pub const TREES: usize = 64;

/// The public key: the first hexadecimal digits of the fractional part of pi.
const PUBLIC_KEY: [u8; BLOCK_BYTES] = 0x243f_6a88_85a3_08d3_1319_8a2e_0370_7344_u128.to_be_bytes();

/// The generator: children of many nodes at a time.
///
/// The lowest bit of a node is its control bit, no part of its seed.
#[derive(Clone)]
pub struct Doubling {
    cipher: Cipher,
}

impl Default for Doubling {
    fn default() -> Self {
        Self {
            cipher: Cipher::new(&PUBLIC_KEY),
        }
    }
}

impl Doubling {
    /// The same by the crate `aes` on any machine: what the others are tested against.
    pub fn portable() -> Self {
        Self {
            cipher: Cipher::portable(&PUBLIC_KEY),
        }
    }

    /// H of each block, in place.
    pub fn one_way(&self, blocks: &mut [Block]) {
        self.cipher.hash(blocks);
    }

    /// Left and right children of each node, without corrections.
    ///
    /// Cost: two AES blocks a node.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn children(&self, nodes: &[Block], left: &mut [Block], right: &mut [Block]) {
        assert_eq!(
            [left.len(), right.len()],
            [nodes.len(); 2],
            "two children a node"
        );
        #[cfg(target_arch = "x86_64")]
        if let Cipher::Vaes(vaes) = &self.cipher {
            return vaes.children(nodes, left, right);
        }
        for ((nodes, left), right) in nodes
            .chunks(TREES)
            .zip(left.chunks_mut(TREES))
            .zip(right.chunks_mut(TREES))
        {
            for ((node, left), right) in nodes.iter().zip(&mut *left).zip(&mut *right) {
                let seed = u128::from_le_bytes(*node) & !1;
                *left = seed.to_le_bytes();
                *right = (seed | 1).to_le_bytes();
            }
            self.cipher.hash(left);
            self.cipher.hash(right);
        }
    }

    /// One level down in up to 64 trees: each node becomes its left child, or its right one where the bit of `right` is set,
    /// and where its control bit is set the child is corrected: by the word of its side, whose lowest bit is flipped on the right
    /// where the bit of `difference` is set. Gives the new control bits.
    ///
    /// Cost: one AES block a node.
    ///
    /// # Panics
    /// If there are more than 64 nodes, or not as many corrections.
    pub fn descend(
        &self,
        nodes: &mut [Block],
        right: u64,
        corrections: [&[Block]; 2],
        difference: u64,
    ) -> u64 {
        let count = nodes.len();
        assert!(count <= TREES, "a bit a tree");
        assert_eq!(
            corrections.map(<[_]>::len),
            [count; 2],
            "a correction a node"
        );
        #[cfg(target_arch = "x86_64")]
        if let Cipher::Vaes(vaes) = &self.cipher {
            return vaes.descend(nodes, right, corrections, difference);
        }
        let mut control = 0;
        for (i, node) in nodes.iter_mut().enumerate() {
            let value = u128::from_le_bytes(*node);
            control |= ((value & 1) as u64) << i;
            let side = u128::from(right >> i & 1);
            *node = (value & !1 | side).to_le_bytes();
        }
        self.cipher.hash(nodes);
        let mut next = 0;
        for (i, node) in nodes.iter_mut().enumerate() {
            let bit = |word: u64| u128::from(word >> i & 1);
            let correction = u128::from_le_bytes(corrections[(right >> i & 1) as usize][i]);
            let correction = correction ^ bit(right & difference);
            let value = u128::from_le_bytes(*node) ^ (correction & bit(control).wrapping_neg());
            next |= ((value & 1) as u64) << i;
            *node = value.to_le_bytes();
        }
        next
    }
}

/// Shows nothing: the key is public, and there is nothing else.
impl std::fmt::Debug for Doubling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Doubling")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Seed;
    use super::*;

    fn blocks(count: usize, domain: &str) -> Vec<Block> {
        let mut bytes = vec![0; count * BLOCK_BYTES];
        Seed::from_bytes([3; 16])
            .stream(domain)
            .fill_bytes(0, &mut bytes);
        bytes.as_chunks().0.to_vec()
    }

    #[test]
    fn the_best_form_and_the_portable_one_descend_alike() {
        let (best, portable) = (Doubling::default(), Doubling::portable());
        for count in (0..=TREES).chain([TREES]) {
            let corrections = [blocks(count, "left"), blocks(count, "right")];
            let corrections = corrections.each_ref().map(|c| &c[..]);
            let words = blocks(1, &format!("{count}"))[0];
            let (right, difference) = words.split_at(8);
            let word = |half: &[u8]| u64::from_le_bytes(half.try_into().unwrap());
            let mut nodes = blocks(count, "nodes");
            let mut same = nodes.clone();
            let control = best.descend(&mut nodes, word(right), corrections, word(difference));
            let expected = portable.descend(&mut same, word(right), corrections, word(difference));
            assert_eq!(nodes, same, "{count} trees");
            assert_eq!(control, expected, "{count} trees");
        }
    }

    /// Without corrections descending gives one of the children.
    #[test]
    fn descends_to_a_child() {
        let nodes = blocks(TREES, "nodes");
        let mut sides = [nodes.clone(), nodes.clone()];
        let [left, right] = &mut sides;
        Doubling::default().children(&nodes, left, right);
        let zero = vec![[0; BLOCK_BYTES]; TREES];
        for (side, child) in sides.iter().enumerate() {
            let mut met = nodes.clone();
            let right = [0, u64::MAX][side];
            let control = Doubling::default().descend(&mut met, right, [&zero; 2], 0);
            assert_eq!(met, *child);
            for (i, node) in met.iter().enumerate() {
                assert_eq!(control >> i & 1, u64::from(node[0] & 1));
            }
        }
    }

    /// `H(s)` and `H(s xor 1)` with s = 0, by the block function alone.
    #[test]
    fn children_are_hashes() {
        let node = [0; BLOCK_BYTES];
        let (mut left, mut right) = ([[7; BLOCK_BYTES]], [[7; BLOCK_BYTES]]);
        Doubling::portable().children(&[node], &mut left, &mut right);
        let mut expected = [[0; BLOCK_BYTES], 1u128.to_le_bytes()];
        Cipher::portable(&PUBLIC_KEY).encrypt(&mut expected);
        expected[1][0] ^= 1;
        assert_eq!([left[0], right[0]], expected);
    }
}

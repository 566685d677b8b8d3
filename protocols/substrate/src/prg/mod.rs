//! AES-128 in counter mode as a pseudorandom generator with random access.
//!
//! A [`Seed`] is shared by a pair of parties (or private to one). [`Seed::stream`] derives the
//! [`Stream`] of one domain (phase, step label, ordinal); element `k` of a stream occupies
//! `size_of::<W>()` bytes at byte `k * size_of::<W>()` of the key stream, cut to the ring's width,
//! so that single elements can be computed without the ones before.
//!
//! Block `j` of the key stream is AES-128 of `j` as a 128-bit big-endian number: counter mode as
//! in NIST SP 800-38A, section 6.5, from the counter block zero.

mod cipher;
pub mod doubling;
#[cfg(target_arch = "x86_64")]
mod vaes;
#[cfg(target_arch = "x86_64")]
mod vaes256;

use crate::kernel::words::bytes_mut;
use crate::ring::{Ring, Word};
use crate::{Error, Result};
use cipher::Cipher;
use std::slice::from_mut;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Names this use of blake3; a change of the derivation changes the name.
const KEY_CONTEXT: &str = "qbench 2026-01 generator: stream key from seed and domain";

/// Bytes of one AES block.
pub const BLOCK: usize = 16;
/// Blocks that [`Stream::gather`] encrypts at a time.
const GATHER: usize = 64;

/// An AES block.
pub type Block = [u8; BLOCK];

/// A 128-bit generator seed. Never printed, zeroed when dropped. Its bytes have a place of their own, so that moving it leaves no
/// copy behind.
#[derive(Clone)]
pub struct Seed(Box<Zeroizing<[u8; 16]>>);

impl ZeroizeOnDrop for Seed {}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(secret)")
    }
}

impl Seed {
    /// A seed from the operating system's generator.
    ///
    /// # Errors
    /// [`Error::Io`] if the operating system has no randomness to give.
    pub fn random() -> Result<Self> {
        let mut seed = Self::from_bytes([0; 16]);
        getrandom::fill(&mut **seed.0)
            .map_err(|e| Error::io("drawing a random seed", std::io::Error::other(e)))?;
        Ok(seed)
    }

    /// A given seed: for agreements between parties and for tests.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Box::new(Zeroizing::new(bytes)))
    }

    /// Takes other bytes: a seed's own memory is the only place where they stay.
    ///
    /// # Panics
    /// If there are not 16.
    pub(crate) fn set(&mut self, bytes: &[u8]) {
        self.0.copy_from_slice(bytes);
    }

    /// The bytes, to send to the one peer that shares this seed.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// The stream of one domain: the AES key is the first 16 bytes of blake3's key derivation
    /// (BLAKE3 paper, section 2.3, mode `derive_key`) of the seed followed by the domain. The seed
    /// has a fixed length, so that no two pairs of seed and domain share an input.
    pub fn stream(&self, domain: &str) -> Stream {
        let mut hasher = blake3::Hasher::new_derive_key(KEY_CONTEXT);
        hasher.update(self.expose()).update(domain.as_bytes());
        let mut key = [0; 16];
        let mut output = hasher.finalize_xof();
        output.fill(&mut key);
        output.zeroize();
        hasher.zeroize();
        let stream = Stream::from_key(&key);
        key.zeroize();
        stream
    }
}

/// The key stream of one seed in one domain. Its round keys are zeroed when it is dropped.
#[derive(Clone)]
pub struct Stream {
    cipher: Cipher,
    /// A planted fault: the bits that elements keep.
    #[cfg(feature = "testing")]
    kept: u64,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream(secret)")
    }
}

impl Stream {
    fn from_key(key: &[u8; 16]) -> Self {
        Self {
            cipher: Cipher::new(key),
            #[cfg(feature = "testing")]
            kept: u64::MAX,
        }
    }

    /// The same as a broken generator, for tests that must see it: of every element only these bits.
    #[cfg(feature = "testing")]
    pub(crate) fn keeping(self, kept: u64) -> Self {
        Self { kept, ..self }
    }

    /// Elements `first .. first + out.len()`, each uniform in `ring`.
    pub fn fill<W: Word>(&self, ring: Ring, first: u64, out: &mut [W]) {
        self.fill_all(ring, first, out);
        #[cfg(feature = "testing")]
        self.cut(out);
    }

    /// What a planted fault leaves of the elements.
    #[cfg(feature = "testing")]
    fn cut<W: Word>(&self, out: &mut [W]) {
        if self.kept != u64::MAX {
            for element in out {
                *element = W::from_u64(element.to_u64() & self.kept);
            }
        }
    }

    fn fill_all<W: Word>(&self, ring: Ring, first: u64, out: &mut [W]) {
        let per_block = BLOCK / size_of::<W>();
        let block = first / per_block as u64;
        let skip = (first % per_block as u64) as usize;
        let (head, rest) = match skip {
            0 => (&mut [][..], out),
            _ => out.split_at_mut(out.len().min(per_block - skip)),
        };
        self.part_of_block(ring, block, skip, head);

        let block = block + u64::from(skip > 0);
        let (whole, tail) = rest.split_at_mut(rest.len() / per_block * per_block);
        let blocks = bytes_mut(whole).as_chunks_mut::<BLOCK>().0;
        self.cipher.fill(block, word_masks::<W>(ring), blocks);
        self.part_of_block(ring, block + blocks.len() as u64, 0, tail);
    }

    /// Bytes `first .. first + out.len()` of the key stream.
    pub fn fill_bytes(&self, first: u64, out: &mut [u8]) {
        self.fill(Ring::new(8), first, out);
    }

    /// The elements at `positions`, one AES block each: `out[i]` is what [`Stream::fill`] gives
    /// for element `positions[i]`.
    ///
    /// # Panics
    /// If the two slices differ in length.
    pub fn gather<W: Word>(&self, ring: Ring, positions: &[u64], out: &mut [W]) {
        assert_eq!(positions.len(), out.len(), "one position an element");
        let per_block = (BLOCK / size_of::<W>()) as u64;
        let mut buffer = [[0; BLOCK]; GATHER];
        let mut indices = [0; GATHER];
        for (positions, out) in positions.chunks(GATHER).zip(out.chunks_mut(GATHER)) {
            let blocks = &mut buffer[..positions.len()];
            let indices = &mut indices[..positions.len()];
            for (index, position) in indices.iter_mut().zip(positions) {
                *index = position / per_block;
            }
            self.cipher.gather(indices, blocks);
            for ((block, position), out) in blocks.iter().zip(positions).zip(out) {
                let first = (position % per_block) as usize * size_of::<W>();
                W::read_le(&block[first..first + size_of::<W>()], from_mut(out));
                *out = ring.reduce(*out);
            }
        }
        buffer.as_flattened_mut().zeroize();
        #[cfg(feature = "testing")]
        self.cut(out);
    }

    /// The elements of one block from the one at `skip` on.
    fn part_of_block<W: Word>(&self, ring: Ring, block: u64, skip: usize, out: &mut [W]) {
        if !out.is_empty() {
            let mut bytes = [[0; BLOCK]];
            self.cipher.fill(block, word_masks::<W>(ring), &mut bytes);
            let first = skip * size_of::<W>();
            W::read_le(&bytes[0][first..first + size_of_val(out)], out);
            bytes.as_flattened_mut().zeroize();
        }
    }
}

/// The counter block of block `index`.
#[inline]
fn counter(index: u64) -> Block {
    u128::from(index).to_be_bytes()
}

/// The ring's mask in each of the words that 64 bits hold.
#[inline]
fn word_masks<W: Word>(ring: Ring) -> u64 {
    assert!(ring.bits() <= W::BITS, "the word holds the ring");
    (0..64 / W::BITS).fold(0, |masks, i| masks | ring.mask() << (i * W::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    fn stream() -> Stream {
        Seed::from_bytes([7; 16]).stream("test")
    }

    /// Every block of the stream is the block function of its index; the first two for the zero
    /// key are printed in the GCM specification (McGrew and Viega, test cases 1 and 2).
    #[test]
    fn layout_known_answer() {
        let stream = Stream::from_key(&[0; 16]);
        let mut bytes = vec![0; 700 * 16];
        stream.fill_bytes(0, &mut bytes);
        let first = 0x66e94bd4_ef8a2c3b_884cfa59_ca342b2e_u128.to_be_bytes();
        let second = 0x58e2fcce_fa7e3061_367f1d57_a4e7455a_u128.to_be_bytes();
        assert_eq!(bytes[..16], first);
        assert_eq!(bytes[16..32], second);
        for (index, bytes) in bytes.chunks(16).enumerate() {
            let mut block = [(index as u128).to_be_bytes()];
            stream.cipher.encrypt(&mut block);
            assert_eq!(block[0], *bytes, "block {index}");
        }
    }

    fn gather_equals_fill<W: Word>(ring: Ring) {
        let mut whole = vec![W::default(); 20_000];
        stream().fill(ring, 0, &mut whole);
        assert!(whole.iter().all(|w| w.to_u64() <= ring.mask()));
        assert!(whole.iter().any(|w| w.to_u64() >> (ring.bits() - 1) == 1));
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let positions: Vec<u64> = (0..1001).map(|_| random.next_u64() % 20_000).collect();
        let mut gathered = vec![W::default(); positions.len()];
        stream().gather(ring, &positions, &mut gathered);
        for (position, gathered) in positions.iter().zip(gathered) {
            assert_eq!(
                gathered, whole[*position as usize],
                "{ring:?} at {position}"
            );
        }
    }

    #[test]
    fn gather_equals_fill_for_every_word() {
        gather_equals_fill::<u8>(Ring::new(8));
        gather_equals_fill::<u8>(Ring::new(4));
        gather_equals_fill::<u16>(Ring::new(16));
        gather_equals_fill::<u16>(Ring::new(11));
        gather_equals_fill::<u32>(Ring::new(32));
        gather_equals_fill::<u32>(Ring::new(21));
        gather_equals_fill::<u64>(Ring::new(64));
        gather_equals_fill::<u64>(Ring::new(37));
    }

    fn pieces_equal_whole<W: Word>(ring: Ring) {
        let mut whole = vec![W::default(); 10_000];
        stream().fill(ring, 0, &mut whole);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
        let mut pieces = vec![W::default(); whole.len()];
        let mut first = 0;
        while first < pieces.len() {
            let limit = if random.next_u64() % 4 == 0 { 3000 } else { 20 };
            let count = (random.next_u64() as usize % limit).min(pieces.len() - first);
            stream().fill(ring, first as u64, &mut pieces[first..first + count]);
            first += count;
        }
        assert_eq!(pieces, whole, "{ring:?}");
    }

    #[test]
    fn pieces_equal_whole_for_every_word() {
        pieces_equal_whole::<u8>(Ring::new(5));
        pieces_equal_whole::<u16>(Ring::new(16));
        pieces_equal_whole::<u32>(Ring::new(21));
        pieces_equal_whole::<u64>(Ring::new(64));
    }

    #[test]
    fn far_elements_are_reached() {
        let ring = Ring::new(64);
        let mut filled = [0u64; 3];
        stream().fill(ring, u64::MAX - 2, &mut filled);
        let mut gathered = [0u64; 3];
        let positions = [u64::MAX - 2, u64::MAX - 1, u64::MAX];
        stream().gather(ring, &positions, &mut gathered);
        assert_eq!(filled, gathered);
    }

    #[test]
    fn domains_and_seeds_differ() {
        let draw = |seed: u8, domain: &str| {
            let mut bytes = [0; 32];
            let stream = Seed::from_bytes([seed; 16]).stream(domain);
            stream.fill_bytes(0, &mut bytes);
            bytes
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, ""), draw(1, "\0"));
    }

    #[test]
    fn random_seeds_differ_and_nothing_prints_them() {
        let (a, b) = (Seed::random(), Seed::random());
        let (a, b) = (a.expect("a seed"), b.expect("a seed"));
        assert_ne!(a.expose(), b.expose());
        assert_eq!(
            format!("{a:?} {:?}", b.stream("x")),
            "Seed(secret) Stream(secret)"
        );
    }
}

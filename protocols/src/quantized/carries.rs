//! How the cuts of the integer reference round: as a secure run did, or as fresh shares would.

use crate::ring::Ring;
use crate::{Error, Result};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::collections::{HashMap, VecDeque};

/// Where the roundings of the cuts come from.
pub enum Carries {
    /// From a secure run: for each cut of a step, in order, the sums of both shares' low bits.
    Recorded(HashMap<String, VecDeque<Vec<u64>>>),
    /// From a secure run that truncated in a wide ring: for each cut of a step, in order, the low 32 bits of what came out.
    Outputs(HashMap<String, VecDeque<Vec<u64>>>),
    /// Drawn with the probability that fresh shares give: the ideal functionality.
    Random(Box<Xoshiro256PlusPlus>),
    /// Such that each cut rounds to the nearest, halves upwards: no run's, and the same each time.
    Nearest,
}

impl Carries {
    /// From a run's record: step and, for each element, the sum of what both shares dropped.
    pub fn recorded(cuts: Vec<(String, Vec<u64>)>) -> Self {
        Self::Recorded(by_step(cuts))
    }

    /// From a run's record: step and, for each element, what came out, modulo 2^32.
    pub fn outputs(cuts: Vec<(String, Vec<u64>)>) -> Self {
        Self::Outputs(by_step(cuts))
    }

    /// Seeded.
    pub fn random(seed: u64) -> Self {
        Self::Random(Box::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
    }

    /// Whether the low bits of each element carry. `raised` are the numbers that are cut, already raised by `2^dropped - 1`.
    ///
    /// # Errors
    /// A recorded run that cuts other elements here, or whose shares held other values.
    pub(crate) fn take(&mut self, step: &str, dropped: u32, raised: &[i64]) -> Result<Vec<bool>> {
        let wrong = |what: String| Err(Error::Verification(what));
        let mask = (1u64 << dropped) - 1;
        let lows = raised.iter().map(|y| *y as u64 & mask);
        let of_outputs = matches!(self, Self::Outputs(_));
        let cuts = match self {
            // `raised` is y + unit - 1: of y = k unit + r its low bits are r - 1, or all ones where r is 0.
            Self::Nearest => return Ok(lows.map(|low| 2 * (low + 1) < mask + 1).collect()),
            // With y = k unit + r the shares carry with probability (unit - r) / unit, never for r = 0.
            Self::Random(random) => {
                return Ok(lows.map(|low| (random.next_u64() & mask) > low).collect());
            }
            Self::Recorded(cuts) | Self::Outputs(cuts) => cuts,
        };
        let Some(recorded) = cuts.get_mut(step).and_then(VecDeque::pop_front) else {
            return wrong(format!("the reference cuts at `{step}`, the run did not"));
        };
        if recorded.len() != raised.len() {
            return wrong(format!(
                "the reference cuts {} elements at `{step}`, the run {}",
                raised.len(),
                recorded.len()
            ));
        }
        if !of_outputs {
            let differing = recorded
                .iter()
                .zip(lows)
                .filter(|(s, low)| **s & mask != *low);
            let differing = differing.count();
            if differing > 0 {
                return wrong(format!(
                    "{differing} of {} values at `{step}` differ from the integer reference",
                    recorded.len()
                ));
            }
            return Ok(recorded
                .into_iter()
                .map(|sum| sum >> dropped != 0)
                .collect());
        }
        let carried =
            |(out, raised): (&u64, &i64)| ((raised >> dropped) as u32).wrapping_sub(*out as u32);
        let carries: Vec<u32> = recorded.iter().zip(raised).map(carried).collect();
        // A number is never rounded beyond its neighbours, and stays where it is whole.
        let whole = raised.iter().map(|y| (y + 1) as u64 & mask == 0);
        let failed = carries.iter().zip(whole);
        let failed = failed
            .filter(|(carry, whole)| **carry > u32::from(!whole))
            .count();
        if failed > 0 {
            return wrong(format!(
                "{failed} of {} values at `{step}` are not the neighbours of the integer reference's: the truncation wrapped, or they \
                 differ",
                carries.len()
            ));
        }
        Ok(carries.into_iter().map(|carry| carry == 1).collect())
    }

    /// What numbers of `bits` bits come out as where they are opened with a spare bit and widened
    /// ([`crate::share::spare::Spare`]): one that is `over` beyond its bits is `2^(bits + 1)` off with a chance of `over / 2^bits`, as its
    /// mask falls. Of a recorded run, as the opened number and the mask's top bit say, which the sum of `tops` bits of both shares tells:
    /// itself, or by not being zero.
    ///
    /// # Errors
    /// A recorded run that opened other numbers here.
    pub(crate) fn widened(
        &mut self,
        step: &str,
        bits: u32,
        tops: u32,
        values: &[i64],
    ) -> Result<Vec<i64>> {
        let mask_of_tops = Ring::new(tops).mask();
        let ring = Ring::new(bits + 1);
        let numbers = values.iter().map(|x| ring.signed(ring.encode::<u64>(*x)));
        let (half, whole) = (1i64 << (bits - 1), 1i64 << (bits + 1));
        let cuts = match self {
            Self::Nearest => return Ok(numbers.collect()),
            Self::Random(random) => {
                let out = numbers.map(|x| {
                    let over = (x - (half - 1)).max(-half - x).max(0);
                    let falls = over > 0 && ((random.next_u64() & ((1 << bits) - 1)) as i64) < over;
                    if falls { x - x.signum() * whole } else { x }
                });
                return Ok(out.collect());
            }
            Self::Recorded(cuts) | Self::Outputs(cuts) => cuts,
        };
        let mut next = || {
            let recorded = cuts.get_mut(step).and_then(VecDeque::pop_front);
            recorded
                .filter(|recorded| recorded.len() == values.len())
                .ok_or_else(|| {
                    let len = values.len();
                    Error::Verification(format!("the run did not widen {len} numbers at `{step}`"))
                })
        };
        let (opened, shares) = (next()?, next()?);
        let mut differing = 0;
        let out = numbers
            .zip(opened.iter().zip(&shares))
            .map(|(x, (opened, top))| {
                let opened = *opened as i64;
                let mask = (opened - x - half).rem_euclid(whole);
                let top = i64::from(top & mask_of_tops != 0);
                differing += usize::from((mask >= whole / 2) != (top == 1));
                opened - half - mask + whole * top * i64::from(opened < whole / 2)
            });
        let out = out.collect();
        match differing {
            0 => Ok(out),
            _ => Err(Error::Verification(format!(
                "{differing} of {} numbers widened at `{step}` differ from the integer reference",
                values.len()
            ))),
        }
    }

    /// Refuses recorded cuts that nobody asked for.
    pub(crate) fn expect_all_used(&self) -> Result<()> {
        if let Self::Recorded(left) | Self::Outputs(left) = self
            && let Some((step, _)) = left.iter().find(|(_, cuts)| !cuts.is_empty())
        {
            return Err(Error::Verification(format!(
                "the run cut at `{step}`, the reference does not"
            )));
        }
        Ok(())
    }
}

fn by_step(cuts: Vec<(String, Vec<u64>)>) -> HashMap<String, VecDeque<Vec<u64>>> {
    let mut by_step: HashMap<String, VecDeque<Vec<u64>>> = HashMap::new();
    for (step, values) in cuts {
        by_step.entry(step).or_default().push_back(values);
    }
    by_step
}

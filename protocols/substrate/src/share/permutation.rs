//! Permutations of the elements within each row of a vector: drawing them, and applying them.

use super::Replicated;
use crate::prg::Stream;
use crate::ring::{Ring, Word};
use crate::wipe::Wiped;
use crate::{Error, Result};

/// Words drawn from the generator at a time.
const BUFFERED_WORDS: usize = 1024;

/// Uniform numbers below small bounds, out of one stream.
struct Draws {
    stream: Stream,
    words: Wiped<u32>,
    used: usize,
    first: u64,
}

impl Draws {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            words: Wiped::zeros(BUFFERED_WORDS),
            used: BUFFERED_WORDS,
            first: 0,
        }
    }

    fn word(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.stream.fill(Ring::new(32), self.first, &mut self.words);
            self.first += self.words.len() as u64;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// Uniform in `0..bound` without bias: the high half of word times bound, where a word whose low
    /// half lies among the `2^32 mod bound` surplus ones is drawn again (D. Lemire, "Fast random
    /// integer generation in an interval", 2019).
    fn below(&mut self, bound: u32) -> u32 {
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= bound.wrapping_neg() % bound {
                return (product >> 32) as u32;
            }
        }
    }
}

/// One permutation for each row of `row` elements: element i of a permuted row is the element at
/// `sources[i]` of the row before. Uniform given a uniform stream (Fisher-Yates, unbiased draws); both
/// holders of the stream draw the same.
pub fn draw_rows(stream: Stream, count: usize, row: usize) -> Wiped<u32> {
    let mut draws = Draws::new(stream);
    let mut sources: Wiped<u32> = (0..count).map(|i| (i % row) as u32).collect();
    for row in sources.chunks_exact_mut(row) {
        for last in (1..row.len()).rev() {
            row.swap(last, draws.below(last as u32 + 1) as usize);
        }
    }
    sources
}

/// `out[i] = values[sources[i]]` within each row.
pub fn gather_rows<W: Word>(values: &[W], sources: &[u32], row: usize) -> Wiped<W> {
    values
        .chunks_exact(row)
        .zip(sources.chunks_exact(row))
        .flat_map(|(values, sources)| sources.iter().map(|&source| values[source as usize]))
        .collect()
}

/// `out[destinations[i]] = values[i]` within each row; the destinations come from
/// [`checked_destinations`].
fn scatter_rows<W: Word>(values: &[W], destinations: &[u32], row: usize) -> Wiped<W> {
    let mut out = Wiped::zeros(values.len());
    let rows = values.chunks_exact(row).zip(destinations.chunks_exact(row));
    for (out, (values, destinations)) in out.chunks_exact_mut(row).zip(rows) {
        for (value, &destination) in values.iter().zip(destinations) {
            out[destination as usize] = *value;
        }
    }
    out
}

/// Opened elements as destinations within their rows.
///
/// # Errors
/// [`Error::Shape`] where they are not one permutation a row, which a peer that follows the protocol
/// never causes.
pub fn checked_destinations<W: Word>(opened: &[W], row: usize, step: &str) -> Result<Vec<u32>> {
    let mut taken = vec![usize::MAX; row];
    for (r, opened) in opened.chunks_exact(row).enumerate() {
        for destination in opened {
            match taken.get_mut(destination.to_u64() as usize) {
                Some(last) if *last != r => *last = r,
                _ => {
                    return Err(Error::Shape {
                        step: step.to_owned(),
                        what: format!(
                            "row {r} opened to what is no permutation of 0..{row}: \
                             {destination} is too large or occurs twice"
                        ),
                    });
                }
            }
        }
    }
    Ok(opened.iter().map(|d| d.to_u64() as u32).collect())
}

impl<W: Word> Replicated<W> {
    /// Moves element i of each row to public `destinations[i]`: local.
    pub fn scatter_rows(&self, destinations: &[u32], row: usize) -> Self {
        self.map(self.len, |component| {
            scatter_rows(component, destinations, row)
        })
    }

    /// The last element of each row: local.
    pub fn last_of_rows(&self, row: usize) -> Self {
        self.map(self.len / row, |component| {
            component
                .chunks_exact(row)
                .filter_map(|row| row.last().copied())
                .collect()
        })
    }

    /// The same linear map on both components.
    fn map(&self, len: usize, local: impl Fn(&[W]) -> Wiped<W>) -> Self {
        if !self.is_held() {
            return Self::absent(self.ring, len);
        }
        Self {
            ring: self.ring,
            len,
            previous: local(&self.previous),
            next: local(&self.next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prg::Seed;

    /// All 24 orders of 4 elements are equally frequent: chi-square with 23 degrees of freedom, whose
    /// 1e-4 quantile is 57.8; the seed is fixed, so the outcome is too.
    #[test]
    fn drawn_permutations_are_uniform() {
        let rows = 24_000;
        let stream = Seed::from_bytes([5; 16]).stream("permutations");
        let sources = draw_rows(stream, 4 * rows, 4);
        let mut seen = std::collections::BTreeMap::<&[u32], f64>::new();
        for row in sources.chunks_exact(4) {
            *seen.entry(row).or_default() += 1.0;
        }
        assert_eq!(seen.len(), 24);
        let expected = rows as f64 / 24.0;
        let chi: f64 = seen
            .values()
            .map(|n| (n - expected).powi(2) / expected)
            .sum();
        assert!(chi < 57.8, "chi-square {chi}");
    }

    #[test]
    fn what_is_no_permutation_is_refused() {
        assert!(checked_destinations::<u16>(&[1, 0, 2, 0, 1, 2], 3, "s").is_ok());
        assert!(checked_destinations::<u16>(&[1, 0, 3], 3, "s").is_err());
        assert!(checked_destinations::<u16>(&[1, 0, 2, 1, 1, 2], 3, "s").is_err());
    }
}

//! A bias on every score by the distance of its tokens, one a bucket of distances and head, the same in every layer (MPNet, after T5).

/// Buckets of distances.
pub const BUCKETS: usize = 32;

/// Half of the buckets are of keys before the query, or the query itself, and half of keys after it.
const SIDE: usize = BUCKETS / 2;
/// So many distances of a side have a bucket of their own.
const EXACT: usize = SIDE / 2;

/// The values.
#[derive(Clone, PartialEq, Debug)]
pub struct ScoreBias {
    heads: usize,
    /// [`BUCKETS`] x heads.
    values: Vec<f32>,
}

impl ScoreBias {
    /// From [`BUCKETS`] x `heads` values.
    ///
    /// # Panics
    /// If there are more or fewer.
    pub fn new(heads: usize, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), BUCKETS * heads, "a value a bucket and head");
        Self { heads, values }
    }

    /// All values, [`BUCKETS`] x heads.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// What a head adds to the score of a key that stands at `key` for the query at `query`.
    pub fn at(&self, head: usize, query: usize, key: usize) -> f32 {
        self.values[bucket(query, key) * self.heads + head]
    }

    /// The same for every distance in a sequence of `n` tokens: of key `j` and query `i` at `j + n - 1 - i`.
    pub fn by_distance(&self, head: usize, n: usize) -> Vec<f32> {
        let before = (0..n).map(|key| self.at(head, n - 1, key));
        let after = (1..n).map(|key| self.at(head, 0, key));
        before.chain(after).collect()
    }
}

/// Each score of a head, `n` x `n`, with what stands for its distance: for key `j` and query `i` at `j + n - 1 - i`.
pub fn with_distances<'a, S, T>(
    n: usize,
    scores: &'a mut [S],
    by_distance: &'a [T],
) -> impl Iterator<Item = (&'a mut S, &'a T)> {
    let rows = scores.chunks_exact_mut(n).enumerate();
    rows.flat_map(move |(query, row)| row.iter_mut().zip(&by_distance[n - 1 - query..]))
}

/// The bucket of a pair: the first [`EXACT`] distances by themselves, then by half octaves of the distance up to 128, where the last one
/// begins.
fn bucket(query: usize, key: usize) -> usize {
    let distance = query.abs_diff(key);
    let within = if distance < EXACT {
        distance
    } else {
        // floor(2 log2(distance / 8)), in whole numbers.
        let half_octaves = (distance * distance / (EXACT * EXACT)).ilog2() as usize;
        (EXACT + half_octaves).min(SIDE - 1)
    };
    if key > query { SIDE + within } else { within }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The original's formula, in floating point.
    fn original(query: usize, key: usize) -> usize {
        let n = query.abs_diff(key);
        let large = 8.0 + ((n as f64 / 8.0).ln() / 16f64.ln() * 8.0 + 1e-9).floor();
        let within = if n < 8 { n as f64 } else { large.min(15.0) };
        within as usize + if key > query { 16 } else { 0 }
    }

    #[test]
    fn buckets_are_the_originals() {
        for query in [0, 5, 300, 511] {
            for key in 0..512 {
                assert_eq!(bucket(query, key), original(query, key), "{query} {key}");
            }
        }
    }

    #[test]
    fn rows_and_distances_agree() {
        let bias = ScoreBias::new(2, (0..2 * BUCKETS).map(|i| i as f32).collect());
        for n in [1, 2, 40] {
            let mut scores = vec![0.5; n * n];
            for (score, bias) in with_distances(n, &mut scores, &bias.by_distance(1, n)) {
                *score += bias;
            }
            for (place, score) in scores.iter().enumerate() {
                assert_eq!(*score, 0.5 + bias.at(1, place / n, place % n));
            }
        }
    }
}

//! Chi-square tests over a party's view: whether what it received is uniform, independent of the input, and fresh.

use super::view::View;
use crate::ring::Ring;

/// How many tests may be made in all for the false-alarm rate of all together to stay below 10^-6.
pub const MOST_TESTS: usize = 20_000;
const FALSE_ALARMS: f64 = 1e-6;
/// Below this many values a bin the statistic is not distributed as chi-square.
const LEAST_EXPECTED: usize = 10;
/// Elements are tested by so many of their bits at a time.
const DIGIT_BITS: u32 = 4;

/// What was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Values, over all sessions and inferences.
    Uniform,
    /// Differences of neighbouring elements: a mask or a table used twice within a message.
    BetweenNeighbours,
    /// Differences of the same element in two inferences of a session: one used twice over time.
    BetweenInferences,
    /// Differences of two vectors of the same shape in one inference: a mask used for both.
    BetweenPlaces,
    /// Whether two inputs give the same distribution.
    BetweenInputs,
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Where.
    pub place: String,
    /// Which test.
    pub test: Test,
    /// Chi-square.
    pub statistic: f64,
    /// What it may be.
    pub bound: f64,
}

/// All tests of a view.
#[derive(Debug, Default)]
pub struct Examined {
    /// How many tests were made.
    pub tests: usize,
    /// Those that failed.
    pub findings: Vec<Finding>,
}

/// Tests what a party saw with one input and with another.
///
/// # Panics
/// If the two inputs do not give the same messages, or too few values to test.
pub fn examine(one: &View, other: &View) -> Examined {
    assert!(
        one.keys().eq(other.keys()),
        "both inputs give the same messages"
    );
    let mut examined = Examined::default();
    for (place, seen) in one {
        let both = [seen, &other[place]];
        let values = both.map(|seen| seen.runs().flatten().copied().collect::<Vec<u64>>());
        for values in &values {
            examined.uniform(place, Test::Uniform, seen.ring, values);
        }
        examined.same(place, seen.ring, &values);
        for seen in both {
            let neighbours: Vec<u64> = seen
                .runs()
                .flat_map(|run| seen.differences(run.get(1..).unwrap_or_default(), run))
                .collect();
            examined.uniform(place, Test::BetweenNeighbours, seen.ring, &neighbours);
            let pairs = seen.sessions.iter().flat_map(|runs| runs.windows(2));
            let inferences: Vec<u64> = pairs
                .flat_map(|pair| seen.differences(&pair[1], &pair[0]))
                .collect();
            examined.uniform(place, Test::BetweenInferences, seen.ring, &inferences);
        }
    }
    let places: Vec<_> = one.iter().collect();
    for (i, (place, seen)) in places.iter().enumerate() {
        for (other_place, other) in &places[i + 1..] {
            if seen.same_shape(other) {
                let runs = seen.runs().zip(other.runs());
                let differences: Vec<u64> =
                    runs.flat_map(|(a, b)| seen.differences(b, a)).collect();
                let pair = format!("{place}, {other_place}");
                examined.uniform(&pair, Test::BetweenPlaces, seen.ring, &differences);
            }
        }
    }
    examined
}

impl Examined {
    /// Whether a test failed at a place whose name contains `place`.
    pub fn finds(&self, test: Test, place: &str) -> bool {
        let matches = |finding: &Finding| finding.test == test && finding.place.contains(place);
        self.findings.iter().any(matches)
    }

    /// Pearson's test of uniformity. A message of one element has no neighbours, one of the setup no
    /// second inference: there is nothing to test then.
    fn uniform(&mut self, place: &str, test: Test, ring: Ring, values: &[u64]) {
        if values.is_empty() {
            return;
        }
        for counts in histograms(ring, values) {
            let expected = values.len() as f64 / counts.len() as f64;
            let statistic = counts
                .iter()
                .map(|count| (*count as f64 - expected).powi(2) / expected)
                .sum();
            self.judge(place, test, statistic, counts.len() - 1);
        }
    }

    /// The two-sample test of homogeneity.
    fn same(&mut self, place: &str, ring: Ring, values: &[Vec<u64>; 2]) {
        let weight = (values[1].len() as f64 / values[0].len() as f64).sqrt();
        let [one, other] = [&values[0], &values[1]].map(|values| histograms(ring, values));
        for (one, other) in one.iter().zip(&other) {
            let statistic = one
                .iter()
                .zip(other)
                .filter(|(a, b)| **a + **b > 0)
                .map(|(a, b)| {
                    let difference = *a as f64 * weight - *b as f64 / weight;
                    difference.powi(2) / (a + b) as f64
                })
                .sum();
            self.judge(place, Test::BetweenInputs, statistic, one.len() - 1);
        }
    }

    fn judge(&mut self, place: &str, test: Test, statistic: f64, freedom: usize) {
        self.tests += 1;
        let bound = bound(freedom);
        if statistic > bound {
            self.findings.push(Finding {
                place: place.to_owned(),
                test,
                statistic,
                bound,
            });
        }
    }
}

/// Counts of every digit of values modulo the ring, from the lowest to the highest bits.
fn histograms(ring: Ring, values: &[u64]) -> Vec<Vec<usize>> {
    let width = ring.bits().min(DIGIT_BITS);
    let highest = ring.bits() - width;
    let mut shifts: Vec<u32> = (0..highest).step_by(width as usize).collect();
    shifts.push(highest);
    let bins = 1 << width;
    assert!(
        values.len() >= LEAST_EXPECTED * bins,
        "too few values to test"
    );
    shifts
        .into_iter()
        .map(|shift| {
            let mut counts = vec![0; bins];
            for value in values {
                counts[(value >> shift) as usize & (bins - 1)] += 1;
            }
            counts
        })
        .collect()
}

/// What chi-square exceeds with less than the chance that one test of [`MOST_TESTS`] is allowed, by
/// Chernoff's bound: `P(X > x) <= (x/k exp(1 - x/k))^(k/2)` for k degrees of freedom.
fn bound(freedom: usize) -> f64 {
    let k = freedom as f64;
    let log_chance = |x: f64| k / 2.0 * ((x / k).ln() + 1.0 - x / k);
    let allowed = (FALSE_ALARMS / MOST_TESTS as f64).ln();
    let (mut low, mut high) = (k, k + 1000.0);
    while high - low > 1e-6 {
        let middle = f64::midpoint(low, high);
        if log_chance(middle) > allowed {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

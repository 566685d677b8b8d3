//! Chi-square tests over a party's view: whether what it received is uniform, independent of the input, and fresh.

use super::functionality::Ran;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::share::Additive;
use std::collections::BTreeMap;

/// How two parties' shares make a value, and so what the difference of two values under one mask is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// By their sum.
    Additive,
    /// Bit by bit, by exclusive or.
    Binary,
}

impl Sharing {
    fn join(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Additive => a.wrapping_add(b),
            Self::Binary => a ^ b,
        }
    }

    fn part(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Additive => a.wrapping_sub(b),
            Self::Binary => a ^ b,
        }
    }
}

/// What a party saw at one place of the protocol.
pub struct Seen {
    /// The ring of its elements.
    pub ring: Ring,
    /// What they are shares of.
    pub sharing: Sharing,
    /// Elements, for each session and each inference of it.
    pub sessions: Vec<Vec<Vec<u64>>>,
}

impl Seen {
    /// Additive shares in a ring.
    pub fn additive(ring: Ring, sessions: Vec<Vec<Vec<u64>>>) -> Self {
        Self {
            ring,
            sharing: Sharing::Additive,
            sessions,
        }
    }

    /// Every inference of every session.
    fn runs(&self) -> impl Iterator<Item = &Vec<u64>> {
        self.sessions.iter().flatten()
    }

    /// Whether every run has as many elements of the same kind.
    fn same_shape(&self, other: &Self) -> bool {
        let lengths = self.runs().map(Vec::len);
        let kinds = [self, other].map(|seen| (seen.ring, seen.sharing));
        kinds[0] == kinds[1] && lengths.eq(other.runs().map(Vec::len))
    }

    /// Element by element, the differences of two vectors.
    fn differences(&self, a: &[u64], b: &[u64]) -> Vec<u64> {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| self.sharing.part(*a, *b)).collect()
    }
}

/// All that a party saw, by place: phase, step, number of the message in the step, sender.
pub type View = BTreeMap<String, Seen>;

/// The elements of a message that is packed to the bit: as many as fit.
pub fn unpack(ring: Ring, message: &[u8]) -> Vec<u64> {
    let count = message.len() * 8 / ring.bits() as usize;
    let bits = (0..count).map(|i| ring.wire_bits(i));
    bits.map(|bit| pack::read_at(ring, message, bit)).collect()
}

/// What P1 and P2 send each other in one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Shares of elements, packed to the bit.
    Elements(Ring, Sharing),
    /// Binary shares of single bits, each in a 64-bit word.
    Bits,
}

impl Opening {
    fn kind(self) -> (Ring, Sharing) {
        match self {
            Self::Elements(ring, sharing) => (ring, sharing),
            Self::Bits => (Ring::new(1), Sharing::Binary),
        }
    }

    fn read(self, message: &[u8]) -> Vec<u64> {
        let (ring, _) = self.kind();
        let words = match self {
            Self::Elements(..) => unpack(ring, message),
            Self::Bits => unpack(Ring::new(64), message),
        };
        assert!(words.iter().all(|word| *word <= ring.mask()), "{ring:?}");
        words
    }
}

/// What P1 and P2 see of each exchange of `online`: either one's message, and what the two open together. Each run counts as
/// one inference of the same session.
///
/// # Panics
/// If P1 or P2 receive anything else than these exchanges.
pub fn openings<T>(inferences: &[Ran<T>], exchanges: &[Opening]) -> View {
    let mut view = View::new();
    for (number, opening) in exchanges.iter().enumerate() {
        let (ring, sharing) = opening.kind();
        let mut add = |place: &str, runs: Vec<Vec<u64>>| {
            let seen = Seen {
                ring,
                sharing,
                sessions: vec![runs],
            };
            view.insert(format!("#{number} {place}"), seen);
        };
        let sent = |by: Party, to: Party| -> Vec<Vec<u64>> {
            let messages = inferences.iter().map(|ran| {
                let received = &ran.received[1][to.index()];
                assert_eq!(received.len(), exchanges.len(), "exchanges");
                assert_eq!(received[number].from, by);
                opening.read(&received[number].payload)
            });
            messages.collect()
        };
        let (one, two) = (sent(Party::P1, Party::P2), sent(Party::P2, Party::P1));
        let opened = one.iter().zip(&two).map(|(one, two)| {
            let pairs = one.iter().zip(two);
            pairs.map(|(a, b)| sharing.join(*a, *b)).collect()
        });
        add("opened", opened.collect());
        add("from P1", one);
        add("from P2", two);
    }
    view
}

/// What P1 and P2 make of their one exchange when each adds its own share of what is opened, which is what was put out: the
/// value under the other's mask alone. Each run counts as one inference of the same session.
///
/// # Panics
/// If P1 or P2 receive anything else than one message of as many elements.
pub fn under_the_others_mask<W: Word>(inferences: &[Ran<Additive<W>>]) -> View {
    let seen = [Party::P1, Party::P2].map(|party| {
        let runs = inferences.iter().map(|ran| {
            let own = &ran.outputs[party.index()];
            let [message] = &ran.received[1][party.index()][..] else {
                panic!("one message of the other's");
            };
            let theirs = unpack(own.ring(), &message.payload);
            assert_eq!(theirs.len(), own.len(), "elements that fill their bytes");
            let sums = theirs.into_iter().zip(own.values());
            sums.map(|(theirs, own)| theirs.wrapping_add(own.to_u64()))
                .collect()
        });
        let ring = inferences[0].outputs[0].ring();
        let seen = Seen::additive(ring, vec![runs.collect()]);
        (party.to_string(), seen)
    });
    View::from(seen)
}

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

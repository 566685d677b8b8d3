//! How good predictions are, with 95 % intervals.

use crate::stats;

/// A measure of predictions against labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Part of the examples whose class is right.
    Accuracy,
    /// F1 of class 1.
    F1,
    /// Matthews' correlation of two classes.
    Matthews,
    /// Pearson's correlation.
    Pearson,
    /// Spearman's correlation: Pearson's of ranks.
    Spearman,
}

/// A metric's value with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Over all examples.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Metric {
    /// The names that the command line takes.
    pub const NAMES: &[(&'static str, Self)] = &[
        ("accuracy", Self::Accuracy),
        ("f1", Self::F1),
        ("matthews", Self::Matthews),
        ("pearson", Self::Pearson),
        ("spearman", Self::Spearman),
    ];

    /// Whether predictions are classes, not numbers.
    pub const fn of_classes(self) -> bool {
        matches!(self, Self::Accuracy | Self::F1 | Self::Matthews)
    }

    /// The metric of pairs of prediction and label; `None` where it says nothing, such as a correlation with what is constant.
    pub fn of(self, pairs: &[(f64, f64)]) -> Option<f64> {
        let count = |wanted: fn(bool, bool) -> bool| {
            let is_it = |(p, l): &&(f64, f64)| wanted(*p == 1.0, *l == 1.0);
            pairs.iter().filter(is_it).count() as f64
        };
        let value = match self {
            Self::Accuracy => {
                let right = pairs.iter().filter(|(p, l)| p == l).count();
                right as f64 / pairs.len() as f64
            }
            Self::F1 => {
                let hits = count(|p, l| p && l);
                2.0 * hits / (2.0 * hits + count(|p, l| p != l))
            }
            Self::Matthews | Self::Pearson => pearson(pairs),
            Self::Spearman => {
                let ranks_of = |side: fn(&(f64, f64)) -> f64| ranks(pairs.iter().map(side));
                let (p, l) = (ranks_of(|pair| pair.0), ranks_of(|pair| pair.1));
                pearson(&p.into_iter().zip(l).collect::<Vec<_>>())
            }
        };
        value.is_finite().then_some(value)
    }

    /// The same with its interval: Wilson's for an accuracy, and else of 2000 resamples of the examples with a fixed seed.
    pub fn score(self, pairs: &[(f64, f64)]) -> Option<Score> {
        let value = self.of(pairs)?;
        let (low, high) = match self {
            Self::Accuracy => wilson(value, pairs.len() as f64),
            _ => stats::interval(|random| {
                let drawn: Vec<(f64, f64)> = stats::redrawn(pairs, random);
                self.of(&drawn).unwrap_or(value)
            }),
        };
        Some(Score { value, low, high })
    }
}

/// Wilson's 95 % score interval of a proportion (1927).
fn wilson(p: f64, n: f64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    let z2 = Z * Z / n;
    let middle = (p + z2 / 2.0) / (1.0 + z2);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt() / (1.0 + z2);
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// Of two classes 0 and 1 this is Matthews' correlation.
fn pearson(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    let mean = |side: fn(&(f64, f64)) -> f64| pairs.iter().map(side).sum::<f64>() / n;
    let (p, l) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
    let both = sum(&|pair| (pair.0 - p) * (pair.1 - l));
    let alone = sum(&|pair| (pair.0 - p).powi(2)) * sum(&|pair| (pair.1 - l).powi(2));
    both / alone.sqrt()
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let before = order.partition_point(|i| values[*i] < values[equal[0]]);
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|i| ranks[*i] = rank);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 1e-4), "{a:?}, not {b}");
    }

    /// Values as NumPy gives them.
    #[test]
    fn metrics_are_what_others_compute() {
        let classes = [
            (1., 1.),
            (1., 0.),
            (0., 0.),
            (1., 1.),
            (0., 1.),
            (0., 0.),
            (1., 1.),
        ];
        close(Metric::Accuracy.of(&classes), 5.0 / 7.0);
        close(Metric::F1.of(&classes), 0.75);
        close(Metric::Matthews.of(&classes), 0.41667);
        let numbers = [(0.1, 1.), (0.4, 2.), (0.4, 2.5), (0.2, 3.), (0.9, 5.)];
        close(Metric::Pearson.of(&numbers), 0.87496);
        close(Metric::Spearman.of(&numbers), 0.66689);
        assert_eq!(Metric::Pearson.of(&[(1., 2.), (1., 3.)]), None);
        assert_eq!(Metric::F1.of(&[(0., 0.)]), None);
    }

    #[test]
    fn intervals_hold_the_value_and_narrow_with_examples() {
        let (low, high) = wilson(0.9, 100.0);
        assert!(
            (low - 0.8256).abs() < 1e-3 && (high - 0.9448).abs() < 1e-3,
            "{low} {high}"
        );
        let of = |count: usize| {
            let pairs: Vec<(f64, f64)> = (0..count)
                .map(|i| (i as f64 + 7.0 * (i % 3) as f64, i as f64))
                .collect();
            Metric::Spearman.score(&pairs).unwrap()
        };
        let (few, many) = (of(20), of(200));
        for score in [few, many] {
            assert!(
                score.low <= score.value && score.value <= score.high,
                "{score:?}"
            );
        }
        assert!(many.high - many.low < few.high - few.low);
    }
}

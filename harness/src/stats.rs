//! Medians with bootstrap intervals.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A median with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Median of the values.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of values.
    pub count: usize,
}

/// Resamples of one interval.
const RESAMPLES: usize = 2000;

/// Fewest values of which resampling says more than their range.
const ENOUGH: usize = 6;

/// Summarizes values: percentile bootstrap of the median with a fixed seed, so that the same rows always give
/// the same report. With fewer than six values the interval is their range: resampling so few says no more.
/// `None` for no values.
pub fn summarize(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let summary = Summary {
        median: median(&sorted),
        low: first,
        high: last,
        count: sorted.len(),
    };
    if sorted.len() < ENOUGH {
        return Some(summary);
    }
    let (low, high) = interval(|random| resampled(&sorted, random));
    Some(Summary {
        low,
        high,
        ..summary
    })
}

/// Ratio of two systems' values over repetitions that ran next to each other: for each repetition that both
/// have, `base / other`, and of these ratios the median with its interval, as [`summarize`]. Drift of the
/// machine from one repetition to the next cancels. Values come as (repetition, value).
///
/// `None` where no repetition is in both, or a value is not above zero: a ratio then says nothing.
pub fn paired_ratio(base: &[(usize, f64)], other: &[(usize, f64)]) -> Option<Summary> {
    let positive = |values: &[(usize, f64)]| values.iter().all(|(_, v)| *v > 0.0);
    if !positive(base) || !positive(other) {
        return None;
    }
    let ratios: Vec<f64> = base
        .iter()
        .filter_map(|(repetition, value)| {
            let (_, partner) = other.iter().find(|(r, _)| r == repetition)?;
            Some(value / partner)
        })
        .collect();
    summarize(&ratios)
}

/// Ratio of the medians of values that were not measured next to each other: `base / other`, with an interval
/// from resampling both, or with fewer than six values on a side from the extremes of their ranges.
///
/// `None` where a side is empty or has a value that is not above zero. `count` is that of the smaller side.
pub fn unpaired_ratio(base: &[f64], other: &[f64]) -> Option<Summary> {
    let (a, b) = (summarize(base)?, summarize(other)?);
    if !base.iter().chain(other).all(|v| *v > 0.0) {
        return None;
    }
    let count = a.count.min(b.count);
    let (low, high) = if count < ENOUGH {
        let range = |values: &[f64]| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            (low, values.iter().copied().fold(0.0, f64::max))
        };
        let (a, b) = (range(base), range(other));
        (a.0 / b.1, a.1 / b.0)
    } else {
        interval(|random| resampled(base, random) / resampled(other, random))
    };
    Some(Summary {
        median: a.median / b.median,
        low,
        high,
        count,
    })
}

/// As many items, drawn with replacement.
pub fn redrawn<T: Copy>(items: &[T], random: &mut Xoshiro256PlusPlus) -> Vec<T> {
    (0..items.len())
        .map(|_| items[(random.next_u64() % items.len() as u64) as usize])
        .collect()
}

/// The middle 95 % of a statistic over resamples, drawn with a fixed seed.
pub fn interval(mut statistic: impl FnMut(&mut Xoshiro256PlusPlus) -> f64) -> (f64, f64) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut all: Vec<f64> = (0..RESAMPLES).map(|_| statistic(&mut random)).collect();
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize];
    (at(0.025), at(0.975))
}

/// Median of as many values, drawn with replacement.
fn resampled(values: &[f64], random: &mut Xoshiro256PlusPlus) -> f64 {
    let mut sample = redrawn(values, random);
    sample.sort_by(f64::total_cmp);
    median(&sample)
}

/// Median of sorted values, at least one.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    } else {
        sorted[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::{paired_ratio, summarize, unpaired_ratio};

    #[test]
    fn medians_and_intervals() {
        assert_eq!(summarize(&[]), None);
        let few = summarize(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(
            (few.median, few.low, few.high, few.count),
            (2.0, 1.0, 3.0, 3)
        );
        assert_eq!(summarize(&[1.0, 2.0]).unwrap().median, 1.5);
        let many: Vec<f64> = (0..101).map(f64::from).collect();
        let many = summarize(&many).unwrap();
        assert_eq!(many.median, 50.0);
        assert!(many.low > 30.0 && many.low < 50.0 && many.high > 50.0 && many.high < 70.0);
        assert_eq!(summarize(&[7.0; 20]).unwrap().high, 7.0);
    }

    #[test]
    fn pairs_cancel_what_both_saw() {
        // The machine is three times slower in the second repetition; the pair does not notice.
        let base = [(0, 10.0), (1, 30.0), (2, 10.0)];
        let other = [(2, 5.0), (1, 15.0), (0, 5.0), (7, 1.0)];
        let ratio = paired_ratio(&base, &other).unwrap();
        assert_eq!(
            (ratio.median, ratio.low, ratio.high, ratio.count),
            (2.0, 2.0, 2.0, 3)
        );
        let plain = |values: &[(usize, f64)]| values.iter().map(|v| v.1).collect::<Vec<_>>();
        let apart = unpaired_ratio(&plain(&base), &plain(&other)[..3]).unwrap();
        assert_eq!(apart.median, 2.0);
        assert_eq!((apart.low, apart.high), (10.0 / 15.0, 30.0 / 5.0));
        assert_eq!(paired_ratio(&base, &[(5, 1.0)]), None);
        assert_eq!(paired_ratio(&base, &[(0, 0.0)]), None);
        assert_eq!(unpaired_ratio(&[1.0], &[]), None);
        assert_eq!(unpaired_ratio(&[0.0], &[1.0]), None);
    }

    #[test]
    fn many_ratios_have_bootstrap_intervals() {
        let base: Vec<(usize, f64)> = (0..40).map(|i| (i, 20.0 + (i % 5) as f64)).collect();
        let other: Vec<(usize, f64)> = (0..40).map(|i| (i, 10.0)).collect();
        let ratio = paired_ratio(&base, &other).unwrap();
        assert_eq!((ratio.median, ratio.count), (2.2, 40));
        assert!(ratio.low >= 2.0 && ratio.low <= 2.2 && ratio.high >= 2.2 && ratio.high < 2.4);
        let apart = |values: &[(usize, f64)]| values.iter().map(|v| v.1).collect::<Vec<_>>();
        let apart = unpaired_ratio(&apart(&base), &apart(&other)).unwrap();
        assert!(apart.low > 2.0 && apart.high < 2.4 && apart.median == 2.2);
    }
}

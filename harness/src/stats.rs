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
    if sorted.len() < 6 {
        return Some(summary);
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut sample: Vec<f64> = (0..sorted.len())
                .map(|_| sorted[(random.next_u64() % sorted.len() as u64) as usize])
                .collect();
            sample.sort_by(f64::total_cmp);
            median(&sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |share: f64| medians[((medians.len() - 1) as f64 * share).round() as usize];
    Some(Summary {
        low: at(0.025),
        high: at(0.975),
        ..summary
    })
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
    use super::summarize;

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
}

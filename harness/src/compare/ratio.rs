//! Ratios of two systems.

use super::groups::{Entry, Group};
use crate::quantities::Quantity;
use crate::stats::{Summary, paired_ratio, summarize, unpaired_ratio};

/// `base / other` of one quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Median and interval.
    pub summary: Summary,
    /// Whether the repetitions ran next to each other in one run.
    pub paired: bool,
}

impl<'a> Group<'a> {
    /// The entry that another one is compared with: of the base system, of the same run and with the same
    /// activation function where there is one.
    pub fn base_of(&self, base: &str, entry: &Entry<'_>) -> Option<&Entry<'a>> {
        if entry.system == base {
            return None;
        }
        self.entries
            .iter()
            .filter(|e| e.system == base)
            .min_by_key(|e| (e.run != entry.run, e.activation != entry.activation))
    }
}

impl Entry<'_> {
    /// Median and interval of a quantity.
    pub fn summary(&self, quantity: Quantity) -> Option<Summary> {
        summarize(&self.values(quantity))
    }

    /// Values in the order of the rows.
    fn values(&self, quantity: Quantity) -> Vec<f64> {
        self.rows
            .iter()
            .filter_map(|row| quantity.of(row))
            .collect()
    }

    fn by_repetition(&self, quantity: Quantity) -> Vec<(usize, f64)> {
        let rows = self.rows.iter();
        rows.filter_map(|row| Some((row.repetition, quantity.of(row)?)))
            .collect()
    }

    /// `base / self`: paired by repetition within one run, else of the medians. `None` where one of them has
    /// none of it (no offline phase, say).
    pub fn ratio(&self, base: &Entry<'_>, quantity: Quantity) -> Option<Ratio> {
        if self.run == base.run {
            let (a, b) = (base.by_repetition(quantity), self.by_repetition(quantity));
            if let Some(summary) = paired_ratio(&a, &b) {
                return Some(Ratio {
                    summary,
                    paired: true,
                });
            }
        }
        let summary = unpaired_ratio(&base.values(quantity), &self.values(quantity))?;
        Some(Ratio {
            summary,
            paired: false,
        })
    }
}

/// A ratio for people: three digits.
pub fn digits(ratio: f64) -> String {
    match ratio {
        r if r >= 100.0 => format!("{r:.0}"),
        r if r >= 10.0 => format!("{r:.1}"),
        r if r >= 1.0 => format!("{r:.2}"),
        r if r >= 0.01 => format!("{r:.3}"),
        r => format!("{r:.1e}"),
    }
}

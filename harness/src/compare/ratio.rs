//! Ratios of two systems.

use super::groups::{Entry, Group};
use crate::quantities::Quantity;
use crate::stats::{Summary, paired_ratio, summarize, unpaired_ratio};
use crate::units::digits;

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
    /// How far the output is from the float model, as it stands beside a time: `0.46`, and `0.46, 3 w` where values wrapped; `-`
    /// where it was not checked.
    pub fn error_text(&self) -> String {
        let Some(error) = self.summary(Quantity::FloatError) else {
            return "-".into();
        };
        let wrapped = self.summary(Quantity::WrappedValues);
        match wrapped.map(|w| w.median).filter(|w| *w > 0.0) {
            Some(wrapped) => format!("{}, {wrapped} w", digits(error.median)),
            None => digits(error.median),
        }
    }

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

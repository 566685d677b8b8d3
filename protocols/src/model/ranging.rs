//! How the range of each site is found: over what it is shared, how much of what calibration saw it holds, and what is left above that.
//! P0's own: ranges are in its weights, factors and tables.

use serde::{Deserialize, Serialize};

/// What shares one range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shared {
    /// The whole activation.
    Tensor,
    /// The features of one attention head; scores of one head.
    Head,
    /// One feature.
    Feature,
}

/// The range of one site.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteRange {
    /// What shares one.
    pub range: Shared,
    /// So many hundredths of the values that calibration saw lie within it, before headroom; 100 is the largest.
    pub percentile: f32,
    /// What it holds, over what was seen.
    pub headroom: f32,
}

/// The ranges of one layer's sites, as a system that has its scales a feature or head takes them.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranging {
    /// Query, key and value; and the context, which lies among values.
    pub index: SiteRange,
    /// Scores.
    pub scores: SiteRange,
    /// Before the feed-forward non-linearity.
    pub inner: SiteRange,
    /// After it: held at its ends, not wrapped.
    pub activated: SiteRange,
    /// branch + residual, of which one wrapped value would ruin its token.
    pub sum: SiteRange,
    /// Mean and variance of a row.
    pub row: SiteRange,
}

impl Default for Ranging {
    fn default() -> Self {
        let largest = |range, headroom| SiteRange {
            range,
            percentile: 100.0,
            headroom,
        };
        Self {
            index: largest(Shared::Feature, 1.2),
            scores: largest(Shared::Head, 1.15),
            inner: largest(Shared::Feature, 1.2),
            activated: largest(Shared::Feature, 1.0),
            sum: largest(Shared::Feature, 2.0),
            row: largest(Shared::Tensor, 1.5),
        }
    }
}

/// A site's name, what can share a range there, and its place.
type Site = (
    &'static str,
    &'static [Shared],
    fn(&mut Ranging) -> &mut SiteRange,
);

/// Every site.
pub const SITES: [Site; 6] = [
    (
        "index",
        &[Shared::Tensor, Shared::Head, Shared::Feature],
        |r| &mut r.index,
    ),
    ("scores", &[Shared::Tensor, Shared::Head], |r| &mut r.scores),
    ("inner", &[Shared::Tensor, Shared::Feature], |r| {
        &mut r.inner
    }),
    ("activated", &[Shared::Tensor, Shared::Feature], |r| {
        &mut r.activated
    }),
    ("sum", &[Shared::Tensor, Shared::Feature], |r| &mut r.sum),
    ("row", &[Shared::Tensor], |r| &mut r.row),
];

impl Ranging {
    /// Says what is impossible about it, if anything.
    pub fn check(&self) -> std::result::Result<(), String> {
        let mut own = *self;
        for (name, shared, place) in SITES {
            let site = *place(&mut own);
            if !shared.contains(&site.range) {
                return Err(format!("`{name}` has no range {:?}", site.range).to_lowercase());
            }
            if !(site.percentile > 50.0 && site.percentile <= 100.0) {
                return Err(format!(
                    "the percentile of `{name}` must be above 50 and at most 100, not {}",
                    site.percentile
                ));
            }
            if !(site.headroom >= 0.1 && site.headroom <= 100.0) {
                return Err(format!(
                    "the headroom of `{name}` must be 0.1 to 100, not {}",
                    site.headroom
                ));
            }
        }
        if self.row.percentile < 100.0 {
            return Err("`row` holds all that was seen: its percentile must be 100".into());
        }
        Ok(())
    }
}

impl SiteRange {
    /// The magnitude within which this part of `values` lies; reorders them.
    pub(super) fn of(&self, values: &mut [f32]) -> f32 {
        let within = f64::from(self.percentile) / 100.0 * values.len() as f64;
        let place = (within.ceil() as usize).clamp(1, values.len().max(1)) - 1;
        if values.is_empty() {
            return 0.0;
        }
        *values.select_nth_unstable_by(place, f32::total_cmp).1
    }

    /// One value for all that share a range: their largest.
    pub(super) fn share(&self, features: &mut [f32], heads: usize) {
        let together = match self.range {
            Shared::Feature => return,
            Shared::Head => features.len() / heads,
            Shared::Tensor => features.len(),
        };
        for group in features.chunks_mut(together.max(1)) {
            let largest = group.iter().copied().fold(0.0, f32::max);
            group.fill(largest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_groups() {
        let site = |range, percentile| SiteRange {
            range,
            percentile,
            headroom: 1.0,
        };
        let mut values: Vec<f32> = (1..=200).rev().map(|x| x as f32).collect();
        for (percentile, expected) in [(100.0, 200.0), (99.5, 199.0), (99.0, 198.0), (50.1, 101.0)]
        {
            assert_eq!(site(Shared::Feature, percentile).of(&mut values), expected);
        }
        for (range, expected) in [
            (Shared::Feature, [1.0, 5.0, 2.0, 3.0]),
            (Shared::Head, [5.0, 5.0, 3.0, 3.0]),
            (Shared::Tensor, [5.0; 4]),
        ] {
            let mut features = [1.0, 5.0, 2.0, 3.0];
            site(range, 100.0).share(&mut features, 2);
            assert_eq!(features, expected);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_site() {
        let fault = |change: fn(&mut Ranging)| {
            let mut ranging = Ranging::default();
            change(&mut ranging);
            ranging.check().unwrap_err()
        };
        Ranging::default().check().unwrap();
        assert!(
            fault(|r| r.scores.range = Shared::Feature).contains("`scores` has no range feature")
        );
        assert!(fault(|r| r.inner.percentile = 0.999).contains("percentile of `inner`"));
        assert!(fault(|r| r.sum.headroom = 0.0).contains("headroom of `sum`"));
        assert!(fault(|r| r.row.percentile = 99.0).contains("`row` holds all"));
    }
}

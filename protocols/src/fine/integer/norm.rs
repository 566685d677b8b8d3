//! Residual connection and LayerNorm in integers: a range a feature, the mean as one more output of the layer before, a variance of a
//! row in many bits, and one product with the inverse of its root.

use super::cuts::Ranges;
use super::linear::Operand;
use crate::model::bit_plan::Widths;
use crate::model::config::ModelConfig;
use crate::model::quantized::QuantizedNorm;
use crate::model::ranging::Ranging;

/// One residual connection with its LayerNorm.
#[derive(Clone, Debug, PartialEq)]
pub struct FineNorm {
    /// What one of each feature of branch + residual comes to in the product ring.
    pub gain: Vec<f64>,
    /// The index of branch + residual counts so many units, a feature.
    pub factor: Vec<i64>,
    /// What one comes to in the product ring, of the mean.
    pub mean_gain: f64,
    /// The integer of the mean counts so many units.
    pub mean_factor: i64,
    /// The inverse of the standard deviation, for each index of the variance.
    pub inverse: Vec<i64>,
    /// What comes out.
    pub output: Operand,
}

/// The least number of units that an index of branch + residual may count.
const LEAST_FACTOR: f64 = 4.0;

impl FineNorm {
    /// `features` are the ranges of branch + residual.
    ///
    /// # Errors
    /// A ring of squares that is too narrow for the ranges, with the bits that would do.
    pub(super) fn new(
        config: &ModelConfig,
        widths: &Widths,
        source: &QuantizedNorm,
        features: &[f32],
        ranging: &Ranging,
    ) -> std::result::Result<Self, String> {
        let hidden = config.hidden as f64;
        let headroom = f64::from(ranging.row.headroom);
        let median = median_of(features);
        let range = Ranges {
            half: f64::from(1u32 << (widths.sum - 1)),
            headroom: ranging.sum.headroom.into(),
        };
        // A feature that calibration saw hardly moving gets the range of the others: it would cost precision of none.
        let steps: Vec<f64> = features
            .iter()
            .map(|max| range.step(max.max(median)))
            .collect();
        let cut = f64::from(1u32 << (widths.product - widths.sum - 1));
        // The largest variance fills the ring of squares.
        let largest = f64::from(source.variance.max).max(1e-12) * headroom;
        let squares = (1u64 << widths.squares) as f64;
        let unit = (hidden * largest / squares).sqrt();
        // A factor is a whole number, and says what an index counts to an eighth at worst.
        let least = steps.iter().copied().fold(f64::INFINITY, f64::min) / unit;
        if least < LEAST_FACTOR {
            let more = (2.0 * (LEAST_FACTOR / least).log2()).ceil() as u32;
            return Err(format!(
                "`squares` of {} bits is too narrow for these ranges of `sum`: it needs {}",
                widths.squares,
                widths.squares + more
            ));
        }
        let factor = steps.iter().map(|step| (step / unit).round() as i64);
        let half = f64::from(1u32 << (widths.product - 2));
        let mean = f64::from(source.mean.max).max(1e-6) * headroom;
        let mean_factor = (mean / unit / half).ceil().max(1.0);
        let fraction = f64::from(1u32 << widths.fraction);
        let dropped = (1u64 << (widths.normal - widths.product)) as f64;
        let windows = f64::from(1u32 << widths.variance);
        let inverse = (0..1u32 << widths.variance).map(|index| {
            // The first window also holds what was rounded down to it: its middle stands for it.
            let variance = f64::from(index).max(0.5) * largest / windows;
            let deviation = (variance + f64::from(config.layer_norm_epsilon)).sqrt();
            (fraction * dropped * unit / deviation).round() as i64
        });
        Ok(Self {
            gain: steps.iter().map(|step| cut / step).collect(),
            factor: factor.collect(),
            mean_gain: 1.0 / (mean_factor * unit),
            mean_factor: mean_factor as i64,
            inverse: inverse.collect(),
            output: Operand {
                step: source
                    .gamma
                    .iter()
                    .map(|gamma| f64::from(*gamma) / fraction)
                    .collect(),
                offset: source.beta.iter().map(|beta| f64::from(*beta)).collect(),
            },
        })
    }
}

fn median_of(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

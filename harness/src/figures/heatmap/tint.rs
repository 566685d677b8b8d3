//! From values to colours.

use super::Map;
use plotters::style::RGBColor;

/// The colour map viridis at nine places: even to the eye, and in greyscale.
const VIRIDIS: [(u8, u8, u8); 9] = [
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
];
/// For ratios, white at 1: brown below, blue above; both darken away from 1.
const DIVERGING: [(u8, u8, u8); 5] = [
    (166, 97, 26),
    (223, 194, 125),
    (247, 247, 247),
    (146, 197, 222),
    (5, 113, 176),
];

fn color(table: &[(u8, u8, u8)], share: f64) -> RGBColor {
    let place = share.clamp(0.0, 1.0) * (table.len() - 1) as f64;
    let low = (place as usize).min(table.len() - 2);
    let part = place - low as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    let ((r0, g0, b0), (r1, g1, b1)) = (table[low], table[low + 1]);
    RGBColor(mix(r0, r1), mix(g0, g1), mix(b0, b1))
}

/// From a value to its colour, by logarithm.
pub(super) struct Tint {
    pub low: f64,
    pub high: f64,
    pub ratio: bool,
}

impl Tint {
    pub fn over(map: &Map) -> Self {
        let values = || map.values.iter().flatten().copied();
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(0.0, f64::max);
        if map.ratio {
            let span = high.max(1.0 / low).max(1.1);
            return Self {
                low: 1.0 / span,
                high: span,
                ratio: true,
            };
        }
        Self {
            low,
            high: high.max(low * 1.01),
            ratio: false,
        }
    }

    pub fn share(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    pub fn color(&self, value: f64) -> RGBColor {
        let share = self.share(value);
        if self.ratio {
            color(&DIVERGING, share)
        } else {
            // Dark is slow.
            color(&VIRIDIS, 1.0 - share)
        }
    }

    pub fn ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let steps: &[f64] = if decades > 2.5 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let exponents = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        exponents
            .flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)))
            .filter(|v| (self.low..=self.high).contains(v))
            .collect()
    }
}

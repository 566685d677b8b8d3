//! One panel's frame: scales, ticks, grid and labels.

use super::canvas::{Anchor, Canvas, Point};
use super::style::{GRID, INK};
use anyhow::Result;
use plotters::backend::DrawingBackend;

/// Size of a panel with its labels, points.
pub const PANEL: Point = (430.0, 300.0);

/// A vertical scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    /// A scale over values: logarithmic where they span more than a factor of eight and `may_log` allows.
    pub fn over(values: &[f64], may_log: bool) -> Self {
        let positive = || values.iter().copied().filter(|v| *v > 0.0);
        let high = positive().fold(0.0, f64::max);
        let least = positive().fold(f64::INFINITY, f64::min);
        if may_log && least.is_finite() && high > 8.0 * least {
            return Self {
                low: least / 1.4,
                high: high * 1.4,
                logarithmic: true,
            };
        }
        let high = if high > 0.0 { high * 1.08 } else { 1.0 };
        Self {
            low: 0.0,
            high,
            logarithmic: false,
        }
    }

    /// The share of the axis below a value, 0 to 1.
    pub fn share(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// Values with a tick.
    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let decades = (self.high / self.low).log10();
            let steps: &[f64] = if decades > 3.5 {
                &[1.0]
            } else {
                &[1.0, 2.0, 5.0]
            };
            let first = self.low.log10().floor() as i32;
            let last = self.high.log10().ceil() as i32;
            return (first..=last)
                .flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)))
                .filter(|v| *v >= self.low && *v <= self.high)
                .collect();
        }
        let raw = (self.high - self.low) / 5.0;
        let unit = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|s| s * unit)
            .find(|s| *s >= raw)
            .unwrap_or(10.0 * unit);
        (0..)
            .map(|i| self.low + f64::from(i) * step)
            .take_while(|v| *v <= self.high)
            .collect()
    }
}

/// A panel's plotting area.
pub struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    scale: Scale,
    /// Share of the width for each horizontal value.
    places: Vec<f64>,
}

impl Frame {
    /// A frame in the panel whose upper left corner is `corner`. Numbers on the horizontal axis are spaced
    /// by their logarithm where they span more than a factor of four, `bars` at equal distances.
    pub fn new(corner: Point, xs: &[String], scale: Scale, bars: bool) -> Self {
        let numbers: Option<Vec<f64>> = xs
            .iter()
            .map(|x| x.parse().ok().filter(|v: &f64| *v > 0.0))
            .collect();
        let (first, last) = match numbers.as_deref() {
            Some([first, .., last]) => (*first, *last),
            _ => (1.0, 1.0),
        };
        let places = (0..xs.len())
            .map(|i| {
                let equal = (i as f64 + 0.5) / xs.len() as f64;
                match &numbers {
                    Some(n) if !bars && last > first => {
                        let share = if last > 4.0 * first {
                            (n[i] / first).ln() / (last / first).ln()
                        } else {
                            (n[i] - first) / (last - first)
                        };
                        0.05 + 0.9 * share
                    }
                    _ => equal,
                }
            })
            .collect();
        Self {
            left: corner.0 + 66.0,
            top: corner.1 + 30.0,
            width: PANEL.0 - 84.0,
            height: PANEL.1 - 82.0,
            scale,
            places,
        }
    }

    /// The horizontal place of a value by index.
    pub fn x(&self, index: usize) -> f64 {
        self.left + self.width * self.places.get(index).copied().unwrap_or(0.0)
    }

    /// The vertical place of a value.
    pub fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - self.scale.share(value))
    }

    /// The foot of the plot.
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Width for each horizontal value where they stand at equal distances.
    pub fn slot(&self) -> f64 {
        self.width / self.places.len().max(1) as f64
    }

    /// Draws grid, axes, ticks and labels.
    ///
    /// # Errors
    /// The drawing library's.
    pub fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        heading: &str,
        x_label: &str,
        y_label: &str,
        xs: &[String],
    ) -> Result<()> {
        let (right, bottom) = (self.left + self.width, self.bottom());
        for tick in self.scale.ticks() {
            let y = self.y(tick);
            canvas.line(&[(self.left, y), (right, y)], GRID, 0.8)?;
            canvas.text(&number(tick), (self.left - 7.0, y), 11.0, Anchor::End)?;
        }
        for (index, x) in xs.iter().enumerate() {
            let at = self.x(index);
            canvas.line(&[(at, bottom), (at, bottom + 4.0)], INK, 1.0)?;
            canvas.text(x, (at, bottom + 13.0), 11.0, Anchor::Middle)?;
        }
        canvas.line(
            &[(self.left, self.top), (self.left, bottom), (right, bottom)],
            INK,
            1.0,
        )?;
        let middle = self.left + self.width / 2.0;
        canvas.text(heading, (middle, self.top - 14.0), 13.0, Anchor::Middle)?;
        canvas.text(x_label, (middle, bottom + 32.0), 12.0, Anchor::Middle)?;
        let side = (self.left - 54.0, self.top + self.height / 2.0);
        canvas.text(y_label, side, 12.0, Anchor::Upwards)
    }
}

/// A number for a tick.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if !(1e-3..1e5).contains(&v) => format!("{value:.0e}"),
        v if v >= 100.0 => format!("{value:.0}"),
        _ => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_fit_their_values() {
        let linear = Scale::over(&[1.0, 4.0], true);
        assert!(!linear.logarithmic && linear.share(0.0) == 0.0 && linear.share(4.0) > 0.9);
        let log = Scale::over(&[0.01, 10.0], true);
        assert!(log.logarithmic && log.ticks().contains(&0.1) && log.share(0.01) > 0.0);
        assert!(!Scale::over(&[0.01, 10.0], false).logarithmic);
        assert_eq!(Scale::over(&[0.0], true).share(0.0), 0.0);
        assert_eq!(number(0.02), "0.02");
        assert_eq!(number(20.0), "20");
    }
}

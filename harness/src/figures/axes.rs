//! One panel's frame: scales, ticks, grid and labels.

use super::canvas::{Anchor, Canvas, Point, text_width};
use super::style::{GRID, INK};
use anyhow::Result;
use plotters::backend::DrawingBackend;

/// Size of a panel with its labels, points.
pub const PANEL: Point = (430.0, 300.0);

/// How horizontal values are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// At equal distances, as bars stand.
    Equal,
    /// Numbers by their size, or by their logarithm where they span more than a factor of four.
    Numeric,
    /// Numbers by their logarithm.
    Logarithmic,
}

/// A scale of numbers.
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

    /// A logarithmic scale over values above zero, with room of a factor around them.
    pub fn logarithmic(values: &[f64], room: f64) -> Self {
        let (least, high) = extremes(values);
        Self {
            low: least / room,
            high: high * room,
            logarithmic: true,
        }
    }

    /// A linear scale that shows what differs among values far from zero, such as accuracies.
    pub fn around(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = ((high - low) * 0.15).max(0.005);
        Self {
            low: low - room,
            high: high + room,
            logarithmic: false,
        }
    }

    /// A logarithmic scale for bars, which need a foot that the smallest stands well above, and room for
    /// numbers over the largest.
    pub fn logarithmic_bars(values: &[f64]) -> Self {
        let (least, high) = extremes(values);
        let span = (high / least).max(10.0);
        Self {
            low: least / span.powf(0.2).max(2.0),
            high: high * span.powf(0.14),
            logarithmic: true,
        }
    }

    /// A scale for ratios that holds 1, with room for numbers over the bars: logarithmic where values and 1
    /// span more than a decade.
    pub fn ratios(values: &[f64]) -> Self {
        let (least, high) = extremes(values);
        let (least, high) = (least.min(1.0), high.max(1.0));
        if high / least > 10.0 {
            let room = (high / least).powf(0.14);
            return Self {
                low: if least < 1.0 {
                    least / room
                } else {
                    1.0 / room.powf(0.3)
                },
                high: high * room,
                logarithmic: true,
            };
        }
        Self {
            low: 0.0,
            high: high * 1.2,
            logarithmic: false,
        }
    }

    /// Whether equal distances are equal factors.
    pub fn is_logarithmic(&self) -> bool {
        self.logarithmic
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
        let first = (self.low / step).ceil() * step;
        (0..)
            .map(|i| first + f64::from(i) * step)
            .take_while(|v| *v <= self.high)
            .collect()
    }
}

/// Smallest and largest of the values above zero; 1 where there is none.
fn extremes(values: &[f64]) -> (f64, f64) {
    let positive = || values.iter().copied().filter(|v| *v > 0.0 && v.is_finite());
    let high = positive().fold(0.0, f64::max);
    if high > 0.0 {
        (positive().fold(f64::INFINITY, f64::min), high)
    } else {
        (1.0, 1.0)
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
    /// A frame in the panel whose upper left corner is `corner`.
    pub fn new(corner: Point, xs: &[String], scale: Scale, spacing: Spacing) -> Self {
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
                    Some(n) if spacing != Spacing::Equal && last > first => {
                        let logarithmic = spacing == Spacing::Logarithmic || last > 4.0 * first;
                        let share = if logarithmic {
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

    /// Left and right end of the plot.
    pub fn sides(&self) -> (f64, f64) {
        (self.left, self.left + self.width)
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

/// A plotting area with numbers on both axes.
pub struct Plane {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    x: Scale,
    y: Scale,
}

impl Plane {
    /// A plane in the panel whose upper left corner is `corner`.
    pub fn new(corner: Point, x: Scale, y: Scale) -> Self {
        Self {
            left: corner.0 + 66.0,
            top: corner.1 + 30.0,
            width: PANEL.0 - 84.0,
            height: PANEL.1 - 82.0,
            x,
            y,
        }
    }

    /// The place of two values.
    pub fn at(&self, x: f64, y: f64) -> Point {
        (
            self.left + self.width * self.x.share(x),
            self.top + self.height * (1.0 - self.y.share(y)),
        )
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
    ) -> Result<()> {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        for tick in self.y.ticks() {
            let y = self.top + self.height * (1.0 - self.y.share(tick));
            canvas.line(&[(self.left, y), (right, y)], GRID, 0.8)?;
            canvas.text(&number(tick), (self.left - 7.0, y), 11.0, Anchor::End)?;
        }
        let mut free_from = f64::NEG_INFINITY;
        for tick in self.x.ticks() {
            let x = self.left + self.width * self.x.share(tick);
            canvas.line(&[(x, self.top), (x, bottom)], GRID, 0.8)?;
            let text = number(tick);
            let half = text_width(&text, 11.0) / 2.0;
            // A label that would touch the one before it is left out; its line stays.
            if x - half > free_from {
                canvas.text(&text, (x, bottom + 13.0), 11.0, Anchor::Middle)?;
                free_from = x + half + 4.0;
            }
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

/// A number for a tick, or over a bar.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if !(1e-3..1e5).contains(&v) => format!("{value:.1e}").replace(".0e", "e"),
        v if v >= 100.0 => format!("{value:.0}"),
        v => {
            let decimals = if v < 0.01 { 4 } else { 3 };
            let text = format!("{value:.decimals$}");
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
        let bars = Scale::logarithmic_bars(&[1.0, 1000.0]);
        assert!(bars.share(1.0) > 0.1 && bars.share(1000.0) < 0.95);
        assert!(!Scale::ratios(&[0.5, 4.0]).logarithmic);
        let ratios = Scale::ratios(&[20.0, 40.0]);
        assert!(ratios.logarithmic && ratios.share(1.0) > 0.0 && ratios.share(40.0) < 0.95);
        assert_eq!(number(0.02), "0.02");
        assert_eq!(number(20.0), "20");
        // Ticks half a unit apart stay apart.
        assert_eq!([0.001, 0.0015].map(number), ["0.001", "0.0015"]);
        assert_eq!([2e-5, 2.5e-5].map(number), ["2e-5", "2.5e-5"]);
    }
}

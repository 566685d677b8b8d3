//! Grouped bars with error bars: one group for each horizontal value.

use super::axes::{Frame, Scale, Spacing, number};
use super::canvas::{Anchor, Canvas, Point, text_width};
use super::data::{Figure, Panel, Series};
use super::style::{INK, Look, PAPER};
use super::{Drawing, Sheet, legend_of};
use crate::units::digits;
use anyhow::Result;
use plotters::backend::DrawingBackend;

/// What bars start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foot {
    /// Zero, so that their lengths compare.
    Zero,
    /// The foot of a logarithmic axis, with a number over each, because their lengths do not compare.
    Logarithm,
    /// Ratios: a line at 1, and a number over each; on a logarithmic axis bars start at 1 and go either way.
    One,
}

/// A figure drawn as bars.
pub struct Bars {
    figure: Figure,
    foot: Foot,
}

impl Bars {
    /// Bars of a figure; what is published stands beside what is measured of the same system.
    pub fn new(mut figure: Figure, foot: Foot) -> Self {
        for panel in &mut figure.panels {
            let first = |series: &Series, all: &[Series]| {
                all.iter().position(|s| s.look.index == series.look.index)
            };
            let all = panel.series.clone();
            panel.series.sort_by_key(|s| first(s, &all));
        }
        Self { figure, foot }
    }

    fn sheet(&self) -> Sheet<'_> {
        Sheet::new(
            &self.figure.title,
            self.figure.panels.len(),
            legend_of(&self.figure),
        )
    }

    /// What stands over a bar.
    fn text(&self, value: f64) -> String {
        match self.foot {
            Foot::One => digits(value),
            _ => number(rounded(value)),
        }
    }

    fn scale(&self, panel: &Panel) -> Scale {
        let points = || panel.series.iter().flat_map(|s| &s.points);
        let highs: Vec<f64> = points().map(|(_, s)| s.high).collect();
        let all: Vec<f64> = points()
            .flat_map(|(_, s)| [s.low, s.median, s.high])
            .collect();
        match self.foot {
            Foot::Zero => Scale::over(&highs, false),
            Foot::Logarithm => Scale::logarithmic_bars(&all),
            Foot::One => Scale::ratios(&all),
        }
    }
}

impl Drawing for Bars {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let (sheet, xs) = (self.sheet(), &self.figure.xs);
        sheet.draw(canvas, sample)?;
        for (index, panel) in self.figure.panels.iter().enumerate() {
            let scale = self.scale(panel);
            let frame = Frame::new(sheet.corner(index), xs, scale, Spacing::Equal);
            let y_label = match self.foot {
                Foot::Logarithm => format!("{}, log", panel.y_label),
                _ => panel.y_label.clone(),
            };
            frame.draw(canvas, &panel.heading, &self.figure.x_label, &y_label, xs)?;
            let from_one = self.foot == Foot::One && scale.is_logarithmic();
            let foot = if from_one {
                frame.y(1.0)
            } else {
                frame.bottom()
            };
            let width = frame.slot() * 0.8 / panel.series.len().max(1) as f64;
            let texts = panel.series.iter().flat_map(|s| &s.points);
            let widths = texts.map(|(_, s)| text_width(&self.text(s.median), VALUE));
            // All of a panel the same way round.
            let upwards = widths.fold(0.0, f64::max) > width;
            let mut values = Vec::new();
            for (order, series) in panel.series.iter().enumerate() {
                let offset = (order as f64 - panel.series.len() as f64 / 2.0) * width;
                for (x, summary) in &series.points {
                    let Some(place) = xs.iter().position(|v| v == x) else {
                        continue;
                    };
                    // On a logarithmic axis, nothing is not a short bar.
                    if self.foot != Foot::Zero && summary.median <= 0.0 {
                        continue;
                    }
                    let left = frame.x(place) + offset;
                    let top = frame.y(summary.median);
                    canvas.bar((left, top), (left + width * 0.92, foot), series.look)?;
                    let middle = left + width * 0.46;
                    let (low, high) = (frame.y(summary.low), frame.y(summary.high));
                    canvas.whisker(middle, low, high, INK)?;
                    if self.foot == Foot::Zero {
                        continue;
                    }
                    let text = self.text(summary.median);
                    // A bar that goes down has its number below.
                    let above = !from_one || summary.median >= 1.0;
                    let y = if above { high.min(top) } else { low.max(top) };
                    values.push((text, (middle, y), above));
                }
            }
            for (text, at, above) in values {
                value(canvas, &text, at, (upwards, above), width)?;
            }
            if self.foot == Foot::One {
                let (left, right) = frame.sides();
                let y = frame.y(1.0);
                canvas.line(&[(left, y), (right, y)], INK, 1.4)?;
            }
        }
        Ok(())
    }
}

/// A legend entry's bar.
pub fn sample<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    (x, y): (f64, f64),
    look: Look,
) -> Result<()> {
    canvas.bar((x, y - 6.0), (x + 24.0, y + 6.0), look)
}

/// Three digits.
fn rounded(value: f64) -> f64 {
    if value <= 0.0 {
        return value;
    }
    let unit = 10f64.powf(value.log10().floor() - 2.0);
    (value / unit).round() * unit
}

/// Size of numbers over bars.
const VALUE: f64 = 9.5;

/// A number over (or below) a bar of a width.
fn value<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    text: &str,
    (x, y): Point,
    (upwards, above): (bool, bool),
    width: f64,
) -> Result<()> {
    let sign = if above { -1.0 } else { 1.0 };
    let half = text_width(text, VALUE) / 2.0;
    let (middle, size, anchor) = if upwards {
        (
            (x, y + sign * (5.0 + half)),
            (5.0_f64.min(width / 2.0 - 1.0), half),
            Anchor::Upwards,
        )
    } else {
        ((x, y + sign * 8.0), (half, 5.0), Anchor::Middle)
    };
    // On white, so that no grid line runs through it.
    let (left, right) = (middle.0 - size.0, middle.0 + size.0);
    let (top, bottom) = (middle.1 - size.1, middle.1 + size.1);
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
    canvas.fill(&corners, PAPER)?;
    canvas.text(text, middle, VALUE, anchor)
}

//! Grouped bars with error bars: one group for each horizontal value.

use super::axes::{Frame, Scale};
use super::canvas::Canvas;
use super::data::Figure;
use super::style::INK;
use super::{Drawing, Sheet, legend_of};
use anyhow::Result;
use plotters::backend::DrawingBackend;

/// A figure drawn as bars.
pub struct Bars(pub Figure);

impl Bars {
    fn sheet(&self) -> Sheet<'_> {
        Sheet {
            title: &self.0.title,
            panels: self.0.panels.len(),
            legend: legend_of(&self.0),
        }
    }
}

impl Drawing for Bars {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let (sheet, xs) = (self.sheet(), &self.0.xs);
        sheet.draw(canvas, |canvas, (x, y), look| {
            canvas.bar((x, y - 6.0), (x + 24.0, y + 6.0), look)
        })?;
        for (index, panel) in self.0.panels.iter().enumerate() {
            let highs: Vec<f64> = panel
                .series
                .iter()
                .flat_map(|s| &s.points)
                .map(|(_, s)| s.high)
                .collect();
            // Bars start at zero, so their lengths compare.
            let frame = Frame::new(sheet.corner(index), xs, Scale::over(&highs, false), true);
            frame.draw(canvas, &panel.heading, &self.0.x_label, &panel.y_label, xs)?;
            let width = frame.slot() * 0.8 / panel.series.len().max(1) as f64;
            for (order, series) in panel.series.iter().enumerate() {
                let offset = (order as f64 - panel.series.len() as f64 / 2.0) * width;
                for (x, summary) in &series.points {
                    let Some(place) = xs.iter().position(|v| v == x) else {
                        continue;
                    };
                    let left = frame.x(place) + offset;
                    let top = frame.y(summary.median);
                    canvas.bar(
                        (left, top),
                        (left + width * 0.92, frame.bottom()),
                        series.look,
                    )?;
                    let (low, high) = (frame.y(summary.low), frame.y(summary.high));
                    canvas.whisker(left + width * 0.46, low, high, INK)?;
                }
            }
        }
        Ok(())
    }
}

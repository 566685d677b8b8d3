//! Lines with markers and error bars.

use super::axes::{Frame, Scale, Spacing};
use super::canvas::Canvas;
use super::data::Figure;
use super::{Drawing, Sheet, legend_of};
use anyhow::Result;
use plotters::backend::DrawingBackend;

/// A figure drawn as lines.
pub struct Lines(pub Figure);

impl Lines {
    fn sheet(&self) -> Sheet<'_> {
        Sheet::new(&self.0.title, self.0.panels.len(), legend_of(&self.0))
    }
}

impl Drawing for Lines {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let (sheet, xs) = (self.sheet(), &self.0.xs);
        sheet.draw(canvas, |canvas, (x, y), look| {
            if look.hollow {
                canvas.dashed((x, y), (x + 26.0, y), look.color(), 1.6)?;
            } else {
                canvas.line(&[(x, y), (x + 26.0, y)], look.color(), 1.8)?;
            }
            canvas.marker((x + 13.0, y), look)
        })?;
        for (index, panel) in self.0.panels.iter().enumerate() {
            let values: Vec<f64> = panel
                .series
                .iter()
                .flat_map(|s| &s.points)
                .flat_map(|(_, s)| [s.low, s.median, s.high])
                .collect();
            let scale = Scale::over(&values, true);
            let frame = Frame::new(sheet.corner(index), xs, scale, Spacing::Numeric);
            frame.draw(canvas, &panel.heading, &self.0.x_label, &panel.y_label, xs)?;
            for series in &panel.series {
                let color = series.look.color();
                let points: Vec<(f64, f64)> = series
                    .points
                    .iter()
                    .filter_map(|(x, summary)| {
                        let place = xs.iter().position(|v| v == x)?;
                        Some((frame.x(place), frame.y(summary.median)))
                    })
                    .collect();
                if series.look.hollow {
                    for pair in points.windows(2) {
                        canvas.dashed(pair[0], pair[1], color, 1.6)?;
                    }
                } else {
                    canvas.line(&points, color, 1.8)?;
                }
                for (point, (_, summary)) in points.iter().zip(&series.points) {
                    let (low, high) = (frame.y(summary.low), frame.y(summary.high));
                    canvas.whisker(point.0, low, high, color)?;
                    canvas.marker(*point, series.look)?;
                }
            }
        }
        Ok(())
    }
}

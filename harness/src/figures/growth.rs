//! Growth on two logarithmic axes, with the power law that fits each series.

use super::axes::{Frame, PANEL, Scale, Spacing};
use super::canvas::{Anchor, Canvas, text_width};
use super::data::{Figure, Panel, Series};
use super::{Drawing, Sheet};
use anyhow::Result;
use plotters::backend::DrawingBackend;

/// A power law `factor * x^exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// Exponent.
    pub exponent: f64,
    /// Value at 1.
    pub factor: f64,
    /// Points that it was fitted to, the largest ones.
    pub fitted: usize,
}

/// Fewest points of a fit.
const LEAST: usize = 3;

/// Fits by least squares between logarithms to the largest half of the points, three at least; the points are
/// in order of `x`. `None` for fewer than three points, or values that are not above zero.
pub fn fit(points: &[(f64, f64)]) -> Option<PowerLaw> {
    let fitted = points.len().div_ceil(2).max(LEAST);
    let tail = points.get(points.len().checked_sub(fitted)?..)?;
    if tail.iter().any(|(x, y)| *x <= 0.0 || *y <= 0.0) {
        return None;
    }
    let logs: Vec<(f64, f64)> = tail.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = fitted as f64;
    let mean_x = logs.iter().map(|p| p.0).sum::<f64>() / count;
    let mean_y = logs.iter().map(|p| p.1).sum::<f64>() / count;
    let covariance: f64 = logs.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let variance: f64 = logs.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    if variance <= 0.0 {
        return None;
    }
    let exponent = covariance / variance;
    Some(PowerLaw {
        exponent,
        factor: (mean_y - exponent * mean_x).exp(),
        fitted,
    })
}

/// A figure of growth.
pub struct Growth {
    figure: Figure,
    /// What grows with: `n`, or the name of the column.
    variable: String,
}

/// Height of a legend line.
const LINE: f64 = 18.0;

impl Growth {
    /// Growth over a column.
    pub fn new(figure: Figure, column: &str) -> Self {
        // Measured only: what is published has too few points of one kind.
        let mut figure = figure;
        for panel in &mut figure.panels {
            panel.series.retain(|series| !series.look.hollow);
        }
        let variable = match column {
            "seq_len" => "n",
            other => other,
        };
        Self {
            figure,
            variable: variable.to_owned(),
        }
    }

    fn sheet(&self) -> Sheet<'_> {
        let entries = self.figure.panels.iter().map(|p| p.series.len()).max();
        Sheet {
            below: LINE * entries.unwrap_or(0) as f64 + 4.0,
            ..Sheet::new(&self.figure.title, self.figure.panels.len(), Vec::new())
        }
    }

    fn law(&self, series: &Series) -> Option<PowerLaw> {
        let points: Vec<(f64, f64)> = series
            .points
            .iter()
            .filter_map(|(x, summary)| Some((x.parse().ok()?, summary.median)))
            .collect();
        fit(&points)
    }

    fn legend(&self, series: &Series) -> String {
        let text = match self.law(series) {
            Some(law) if law.fitted == series.points.len() => {
                format!("{}^{:.2} (all points)", self.variable, law.exponent)
            }
            Some(law) => format!(
                "{}^{:.2} (last {} of {} points)",
                self.variable,
                law.exponent,
                law.fitted,
                series.points.len()
            ),
            None => "too few points for a fit".to_owned(),
        };
        format!("{}: {text}", series.name)
    }

    fn panel<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        corner: (f64, f64),
        panel: &Panel,
    ) -> Result<()> {
        let xs = &self.figure.xs;
        let values: Vec<f64> = panel
            .series
            .iter()
            .flat_map(|s| &s.points)
            .flat_map(|(_, s)| [s.low, s.median, s.high])
            .collect();
        let frame = Frame::new(
            corner,
            xs,
            Scale::logarithmic(&values, 1.4),
            Spacing::Logarithmic,
        );
        frame.draw(
            canvas,
            &panel.heading,
            &self.figure.x_label,
            &panel.y_label,
            xs,
        )?;
        for (order, series) in panel.series.iter().enumerate() {
            let color = series.look.color();
            let place = |x: &String| xs.iter().position(|v| v == x);
            if let Some(law) = self.law(series) {
                let tail = &series.points[series.points.len() - law.fitted..];
                if let [(first, _), .., (last, _)] = tail {
                    let end = |x: &String| -> Option<(f64, f64)> {
                        let value = law.factor * x.parse::<f64>().ok()?.powf(law.exponent);
                        Some((frame.x(place(x)?), frame.y(value)))
                    };
                    if let (Some(from), Some(to)) = (end(first), end(last)) {
                        canvas.line(&[from, to], color, 1.4)?;
                    }
                }
            }
            for (x, summary) in &series.points {
                let Some(at) = place(x).filter(|_| summary.median > 0.0) else {
                    continue;
                };
                let x = frame.x(at);
                canvas.whisker(x, frame.y(summary.low), frame.y(summary.high), color)?;
                canvas.marker((x, frame.y(summary.median)), series.look)?;
            }
            let y = corner.1 + PANEL.1 + LINE * (order as f64 + 0.5) - 2.0;
            let x = corner.0 + 66.0;
            canvas.line(&[(x, y), (x + 26.0, y)], color, 1.4)?;
            canvas.marker((x + 13.0, y), series.look)?;
            let text = self.legend(series);
            // Small enough to stay in the panel.
            let size = (12.0 * (PANEL.0 - 108.0) / text_width(&text, 12.0)).clamp(7.0, 12.0);
            canvas.text(&text, (x + 34.0, y), size, Anchor::Start)?;
        }
        Ok(())
    }
}

impl Drawing for Growth {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let sheet = self.sheet();
        sheet.draw(canvas, |_, _, _| Ok(()))?;
        for (index, panel) in self.figure.panels.iter().enumerate() {
            self.panel(canvas, sheet.corner(index), panel)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn power_laws_are_found_in_the_largest_points() {
        let of = |x: f64| if x < 8.0 { 50.0 } else { 0.5 * x.powf(1.5) };
        let points: Vec<(f64, f64)> = [2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
            .map(|x| (x, of(x)))
            .to_vec();
        let law = fit(&points).unwrap();
        assert_eq!(law.fitted, 3);
        assert!((law.exponent - 1.5).abs() < 1e-9 && (law.factor - 0.5).abs() < 1e-9);
        assert_eq!(fit(&points[2..5]).unwrap().fitted, 3);
        assert_eq!(fit(&points[..2]), None);
        assert_eq!(fit(&[(1.0, 1.0), (2.0, 0.0), (4.0, 1.0)]), None);
        assert_eq!(fit(&[(1.0, 1.0), (1.0, 2.0), (1.0, 1.0)]), None);
    }
}

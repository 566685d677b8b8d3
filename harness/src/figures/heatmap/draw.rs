//! The drawing of maps.

use super::grid::decades;
use super::tint::Tint;
use super::{Heatmap, Map};
use crate::figures::axes::PANEL;
use crate::figures::canvas::{Anchor, Canvas, Point, text_width};
use crate::figures::style::INK;
use crate::figures::{Drawing, Sheet};
use crate::units::{Bandwidth, Rtt};
use anyhow::Result;
use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

impl Heatmap {
    fn sheet(&self) -> Sheet<'_> {
        Sheet {
            note: &self.note,
            ..Sheet::new(&self.title, self.maps.len(), Vec::new())
        }
    }

    fn draw_map<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        corner: Point,
        map: &Map,
    ) -> Result<()> {
        let (left, top) = (corner.0 + 66.0, corner.1 + 30.0);
        let (width, height) = (PANEL.0 - 160.0, PANEL.1 - 82.0);
        let (columns, rows) = (self.bandwidths.len(), self.rtts.len());
        let (w, h) = (width / columns as f64, height / rows as f64);
        let bottom = top + height;
        let tint = Tint::over(map);
        for (r, row) in map.values.iter().enumerate() {
            for (c, value) in row.iter().enumerate() {
                let (x, y) = (left + c as f64 * w, bottom - (r + 1) as f64 * h);
                // A little wider than the cell, so that no gap shows between cells.
                let corners = [
                    (x, y),
                    (x + w + 0.5, y),
                    (x + w + 0.5, y + h + 0.5),
                    (x, y + h + 0.5),
                ];
                canvas.fill(&corners, tint.color(*value))?;
            }
        }
        if map.ratio {
            // Which side of 1 it is must not hang on the colour alone.
            for (r, row) in map.values.iter().enumerate() {
                for (c, _) in row.iter().enumerate().filter(|(_, value)| **value < 1.0) {
                    let (x, y) = (left + c as f64 * w, bottom - r as f64 * h);
                    canvas.line(&[(x, y), (x + w, y - h)], INK, 0.5)?;
                }
            }
        }
        // Places on logarithmic axes whose first and last values are at cell centres.
        let place = |values: &[f64], v: f64| {
            let (first, last) = (values[0], values[values.len() - 1]);
            0.5 + (v / first).ln() / (last / first).ln() * (values.len() - 1) as f64
        };
        let x_of = |v: f64| left + w * place(&self.bandwidths, v);
        let y_of = |v: f64| bottom - h * place(&self.rtts, v);
        if map.ratio {
            self.break_even(canvas, map, |c, r| {
                (left + w * (c + 0.5), bottom - h * (r + 0.5))
            })?;
        }
        let label = |bits: f64| {
            Bandwidth {
                bits_per_second: bits as u64,
            }
            .to_string()
        };
        let mut free_from = f64::NEG_INFINITY;
        for tick in decades(&self.bandwidths) {
            let (x, text) = (x_of(tick), label(tick));
            canvas.line(&[(x, bottom), (x, bottom + 4.0)], INK, 1.0)?;
            let half = text_width(&text, 11.0) / 2.0;
            // A label that would touch the one before it is left out; its tick stays.
            if x - half > free_from {
                canvas.text(&text, (x, bottom + 13.0), 11.0, Anchor::Middle)?;
                free_from = x + half + 3.0;
            }
        }
        for tick in decades(&self.rtts) {
            let y = y_of(tick);
            let text = Rtt {
                nanoseconds: tick as u64,
            }
            .to_string();
            canvas.line(&[(left - 4.0, y), (left, y)], INK, 1.0)?;
            canvas.text(&text, (left - 7.0, y), 11.0, Anchor::End)?;
        }
        for (bandwidth, rtt, value) in &map.marks {
            let (x, y) = (x_of(*bandwidth), y_of(*rtt));
            if (left..=left + width).contains(&x) && (top..=bottom).contains(&y) {
                // At the edge, moved inside.
                let x = x.clamp(left + 16.0, left + width - 16.0);
                let y = y.clamp(top + 7.0, bottom - 7.0);
                self.mark(canvas, (x, y), &short(*value))?;
            }
        }
        let frame = [
            (left, top),
            (left + width, top),
            (left + width, bottom),
            (left, bottom),
            (left, top),
        ];
        canvas.line(&frame, INK, 1.0)?;
        let middle = left + width / 2.0;
        canvas.text(&map.heading, (middle, top - 14.0), 13.0, Anchor::Middle)?;
        canvas.text(
            "bandwidth of each direction",
            (middle, bottom + 32.0),
            12.0,
            Anchor::Middle,
        )?;
        canvas.text(
            "round trip",
            (left - 56.0, top + height / 2.0),
            12.0,
            Anchor::Upwards,
        )?;
        self.bar(canvas, &tint, (left + width + 16.0, top), height)
    }

    /// The scale of colours.
    fn bar<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        tint: &Tint,
        (left, top): Point,
        height: f64,
    ) -> Result<()> {
        let (steps, width) = (64, 14.0);
        let step = height / f64::from(steps);
        for i in 0..steps {
            let share = (f64::from(i) + 0.5) / f64::from(steps);
            let value = tint.low * (tint.high / tint.low).powf(share);
            let y = top + height - f64::from(i + 1) * step;
            let corners = [
                (left, y),
                (left + width, y),
                (left + width, y + step + 0.5),
                (left, y + step + 0.5),
            ];
            canvas.fill(&corners, tint.color(value))?;
        }
        for tick in tint.ticks() {
            let y = top + height * (1.0 - tint.share(tick));
            canvas.line(&[(left + width, y), (left + width + 4.0, y)], INK, 1.0)?;
            canvas.text(&trimmed(tick), (left + width + 7.0, y), 11.0, Anchor::Start)?;
        }
        let label = if tint.ratio {
            "ratio of times"
        } else {
            "predicted time [s]"
        };
        canvas.text(
            label,
            (left + width + 40.0, top + height / 2.0),
            12.0,
            Anchor::Upwards,
        )
    }

    /// A measured cell: its value, on white so that it is read on any colour.
    fn mark<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x, y): Point,
        text: &str,
    ) -> Result<()> {
        let half = text_width(text, 10.0) / 2.0 + 2.0;
        let white = RGBColor(255, 255, 255);
        let corners = [
            (x - half, y - 6.5),
            (x + half, y - 6.5),
            (x + half, y + 6.5),
            (x - half, y + 6.5),
        ];
        canvas.fill(&corners, white)?;
        canvas.text(text, (x, y), 10.0, Anchor::Middle)
    }

    /// The line where both systems take the same time.
    fn break_even<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        map: &Map,
        at: impl Fn(f64, f64) -> Point,
    ) -> Result<()> {
        let log = |r: usize, c: usize| map.values[r][c].ln();
        for r in 0..map.values.len() - 1 {
            for c in 0..map.values[r].len() - 1 {
                // Where the sides of the square between four centres cross zero.
                let corners = [(r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c)];
                let mut crossings = Vec::new();
                for i in 0..4 {
                    let (a, b) = (corners[i], corners[(i + 1) % 4]);
                    let (va, vb) = (log(a.0, a.1), log(b.0, b.1));
                    if (va < 0.0) != (vb < 0.0) {
                        let part = va / (va - vb);
                        let mix = |p: usize, q: usize| p as f64 + (q as f64 - p as f64) * part;
                        crossings.push(at(mix(a.1, b.1), mix(a.0, b.0)));
                    }
                }
                for pair in crossings.chunks_exact(2) {
                    canvas.line(pair, RGBColor(0, 0, 0), 2.5)?;
                }
            }
        }
        Ok(())
    }
}

impl Drawing for Heatmap {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let sheet = self.sheet();
        sheet.draw(canvas, |_, _, _| Ok(()))?;
        for (index, map) in self.maps.iter().enumerate() {
            self.draw_map(canvas, sheet.corner(index), map)?;
        }
        Ok(())
    }
}

/// Three digits at most.
fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

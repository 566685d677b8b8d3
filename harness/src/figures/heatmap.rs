//! Latency, and the ratio of two systems, over bandwidth and round trip: predicted from one trace on a fine
//! grid, with the measured cells marked.

use super::axes::PANEL;
use super::canvas::{Anchor, Canvas, Point};
use super::style::INK;
use super::{Drawing, Sheet};
use crate::predict::replay::{Compute, Script, Wires};
use crate::record::quantities::{DIMENSIONS, Quantity};
use crate::record::runs::RunRow;
use crate::record::trace::Trace;
use crate::scenario::FigureSpec;
use crate::scenario::units::{Bandwidth, Rtt};
use crate::stats::summarize;
use anyhow::Result;
use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;
use qbench_protocols::system::Phase;

/// Cells along each side.
pub const SIDE: usize = 20;

/// What one panel shows.
#[derive(Clone, Debug)]
struct Map {
    heading: String,
    /// By round trip, then bandwidth; seconds, or a ratio.
    values: Vec<Vec<f64>>,
    /// A ratio rather than a time.
    ratio: bool,
    /// Measured cells: bandwidth, round trip, value.
    marks: Vec<(f64, f64, f64)>,
}

/// A figure of maps over one range of links.
pub struct Heatmap {
    title: String,
    maps: Vec<Map>,
    /// Bits a second and nanoseconds, at the centres of cells.
    bandwidths: Vec<f64>,
    rtts: Vec<f64>,
}

/// Bandwidths and round trips of a figure where the run's own links span less, bits a second and nanoseconds.
const DEFAULT_BANDWIDTHS: (f64, f64) = (20e6, 10e9);
const DEFAULT_RTTS: (f64, f64) = (0.1e6, 100e6);

/// So many values from `low` to `high`, evenly by their logarithm.
pub fn spaced(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = (high / low).ln() / (count.max(2) - 1) as f64;
    (0..count).map(|i| low * (step * i as f64).exp()).collect()
}

/// A trace's predicted seconds over a grid, by round trip and then bandwidth.
///
/// # Errors
/// A trace that cannot be replayed.
pub fn predict(
    trace: &Trace,
    phases: &[Phase],
    compute: Compute,
    bandwidths: &[f64],
    rtts: &[f64],
) -> Result<Vec<Vec<f64>>> {
    let scripts: Vec<Script> = phases
        .iter()
        .map(|phase| Script::new(trace, *phase, compute))
        .collect();
    let cell = |bandwidth: f64, rtt: f64| -> Result<f64> {
        let wires = Wires::uniform(Some(bandwidth), rtt);
        let times = scripts.iter().map(|script| script.replay(&wires));
        Ok(times.sum::<Result<f64>>()? / 1e9)
    };
    rtts.iter()
        .map(|rtt| bandwidths.iter().map(|b| cell(*b, *rtt)).collect())
        .collect()
}

/// Builds the figure; `None` without traces, or for a quantity that is no time.
///
/// # Errors
/// A trace that cannot be replayed.
pub fn build(spec: &FigureSpec, rows: &[RunRow], traces: &[Trace]) -> Result<Option<Heatmap>> {
    let mut figure = Heatmap {
        title: spec.title.clone(),
        maps: Vec::new(),
        bandwidths: range(
            rows.iter().map(|row| row.bandwidth_bits_per_second as f64),
            DEFAULT_BANDWIDTHS,
        ),
        rtts: range(rows.iter().map(|row| row.rtt_ns as f64), DEFAULT_RTTS),
    };
    for y in &spec.y {
        let Some(quantity @ Quantity::Seconds(phase)) = Quantity::find(y) else {
            continue;
        };
        let phases = phase.map_or(vec![Phase::Offline, Phase::Online], |phase| vec![phase]);
        let what = phase.map_or("offline and online", Phase::name);
        let sources = sources(rows, traces, quantity);
        let mut singles: Vec<(&Trace, Map)> = Vec::new();
        for trace in sources {
            let settings = described(trace, traces, &["system"]);
            let values = predict(
                trace,
                &phases,
                Compute::Wall,
                &figure.bandwidths,
                &figure.rtts,
            )?;
            singles.push((
                trace,
                Map {
                    heading: format!("{}, {what}{settings}", trace.setting("system")),
                    values,
                    ratio: false,
                    marks: marks(rows, trace, quantity),
                },
            ));
        }
        let mut ratios = Vec::new();
        for (index, (trace, map)) in singles.iter().enumerate() {
            for (other, other_map) in &singles[index + 1..] {
                if alike(trace, other, traces) {
                    ratios.push(ratio(trace, map, other, other_map, what));
                }
            }
        }
        figure.maps.extend(singles.into_iter().map(|(_, map)| map));
        figure.maps.extend(ratios);
    }
    Ok((!figure.maps.is_empty()).then_some(figure))
}

/// The range of a run's links if it has at least two, else the default.
fn range(values: impl Iterator<Item = f64>, default: (f64, f64)) -> Vec<f64> {
    let values: Vec<f64> = values.filter(|v| *v > 0.0).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    if high > 2.0 * low {
        spaced(low, high, SIDE)
    } else {
        spaced(default.0, default.1, SIDE)
    }
}

/// Whether two traces differ in nothing but the system, and in what one of the systems does not have. Where the other
/// system was not run with this one's activation function, each with its own is what there is to compare.
fn alike(a: &Trace, b: &Trace, traces: &[Trace]) -> bool {
    let system_has = |trace: &Trace, activation: &str| {
        traces
            .iter()
            .filter(|t| t.setting("system") == trace.setting("system"))
            .any(|t| t.setting("activation") == activation)
    };
    DIMENSIONS.iter().all(|column| {
        let (x, y) = (a.setting(column), b.setting(column));
        match *column {
            "link" | "system" => true,
            "activation" => x == y || !(system_has(b, x) || system_has(a, y)),
            _ => x == y || x.is_empty() || y.is_empty(),
        }
    })
}

/// One trace for each combination of settings: of the link where the phase was fastest, which holds the least
/// waiting.
fn sources<'a>(rows: &[RunRow], traces: &'a [Trace], quantity: Quantity) -> Vec<&'a Trace> {
    let time = |trace: &Trace| {
        let of_cell = |row: &&RunRow| row.cell == trace.header.cell;
        let times: Vec<f64> = rows
            .iter()
            .filter(of_cell)
            .filter_map(|r| quantity.of(r))
            .collect();
        summarize(&times).map_or(f64::INFINITY, |summary| summary.median)
    };
    let mut found: Vec<&Trace> = Vec::new();
    for trace in traces {
        let same = found
            .iter_mut()
            .find(|t| t.header.settings == trace.header.settings);
        match same {
            Some(best) if time(trace) < time(best) => *best = trace,
            Some(_) => {}
            None => found.push(trace),
        }
    }
    found
}

/// The settings in which a trace differs from others, but for some columns.
fn described(trace: &Trace, traces: &[Trace], without: &[&str]) -> String {
    let varies = |column: &&&str| {
        !without.contains(*column)
            && **column != "link"
            && traces
                .iter()
                .filter(|t| t.setting("system") == trace.setting("system"))
                .any(|t| t.setting(column) != trace.setting(column))
    };
    let parts = DIMENSIONS.iter().filter(varies);
    parts
        .map(|column| match *column {
            "seq_len" => format!(", n = {}", trace.setting(column)),
            other => format!(", {} {}", other.replace('_', " "), trace.setting(column)),
        })
        .collect()
}

fn marks(rows: &[RunRow], trace: &Trace, quantity: Quantity) -> Vec<(f64, f64, f64)> {
    let mut marks: Vec<(f64, f64, f64)> = Vec::new();
    let of_settings = |row: &&RunRow| {
        trace
            .header
            .settings
            .iter()
            .all(|(column, value)| row.dimension(column).as_ref() == Some(value))
    };
    let rows: Vec<&RunRow> = rows.iter().filter(of_settings).collect();
    for row in &rows {
        let place = (row.bandwidth_bits_per_second as f64, row.rtt_ns as f64);
        if place.0 == 0.0 || marks.iter().any(|m| (m.0, m.1) == place) {
            continue;
        }
        let of_cell = rows.iter().filter(|other| other.cell == row.cell);
        let times: Vec<f64> = of_cell.filter_map(|r| quantity.of(r)).collect();
        if let Some(summary) = summarize(&times) {
            marks.push((place.0, place.1, summary.median));
        }
    }
    marks
}

fn ratio(trace: &Trace, map: &Map, other: &Trace, other_map: &Map, what: &str) -> Map {
    let divided = |a: &[f64], b: &[f64]| b.iter().zip(a).map(|(b, a)| b / a).collect();
    let of_place = |m: &(f64, f64, f64)| {
        let found = other_map.marks.iter().find(|o| (o.0, o.1) == (m.0, m.1));
        found.map(|o| (m.0, m.1, o.2 / m.2))
    };
    Map {
        heading: format!(
            "{what}: {} / {} (above 1: {} is faster)",
            other.setting("system"),
            trace.setting("system"),
            trace.setting("system")
        ),
        values: map
            .values
            .iter()
            .zip(&other_map.values)
            .map(|(a, b)| divided(a, b))
            .collect(),
        ratio: true,
        marks: map.marks.iter().filter_map(of_place).collect(),
    }
}

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
struct Tint {
    low: f64,
    high: f64,
    ratio: bool,
}

impl Tint {
    fn over(map: &Map) -> Self {
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

    fn share(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    fn color(&self, value: f64) -> RGBColor {
        let share = self.share(value);
        if self.ratio {
            color(&DIVERGING, share)
        } else {
            // Dark is slow.
            color(&VIRIDIS, 1.0 - share)
        }
    }

    fn ticks(&self) -> Vec<f64> {
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

/// Three digits at most.
fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 1.0 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

impl Heatmap {
    fn sheet(&self) -> Sheet<'_> {
        Sheet {
            title: &self.title,
            panels: self.maps.len(),
            legend: Vec::new(),
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
            let half = super::text_width(&text, 11.0) / 2.0;
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
        let half = super::text_width(text, 10.0) / 2.0 + 2.0;
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

/// Powers of ten inside a range, with their doubles and halves if there are few.
fn decades(values: &[f64]) -> Vec<f64> {
    let (low, high) = (values[0] * 0.999, values[values.len() - 1] * 1.001);
    let at = |steps: &[f64]| -> Vec<f64> {
        (low.log10().floor() as i32..=high.log10().ceil() as i32)
            .flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)))
            .filter(|v| (low..=high).contains(v))
            .collect()
    };
    let plain = at(&[1.0]);
    if plain.len() < 3 {
        at(&[1.0, 2.0, 5.0])
    } else {
        plain
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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

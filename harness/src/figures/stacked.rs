//! Bars stacked by kind of step: where the time of a phase goes.

use super::axes::{Frame, Scale};
use super::canvas::Canvas;
use super::data::{distinct, panel_heading, value, varies};
use super::style::Look;
use super::{Drawing, Sheet};
use crate::record::quantities::dimension_label;
use crate::record::runs::RunRow;
use crate::record::steps::{StepRow, kind};
use crate::scenario::FigureSpec;
use crate::stats::summarize;
use anyhow::Result;
use plotters::backend::DrawingBackend;
use std::collections::HashMap;

/// A stacked figure.
pub struct Stacked {
    /// Heading.
    pub title: String,
    phase: String,
    x_label: String,
    xs: Vec<String>,
    kinds: Vec<String>,
    panels: Vec<StackedPanel>,
}

struct StackedPanel {
    heading: String,
    /// By horizontal value: seconds by kind.
    stacks: Vec<Vec<f64>>,
}

/// Kinds drawn apart; the rest is one last piece.
const PIECES: usize = 9;

/// Builds the figure: for each horizontal value and panel the median seconds of each kind of step at P1,
/// whose phase runs from the input to the output.
pub fn build(spec: &FigureSpec, rows: &[RunRow], steps: &[StepRow]) -> Option<Stacked> {
    let phase = spec.y.first()?.strip_suffix("_seconds")?.to_owned();
    let mut columns = spec.panel.clone();
    for extra in [
        "system",
        "threads",
        "link",
        "activation",
        "index_bits",
        "model",
    ] {
        if varies(rows, extra) && extra != spec.x && !columns.iter().any(|c| c == extra) {
            columns.push(extra.to_owned());
        }
    }
    // Seconds by repetition and kind.
    let mut seconds: HashMap<(String, usize), HashMap<String, f64>> = HashMap::new();
    for step in steps.iter().filter(|s| s.phase == phase && s.party == 1) {
        let kinds = seconds
            .entry((step.cell.clone(), step.repetition))
            .or_default();
        *kinds.entry(kind(&step.step)).or_default() += step.wall_ns as f64 / 1e9;
    }
    let of = |row: &RunRow| seconds.get(&(row.cell.clone(), row.repetition));
    let rows: Vec<&RunRow> = rows.iter().filter(|row| of(row).is_some()).collect();
    let kinds = largest_kinds(rows.iter().filter_map(|row| of(row)))?;
    let xs = distinct(rows.iter().map(|row| value(row, &spec.x)));
    let key = |row: &RunRow| -> Vec<String> { columns.iter().map(|c| value(row, c)).collect() };
    let mut keys: Vec<(Vec<String>, String)> = Vec::new();
    for row in &rows {
        if !keys.iter().any(|(k, _)| *k == key(row)) {
            keys.push((key(row), panel_heading(row, &columns)));
        }
    }
    let panels = keys
        .into_iter()
        .map(|(panel, heading)| {
            let stack = |x: &String| {
                let own: Vec<_> = rows
                    .iter()
                    .filter(|row| key(row) == panel && value(row, &spec.x) == *x)
                    .filter_map(|row| of(row))
                    .collect();
                (0..kinds.len())
                    .map(|k| median_of(&own, &kinds, k))
                    .collect()
            };
            StackedPanel {
                heading,
                stacks: xs.iter().map(stack).collect(),
            }
        })
        .collect();
    let title = match spec.title.as_str() {
        "" => format!("Where the {phase} time goes"),
        title => title.to_owned(),
    };
    Some(Stacked {
        title,
        phase,
        x_label: dimension_label(&spec.x).to_owned(),
        xs,
        kinds,
        panels,
    })
}

/// The kinds that take most, largest first, and `other` where there are more.
fn largest_kinds<'a>(all: impl Iterator<Item = &'a HashMap<String, f64>>) -> Option<Vec<String>> {
    let mut sums: HashMap<&str, f64> = HashMap::new();
    for (kind, seconds) in all.flatten() {
        *sums.entry(kind).or_default() += seconds;
    }
    let mut sorted: Vec<(&str, f64)> = sums.into_iter().collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let mut kinds: Vec<String> = sorted
        .iter()
        .take(PIECES)
        .map(|(k, _)| (*k).to_owned())
        .collect();
    if sorted.len() > PIECES {
        kinds.push("other".into());
    }
    if kinds.is_empty() { None } else { Some(kinds) }
}

/// Median seconds of the k-th kind; the one called `other` takes what no kind has.
fn median_of(repetitions: &[&HashMap<String, f64>], kinds: &[String], k: usize) -> f64 {
    let values: Vec<f64> = repetitions
        .iter()
        .map(|seconds| match kinds[k].as_str() {
            "other" => seconds
                .iter()
                .filter(|(kind, _)| !kinds.contains(kind))
                .map(|(_, s)| s)
                .sum(),
            kind => seconds.get(kind).copied().unwrap_or(0.0),
        })
        .collect();
    summarize(&values).map_or(0.0, |s| s.median)
}

impl Stacked {
    fn sheet(&self) -> Sheet<'_> {
        Sheet {
            title: &self.title,
            panels: self.panels.len(),
            legend: self
                .kinds
                .iter()
                .cloned()
                .zip((0..).map(Look::measured))
                .collect(),
        }
    }
}

impl Drawing for Stacked {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let sheet = self.sheet();
        sheet.draw(canvas, |canvas, (x, y), look| {
            canvas.bar((x, y - 6.0), (x + 24.0, y + 6.0), look)
        })?;
        let y_label = format!("{} time of P1 [s]", self.phase);
        for (index, panel) in self.panels.iter().enumerate() {
            let sums: Vec<f64> = panel
                .stacks
                .iter()
                .map(|stack| stack.iter().sum())
                .collect();
            let frame = Frame::new(
                sheet.corner(index),
                &self.xs,
                Scale::over(&sums, false),
                true,
            );
            frame.draw(canvas, &panel.heading, &self.x_label, &y_label, &self.xs)?;
            let width = (frame.slot() * 0.7).min(70.0);
            for (place, stack) in panel.stacks.iter().enumerate() {
                let left = frame.x(place) - width / 2.0;
                let mut below = 0.0;
                for (index, seconds) in stack.iter().enumerate() {
                    let top = frame.y(below + seconds);
                    canvas.bar(
                        (left, top),
                        (left + width, frame.y(below)),
                        Look::measured(index),
                    )?;
                    below += seconds;
                }
            }
        }
        Ok(())
    }
}

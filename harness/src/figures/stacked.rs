//! Bars stacked by kind of step: where the time of a phase goes, and where it goes in other systems.

use super::axes::{Frame, Scale, Spacing};
use super::bars::sample;
use super::canvas::{Anchor, Canvas, text_width};
use super::data::{distinct, panel_heading, value, varies, x_label};
use super::style::{INK, Look};
use super::{Drawing, Sheet};
use crate::record::runs::RunRow;
use crate::record::steps::{StepRow, family, kind};
use crate::record::values::dimensions;
use crate::scenario::FigureSpec;
use crate::scenario::extrapolated::stands_for;
use crate::stats::summarize;
use crate::units::digits;
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
    /// Systems that stand beside each other at each horizontal value; one that is empty where there is only one.
    systems: Vec<String>,
    kinds: Vec<(String, Look)>,
    /// Whether stacks show shares of their sums.
    share: bool,
    panels: Vec<StackedPanel>,
}

struct StackedPanel {
    heading: String,
    /// By horizontal value, then system: seconds by kind; `None` where nothing was measured.
    stacks: Vec<Vec<Option<Vec<f64>>>>,
}

/// Kinds drawn apart; the rest is one last piece.
const PIECES: usize = 9;

/// Families of steps that systems on the same walk share, each in the same place of every figure.
const FAMILIES: [&str; 9] = [
    "linear",
    "softmax",
    "add-and-norm",
    "activation",
    "scores",
    "context",
    "head",
    "outside of steps",
    "input",
];

/// Builds the figure: for each horizontal value and panel the median seconds of each kind of step at P1,
/// whose phase runs from the input to the output. Several systems stand beside each other, with the same step
/// families; no panel of the figure is then theirs.
pub fn build(spec: &FigureSpec, rows: &[RunRow], steps: &[StepRow]) -> Option<Stacked> {
    let phase = spec.y.first()?.strip_suffix("_seconds")?.to_owned();
    let mut seconds_of_steps: HashMap<(&str, usize), Vec<&StepRow>> = HashMap::new();
    for step in steps.iter().filter(|s| s.phase == phase && s.party == 1) {
        let key = (step.cell.as_str(), step.repetition);
        seconds_of_steps.entry(key).or_default().push(step);
    }
    let key = |row: &RunRow| (row.cell.clone(), row.repetition);
    let rows: Vec<&RunRow> = rows
        .iter()
        .filter(|row| seconds_of_steps.contains_key(&(row.cell.as_str(), row.repetition)))
        .collect();
    let named = spec.x == "system" || spec.panel.iter().any(|c| c == "system");
    let mut systems = distinct(rows.iter().map(|row| value(row, "system")));
    let beside = !named && systems.len() > 1;
    if !beside {
        systems = vec![String::new()];
    }
    let name = if beside { family } else { kind };
    // Seconds by repetition and kind.
    let mut seconds: HashMap<(String, usize), HashMap<String, f64>> = HashMap::new();
    for row in &rows {
        let kinds = seconds.entry(key(row)).or_default();
        for step in seconds_of_steps
            .get(&(row.cell.as_str(), row.repetition))
            .into_iter()
            .flatten()
        {
            let seconds = step.wall_ns as f64 / 1e9 * stands_for(row, &step.step);
            *kinds.entry(name(&step.step)).or_default() += seconds;
        }
    }
    let of = |row: &RunRow| seconds.get(&key(row));
    let kinds = if beside {
        families(rows.iter().filter_map(|row| of(row)))?
    } else {
        let largest = largest_kinds(rows.iter().filter_map(|row| of(row)))?;
        largest.into_iter().zip((0..).map(Look::measured)).collect()
    };
    let mut columns = spec.panel.clone();
    for extra in dimensions(rows.iter().copied()) {
        // A model is named after its layers, and rows of several lengths make a figure each.
        let shown =
            matches!(extra, "layers" | "seq_len") || extra == spec.x || beside && extra == "system";
        if !shown && varies(&rows, extra) && !columns.iter().any(|c| c == extra) {
            columns.push(extra.to_owned());
        }
    }
    let xs = distinct(rows.iter().map(|row| value(row, &spec.x)));
    let place = |row: &RunRow| -> Vec<String> { columns.iter().map(|c| value(row, c)).collect() };
    // Rows to which a setting does not apply stand in the panels of each of its values.
    let fits = |row: &RunRow, panel: &[String]| {
        let own = place(row);
        own.iter().zip(panel).all(|(a, b)| a == b || a.is_empty())
    };
    let mut panels: Vec<(Vec<String>, String)> = Vec::new();
    for row in &rows {
        if !panels.iter().any(|(panel, _)| fits(row, panel)) {
            let panel = place(row);
            panels.retain(|(other, _)| {
                !other
                    .iter()
                    .zip(&panel)
                    .all(|(a, b)| a == b || a.is_empty())
            });
            panels.push((panel, panel_heading(row, &columns)));
        }
    }
    let panels = panels
        .into_iter()
        .map(|(panel, heading)| {
            let stack = |x: &String, system: &String| {
                let own: Vec<_> = rows
                    .iter()
                    .filter(|row| fits(row, &panel) && value(row, &spec.x) == *x)
                    .filter(|row| system.is_empty() || row.system == *system)
                    .filter_map(|row| of(row))
                    .collect();
                let stack = (0..kinds.len()).map(|k| median_of(&own, &kinds, k));
                (!own.is_empty()).then(|| stack.collect())
            };
            StackedPanel {
                heading,
                stacks: xs
                    .iter()
                    .map(|x| systems.iter().map(|system| stack(x, system)).collect())
                    .collect(),
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
        x_label: x_label(spec),
        xs,
        systems,
        kinds,
        share: spec.share.unwrap_or(beside),
        panels,
    })
}

/// The families that occur, in their own order, each with its look; `other` for what is of none.
fn families<'a>(
    all: impl Iterator<Item = &'a HashMap<String, f64>>,
) -> Option<Vec<(String, Look)>> {
    let mut found: Vec<&str> = Vec::new();
    for (family, _) in all.flatten() {
        if !found.contains(&family.as_str()) {
            found.push(family);
        }
    }
    let known = FAMILIES.iter().enumerate();
    let mut kinds: Vec<(String, Look)> = known
        .filter(|(_, family)| found.contains(family))
        .map(|(place, family)| ((*family).to_owned(), Look::measured(place)))
        .collect();
    if found.iter().any(|family| !FAMILIES.contains(family)) {
        kinds.push(("other".to_owned(), Look::measured(FAMILIES.len())));
    }
    (!kinds.is_empty()).then_some(kinds)
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
fn median_of(repetitions: &[&HashMap<String, f64>], kinds: &[(String, Look)], k: usize) -> f64 {
    let values: Vec<f64> = repetitions
        .iter()
        .map(|seconds| match kinds[k].0.as_str() {
            "other" => seconds
                .iter()
                .filter(|(kind, _)| !kinds.iter().any(|(known, _)| known == *kind))
                .map(|(_, s)| s)
                .sum(),
            kind => seconds.get(kind).copied().unwrap_or(0.0),
        })
        .collect();
    summarize(&values).map_or(0.0, |s| s.median)
}

/// Size of systems' names under their stacks.
const NAME: f64 = 10.0;

impl Stacked {
    fn beside(&self) -> bool {
        self.systems.len() > 1
    }

    /// A place for each stack, and an empty one between horizontal values where systems stand beside each
    /// other.
    fn slots(&self) -> Vec<String> {
        if !self.beside() {
            return self.xs.clone();
        }
        let count = self.xs.len() * (self.systems.len() + 1);
        vec![String::new(); count.max(2) - 1]
    }

    fn slot(&self, x: usize, system: usize) -> usize {
        if self.beside() {
            x * (self.systems.len() + 1) + system
        } else {
            x
        }
    }

    /// Width of the longest system's name.
    fn longest_name(&self) -> f64 {
        let widths = self.systems.iter().map(|s| text_width(s, NAME));
        widths.fold(0.0, f64::max)
    }

    /// Whether names are written upwards because they are wider than their slots.
    fn upwards(&self) -> bool {
        let frame = Frame::new(
            (0.0, 0.0),
            &self.slots(),
            Scale::over(&[], false),
            Spacing::Equal,
        );
        self.longest_name() > frame.slot() * 1.2
    }

    /// Space that names take between the axis and the horizontal values.
    fn names_height(&self) -> f64 {
        match (self.beside(), self.upwards()) {
            (false, _) => 0.0,
            (true, false) => 16.0,
            (true, true) => self.longest_name() + 8.0,
        }
    }

    fn sheet(&self) -> Sheet<'_> {
        Sheet {
            below: self.names_height(),
            ..Sheet::new(&self.title, self.panels.len(), self.kinds.clone())
        }
    }

    /// Names of systems under their stacks, then the horizontal values.
    fn names<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, frame: &Frame) -> Result<()> {
        let (bottom, space) = (frame.bottom(), self.names_height());
        for (x, value) in self.xs.iter().enumerate() {
            for (order, system) in self.systems.iter().enumerate() {
                let at = frame.x(self.slot(x, order));
                if self.upwards() {
                    let middle = bottom + 5.0 + text_width(system, NAME) / 2.0;
                    canvas.text(system, (at, middle), NAME, Anchor::Upwards)?;
                } else {
                    canvas.text(system, (at, bottom + 11.0), NAME, Anchor::Middle)?;
                }
            }
            let ends = (self.slot(x, 0), self.slot(x, self.systems.len() - 1));
            let half = frame.slot() / 2.0 - 2.0;
            let (from, to) = (frame.x(ends.0) - half, frame.x(ends.1) + half);
            let y = bottom + space + 3.0;
            canvas.line(&[(from, y), (to, y)], INK, 0.8)?;
            canvas.text(value, ((from + to) / 2.0, y + 10.0), 11.0, Anchor::Middle)?;
        }
        let (left, right) = frame.sides();
        let middle = ((left + right) / 2.0, bottom + space + 32.0);
        canvas.text(&self.x_label, middle, 12.0, Anchor::Middle)
    }
}

impl Drawing for Stacked {
    fn size(&self) -> (f64, f64) {
        self.sheet().size()
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Result<()> {
        let sheet = self.sheet();
        sheet.draw(canvas, sample)?;
        let y_label = if self.share {
            format!("share of the {} time of P1 [%]", self.phase)
        } else {
            format!("{} time of P1 [s]", self.phase)
        };
        let slots = self.slots();
        for (index, panel) in self.panels.iter().enumerate() {
            let sum = |stack: &Vec<f64>| stack.iter().sum::<f64>();
            let sums: Vec<f64> = if self.share {
                vec![100.0]
            } else {
                panel.stacks.iter().flatten().flatten().map(sum).collect()
            };
            let frame = Frame::new(
                sheet.corner(index),
                &slots,
                Scale::over(&sums, false),
                Spacing::Equal,
            );
            if self.beside() {
                frame.draw(canvas, &panel.heading, "", &y_label, &[])?;
                self.names(canvas, &frame)?;
            } else {
                frame.draw(canvas, &panel.heading, &self.x_label, &y_label, &slots)?;
            }
            let width = (frame.slot() * 0.8).min(70.0);
            // Room for five digits and the unit, or smaller.
            let size = (9.5 * frame.slot() / text_width("0.000 s", 9.5)).min(9.5);
            for (x, stacks) in panel.stacks.iter().enumerate() {
                for (order, stack) in stacks.iter().enumerate() {
                    let Some(stack) = stack else { continue };
                    let middle = frame.x(self.slot(x, order));
                    let left = middle - width / 2.0;
                    let total = sum(stack);
                    let unit = match self.share {
                        true if total > 0.0 => 100.0 / total,
                        true => 0.0,
                        false => 1.0,
                    };
                    let mut below = 0.0;
                    for (seconds, (_, look)) in stack.iter().zip(&self.kinds) {
                        let above = below + seconds * unit;
                        let (top, foot) = (frame.y(above), frame.y(below));
                        canvas.bar((left, top), (left + width, foot), *look)?;
                        below = above;
                    }
                    if self.share || self.beside() {
                        let text = format!("{} s", digits(total));
                        let at = (middle, frame.y(below) - 7.0);
                        canvas.text(&text, at, size, Anchor::Middle)?;
                    }
                }
            }
        }
        Ok(())
    }
}

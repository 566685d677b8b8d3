//! The values of a table: each published one with ours beside it, then ours that the paper has not.

use super::measured::{Group, groups};
use super::render::{Grid, range};
use super::{Paper, phase, unit};
use crate::published::Number;
use crate::quantities::Quantity;
use crate::stats::Summary;
use anyhow::Result;

/// One line: a published number, ours, or both.
pub struct Line<'a> {
    table: &'static str,
    quantity: Quantity,
    system: String,
    seq_len: Option<usize>,
    threads: Option<usize>,
    device: String,
    published: Option<&'a Number>,
    ours: Option<Summary>,
    remark: String,
}

impl Line<'_> {
    /// Ours over published: of traffic at a stated length only.
    fn to_published(&self) -> Option<f64> {
        let (published, ours) = (self.published?, self.ours?);
        let traffic = matches!(self.quantity, Quantity::Bytes(_));
        (traffic && published.is_comparable()).then(|| ours.median / published.value)
    }
}

pub fn lines<'a>(paper: &Paper<'a>) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for &quantity in paper.quantities {
        let groups = groups(paper, quantity);
        let numbers: Vec<&Number> = paper
            .published
            .of_table(paper.table)
            .filter(|n| n.quantity == quantity)
            .collect();
        let mut systems: Vec<&str> = numbers.iter().map(|n| n.system.as_str()).collect();
        systems.extend(groups.iter().map(|g| g.system));
        let mut seen: Vec<&str> = Vec::new();
        for system in systems {
            if seen.contains(&system) {
                continue;
            }
            seen.push(system);
            let own: Vec<&Group<'_>> = groups.iter().filter(|g| g.system == system).collect();
            let mut shown = Vec::new();
            for number in numbers.iter().filter(|n| n.system == system) {
                let partner = own.iter().position(|g| stand_together(number, g));
                shown.extend(partner);
                let ours = partner.and_then(|at| own[at].summary(quantity));
                lines.push(Line {
                    table: paper.table,
                    quantity,
                    system: system.to_owned(),
                    seq_len: number.seq_len,
                    threads: number.threads,
                    device: number.device.clone(),
                    published: Some(number),
                    ours,
                    remark: remark(paper, number, ours.is_some(), &own),
                });
            }
            for (_, group) in own.iter().enumerate().filter(|(at, _)| !shown.contains(at)) {
                lines.push(Line {
                    table: paper.table,
                    quantity,
                    system: system.to_owned(),
                    seq_len: Some(group.seq_len),
                    threads: group.threads,
                    device: if group.threads.is_some() { "cpu" } else { "" }.into(),
                    published: None,
                    ours: group.summary(quantity),
                    remark: group.variant.clone(),
                });
            }
        }
    }
    lines
}

/// Whether a number and a group share one line: the same stated length and threads, on a CPU.
fn stand_together(number: &Number, group: &Group<'_>) -> bool {
    number.seq_len == Some(group.seq_len)
        && (group.threads.is_none() || (number.threads == group.threads && number.device == "cpu"))
        && group.variant.is_empty()
}

fn remark(paper: &Paper<'_>, number: &Number, together: bool, own: &[&Group<'_>]) -> String {
    let mut parts: Vec<String> = Vec::new();
    if number.seq_len.is_none() {
        parts.push("sequence length not stated".into());
    }
    if !number.note.is_empty() {
        parts.push(number.note.clone());
    }
    if own.is_empty() {
        parts.push(paper.absence(&number.system).into());
    } else if !together && number.seq_len.is_some() {
        let same = own.iter().any(|g| Some(g.seq_len) == number.seq_len);
        parts.push(match same {
            true => "ours with other settings: below".into(),
            false => "not measured in this run".into(),
        });
    }
    parts.join("; ")
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

pub fn csv(lines: &[Line<'_>]) -> Result<String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "table",
        "system",
        "phase",
        "unit",
        "seq_len",
        "threads",
        "device",
        "published",
        "published_network",
        "how",
        "source",
        "median",
        "low",
        "high",
        "repetitions",
        "ours_to_published",
        "remark",
    ])?;
    for line in lines {
        let (unit, scale) = unit(line.quantity);
        let printed = line.published.and_then(|n| n.printed.split_once(' '));
        let network = line.published.and_then(|n| n.network.as_ref());
        let ours = |pick: fn(&Summary) -> f64| {
            let value = line.ours.as_ref().map(|s| pick(s) * scale);
            text(value.map(|v| format!("{v:.3}")))
        };
        out.write_record([
            line.table,
            &line.system,
            phase(line.quantity),
            unit,
            &text(line.seq_len),
            &text(line.threads),
            &line.device,
            &text(printed.map(|(number, _)| number)),
            &text(network.map(|n| n.describe())),
            &text(line.published.map(|n| &n.how)),
            &text(line.published.map(Number::place)),
            &ours(|s| s.median),
            &ours(|s| s.low),
            &ours(|s| s.high),
            &text(line.ours.map(|s| s.count)),
            &text(line.to_published().map(|v| format!("{v:.3}"))),
            &line.remark,
        ])?;
    }
    Ok(String::from_utf8(out.into_inner()?)?)
}

pub fn grid(lines: &[Line<'_>]) -> Grid {
    let mut grid = Grid::new(&[
        "system",
        "phase",
        "n",
        "threads",
        "device",
        "as published",
        "how",
        "ours",
        "runs",
        "ours / published",
        "remark",
    ]);
    for line in lines {
        let (unit, scale) = unit(line.quantity);
        grid.line(vec![
            line.system.clone(),
            phase(line.quantity).to_owned(),
            match (line.seq_len, line.published) {
                (Some(n), _) => n.to_string(),
                (None, _) => "not stated".into(),
            },
            text(line.threads),
            line.device.clone(),
            text(line.published.map(|n| &n.printed)),
            text(line.published.map(|n| &n.how)),
            text(line.ours.map(|s| format!("{} {unit}", range(&s, scale)))),
            text(line.ours.map(|s| s.count)),
            text(line.to_published().map(|v| format!("{v:.2}"))),
            line.remark.clone(),
        ]);
    }
    grid
}

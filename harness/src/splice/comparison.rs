//! All systems beside each other, each time with its error against the float model; a line for each length and link.

use super::marker::Marker;
use super::numbers::{Column, link_name};
use crate::compare::groups::{Entry, Group, groups, systems};
use crate::compare::ratio::Ratio;
use crate::compare::settings::ACTIVATION;
use crate::published::page::table as markdown;
use crate::quantities::{Quantity, spoken};
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::units::digits;
use anyhow::{Result, bail};
use qbench_protocols::phase::Phase;
use std::fmt;

const ONLINE: Quantity = Quantity::Seconds(Some(Phase::Online));
const OFFLINE: Quantity = Quantity::Seconds(Some(Phase::Offline));

/// What one table column is of: a system, at one of the settings that it was measured at.
#[derive(Clone, PartialEq)]
struct Variant {
    system: String,
    /// Those that tell it from others of its system: `weight masks reused`.
    settings: Vec<String>,
}

impl fmt::Display for Variant {
    /// `` `crypten`, weight masks reused ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.system)?;
        self.settings.iter().try_for_each(|s| write!(f, ", {s}"))
    }
}

/// All that was measured at one length over one link.
struct Line<'a> {
    seq_len: String,
    link: String,
    /// One entry a variant.
    entries: Vec<(Variant, Entry<'a>)>,
}

impl<'a> Line<'a> {
    fn of(&self, variant: &Variant) -> Option<&Entry<'a>> {
        let found = self.entries.iter().find(|(other, _)| other == variant);
        found.map(|(_, entry)| entry)
    }
}

/// The times of one variant.
struct Times {
    variant: Variant,
    online: Column,
    offline: Column,
    error: Vec<String>,
    /// Said of times of which fewer layers ran.
    extrapolated: Vec<String>,
}

impl Times {
    fn head(&self) -> String {
        let offline = if self.offline.is_empty() {
            ""
        } else {
            " / offline"
        };
        format!("{} online{offline} (error)", self.variant)
    }

    fn cell(&self, at: usize) -> String {
        let times = match self.offline.has(at) {
            true => format!("{} / {}", self.online.seconds(at), self.offline.seconds(at)),
            false => self.online.seconds(at),
        };
        match self.online.has(at) {
            true => format!("{times} ({}{})", self.error[at], self.extrapolated[at]),
            false => times,
        }
    }
}

/// Times of all systems of the runs, each with its error against the float model; bytes, rounds and the ratios of each system of
/// `base=` (separated by commas) and `system=`. A system that was measured at several settings has a column for each.
///
/// # Errors
/// Parameters and runs that do not make such a table.
pub fn table(marker: &Marker) -> Result<String> {
    marker.only(&["runs", "base", "system", "link"])?;
    let (base, system) = (marker.need("base")?, marker.need("system")?);
    let mut runs = marker.runs()?;
    if let Some((_, link)) = marker.parameters().find(|(key, _)| *key == "link") {
        for run in &mut runs {
            run.rows.retain(|row| row.link == link);
        }
    }
    let rows: Vec<&[RunRow]> = runs.iter().map(|run| run.rows.as_slice()).collect();
    let all: Vec<&RunRow> = runs.iter().flat_map(|run| &run.rows).collect();
    let names = systems(all.iter().copied());
    for name in base.split(',').chain([system]) {
        if !names.contains(&name) {
            bail!("no row is of `{name}`; there are {}", names.join(", "));
        }
    }
    let lines = lines(groups(&rows), &all)?;
    let variants = variants(&names, &lines);
    let column = |variant: &Variant, quantity: Quantity| -> Column {
        let value = |line: &Line<'_>| Some(line.of(variant)?.summary(quantity)?.median);
        Column::new(lines.iter().map(value).collect(), 2)
    };
    let times: Vec<Times> = variants
        .iter()
        .map(|variant| {
            let error =
                |line: &Line<'_>| line.of(variant).map_or_else(String::new, Entry::error_text);
            Times {
                variant: variant.clone(),
                online: column(variant, ONLINE),
                offline: column(variant, OFFLINE),
                error: lines.iter().map(error).collect(),
                extrapolated: lines.iter().map(|line| few(line, variant)).collect(),
            }
        })
        .collect();
    let of = |system: &str| -> Vec<&Variant> {
        variants.iter().filter(|v| v.system == system).collect()
    };
    let [own] = of(system)[..] else {
        bail!("`{system}` was measured at several settings");
    };
    let bases: Vec<&Variant> = base.split(',').flat_map(of).collect();
    let counted: Vec<&Variant> = std::iter::once(own).chain(bases.iter().copied()).collect();
    let bytes = counted
        .iter()
        .map(|v| column(v, Quantity::Bytes(Phase::Online)));
    let rounds = counted
        .iter()
        .map(|v| column(v, Quantity::Rounds(Phase::Online)));
    let traffic: Vec<(Column, Column)> = bytes.zip(rounds).collect();

    let mut head = vec!["tokens".to_owned(), "link".to_owned()];
    head.extend(times.iter().map(Times::head));
    let quoted: Vec<String> = counted.iter().map(|v| v.to_string()).collect();
    head.push(format!("online MB, rounds: {}", quoted.join(" / ")));
    head.extend(
        quoted[1..]
            .iter()
            .map(|base| format!("online, {base} / {}", quoted[0])),
    );
    let mut body = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let mut cells = vec![line.seq_len.clone(), link_name(&line.link)];
        cells.extend(times.iter().map(|times| times.cell(at)));
        let traffic = traffic
            .iter()
            .map(|(bytes, rounds)| format!("{}, {}", bytes.number(at), rounds.number(at)));
        cells.push(traffic.collect::<Vec<String>>().join(" / "));
        cells.extend(bases.iter().map(|base| {
            let entries = line.of(own).zip(line.of(base));
            let ratio = entries.and_then(|(own, base)| own.ratio(base, ONLINE));
            ratio.map_or_else(|| "-".to_owned(), |r| text(&r))
        }));
        body.push(cells);
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    Ok(markdown(&head, &body))
}

/// ` x 12 of 1 layer`, where so few layers ran.
fn few(line: &Line<'_>, variant: &Variant) -> String {
    let row = line.of(variant).and_then(|entry| entry.rows.first());
    match row.and_then(|row| Some((row.layers, row.extrapolated_from_layers?))) {
        Some((layers, few)) => format!("; {layers} layers from {few}"),
        None => String::new(),
    }
}

/// The columns, systems in the order of the rows.
fn variants(systems: &[&str], lines: &[Line<'_>]) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();
    for system in systems {
        let all = lines.iter().flat_map(|line| &line.entries);
        for (variant, _) in all.filter(|(variant, _)| variant.system == *system) {
            if !variants.contains(variant) {
                variants.push(variant.clone());
            }
        }
    }
    variants
}

/// A line for each length and link, by length.
fn lines<'a>(groups: Vec<Group<'a>>, rows: &[&RunRow]) -> Result<Vec<Line<'a>>> {
    let columns: Vec<&str> = dimensions(rows.iter().copied())
        .into_iter()
        .filter(|column| !matches!(*column, "system" | "seq_len" | "link" | ACTIVATION))
        .collect();
    let variant = |entry: &Entry<'_>| {
        let value = |row: &RunRow, column: &str| row.dimension(column).unwrap_or_default();
        let own = || rows.iter().filter(|row| row.system == entry.system);
        let mut settings = Vec::new();
        for column in &columns {
            let here = entry
                .rows
                .first()
                .map_or_else(String::new, |row| value(row, column));
            if own().any(|row| value(row, column) != here) {
                settings.push(format!("{} {here}", spoken(column)));
            }
        }
        Variant {
            system: entry.system.clone(),
            settings,
        }
    };
    let mut lines: Vec<Line<'a>> = Vec::new();
    for group in groups {
        let [seq_len, link] = ["seq_len", "link"].map(|c| group.settings.value(c).to_owned());
        let found = lines
            .iter()
            .position(|l| (&l.seq_len, &l.link) == (&seq_len, &link));
        let at = found.unwrap_or_else(|| {
            let entries = Vec::new();
            lines.push(Line {
                seq_len,
                link,
                entries,
            });
            lines.len() - 1
        });
        for entry in group.entries {
            let variant = variant(&entry);
            // A system without a setting of another stands in the group of each of its values: the same rows.
            match lines[at].of(&variant) {
                None => lines[at].entries.push((variant, entry)),
                Some(other) if same_rows(other, &entry) => {}
                Some(_) => bail!(
                    "{variant} was measured twice: {}",
                    group.settings.describe()
                ),
            }
        }
    }
    // The sorting is stable: links stay in the order of the rows.
    lines.sort_by_key(|line| line.seq_len.parse::<usize>().unwrap_or(0));
    Ok(lines)
}

fn same_rows(a: &Entry<'_>, b: &Entry<'_>) -> bool {
    let pairs = a.rows.iter().zip(&b.rows);
    a.rows.len() == b.rows.len() && pairs.into_iter().all(|(a, b)| std::ptr::eq(*a, *b))
}

/// `25.6 (24.8 to 32.1, 5 pairs)`; `~` where the repetitions did not run next to each other.
fn text(ratio: &Ratio) -> String {
    let summary = ratio.summary;
    let (low, high) = (digits(summary.low), digits(summary.high));
    let median = digits(summary.median);
    match (ratio.paired, summary.count) {
        (true, 1) => format!("{median} (1 pair)"),
        (true, pairs) => format!("{median} ({low} to {high}, {pairs} pairs)"),
        (false, _) => format!("~{median} ({low} to {high})"),
    }
}

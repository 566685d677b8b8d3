//! `qbench cmp`: systems beside each other.

use crate::cli::CmpArguments;
use crate::compare::groups::{Entry, Group, default_base, groups, systems};
use crate::compare::ratio::Ratio;
use crate::compare::runs::Run;
use crate::compare::settings::{ACTIVATION, LINK};
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::stats::Summary;
use crate::units::digits;
use crate::units::time_text;
use anyhow::{Context, Result, anyhow, bail};
use qbench_protocols::phase::Phase;
use std::path::Path;

/// The lines of a system: a time, the phases whose bytes and rounds belong to it.
const LINES: [(&str, Quantity, &[Phase]); 3] = [
    (
        "online",
        Quantity::Seconds(Some(Phase::Online)),
        &[Phase::Online],
    ),
    (
        "offline",
        Quantity::Seconds(Some(Phase::Offline)),
        &[Phase::Offline],
    ),
    (
        "total",
        Quantity::Seconds(None),
        &[Phase::Offline, Phase::Online],
    ),
];

/// Prints a table for each combination of settings; writes the tidy table where asked.
///
/// # Errors
/// Folders that are no runs; a base that no run has; a file that cannot be written.
pub fn run(arguments: &CmpArguments) -> Result<bool> {
    let runs: Vec<Run> = arguments
        .runs
        .iter()
        .map(|dir| Run::read(dir))
        .collect::<Result<_>>()?;
    let names = systems(runs.iter().flat_map(|run| &run.rows));
    let base = match &arguments.base {
        Some(base) if names.contains(&base.as_str()) => base.clone(),
        Some(base) => bail!(
            "--base {base}: no row is of that system{}; there are {}",
            crate::names::suggestion(base, &names),
            names.join(", ")
        ),
        None => default_base(&names)
            .or_else(|| names.first().map(|s| (*s).to_owned()))
            .context("no rows")?,
    };
    let rows: Vec<&[RunRow]> = runs.iter().map(|run| run.rows.as_slice()).collect();
    let groups = groups(&rows);
    for group in &groups {
        crate::say!("{}", group.settings.describe());
        crate::say!("{}", table(group, &base, &runs));
    }
    for note in notes(&groups, &base, &runs) {
        crate::say!("{note}");
    }
    if let Some(path) = &arguments.csv {
        write(path, &groups, &base, &runs)?;
        crate::say!("{}", path.display());
    }
    Ok(true)
}

/// System, with its run and activation function where there are several.
fn name(entry: &Entry<'_>, group: &Group<'_>, runs: &[Run]) -> String {
    let mut name = entry.system.clone();
    let twice = |other: &&Entry<'_>| other.system == entry.system && other.run == entry.run;
    if group.entries.iter().filter(twice).count() > 1 {
        name += &format!(" {}", entry.activation);
    }
    if runs.len() > 1 {
        name += &format!(" [{}]", entry.run + 1);
    }
    name
}

fn table(group: &Group<'_>, base: &str, runs: &[Run]) -> String {
    let head = [
        "system", "error", "phase", "runs", "time", "interval", "MB", "rounds",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let compared = group
        .entries
        .iter()
        .any(|entry| group.base_of(base, entry).is_some());
    if compared {
        rows[0].extend([format!("{base} / system"), "interval".into()]);
    }
    for entry in &group.entries {
        let mut named = false;
        for (phase, time, phases) in LINES {
            let Some(seconds) = entry.summary(time) else {
                continue;
            };
            // What a system does not give for every phase of a line is not summed.
            let sum = |of: fn(Phase) -> Quantity, digits: usize| -> String {
                let parts = phases.iter().map(|p| Some(entry.summary(of(*p))?.median));
                let sum: Option<f64> = parts.sum();
                sum.map_or_else(|| "-".into(), |sum| format!("{sum:.digits$}"))
            };
            let text = |seconds: f64| time_text(seconds * 1e9);
            let mut row = vec![
                if named {
                    String::new()
                } else {
                    name(entry, group, runs)
                },
                match named {
                    false => entry.error_text(),
                    true => String::new(),
                },
                phase.to_owned(),
                entry.rows.len().to_string(),
                text(seconds.median),
                interval(seconds, text),
                sum(Quantity::Bytes, 3),
                sum(Quantity::Rounds, 0),
            ];
            named = true;
            if let Some(other) = group.base_of(base, entry) {
                row.extend(match entry.ratio(other, time) {
                    Some(ratio) => [marked(&ratio), interval(ratio.summary, digits)],
                    None => ["-".into(), String::new()],
                });
            } else if compared {
                row.extend(["base".into(), String::new()]);
            }
            rows.push(row);
        }
    }
    super::table(&rows)
}

/// `~` where the repetitions did not run next to each other.
fn marked(ratio: &Ratio) -> String {
    let mark = if ratio.paired { "" } else { "~" };
    format!("{mark}{}", digits(ratio.summary.median))
}

fn interval(summary: Summary, text: impl Fn(f64) -> String) -> String {
    if summary.count < 2 {
        return String::new();
    }
    format!("{} .. {}", text(summary.low), text(summary.high))
}

/// What a reader must know of these tables.
fn notes(groups: &[Group<'_>], base: &str, runs: &[Run]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut ratios = Vec::new();
    for (group, entry) in each(groups) {
        if let Some(other) = group.base_of(base, entry) {
            ratios.extend(entry.ratio(other, Quantity::Seconds(None)));
            if other.activation != entry.activation {
                let said = |text: &str| match text {
                    "" => "none named".to_owned(),
                    text => text.to_owned(),
                };
                notes.push(format!(
                    "{ACTIVATION} differs: {} has {}, {} has {}",
                    entry.system,
                    said(&entry.activation),
                    other.system,
                    said(&other.activation)
                ));
            }
            if entry.rows.len() != other.rows.len() {
                notes.push(format!(
                    "repetitions differ: {} has {}, {} has {} ({})",
                    entry.system,
                    entry.rows.len(),
                    other.system,
                    other.rows.len(),
                    group.settings.describe()
                ));
            }
        }
        for (column, value) in group.settings.columns() {
            let applies = |row: &RunRow| row.dimension(column).is_some_and(|v| !v.is_empty());
            // The columns of the link are no dimensions of a row: they apply to every system.
            let known = !LINK.contains(&column.as_str());
            if known && !value.is_empty() && !entry.rows.iter().any(|row| applies(row)) {
                notes.push(format!("{column} does not apply to {}", entry.system));
            }
        }
    }
    if ratios.iter().any(|r| r.paired) {
        notes.push(format!(
            "{base} / system: median of the ratios of repetitions that ran next to each other; above 1 the system is faster"
        ));
    }
    if ratios.iter().any(|r| !r.paired) {
        notes.push(format!(
            "~ unpaired: {base} / system of medians over repetitions that did not run next to each other"
        ));
    }
    if ratios.is_empty() {
        notes.push(format!(
            "nothing to compare: no other system has rows with the settings of {base}"
        ));
    }
    notes.push(
        "error: largest difference of the output to the float model, in root mean squares of its output; w: values that wrapped"
            .into(),
    );
    notes.push(
        "intervals: 95 % bootstrap of the median from six repetitions on, smallest to largest with fewer; \
         MB are 10^6 bytes over all parties"
            .into(),
    );
    for (index, run) in runs.iter().enumerate() {
        if runs.len() > 1 {
            notes.push(format!("[{}] {}", index + 1, run.name));
        }
        if run.failed > 0 {
            notes.push(format!(
                "{}: {} repetitions have only an error and are left out",
                run.name, run.failed
            ));
        }
    }
    let mut machines: Vec<&str> = runs
        .iter()
        .flat_map(|run| run.distinct(|row| &row.machine))
        .collect();
    machines.sort_unstable();
    machines.dedup();
    if machines.len() > 1 {
        notes.push(format!(
            "these runs are of different machines: {}",
            machines.join(", ")
        ));
    }
    let mut once: Vec<String> = Vec::new();
    for note in notes {
        if !once.contains(&note) {
            once.push(note);
        }
    }
    once
}

/// Every entry with its group.
fn each<'a, 'b>(groups: &'b [Group<'a>]) -> impl Iterator<Item = (&'b Group<'a>, &'b Entry<'a>)> {
    groups
        .iter()
        .flat_map(|group| group.entries.iter().map(move |entry| (group, entry)))
}

/// The tidy table: a row for each settings, run, system and quantity. `docs/FORMAT.md` describes it.
fn write(path: &Path, groups: &[Group<'_>], base: &str, runs: &[Run]) -> Result<()> {
    let mut text = csv::Writer::from_writer(Vec::new());
    let columns: Vec<&str> = dimensions(runs.iter().flat_map(|run| &run.rows))
        .into_iter()
        .filter(|column| !matches!(*column, "system" | ACTIVATION))
        .chain(LINK)
        .collect();
    let mut head: Vec<&str> = vec!["run", "system", ACTIVATION];
    head.extend(columns.iter().map(|column| match *column {
        "bandwidth" => "bandwidth_bits_per_second",
        "rtt" => "rtt_ns",
        column => column,
    }));
    head.extend([
        "quantity",
        "repetitions",
        "median",
        "low",
        "high",
        "base",
        "ratio",
        "ratio_low",
        "ratio_high",
        "ratio_repetitions",
        "ratio_how",
    ]);
    text.write_record(&head)?;
    for (group, entry) in each(groups) {
        for quantity in crate::quantities::names() {
            let found = Quantity::find(quantity);
            let Some((found, summary)) = found.and_then(|q| Some((q, entry.summary(q)?))) else {
                continue;
            };
            let number = |value: f64| format!("{}", value * found.drawn_unit());
            let mut row = vec![
                runs[entry.run].name.clone(),
                entry.system.clone(),
                entry.activation.clone(),
            ];
            row.extend(columns.iter().map(|c| group.settings.value(c).to_owned()));
            row.extend([
                quantity.to_owned(),
                summary.count.to_string(),
                number(summary.median),
                number(summary.low),
                number(summary.high),
            ]);
            let other = group.base_of(base, entry);
            row.push(other.map_or_else(String::new, |other| other.system.clone()));
            row.extend(match other.and_then(|other| entry.ratio(other, found)) {
                Some(Ratio { summary, paired }) => [
                    summary.median.to_string(),
                    summary.low.to_string(),
                    summary.high.to_string(),
                    summary.count.to_string(),
                    if paired { "paired" } else { "unpaired" }.to_owned(),
                ],
                None => Default::default(),
            });
            text.write_record(&row)?;
        }
    }
    let bytes = text.into_inner().map_err(|e| anyhow!("{e}"))?;
    // A table of before is written again; a device takes anything.
    let there = std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() > 0);
    if there && !std::fs::read(path).is_ok_and(|there| there.starts_with(b"run,system,")) {
        bail!(
            "--csv {}: a file that is no table of qbench cmp stands there: name another one",
            path.display()
        );
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

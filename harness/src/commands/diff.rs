//! `qbench diff`: the same cells before and after.

use crate::cli::DiffArguments;
use crate::compare::changes::{Both, COUNTS, Cells, Change, TIMES, cells};
use crate::compare::runs::Run;
use crate::record::manifest::Machine;
use crate::units::digits;
use crate::units::time_text;
use anyhow::Result;

/// Prints what has changed between two runs.
///
/// # Errors
/// Folders that are no runs.
pub fn run(arguments: &DiffArguments) -> Result<bool> {
    let (old, new) = (Run::read(&arguments.old)?, Run::read(&arguments.new)?);
    let cells = cells(&old, &new);
    for warning in warnings(&old, &new, &cells) {
        crate::say!("warning: {warning}");
    }
    let mut changed = 0;
    for both in &cells.both {
        let (text, any) = cell(both);
        changed += usize::from(any);
        crate::say!("{}\n{text}", both.question.describe());
    }
    for (run, only) in [(&old, &cells.only_old), (&new, &cells.only_new)] {
        if !only.is_empty() {
            crate::say!("only in {}:", run.name);
        }
        for question in only {
            crate::say!("  {}", question.describe());
        }
    }
    crate::say!(
        "cells in both: {}, changed beyond their intervals: {changed}; only in the old run: {}, only in the new: {}",
        cells.both.len(),
        cells.only_old.len(),
        cells.only_new.len()
    );
    crate::say!(
        "Ratios are new / old of medians over repetitions that did not run next to each other: drift of the machine is in \
         them. Changed: the interval of the ratio leaves out 1 (counts: any difference)."
    );
    Ok(true)
}

/// The lines of one cell, and whether anything has changed.
fn cell(both: &Both<'_>) -> (String, bool) {
    let head = ["", "old", "new", "new / old", "interval", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut any = false;
    for (name, quantity) in TIMES {
        let Some(change) = both.time(quantity) else {
            continue;
        };
        // Systems without that phase have nothing to say about it.
        if change.old.median == 0.0 && change.new.median == 0.0 {
            continue;
        }
        any |= change.changed == Some(true);
        rows.push(line(name, &change, |seconds| time_text(seconds * 1e9)));
    }
    for (name, quantity) in COUNTS {
        let Some(change) = both.count(quantity) else {
            continue;
        };
        if change.changed == Some(true) {
            any = true;
            let rounds = name.ends_with("rounds");
            rows.push(line(name, &change, |value| match rounds {
                true => format!("{value:.0}"),
                false => format!("{value:.6} MB"),
            }));
        }
    }
    (super::table(&rows), any)
}

fn line(name: &str, change: &Change, text: impl Fn(f64) -> String) -> Vec<String> {
    let (ratio, interval) = match change.ratio {
        Some(r) if r.count > 1 => (
            digits(r.median),
            format!("{} .. {}", digits(r.low), digits(r.high)),
        ),
        Some(r) => (digits(r.median), String::new()),
        None => ("-".into(), String::new()),
    };
    let flag = match (change.changed, change.ratio) {
        (Some(true), Some(r)) if r.median < 1.0 => "CHANGED (less)",
        (Some(true), Some(r)) if r.median > 1.0 => "CHANGED (more)",
        (Some(true), _) => "CHANGED",
        (Some(false), _) => "",
        (None, _) => "one repetition",
    };
    vec![
        format!("  {name}"),
        text(change.old.median),
        text(change.new.median),
        ratio,
        interval,
        flag.to_owned(),
    ]
}

/// What makes the two runs differ beside the code.
fn warnings(old: &Run, new: &Run, cells: &Cells<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let machines = (
        old.distinct(|row| &row.machine),
        new.distinct(|row| &row.machine),
    );
    if machines.0 != machines.1 {
        warnings.push(format!(
            "the machines differ: {} and {}",
            machines.0.join(", "),
            machines.1.join(", ")
        ));
    }
    if let (Some(a), Some(b)) = (&old.manifest, &new.manifest) {
        warnings.extend(hosts(&a.machine, &b.machine));
    }
    let mut modes: Vec<String> = cells
        .both
        .iter()
        .filter_map(Both::modes)
        .map(|(old, new)| format!("links were emulated differently: {old} and {new}"))
        .collect();
    modes.sort();
    modes.dedup();
    warnings.extend(modes);
    let content = cells.both.iter().filter(|b| b.content_differs()).count();
    if content > 0 {
        warnings.push(format!(
            "{content} cells have the same settings and another content: weights, seed, or whether outputs are checked"
        ));
    }
    let checked = |run: &Run| run.rows.iter().all(|row| row.verified != "not checked");
    if checked(old) != checked(new) {
        warnings.push("outputs were checked in one of the runs only".into());
    }
    for run in [old, new] {
        if run.failed > 0 {
            warnings.push(format!(
                "{}: {} repetitions have only an error and are left out",
                run.name, run.failed
            ));
        }
    }
    if cells.both.is_empty() {
        warnings.push("no cell is in both runs".into());
    }
    warnings
}

/// Machines of one name may still differ.
fn hosts(old: &Machine, new: &Machine) -> Vec<String> {
    let mut differ = Vec::new();
    let mut pair = |what: &str, a: &str, b: &str| {
        if a != b {
            differ.push(format!("{what} differs: {a} and {b}"));
        }
    };
    pair(
        "number of cores",
        &old.cores.to_string(),
        &new.cores.to_string(),
    );
    pair("kernel", &old.kernel, &new.kernel);
    pair(
        "set of instruction sets",
        &old.cpu_flags.join(" "),
        &new.cpu_flags.join(" "),
    );
    differ
}

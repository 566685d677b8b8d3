//! `qbench list`.

use super::table;
use crate::cli::ListArguments;
use crate::scenario::costs::{Cost, Costs};
use crate::units::{bytes_text, time_text};
use anyhow::Result;
use qbench_protocols::phase::Phase;
use qbench_protocols::system::System;
use std::path::{Path, PathBuf};

/// Lists systems and scenarios, or the cells of one scenario.
///
/// # Errors
/// A scenario that does not fit.
pub fn list(systems: &[&'static dyn System], arguments: &ListArguments) -> Result<bool> {
    match &arguments.scenario {
        Some(path) => cells(systems, path, arguments),
        None => {
            crate::say!("Systems");
            for system in systems {
                crate::say!("  {:<14} {}", system.id(), system.about());
                crate::say!("  {:<14} from {}", "", system.source());
                for setting in system.settings() {
                    crate::say!(
                        "  {:<14} {} = {} [{}]: {}",
                        "",
                        setting.key,
                        setting.choices(),
                        setting.default,
                        setting.help
                    );
                }
            }
            crate::say!("\nScenarios");
            let found = scenarios(Path::new("scenarios"));
            if found.is_empty() {
                crate::say!("  none in scenarios/ here");
            }
            for path in found {
                let read = super::read(systems, &path, &arguments.changes);
                match read {
                    Ok((scenario, plan, _)) => crate::say!(
                        "  {:<28} {} ({} cells x {})",
                        path.display(),
                        scenario.title,
                        plan.cells.len(),
                        scenario.run.repetitions
                    ),
                    Err(error) => crate::say!("  {:<28} cannot run: {error:#}", path.display()),
                }
            }
            crate::say!("\nqbench list scenarios/NAME.toml shows the cells of one.");
            Ok(true)
        }
    }
}

fn scenarios(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    found.sort();
    found
}

fn cells(systems: &[&'static dyn System], path: &Path, arguments: &ListArguments) -> Result<bool> {
    let (scenario, plan, _) = super::read(systems, path, &arguments.changes)?;
    crate::say!("{}\n{}\n", scenario.title, scenario.question);
    let header = [
        "cell",
        "offline",
        "rounds",
        "online",
        "rounds",
        "memory",
        "link time at least",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let mut total_ns = 0.0;
    let numbers = plan.numbers(scenario.run.repetitions).len();
    let (times, what) = match plan.is_of_task() {
        // Of the longest each, so it is less.
        true => (
            numbers,
            format!("{numbers} examples each, the longest shown"),
        ),
        false => {
            let warmup = scenario.run.warmup;
            let what = format!("{numbers} repetitions and {warmup} warm-up each");
            (numbers + warmup, what)
        }
    };
    let costs = Costs::declare(systems, &plan.cells)?;
    for cell in &plan.cells {
        let name = format!("{}  {}", cell.id, cell.describe());
        let Some(cost) = costs.of(systems, cell)? else {
            // A program of others declares nothing.
            rows.push([&[name][..], &["?"; 6].map(str::to_owned)].concat());
            continue;
        };
        let ns = link_time_ns(cost, &cell.link);
        total_ns += ns * times as f64;
        let total = |phase: Phase| bytes_text(cost.bytes[phase as usize].iter().flatten().sum());
        rows.push(vec![
            name,
            total(Phase::Offline),
            cost.rounds[Phase::Offline as usize].to_string(),
            total(Phase::Online),
            cost.rounds[Phase::Online as usize].to_string(),
            bytes_text(cost.memory_bytes.iter().sum()),
            time_text(ns),
        ]);
    }
    crate::say!("{}", table(&rows).trim_end());
    crate::say!(
        "\n{} cells, {what}. The links alone take about {}; computing comes on \
         top. Bytes are over all parties, memory is the sum of the three.",
        plan.cells.len(),
        time_text(total_ns)
    );
    for external in plan.externals() {
        crate::say!(
            "`{}` is an external program ({}): what it costs is not known before it runs. {}",
            external.id,
            external.command.join(" "),
            external.about
        );
    }
    for (system, reason) in &plan.left_out {
        crate::say!("Cells of `{system}` are left out: {reason}");
    }
    Ok(true)
}

/// Time that the link alone takes for one repetition: rounds and the busiest directed pair of each phase.
fn link_time_ns(cost: &Cost, link: &crate::link::Link) -> f64 {
    let phases = cost.bytes.iter().zip(cost.rounds);
    phases
        .map(|(bytes, rounds)| {
            let busiest = bytes.iter().flatten().copied().max().unwrap_or(0);
            link.ideal_ns(rounds, busiest)
        })
        .sum()
}

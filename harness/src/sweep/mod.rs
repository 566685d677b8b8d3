//! All repetitions of a plan, in order, each written as soon as it is known.

pub mod memory;
pub mod resume;
mod task;

use crate::external::repetition;
use crate::host;
use crate::interrupt::Interrupted;
use crate::models::{Changed, ModelSource, Models};
use crate::names::{ACTIVATIONS, name_of};
use crate::output;
use crate::process::one_line;
use crate::record::manifest;
use crate::record::runs::RunRow;
use crate::record::trace::Trace;
use crate::run::controller;
use crate::run::launch::Hosts;
use crate::run::links::LinkProof;
use crate::run::order::Order;
use crate::scenario::RunSettings;
use crate::scenario::cell::Cell;
use crate::scenario::extrapolated::extrapolate;
use crate::scenario::plan::Plan;
use crate::scenario::runner::Runner;
use crate::units::digits;
use anyhow::Result;
use indicatif::ProgressBar;
use qbench_protocols::system::System;
use resume::RunDir;
use std::collections::HashMap;
use std::path::PathBuf;

/// What a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Repetitions measured now.
    pub measured: usize,
    /// Repetitions that stood there already.
    pub skipped: usize,
    /// Error rows written now.
    pub failed: usize,
}

/// A cell is left alone after so many failures in a row, until the next start.
const PATIENCE: usize = 2;

/// One repetition to run.
struct Turn<'a> {
    cell: &'a Cell,
    /// `None` is a warm-up.
    repetition: Option<usize>,
}

/// Runs what is missing.
///
/// # Errors
/// [`Interrupted`] by the user; rows that cannot be written; a folder that is gone. What goes wrong in a repetition is a row.
pub fn sweep(
    systems: &[&'static dyn System],
    plan: &Plan,
    settings: &RunSettings,
    hosts: &dyn Hosts,
    dir: &mut RunDir,
    row_template: &RunRow,
) -> Result<Outcome> {
    let setup = Setup {
        systems,
        settings,
        hosts,
        models: Models::new(dir.path.join("models")),
        dir: dir.path.clone(),
    };
    if plan.is_of_task() {
        return task::sweep(&setup, plan, dir, row_template);
    }
    let turns = turns(plan, settings, dir);
    let repetitions = plan.cells.len() * settings.repetitions;
    let missing = turns.iter().filter(|t| t.repetition.is_some()).count();
    let mut outcome = Outcome {
        skipped: repetitions - missing,
        ..Outcome::default()
    };
    let bar = output::bar(turns.len());
    let mut failures: HashMap<&str, usize> = HashMap::new();
    for turn in turns {
        let cell = turn.cell;
        bar.set_message(cell.describe());
        if failures
            .get(cell.id.as_str())
            .is_some_and(|f| *f >= PATIENCE)
        {
            bar.inc(1);
            continue;
        }
        dir.in_place()?;
        let mut proof = LinkProof::default();
        let mut row = template(row_template, cell);
        let left = setup.run(cell, &mut proof, &mut row);
        if left.as_ref().is_err_and(|e| e.is::<Interrupted>()) {
            bar.abandon();
            return Err(Interrupted.into());
        }
        proof.fill(&mut row);
        let steps = match left {
            Ok(None) => Vec::new(),
            Ok(Some(measured)) => {
                // Where the folder is gone, the row still goes to where it went; a trace would make a new folder.
                if let (Some(repetition), Some(traces), Ok(())) =
                    (turn.repetition, measured.traces(), dir.in_place())
                {
                    row.repetition = repetition;
                    Trace::new(&row, &cell.link, host::cores(), traces)
                        .write(&dir.path.join("trace"))?;
                }
                measured.steps(&cell.id, turn.repetition.unwrap_or(0))
            }
            Err(failure) => {
                row.error = match turn.repetition {
                    Some(_) => one_line(&failure),
                    None => format!("in warm-up: {}", one_line(&failure)),
                };
                if failure.is::<memory::Refused>() || failure.is::<Changed>() {
                    // What does not fit, or is not there, will be no different a moment later.
                    failures.insert(&cell.id, PATIENCE);
                }
                Vec::new()
            }
        };
        if row.error.is_empty() {
            failures.remove(cell.id.as_str());
        } else {
            let count = failures.entry(&cell.id).or_default();
            *count += 1;
            if *count >= PATIENCE {
                row.error += "; the cell is left alone until the next start";
            }
            outcome.failed += 1;
        }
        // A failed warm-up is a row too: it says why the cell is not there.
        if turn.repetition.is_some() || !row.error.is_empty() {
            row.repetition = turn.repetition.unwrap_or(0);
            row.time = manifest::now();
            dir.record(&row, &steps)?;
        }
        if turn.repetition.is_some() && row.error.is_empty() {
            outcome.measured += 1;
        }
        bar.inc(1);
        say(&bar, &turn, &row);
    }
    bar.finish_and_clear();
    Ok(outcome)
}

/// Warm-ups of every cell that is not complete, then for each repetition every cell that misses it.
fn turns<'a>(plan: &'a Plan, settings: &RunSettings, dir: &RunDir) -> Vec<Turn<'a>> {
    let missing = |cell: &Cell, r: usize| !dir.done.contains(&(cell.id.clone(), r));
    let mut turns = Vec::new();
    for _ in 0..settings.warmup {
        for cell in &plan.cells {
            if (0..settings.repetitions).any(|r| missing(cell, r)) {
                turns.push(Turn {
                    cell,
                    repetition: None,
                });
            }
        }
    }
    for repetition in 0..settings.repetitions {
        for cell in plan.cells.iter().filter(|cell| missing(cell, repetition)) {
            turns.push(Turn {
                cell,
                repetition: Some(repetition),
            });
        }
    }
    turns
}

/// What every repetition runs with.
struct Setup<'a> {
    systems: &'a [&'static dyn System],
    settings: &'a RunSettings,
    hosts: &'a dyn Hosts,
    models: Models,
    /// The run's folder.
    dir: PathBuf,
}

impl Setup<'_> {
    /// Runs one repetition of a cell and fills in its row. A system of our own leaves its steps and traces too.
    fn run(
        &self,
        cell: &Cell,
        proof: &mut LinkProof,
        row: &mut RunRow,
    ) -> Result<Option<controller::Measured>> {
        let mut order = Order {
            hosts: self.hosts,
            workload: cell.workload(),
            threads: cell.threads,
            link: &cell.link,
            timeout: self.settings.timeout,
            // A trace of few layers would be replayed as if it were of all.
            trace: self.settings.trace && cell.measured_layers.is_none(),
            port: self.settings.port,
        };
        match Runner::of(self.systems, cell)? {
            Runner::Own(system) => {
                memory::check(system, cell, self.settings.memory_limit, &self.dir)?;
                order.workload.model_dir =
                    self.models.folder_of(&order.workload.model, &cell.source)?;
                if cell.material_on_disk.is_some() {
                    order.workload.material_dir = Some(self.dir.canonicalize()?);
                }
                let measured = unless_changed(cell, controller::repetition(system, &order, proof))?;
                measured.fill(row);
                if let Some(layers) = cell.measured_layers {
                    let whole = system.cost(&cell.whole_workload())?;
                    extrapolate(row, layers, measured.layer_shares(), &whole);
                }
                Ok(Some(measured))
            }
            Runner::External(external) => {
                // It draws weights of its own on the same architecture; a model on disk is there to be read.
                if let ModelSource::Folder { dir, .. } = &cell.source {
                    cell.source.unchanged()?;
                    order.workload.model_dir.clone_from(dir);
                }
                unless_changed(cell, repetition::repetition(external, &order, proof))?.fill(row);
                Ok(None)
            }
        }
    }
}

/// What a repetition came to, unless its model folder is no longer what it was: the parties read it after it was looked at, and
/// its change is then the cause of whatever went wrong.
fn unless_changed<T>(cell: &Cell, outcome: Result<T>) -> Result<T> {
    if outcome.as_ref().is_err_and(|e| e.is::<Interrupted>()) {
        return outcome;
    }
    cell.source.unchanged()?;
    outcome
}

/// The columns of a row that are known before it runs.
fn template(common: &RunRow, cell: &Cell) -> RunRow {
    RunRow {
        cell: cell.id.clone(),
        system: cell.system.clone(),
        model: cell.model.name.clone(),
        layers: cell.model.layers,
        seq_len: cell.seq_len,
        threads: cell.threads,
        form_bits: [cell.weight_bits, cell.activation_bits],
        activation: name_of(ACTIVATIONS, &cell.model.activation).to_owned(),
        settings: cell
            .settings
            .iter()
            .fold(common.settings.clone(), |all, (k, v)| all.with(k, v)),
        link: cell.link.name.clone(),
        link_mode: cell.link.mode.name().to_owned(),
        bandwidth_bits_per_second: cell.link.bandwidth.map_or(0, |b| b.bits_per_second),
        rtt_ns: cell.link.rtt.nanoseconds,
        ..common.clone()
    }
}

/// How far the output is from the float model.
fn error_text(row: &RunRow) -> String {
    let error = row
        .float_error
        .map(|error| format!(", error {}", digits(error)));
    let wrapped = row.wrapped_values.filter(|wrapped| *wrapped > 0);
    let wrapped = wrapped.map(|wrapped| format!(", {wrapped} values wrapped"));
    error.unwrap_or_default() + &wrapped.unwrap_or_default()
}

/// One line for a finished repetition.
fn say(bar: &ProgressBar, turn: &Turn<'_>, row: &RunRow) {
    let which = turn
        .repetition
        .map_or_else(|| "warm-up".to_owned(), |r| format!("#{r}"));
    let [_, offline, online] = &row.phases;
    let line = if row.error.is_empty() {
        let [offline_time, offline_bytes, _] = offline.texts();
        let [online_time, online_bytes, rounds] = online.texts();
        format!(
            "{} {which}: offline {offline_time} {offline_bytes}, online {online_time} {online_bytes} {rounds} rounds{}",
            turn.cell.describe(),
            error_text(row),
        )
    } else {
        format!("{} {which}: ERROR {}", turn.cell.describe(), row.error)
    };
    if bar.is_hidden() {
        crate::note!("{line}");
    } else {
        bar.println(line);
    }
}

//! `qbench run` and `qbench report`.

use crate::cli::RunArguments;
use crate::external::availability;
use crate::interrupt::{self, Interrupted};
use crate::link::choose;
use crate::record::manifest::{self, ExternalState, FORMAT, Machine, Manifest};
use crate::record::read;
use crate::record::runs::RunRow;
use crate::run::launch::ThisMachine;
use crate::scenario::Scenario;
use crate::scenario::cell::Cell;
use crate::scenario::plan::Plan;
use crate::sweep;
use crate::sweep::resume::{self, RunDir};
use crate::systems::no_settings;
use anyhow::{Context, Result};
use qbench_protocols::system::System;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Where runs are written.
const RESULTS: &str = "results";

/// Runs what is missing of a scenario, then reports.
///
/// # Errors
/// A scenario that does not fit, a directory that cannot be written, an interrupt.
pub fn run(systems: &[&'static dyn System], arguments: &RunArguments) -> Result<bool> {
    let (scenario, plan, text) = super::read(systems, &arguments.scenario, &arguments.changes)?;
    run_plan(
        systems,
        Asked {
            scenario,
            plan,
            text,
            overrides: overrides(arguments),
            out: arguments.out.as_deref(),
            fresh: arguments.fresh,
        },
    )
}

/// What is to be run, and where it goes.
pub(super) struct Asked<'a> {
    /// The scenario.
    pub scenario: Scenario,
    /// Its plan.
    pub plan: Plan,
    /// The scenario's file.
    pub text: String,
    /// What the command line changes of it.
    pub overrides: Vec<String>,
    /// The folder; the newest of this plan, or a new one, where none is named.
    pub out: Option<&'a Path>,
    /// Whether it is to be a new one.
    pub fresh: bool,
}

/// Runs what is missing of a plan, then reports.
///
/// # Errors
/// As [`run`].
pub(super) fn run_plan(systems: &[&'static dyn System], asked: Asked<'_>) -> Result<bool> {
    let Asked {
        scenario,
        mut plan,
        text,
        overrides,
        out,
        fresh,
    } = asked;
    let mut modes = HashSet::new();
    for cell in &plan.cells {
        if modes.insert(cell.link.mode.name()) {
            choose::check(&cell.link)?;
        }
    }
    let mut start = manifest::this_start(limits(&scenario))?;
    let no_commit = manifest::no_commit();
    if !no_commit.is_empty() {
        crate::note!(
            "note: rows say commit `{}`, because when this was built git said: {no_commit}",
            start.commit
        );
    }
    let machine = manifest::machine();
    let common = RunRow {
        settings: no_settings(systems),
        machine: machine.name.clone(),
        commit: start.commit.clone(),
        ..RunRow::default()
    };
    let base = Path::new(RESULTS).join(&scenario.name);
    let path = match out {
        Some(out) => out.to_owned(),
        None => Some(())
            .filter(|()| !fresh)
            .and_then(|()| resume::newest(&base, &plan.hash, &machine.name, &common))
            .unwrap_or_else(|| resume::fresh(&base, &start.time[..10], &machine.name)),
    };
    let mut dir = RunDir::open(&path, &plan.hash, &common)?;
    for note in &dir.notes {
        crate::note!("{}: {note}", path.display());
    }
    let mut manifest = match dir.manifest.take() {
        Some(earlier) => {
            anyhow::ensure!(
                earlier.machine.isa == machine.isa,
                "{} holds a run with {}, and now it is {}: choose another --out, or leave it out",
                path.display(),
                held_to(&earlier.machine),
                held_to(&machine)
            );
            if earlier.starts.iter().any(|s| s.binary != start.binary) {
                crate::note!("note: earlier rows of this run were measured with another binary");
            }
            earlier
        }
        None => Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            scenario: scenario.name.clone(),
            scenario_text: text,
            overrides,
            plan: plan.hash.clone(),
            machine,
            ..Manifest::default()
        },
    };
    manifest.title.clone_from(&scenario.title);
    manifest.question.clone_from(&scenario.question);
    manifest.figures.clone_from(&scenario.figures);
    manifest.tables.clone_from(&scenario.tables);
    interrupt::watch()?;
    if nothing_missing(&plan, &scenario, &dir) {
        crate::note!(
            "every repetition has its row in {}; writing the report again",
            path.display()
        );
        return report(systems, &path);
    }
    start.externals = ask_externals(&scenario, &mut plan)?;
    manifest.starts.push(start);
    manifest.write(&path)?;
    crate::note!(
        "{}: {} cells into {}",
        scenario.name,
        plan.cells.len(),
        path.display()
    );
    let outcome = match sweep::sweep(
        systems,
        &plan,
        &scenario.run,
        &ThisMachine,
        &mut dir,
        &common,
    ) {
        Ok(outcome) => outcome,
        Err(error) if error.is::<Interrupted>() => {
            crate::note!(
                "interrupted: finished rows are kept in {}; start the same command again to go on",
                path.display()
            );
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    report(systems, &path)?;
    crate::note!(
        "{} measured, {} had their rows already, {} errors",
        outcome.measured,
        outcome.skipped,
        outcome.failed
    );
    Ok(outcome.failed == 0)
}

/// Asks each external program whether it can run here, and takes those that cannot out of the plan: that is no
/// error, since nobody has to install them.
///
/// # Errors
/// An interrupt by the user.
fn ask_externals(scenario: &Scenario, plan: &mut Plan) -> Result<Vec<ExternalState>> {
    let mut states = Vec::new();
    for external in plan.externals() {
        match availability::check(&external)? {
            Ok(said) => states.push(ExternalState {
                declared: external,
                said,
                left_out: false,
            }),
            Err(reason) => plan.leave_out(&external.id, &reason, |_| true),
        }
    }
    for (system, reason) in &plan.left_out {
        crate::note!("note: cells of `{system}` are left out: {reason}");
        let declared = scenario.externals.iter().find(|e| e.id == *system);
        states.extend(declared.map(|declared| ExternalState {
            declared: declared.clone(),
            said: reason.clone(),
            left_out: true,
        }));
    }
    Ok(states)
}

fn nothing_missing(plan: &Plan, scenario: &Scenario, dir: &RunDir) -> bool {
    let numbers = plan.numbers(scenario.run.repetitions);
    let done = |cell: &Cell, number: &usize| dir.done.contains(&(cell.id.clone(), *number));
    let mut cells = plan.cells.iter();
    cells.all(|cell| numbers.iter().all(|number| done(cell, number)))
}

fn overrides(arguments: &RunArguments) -> Vec<String> {
    let quick = arguments.changes.quick.then(|| "--quick".to_owned());
    arguments.changes.set.iter().cloned().chain(quick).collect()
}

/// What the kernels are held to, in words.
fn held_to(machine: &Machine) -> String {
    match machine.isa.as_str() {
        "" => "all instruction sets of its machine".to_owned(),
        isa => format!("the instruction sets of `{isa}` alone"),
    }
}

fn limits(scenario: &Scenario) -> String {
    let run = &scenario.run;
    let how_often = match &scenario.task {
        Some(_) => "each example once".to_owned(),
        None => format!(
            "{} repetitions after {} warm-up",
            run.repetitions, run.warmup
        ),
    };
    format!(
        "{how_often}, timeout {:?}, seed {}, outputs {}",
        run.timeout,
        run.seed,
        if run.verify { "checked" } else { "not checked" }
    )
}

/// Writes tables, figures and the page of a run from its CSV files.
///
/// # Errors
/// A directory that is no run; rows that cannot be read; files that cannot be written.
pub fn report(systems: &[&'static dyn System], path: &Path) -> Result<bool> {
    anyhow::ensure!(
        path.join("runs.csv").exists(),
        "{} is no run: it has no runs.csv",
        path.display()
    );
    let (rows, steps) = (read::runs(path)?, read::steps(path)?);
    // Rows alone are enough: a lost manifest costs the title, not the report.
    let manifest = match Manifest::read(path) {
        Ok(manifest) => manifest,
        Err(cause) => {
            anyhow::ensure!(
                !rows.is_empty(),
                "{} is no run: it has neither rows nor a manifest",
                path.display()
            );
            crate::note!("note: the report has the usual figures and no title: {cause:#}");
            Manifest {
                title: path.display().to_string(),
                figures: crate::scenario::figures::default_set(),
                ..Manifest::default()
            }
        }
    };
    let page: PathBuf = crate::report::write(systems, path, &manifest, &rows, &steps)
        .with_context(|| format!("cannot write the report of {}", path.display()))?;
    for line in crate::report::task::lines(&rows) {
        crate::say!("{line}");
    }
    crate::note!("report: {}", page.display());
    Ok(true)
}

//! The examples of a task: each cell's in sessions of a few, after one set-up each, the cells by turns.

use super::{Outcome, PATIENCE, Setup, memory, template, unless_changed};
use crate::interrupt::{self, Interrupted};
use crate::link::LinkMode;
use crate::models::Changed;
use crate::names::name_of;
use crate::output;
use crate::process::one_line;
use crate::record::answer::Answer;
use crate::record::manifest;
use crate::record::runs::RunRow;
use crate::run::controller::{self, Measured};
use crate::run::links::LinkProof;
use crate::run::order::Order;
use crate::scenario::cell::Cell;
use crate::scenario::plan::Plan;
use crate::scenario::runner::Runner;
use crate::sweep::resume::RunDir;
use crate::task::examples::Example;
use crate::task::metrics::Metric;
use crate::task::model::Input;
use crate::task::prepared::Prepared;
use anyhow::{Context, Result, bail};
use qbench_protocols::system::{System, Workload};
use std::collections::{HashMap, HashSet};

/// Examples of one session: enough that the set-up is little of it, few enough that the systems take turns and that what a kill
/// costs is little.
const SESSION: usize = 20;

/// An example and its sequences.
type Posed = (Example, Vec<Input>);

/// Runs what is missing, a row an example.
///
/// # Errors
/// As [`super::sweep`].
pub(super) fn sweep(
    setup: &Setup<'_>,
    plan: &Plan,
    dir: &mut RunDir,
    row_template: &RunRow,
) -> Result<Outcome> {
    let mut cells = Vec::new();
    let mut posed = 0;
    for cell in &plan.cells {
        let prepared = plan.task(cell)?;
        let done = |posed: &&Posed| dir.done.contains(&(cell.id.clone(), posed.0.number));
        let missing = prepared.examples.iter().filter(|posed| !done(posed));
        cells.push((cell, prepared, missing.collect::<Vec<&Posed>>()));
        posed += prepared.examples.len();
    }
    let all: usize = cells.iter().map(|(_, _, missing)| missing.len()).sum();
    let most = cells.iter().map(|(_, _, missing)| missing.len()).max();
    let mut outcome = Outcome {
        skipped: posed - all,
        ..Outcome::default()
    };
    let mut progress = output::Progress::new("examples", all);
    let mut failures: HashMap<&str, usize> = HashMap::new();
    for session in 0..most.unwrap_or(0).div_ceil(SESSION) {
        for (cell, prepared, missing) in &cells {
            let mut left = missing.chunks(SESSION).nth(session).unwrap_or_default();
            while !left.is_empty() {
                if failures
                    .get(cell.id.as_str())
                    .is_some_and(|f| *f >= PATIENCE)
                {
                    left.iter().for_each(|_| progress.step());
                    break;
                }
                dir.in_place()?;
                let common = template(row_template, cell);
                let together = &left[..together(setup, cell, left)?];
                let step = || progress.step();
                let (done, failed) = run(setup, cell, prepared, together, &common, step);
                for row in &done {
                    dir.record(row, &[])?;
                }
                outcome.measured += done.len();
                if !done.is_empty() {
                    failures.remove(cell.id.as_str());
                }
                left = &left[done.len()..];
                let Some(error) = failed else { continue };
                if error.is::<Interrupted>() {
                    return Err(Interrupted.into());
                }
                let count = failures.entry(&cell.id).or_default();
                *count += 1;
                if error.is::<memory::Refused>() || error.is::<Changed>() {
                    *count = PATIENCE;
                }
                let mut row = common;
                row.repetition = left.first().map_or(0, |(example, _)| example.number);
                row.error = one_line(&error);
                if *count >= PATIENCE {
                    row.error += "; the cell is left alone until the next start";
                }
                row.time = manifest::now();
                crate::note!(
                    "{}, example {}: ERROR {}",
                    cell.describe(),
                    row.repetition,
                    row.error
                );
                dir.record(&row, &[])?;
                outcome.failed += 1;
            }
        }
    }
    Ok(outcome)
}

/// How many of the examples, from the first on, one set-up is for.
fn together(setup: &Setup<'_>, cell: &Cell, examples: &[&Posed]) -> Result<usize> {
    let Runner::Own(system) = Runner::of(setup.systems, cell)? else {
        return Ok(examples.len());
    };
    let lengths = |posed: &Posed| -> HashSet<usize> {
        posed.1.iter().map(|input| input.tokens.len()).collect()
    };
    let first = examples.first().map(|posed| lengths(posed));
    let alike = |posed: &&&Posed| !system.sets_up_for_one_length() || Some(lengths(posed)) == first;
    Ok(examples.iter().take_while(alike).count())
}

/// Runs examples after one set-up: rows of those that were run, and what ended them early.
fn run(
    setup: &Setup<'_>,
    cell: &Cell,
    prepared: &Prepared,
    examples: &[&Posed],
    common: &RunRow,
    mut step: impl FnMut(),
) -> (Vec<RunRow>, Option<anyhow::Error>) {
    let mut proof = LinkProof::default();
    let mut rows = Vec::with_capacity(examples.len());
    let ran = session(
        setup,
        cell,
        examples,
        &mut proof,
        |system, workloads, posed, measured| {
            let mut row = common.clone();
            let answer = answer(prepared, system, workloads, posed, measured, &mut row)?;
            row.answer = Some(answer);
            row.repetition = posed.0.number;
            row.time = manifest::now();
            rows.push(row);
            step();
            interrupt::check()
        },
    );
    // What is said of links and model at the end of a session is not known of one that failed. Its rows stand where nothing is: over
    // links without a relay, of a model that is what it was, ended by the example after them or by the user.
    let stand = match &ran {
        Ok(()) => true,
        Err(error) if error.is::<Interrupted>() => cell.link.mode != LinkMode::Relay,
        Err(error) => {
            let whole = rows.len() == examples.len();
            !whole && !error.is::<Changed>() && cell.link.mode != LinkMode::Relay
        }
    };
    if !stand {
        rows.clear();
    }
    for row in &mut rows {
        proof.clone().fill(row);
    }
    (rows, ran.err())
}

/// One session: `done` gets every example with its workloads and what they took.
fn session(
    setup: &Setup<'_>,
    cell: &Cell,
    examples: &[&Posed],
    proof: &mut LinkProof,
    mut done: impl FnMut(&'static dyn System, &[Workload], &Posed, &[Measured]) -> Result<()>,
) -> Result<()> {
    let Runner::Own(system) = Runner::of(setup.systems, cell)? else {
        bail!("a program of others runs no task");
    };
    memory::check(system, cell, setup.settings.memory_limit, &setup.dir)?;
    let mut common = cell.workload();
    common.model_dir = setup.models.folder_of(&common.model, &cell.source)?;
    if cell.material_on_disk.is_some() {
        common.material_dir = Some(setup.dir.canonicalize()?);
    }
    let workload = |input: &Input| Workload {
        tokens: Some(input.tokens.clone()),
        token_types: input.types.clone(),
        seq_len: input.tokens.len(),
        ..common.clone()
    };
    let inputs = examples.iter().flat_map(|(_, inputs)| inputs);
    let workloads: Vec<Workload> = inputs.map(workload).collect();
    let (first, more) = workloads.split_first().context("no example to run")?;
    let order = Order {
        hosts: setup.hosts,
        workload: first.clone(),
        threads: cell.threads,
        link: &cell.link,
        timeout: setup.settings.timeout,
        trace: false,
        port: setup.settings.port,
    };
    let mut waiting = examples.iter();
    let mut of_one: Vec<Measured> = Vec::new();
    let mut next = waiting.next();
    let ran = controller::session(system, &order, more, proof, |number, measured| {
        of_one.push(measured);
        let posed = next.context("more inferences than examples")?;
        if of_one.len() < posed.1.len() {
            return Ok(());
        }
        let own = &workloads[number + 1 - of_one.len()..=number];
        done(system, own, posed, &of_one)?;
        of_one.clear();
        next = waiting.next();
        Ok(())
    });
    unless_changed(cell, ran)
}

/// Fills in what an example took, and says what it gave.
fn answer(
    prepared: &Prepared,
    system: &dyn System,
    workloads: &[Workload],
    (example, inputs): &Posed,
    measured: &[Measured],
    row: &mut RunRow,
) -> Result<Answer> {
    let (first, more) = measured.split_first().context("an example without texts")?;
    first.fill(row);
    for measured in more {
        let mut other = RunRow::default();
        measured.fill(&mut other);
        row.follow(&other);
    }
    if !row.error.is_empty() {
        bail!("{}", row.error);
    }
    let outputs = measured.iter().map(|measured| {
        let verified = measured.verified.as_ref();
        let verified = verified.context("the output was not checked")?;
        Ok(verified.output.clone())
    });
    let outputs = outputs.collect::<Result<Vec<_>>>()?;
    let ideal = workloads
        .iter()
        .map(|w| system.ideal(w, example.number as u64));
    let ideal = ideal.collect::<Result<Option<Vec<_>>, _>>()?;
    let float = prepared.model.float(inputs)?;
    Ok(Answer {
        task: prepared.task.name.clone(),
        metric: name_of(Metric::NAMES, &prepared.task.metric).to_owned(),
        tokens: inputs.iter().map(|input| input.tokens.len()).sum(),
        label: example.label,
        prediction: prepared.model.prediction(&outputs),
        ideal_prediction: ideal.map(|outputs| prepared.model.prediction(&outputs)),
        float_prediction: prepared.model.prediction(&float),
    })
}

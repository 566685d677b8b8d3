//! `qbench evaluate`: a task's metric through private inference.

use crate::cli::EvaluateArguments;
use crate::link::LinkMode;
use crate::models;
use crate::names::suggestion;
use crate::output::Progress;
use crate::record::manifest;
use crate::run::controller::{self, Measured};
use crate::run::launch::ThisMachine;
use crate::run::links::LinkProof;
use crate::run::order::Order;
use crate::scenario::auto;
use crate::scenario::task::hash_of;
use crate::systems;
use crate::task::examples::{self, Example};
use crate::task::metrics::Metric;
use crate::task::model::{Input, Model, fits};
use crate::task::record::{Identity, Record, Series};
use crate::task::summary::summarize;
use anyhow::{Context, Result};
use qbench_protocols::system::{System, Workload};
use std::time::Duration;

/// Runs every example that has no row yet, then says what all rows come to.
///
/// # Errors
/// A folder that holds no model; a file without such columns; a task that the model cannot do; a folder of another task; and
/// whatever a repetition meets.
pub fn evaluate(all: &[&'static dyn System], arguments: &EvaluateArguments) -> Result<bool> {
    let system = systems::find(all, &arguments.system)?;
    let metric = named(&arguments.metric)?;
    let link = super::link::built_in(&arguments.link, LinkMode::Shaped)?;
    let dir = super::model_folder(&arguments.model)?;
    let (config, source) = models::folder(&dir)?;
    fits(&config, metric, arguments.text.len())?;
    let read = examples::read(&arguments.file, &arguments.text, &arguments.label)?;
    let drawn = match arguments.examples {
        Some(count) => examples::drawn(read, count as usize, arguments.seed),
        None => read,
    };
    let model = Model::load(&dir, &arguments.model.dir)?;
    let settings = model.settings(system, &arguments.set)?;
    let identity = Identity {
        version: 1,
        model: format!("{} {}", config.name, source.identity()),
        file: hash_of(&arguments.file)?,
        texts: arguments.text.clone(),
        label: arguments.label.clone(),
        metric: arguments.metric.clone(),
        examples: arguments.examples,
        seed: arguments.seed,
    };
    let mut record = Record::open(&arguments.out, &identity)?;
    crate::interrupt::watch()?;

    let workload = |input: &Input| Workload {
        model_dir: dir.clone(),
        tokens: Some(input.tokens.clone()),
        token_types: input.types.clone(),
        settings: settings.clone(),
        ..Workload::new(config.clone(), input.tokens.len())
    };
    let mut inputs = Vec::with_capacity(drawn.len());
    for example in &drawn {
        inputs.push(model.inputs(example)?);
    }
    // What the longest text makes cheapest stands for all: the parties have one set-up.
    let longest = inputs.iter().flatten().max_by_key(|i| i.tokens.len());
    let longest = longest.context("there is no text")?;
    let settled = auto::settle(system, workload(longest), &link)?;
    system.check(&settled)?;
    let settings = settled.settings.clone();
    let texts = settings.iter().map(|(key, value)| format!("{key}={value}"));
    let series = Series {
        system: system.id().to_owned(),
        settings: texts.collect::<Vec<_>>().join(" "),
        link: arguments.link.clone(),
        threads: arguments.threads,
        machine: manifest::machine().name,
    };
    let is_there = |example: &Example| {
        let mut rows = record.rows.iter();
        rows.any(|row| row.series() == series && row.example == example.number)
    };
    let missing: Vec<(&Example, &Vec<Input>)> = drawn
        .iter()
        .zip(&inputs)
        .filter(|(example, _)| !is_there(example))
        .collect();
    let workloads: Vec<Workload> = missing
        .iter()
        .flat_map(|(_, inputs)| inputs.iter())
        .map(|input| Workload {
            settings: settings.clone(),
            ..workload(input)
        })
        .collect();
    if let Some((first, more)) = workloads.split_first() {
        let order = Order {
            hosts: &ThisMachine,
            workload: first.clone(),
            threads: arguments.threads,
            link: &link,
            timeout: Duration::from_secs(600),
            trace: false,
            port: None,
        };
        let mut progress = Progress::new("examples", missing.len());
        let mut of_one: Vec<Measured> = Vec::new();
        let (mut proof, mut next) = (LinkProof::default(), missing.iter().peekable());
        let ran = controller::session(system, &order, more, &mut proof, |_, measured| {
            of_one.push(measured);
            let (example, inputs) = next.peek().context("more inferences than examples")?;
            if of_one.len() < inputs.len() {
                return Ok(());
            }
            let row = model.row(&series, example, inputs, &of_one)?;
            of_one.clear();
            next.next();
            record.add(row)?;
            progress.step();
            crate::interrupt::check()
        });
        // The parties have read the folder just now.
        source.unchanged()?;
        ran?;
    }
    summarize(&record, metric, &arguments.out)?;
    Ok(true)
}

fn named(name: &str) -> Result<Metric> {
    let found = Metric::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, metric)| *metric).with_context(|| {
        let names: Vec<&str> = Metric::NAMES.iter().map(|(name, _)| *name).collect();
        format!(
            "--metric: unknown `{name}`{}; there are {}",
            suggestion(name, &names),
            names.join(", ")
        )
    })
}

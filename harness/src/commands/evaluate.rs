//! `qbench evaluate`: a task's metric through private inference, as a scenario with one cell that the command line describes.

use super::run::{Asked, run_plan};
use crate::cli::EvaluateArguments;
use crate::link::LinkMode;
use crate::models::checkpoint;
use crate::names::{short_hash, suggestion};
use crate::scenario::plan::plan;
use crate::scenario::task::Task;
use crate::scenario::{ModelChoice, RunSettings, Scenario, Sweep, figures};
use crate::systems;
use crate::task::metrics::Metric;
use crate::task::model::Model;
use anyhow::{Context, Result};
use qbench_protocols::system::System;

/// Runs every example that has no row yet, then reports on all rows of the folder: those of other systems, settings and links too.
///
/// # Errors
/// A folder that holds no model; a file without such columns; a task that the model cannot do; a folder of another task; and
/// whatever a run meets.
pub fn evaluate(all: &[&'static dyn System], arguments: &EvaluateArguments) -> Result<bool> {
    let system = systems::find(all, &arguments.system)?;
    let dir = super::model_folder(&arguments.model)?;
    let named = Model::load(&dir, &arguments.model.dir)?.settings(system, &arguments.set)?;
    let is_checkpoint = arguments.model.dir.join(checkpoint::CONFIG_FILE).exists();
    let task = Task {
        name: "task".into(),
        file: arguments.file.clone(),
        texts: arguments.text.clone(),
        label: arguments.label.clone(),
        metric: metric(&arguments.metric)?,
        examples: arguments.examples.map(|count| count as usize),
        seed: arguments.seed,
        float: is_checkpoint.then(|| arguments.model.dir.clone()),
    };
    let settings = systems::settings(all).into_iter().map(|setting| {
        let value = named.get(setting.key).unwrap_or(setting.default).to_owned();
        (setting, vec![value])
    });
    let link = super::link::built_in(&arguments.link, LinkMode::Shaped)?;
    let sweep = Sweep {
        systems: vec![system.id().to_owned()],
        seq_lens: Vec::new(),
        threads: vec![arguments.threads],
        links: vec![link.name.clone()],
        activations: Vec::new(),
        settings: settings.collect(),
        layers: Vec::new(),
        weight_bits: Vec::new(),
        activation_bits: Vec::new(),
    };
    let scenario = Scenario {
        name: "evaluate".into(),
        title: format!("{} on {}", arguments.metric, arguments.file.display()),
        question: String::new(),
        model: ModelChoice::Folder(dir),
        task: Some(task),
        figures: figures::task_set(&sweep),
        sweep,
        links: vec![link],
        externals: Vec::new(),
        extrapolations: Vec::new(),
        auto_links: Vec::new(),
        run: RunSettings::default(),
        tables: Vec::new(),
    };
    let mut plan = plan(&scenario, all, &[])?;
    // One folder holds one task of one model, with whatever it is run.
    let cell = plan.cells.first().context("nothing to run")?;
    let content = serde_json::json!({"task": cell.task, "weights": cell.source.identity()});
    plan.hash = short_hash(content.to_string().as_bytes());
    run_plan(
        all,
        Asked {
            scenario,
            plan,
            text: String::new(),
            overrides: Vec::new(),
            out: Some(&arguments.out),
            fresh: false,
        },
    )
}

fn metric(name: &str) -> Result<Metric> {
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

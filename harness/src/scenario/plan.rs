//! The plan of a scenario: its cells, in the order in which they run.

use super::auto;
use super::cell::Cell;
use super::chosen::{Chosen, models};
use super::runner::Runner;
use super::{External, ModelChoice, Scenario, Sweep};
use crate::link::Link;
use crate::models::ModelSource;
use crate::names::{short_hash, suggestion};
use crate::quantities::dimensions;
use crate::systems::settings;
use crate::task::prepared::Prepared;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::system::{Setting, Settings, System};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

/// A scenario's cells and repetitions.
#[derive(Clone, Debug)]
pub struct Plan {
    /// All cells; neighbours differ in the system first, so that drift hits all systems alike.
    pub cells: Vec<Cell>,
    /// Content hash over the cells: what makes two runs the same question.
    pub hash: String,
    /// External systems that cannot run here or over some link, each with the reason: their cells are not in `cells`.
    pub left_out: Vec<(String, String)>,
    /// What cells run in place of repetitions, where the scenario has a task: for each model's folder.
    tasks: Vec<(PathBuf, Rc<Prepared>)>,
}

/// Makes the plan: the cells that `only` asks for, each checked against its system.
///
/// # Errors
/// A model folder that cannot be read; links that are one under two names; a cell that is asked for and that its system
/// refuses; `only` that names no column, a value that no cell has, or leaves no cell.
pub fn plan(scenario: &Scenario, systems: &[&'static dyn System], only: &[String]) -> Result<Plan> {
    let links = swept_links(scenario)?;
    let chosen = models(scenario)?;
    let tasks = tasks_of(scenario, &chosen)?;
    let first = tasks.first().map(|(_, task)| task.as_ref());
    let cells = cells(scenario, systems, &links, &chosen, first)?;
    let ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
    let hash = short_hash(ids.join(" ").as_bytes());
    let filters = filters(systems, only, &cells)?;
    let asked = |cell: &Cell| {
        filters.iter().all(|(key, values)| {
            cell.dimension(key)
                .is_some_and(|value| values.contains(&value))
        })
    };
    let cells: Vec<Cell> = cells.into_iter().filter(asked).collect();
    if cells.is_empty() {
        bail!(
            "no cell of `{}` fits --only {}",
            scenario.name,
            only.join(" --only ")
        );
    }
    let mut fallen_back: HashMap<(String, String), HashSet<String>> = HashMap::new();
    for cell in &cells {
        let outcome = positions(cell)
            .and_then(|()| no_program_of_others(cell))
            .and_then(|()| Runner::of(systems, cell)?.check(cell));
        match outcome {
            // The scenario leaves the mode to the machine, which has nothing that could hold a program of others.
            Err(reason)
                if cell.external.is_some() && scenario.auto_links.contains(&cell.link.name) =>
            {
                let why = (cell.system.clone(), reason.to_string());
                fallen_back.entry(why).or_default().insert(cell.id.clone());
            }
            outcome => outcome.with_context(|| {
                format!("{}: cell `{}` cannot run", scenario.name, cell.describe())
            })?,
        }
    }
    let mut plan = Plan {
        cells,
        hash,
        left_out: Vec::new(),
        tasks,
    };
    for ((system, reason), ids) in fallen_back {
        plan.leave_out(&system, &reason, |cell| ids.contains(&cell.id));
    }
    plan.left_out.sort();
    Ok(plan)
}

/// The scenario's task with each of its models, by folder.
fn tasks_of(scenario: &Scenario, chosen: &[Chosen]) -> Result<Vec<(PathBuf, Rc<Prepared>)>> {
    let Some(task) = &scenario.task else {
        return Ok(Vec::new());
    };
    let mut tasks = Vec::new();
    for model in chosen {
        if let ModelSource::Folder { dir, .. } = &model.source {
            let prepared = Prepared::of(task, dir);
            let prepared = prepared.with_context(|| format!("{}: `task`", scenario.name))?;
            tasks.push((dir.clone(), Rc::new(prepared)));
        }
    }
    Ok(tasks)
}

/// Refuses a sequence that is longer than the model's.
fn positions(cell: &Cell) -> Result<()> {
    ensure!(
        cell.seq_len <= cell.model.max_positions,
        "`sweep.seq_len`: {} is beyond the {} positions of {}",
        cell.seq_len,
        cell.model.max_positions,
        cell.model.name
    );
    Ok(())
}

/// Refuses a task for a program that the harness drives: it takes no texts.
fn no_program_of_others(cell: &Cell) -> Result<()> {
    ensure!(
        cell.task.is_none() || cell.external.is_none(),
        "`{}` is a program of others, which takes no texts: leave it out of a scenario with a [task]",
        cell.system
    );
    Ok(())
}

/// The links that are swept, in order. What a link is called is not part of what is measured, so the same link under a
/// second name would have no cells.
fn swept_links(scenario: &Scenario) -> Result<Vec<&Link>> {
    let mut links: Vec<&Link> = Vec::new();
    for name in &scenario.sweep.links {
        let found = scenario.links.iter().find(|link| link.name == *name);
        let link = found.with_context(|| format!("link `{name}` is not described"))?;
        if let Some(same) = links.iter().find(|other| other.is_as(link)) {
            bail!(
                "{}: `sweep.link`: `{}` and `{name}` are one link under two names, {} in mode `{}`: sweep one of them",
                scenario.name,
                same.name,
                same.describe(),
                same.mode.name()
            );
        }
        links.push(link);
    }
    Ok(links)
}

impl Plan {
    /// The numbers of a cell's rows: of its repetitions, or of the examples of a task.
    pub fn numbers(&self, repetitions: usize) -> Vec<usize> {
        // The examples are the same for every model.
        match self.tasks.first() {
            Some((_, task)) => task.examples.iter().map(|(e, _)| e.number).collect(),
            None => (0..repetitions).collect(),
        }
    }

    /// Whether cells run the examples of a task.
    pub fn is_of_task(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// The task with a cell's model.
    ///
    /// # Errors
    /// A cell of no task.
    pub fn task(&self, cell: &Cell) -> Result<&Prepared> {
        let mut tasks = self.tasks.iter();
        let found = tasks
            .find(|(of, _)| matches!(&cell.source, ModelSource::Folder { dir, .. } if dir == of));
        let (_, prepared) = found.context("the cell has no task")?;
        Ok(prepared)
    }

    /// Takes the cells of a system for which `which` holds out of the plan, and keeps the reason once.
    pub fn leave_out(&mut self, system: &str, reason: &str, which: impl Fn(&Cell) -> bool) {
        let before = self.cells.len();
        self.cells
            .retain(|cell| cell.system != system || !which(cell));
        let entry = (system.to_owned(), reason.to_owned());
        if self.cells.len() < before && !self.left_out.contains(&entry) {
            self.left_out.push(entry);
        }
    }

    /// The external systems whose cells are in the plan.
    pub fn externals(&self) -> Vec<External> {
        let mut found: Vec<External> = Vec::new();
        for external in self.cells.iter().filter_map(|cell| cell.external.as_ref()) {
            if !found.contains(external) {
                found.push(external.clone());
            }
        }
        found
    }
}

/// Reads `--only link=lan,seq_len=8,seq_len=16`: values of one column are alternatives, columns all hold.
fn filters(
    systems: &[&'static dyn System],
    only: &[String],
    cells: &[Cell],
) -> Result<Vec<(String, Vec<String>)>> {
    let columns = &dimensions(&settings(systems));
    let mut filters: Vec<(String, Vec<String>)> = Vec::new();
    for part in only
        .iter()
        .flat_map(|o| o.split(','))
        .filter(|p| !p.is_empty())
    {
        let Some((key, value)) = part.split_once('=') else {
            bail!("--only {part}: write column=value, such as --only link=lan,seq_len=8");
        };
        let (key, value) = (key.trim(), value.trim().to_owned());
        if !columns.contains(&key) {
            bail!("--only {part}: unknown column{}", suggestion(key, columns));
        }
        let there: BTreeSet<String> = cells.iter().filter_map(|c| c.dimension(key)).collect();
        if !there.contains(&value) {
            let there: Vec<&str> = there.iter().map(String::as_str).collect();
            bail!(
                "--only {part}: no cell has this value{}",
                suggestion(&value, &there)
            );
        }
        match filters.iter_mut().find(|(k, _)| k == key) {
            Some((_, values)) => values.push(value),
            None => filters.push((key.to_owned(), vec![value])),
        }
    }
    Ok(filters)
}

/// The product of all sweeps, with the system varying fastest. A system's cells are not multiplied by
/// settings that it does not have.
fn cells(
    scenario: &Scenario,
    systems: &[&'static dyn System],
    links: &[&Link],
    chosen: &[Chosen],
    task: Option<&Prepared>,
) -> Result<Vec<Cell>> {
    let sweep = &scenario.sweep;
    // The longest example stands for all: what a cell needs, it needs for that.
    let seq_lens = match task {
        Some(task) => vec![task.longest()?],
        None => sweep.seq_lens.clone(),
    };
    let task = task.map(|prepared| prepared.task.identity()).transpose()?;
    let mut cells = Vec::new();
    let mut seen = HashSet::new();
    for Chosen {
        config: model,
        source,
        weight_bits,
        activation_bits,
    } in chosen
    {
        for &link in links {
            for &threads in &sweep.threads {
                for &seq_len in &seq_lens {
                    let shape = Cell {
                        id: String::new(),
                        system: String::new(),
                        external: None,
                        model: model.clone(),
                        source: source.clone(),
                        seq_len,
                        threads,
                        link: link.clone(),
                        settings: Settings::default(),
                        telling: Settings::default(),
                        seed: scenario.run.seed,
                        verify: scenario.run.verify,
                        measured_layers: None,
                        material_on_disk: None,
                        weight_bits: *weight_bits,
                        activation_bits: *activation_bits,
                        task: task.clone(),
                    };
                    for cell in cells_of_shape(scenario, systems, &shape)? {
                        if seen.insert(cell.id.clone()) {
                            cells.push(cell);
                        }
                    }
                }
            }
        }
    }
    Ok(cells)
}

/// The cells of one shape: every system with every combination of the settings that it has. A combination may come
/// more than once.
fn cells_of_shape(
    scenario: &Scenario,
    systems: &[&'static dyn System],
    shape: &Cell,
) -> Result<Vec<Cell>> {
    let sweep = &scenario.sweep;
    let mut cells = Vec::new();
    // Nothing swept is one choice: the model's, or the system's own.
    let activations: Vec<_> = match sweep.activations.as_slice() {
        [] => vec![None],
        some => some.iter().copied().map(Some).collect(),
    };
    for &activation in &activations {
        for combination in combinations(&sweep.settings) {
            for id in &sweep.systems {
                let external = scenario.externals.iter().find(|e| e.id == *id);
                let runner = Runner::find(systems, external, id)?;
                let mut cell = Cell {
                    system: id.clone(),
                    external: external.cloned(),
                    ..shape.clone()
                };
                for setting in runner.settings() {
                    if let Some(value) = combination.get(setting.key) {
                        cell.settings.set(setting.key, value.to_owned());
                    }
                }
                cell.model.activation = match (activation, &scenario.model) {
                    (Some(activation), _) => activation,
                    (
                        None,
                        ModelChoice::Synthetic {
                            activation_is_given: false,
                            ..
                        },
                    ) => runner.default_activation(),
                    (None, _) => cell.model.activation,
                };
                let extrapolation = scenario.extrapolations.iter();
                let mut extrapolation =
                    extrapolation.filter(|e| e.covers(id, &cell.link.name, cell.seq_len));
                cell.measured_layers = extrapolation
                    .next()
                    .map(|e| e.layers)
                    .filter(|l| *l < cell.model.layers);
                if let Runner::Own(system) = runner {
                    let settled = auto::settle(system, cell.workload(), &cell.link);
                    // A cell that its system refuses whatever is chosen is refused later, with the reason.
                    cell.settings = match settled {
                        Ok(settled) => settled.settings,
                        Err(_) => auto::at_defaults(system, cell.settings),
                    };
                }
                for setting in runner.settings() {
                    if let Some(value) = cell.settings.get(setting.key).map(str::to_owned)
                        && (value != setting.default || is_swept(sweep, setting))
                    {
                        cell.telling.set(setting.key, value);
                    }
                }
                let in_memory = scenario.run.material_in_memory;
                cell.material_on_disk = in_memory.filter(|limit| exceeds(&runner, &cell, *limit));
                cells.push(cell.hashed(runner.settings()));
            }
        }
    }
    Ok(cells)
}

/// Whether a cell's correlated randomness is more than may wait in memory. A cell that its system refuses is refused later, with
/// the reason.
fn exceeds(runner: &Runner<'_>, cell: &Cell, limit: u64) -> bool {
    match runner {
        _ if limit == 0 => true,
        Runner::Own(system) => system
            .cost(&cell.workload())
            .is_ok_and(|declared| declared.material_bytes.iter().sum::<u64>() > limit),
        Runner::External(_) => false,
    }
}

/// Whether a setting has several values in this sweep.
fn is_swept(sweep: &Sweep, setting: &Setting) -> bool {
    let values = sweep.settings.iter().find(|(s, _)| s.key == setting.key);
    values.is_some_and(|(_, values)| values.len() > 1)
}

/// Every combination of the swept values, the last setting varying fastest.
fn combinations(swept: &[(Setting, Vec<String>)]) -> Vec<Settings> {
    swept.iter().fold(
        vec![Settings::default()],
        |combinations, (setting, values)| {
            let with = |so_far: &Settings| -> Vec<Settings> {
                let value = |value| so_far.clone().with(setting.key, value);
                values.iter().map(value).collect()
            };
            combinations.iter().flat_map(with).collect()
        },
    )
}

/// Examples of a task in a scenario's quick form.
const QUICK_EXAMPLES: usize = 10;

/// Turns a scenario into its quick form: one repetition, no warm-up, the smallest sequence length; ten examples of a task.
pub fn quicken(scenario: &mut Scenario) {
    scenario.run.repetitions = 1;
    scenario.run.warmup = 0;
    if let Some(&smallest) = scenario.sweep.seq_lens.iter().min() {
        scenario.sweep.seq_lens = vec![smallest];
    }
    if let Some(task) = &mut scenario.task {
        task.examples = Some(task.examples.unwrap_or(QUICK_EXAMPLES).min(QUICK_EXAMPLES));
    }
}

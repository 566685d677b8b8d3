//! The plan of a scenario: its cells, each with a content hash, and the order in which they run.

use super::runner::Runner;
use super::{External, ModelChoice, Scenario, Sweep};
use crate::link::Link;
use crate::models::ModelSource;
use crate::names::{ACTIVATIONS, name_of, short_hash, suggestion};
use crate::quantities::dimensions;
use crate::systems::settings;
use anyhow::{Context, Result, bail};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::system::{Setting, Settings, System, Workload};
use std::collections::HashSet;
use std::path::PathBuf;

/// Settings that stand in the content of every cell, also of systems that do not have them: as they did before settings were
/// data, so that earlier runs can go on.
const ALWAYS_IN_CONTENT: [&str; 3] = ["index_bits", "max_protocol", "variance_protocol"];

/// One combination of settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Content hash of all that influences a measurement: 12 hexadecimal digits.
    pub id: String,
    /// System id.
    pub system: String,
    /// The program, where the system is none of our own.
    pub external: Option<External>,
    /// Architecture.
    pub model: ModelConfig,
    /// Where the weights come from.
    pub source: ModelSource,
    /// Tokens in the sequence.
    pub seq_len: usize,
    /// Threads of each party.
    pub threads: usize,
    /// The link between each two parties.
    pub link: Link,
    /// The settings that the system has.
    pub settings: Settings,
    /// Those of them that are not at their defaults, or are swept: what tells this cell from others.
    pub telling: Settings,
    /// Seed of the synthetic input.
    pub seed: u64,
    /// Whether the output is checked.
    pub verify: bool,
    /// Whether correlated randomness waits on the disk.
    pub material_on_disk: bool,
}

/// A scenario's cells and repetitions.
#[derive(Clone, Debug)]
pub struct Plan {
    /// All cells; neighbours differ in the system first, so that drift hits all systems alike.
    pub cells: Vec<Cell>,
    /// Content hash over the cells: what makes two runs the same question.
    pub hash: String,
    /// External systems that cannot run here or over some link, each with the reason: their cells are not in `cells`.
    pub left_out: Vec<(String, String)>,
}

impl Cell {
    /// The workload as all parties know it; the folders are filled in when it runs.
    pub fn workload(&self) -> Workload {
        Workload {
            input_seed: self.seed,
            settings: self.settings.clone(),
            verify: self.verify,
            material_dir: self.material_on_disk.then(PathBuf::new),
            ..Workload::new(self.model.clone(), self.seq_len)
        }
    }

    /// `lut-rss bert-base n=8 threads=1 lan` and the telling settings.
    pub fn describe(&self) -> String {
        let text = format!(
            "{} {} {} n={} threads={} {}",
            self.system,
            self.model.name,
            name_of(ACTIVATIONS, &self.model.activation),
            self.seq_len,
            self.threads,
            self.link.name,
        );
        let settings = self
            .telling
            .iter()
            .map(|(key, value)| format!(" {key}={value}"));
        text + &settings.collect::<String>()
    }

    /// The value of a column that `--only` and figures know.
    pub fn dimension(&self, name: &str) -> Option<String> {
        Some(match name {
            "system" => self.system.clone(),
            "model" => self.model.name.clone(),
            "layers" => self.model.layers.to_string(),
            "seq_len" => self.seq_len.to_string(),
            "threads" => self.threads.to_string(),
            "link" => self.link.name.clone(),
            "activation" => name_of(ACTIVATIONS, &self.model.activation).to_owned(),
            key => self.settings.get(key)?.to_owned(),
        })
    }

    /// Fills in the content hash; `settings` are the system's. The link's name is left out: what it is called does not change
    /// it. So is a setting at its default: a system that gets a new one has the cells that it had.
    fn hashed(mut self, settings: &[Setting]) -> Self {
        let mut content = serde_json::json!({
            "system": self.system,
            "model": self.model,
            "weights": self.source.identity(),
            "seq_len": self.seq_len,
            "threads": self.threads,
            "link_mode": self.link.mode,
            "bandwidth": self.link.bandwidth,
            "rtt": self.link.rtt,
            "seed": self.seed,
            "verify": self.verify,
        });
        for key in ALWAYS_IN_CONTENT {
            content[key] = serde_json::Value::Null;
        }
        for (key, value) in self.settings.iter() {
            let default = settings.iter().any(|s| s.key == key && s.default == value);
            if !default || ALWAYS_IN_CONTENT.contains(&key) {
                content[key] = match value.parse::<u64>() {
                    Ok(number) => number.into(),
                    Err(_) => value.into(),
                };
            }
        }
        if self.material_on_disk {
            content["material"] = "disk".into();
        }
        if let Some(external) = &self.external {
            content["external"] = external.identity();
        }
        if !self.link.exceptions.is_empty() {
            content["link_exceptions"] = serde_json::json!(self.link.exceptions);
        }
        self.id = short_hash(content.to_string().as_bytes());
        self
    }
}

/// Makes the plan and checks every cell against its system.
///
/// # Errors
/// A model folder that cannot be read; a cell that its system refuses; `only` that names no column or
/// leaves no cell.
pub fn plan(scenario: &Scenario, systems: &[&'static dyn System], only: &[String]) -> Result<Plan> {
    let cells = cells(scenario, systems)?;
    let mut fallen_back = Vec::new();
    for cell in &cells {
        let outcome = Runner::of(systems, cell)?.check(cell);
        match outcome {
            // The scenario leaves the mode to the machine, which has nothing that could hold a program of others.
            Err(reason)
                if cell.external.is_some() && scenario.auto_links.contains(&cell.link.name) =>
            {
                fallen_back.push((cell.id.clone(), (cell.system.clone(), reason.to_string())));
            }
            outcome => outcome.with_context(|| {
                format!("{}: cell `{}` cannot run", scenario.name, cell.describe())
            })?,
        }
    }
    let ids: Vec<&str> = cells.iter().map(|cell| cell.id.as_str()).collect();
    let hash = short_hash(ids.join(" ").as_bytes());
    let filters = filters(systems, only)?;
    let cells: Vec<Cell> = cells
        .into_iter()
        .filter(|cell| {
            filters.iter().all(|(key, values)| {
                cell.dimension(key)
                    .is_some_and(|value| values.contains(&value))
            })
        })
        .collect();
    if cells.is_empty() {
        bail!(
            "no cell of `{}` fits --only {}",
            scenario.name,
            only.join(" --only ")
        );
    }
    let mut plan = Plan {
        cells,
        hash,
        left_out: Vec::new(),
    };
    for (id, (system, reason)) in fallen_back {
        plan.leave_out(&system, &reason, |cell| cell.id == id);
    }
    Ok(plan)
}

impl Plan {
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
fn filters(systems: &[&'static dyn System], only: &[String]) -> Result<Vec<(String, Vec<String>)>> {
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
        match filters.iter_mut().find(|(k, _)| k == key) {
            Some((_, values)) => values.push(value),
            None => filters.push((key.to_owned(), vec![value])),
        }
    }
    Ok(filters)
}

/// The product of all sweeps, with the system varying fastest. A system's cells are not multiplied by
/// settings that it does not have.
fn cells(scenario: &Scenario, systems: &[&'static dyn System]) -> Result<Vec<Cell>> {
    let sweep = &scenario.sweep;
    let mut cells = Vec::new();
    let mut seen = HashSet::new();
    for (model, source) in models(scenario)? {
        for link in &sweep.links {
            let link = scenario
                .links
                .iter()
                .find(|l| l.name == *link)
                .with_context(|| format!("link `{link}` is not described"))?;
            for &threads in &sweep.threads {
                for &seq_len in &sweep.seq_lens {
                    if seq_len > model.max_positions {
                        bail!(
                            "{}: `sweep.seq_len`: {seq_len} is beyond the {} positions of {}",
                            scenario.name,
                            model.max_positions,
                            model.name
                        );
                    }
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
                        material_on_disk: scenario.run.material_on_disk,
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
                    let Some(value) = combination.get(setting.key) else {
                        continue;
                    };
                    cell.settings.set(setting.key, value.to_owned());
                    if value != setting.default || is_swept(sweep, setting) {
                        cell.telling.set(setting.key, value.to_owned());
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
                cells.push(cell.hashed(runner.settings()));
            }
        }
    }
    Ok(cells)
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

/// The architectures of the scenario, one for each swept number of layers.
fn models(scenario: &Scenario) -> Result<Vec<(ModelConfig, ModelSource)>> {
    let seed = scenario.run.seed;
    match &scenario.model {
        ModelChoice::Folder(dir) => {
            let (config, source) = crate::models::folder(dir)?;
            Ok(vec![(config, source)])
        }
        ModelChoice::Synthetic { config, .. } if scenario.sweep.layers.is_empty() => {
            Ok(vec![(config.clone(), ModelSource::Synthetic { seed })])
        }
        ModelChoice::Synthetic { config, .. } => Ok(scenario
            .sweep
            .layers
            .iter()
            .map(|&layers| {
                let mut config = config.clone();
                if layers != config.layers {
                    config.name = format!("{}-{layers}layers", config.name);
                }
                config.layers = layers;
                (config, ModelSource::Synthetic { seed })
            })
            .collect()),
    }
}

/// Turns a scenario into its quick form: one repetition, no warm-up, the smallest sequence length.
pub fn quicken(scenario: &mut Scenario) {
    scenario.run.repetitions = 1;
    scenario.run.warmup = 0;
    if let Some(&smallest) = scenario.sweep.seq_lens.iter().min() {
        scenario.sweep.seq_lens = vec![smallest];
    }
}

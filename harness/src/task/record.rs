//! A folder of results of one task: `task.json` says of which, `examples.csv` has a row an example, system, settings and link.

use crate::record::whole;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The rows' file.
pub const EXAMPLES_FILE: &str = "examples.csv";
/// The identity's file.
pub const TASK_FILE: &str = "task.json";

/// What makes results of one task comparable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the folder's files.
    pub version: u32,
    /// Name of the model, and the hash of its folder.
    pub model: String,
    /// BLAKE3 of the file of examples, 12 digits.
    pub file: String,
    /// Columns of texts.
    pub texts: Vec<String>,
    /// Column of the label.
    pub label: String,
    /// Name of the metric.
    pub metric: String,
    /// Examples that are drawn; `None` is all.
    pub examples: Option<u64>,
    /// Decides which.
    pub seed: u64,
}

/// What rows are run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// System id.
    pub system: String,
    /// Its settings, `key=value` with spaces between.
    pub settings: String,
    /// The link's name.
    pub link: String,
    /// Threads of each party.
    pub threads: usize,
    /// The machine's name.
    pub machine: String,
}

/// One example, run. Times are those of the slowest party, bytes of all; of two texts both together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// System id.
    pub system: String,
    /// Its settings, `key=value` with spaces between.
    pub settings: String,
    /// The link's name.
    pub link: String,
    /// Line of the example in its file, from 0 after the names.
    pub example: usize,
    /// Tokens of all its texts.
    pub tokens: usize,
    /// What people say.
    pub label: f64,
    /// What was inferred: a class, a logit or a similarity.
    pub prediction: f64,
    /// What the model says in floating point.
    pub float_prediction: f64,
    /// Offline, nanoseconds.
    pub offline_ns: u64,
    /// Online, nanoseconds.
    pub online_ns: u64,
    /// Offline, bytes.
    pub offline_bytes: u64,
    /// Online, bytes.
    pub online_bytes: u64,
    /// Online, the longest chain of dependent messages.
    pub online_rounds: u64,
    /// Values that wrapped, where the system counts them.
    pub wrapped_values: Option<u64>,
    /// Values that could have.
    pub ring_values: Option<u64>,
    /// Threads of each party.
    pub threads: usize,
    /// The machine's name.
    pub machine: String,
}

impl Row {
    /// What tells one series of rows from another: times of other threads or machines do not mix.
    pub fn series(&self) -> Series {
        Series {
            system: self.system.clone(),
            settings: self.settings.clone(),
            link: self.link.clone(),
            threads: self.threads,
            machine: self.machine.clone(),
        }
    }
}

/// A folder under way.
pub struct Record {
    path: PathBuf,
    /// All rows, also of earlier starts.
    pub rows: Vec<Row>,
}

impl Record {
    /// Opens a folder of this task, or makes it.
    ///
    /// # Errors
    /// A folder of another task, or of something else; the operating system's.
    pub fn open(dir: &Path, identity: &Identity) -> Result<Self> {
        let (task, path) = (dir.join(TASK_FILE), dir.join(EXAMPLES_FILE));
        if task.exists() {
            let at = task.display();
            let text = fs::read(&task).with_context(|| format!("cannot read {at}"))?;
            let found: Identity =
                serde_json::from_slice(&text).with_context(|| format!("{at} is no task's"))?;
            ensure!(
                found == *identity,
                "{} holds another task's results ({}): name another folder",
                dir.display(),
                difference(&found, identity)
            );
        } else {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            let is_empty = fs::read_dir(dir)?.next().is_none();
            ensure!(
                is_empty,
                "{} is not empty, and holds no task's results: name another folder",
                dir.display()
            );
            whole::write(&task, &serde_json::to_vec_pretty(identity)?)?;
        }
        let mut rows = Vec::new();
        if path.exists() {
            let at = || format!("cannot read {}", path.display());
            let mut reader = csv::Reader::from_path(&path).with_context(at)?;
            for row in reader.deserialize() {
                rows.push(row.with_context(at)?);
            }
        }
        Ok(Self { path, rows })
    }

    /// Adds a row, on the disk too: whole, or not at all.
    ///
    /// # Errors
    /// The operating system's.
    pub fn add(&mut self, row: Row) -> Result<()> {
        self.rows.push(row);
        let mut out = csv::Writer::from_writer(Vec::new());
        for row in &self.rows {
            out.serialize(row)?;
        }
        let text = out.into_inner().context("rows cannot be written")?;
        whole::write(&self.path, &text)
    }
}

/// The first field in which two tasks differ.
fn difference(found: &Identity, wanted: &Identity) -> String {
    let fields = |identity: &Identity| match serde_json::to_value(identity) {
        Ok(serde_json::Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    };
    let wanted = fields(wanted);
    let differ = fields(found)
        .into_iter()
        .find(|(key, value)| wanted.get(key) != Some(value));
    differ.map_or_else(String::new, |(key, value)| {
        let other = wanted.get(&key).cloned().unwrap_or_default();
        format!("{key} {value}, not {other}")
    })
}

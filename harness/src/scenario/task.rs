//! `[task]`: labelled examples, each run once, in place of repetitions of one synthetic sequence.

use crate::task::examples;
use crate::task::metrics::Metric;
use anyhow::{Context, Result};
use qbench_protocols::model::checkpoint::WEIGHTS_FILE;
use std::path::{Path, PathBuf};

/// What a scenario says of its task.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its name, by which published scores are found, such as `sst-2`.
    pub name: String,
    /// The labelled examples.
    pub file: PathBuf,
    /// Columns of texts, one or two.
    pub texts: Vec<String>,
    /// Column of the label.
    pub label: String,
    /// How good predictions are.
    pub metric: Metric,
    /// So many of the examples, drawn; `None` is all.
    pub examples: Option<usize>,
    /// Decides which.
    pub seed: u64,
    /// A checkpoint, whose predictions in floating point stand beside; the model's own weights where there is none.
    pub float: Option<PathBuf>,
}

impl Task {
    /// The examples that are to be run.
    ///
    /// # Errors
    /// As [`examples::read`].
    pub fn read(&self) -> Result<Vec<examples::Example>> {
        let read = examples::read(&self.file, &self.texts, &self.label)?;
        Ok(match self.examples {
            Some(count) => examples::drawn(read, count, self.seed),
            None => read,
        })
    }

    /// What makes rows of a task comparable. How many examples, and which, is left out: a run of some goes on with more.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn identity(&self) -> Result<serde_json::Value> {
        let float = self.float.as_ref();
        let float = float.map(|dir| hash_of(&dir.join(WEIGHTS_FILE)));
        Ok(serde_json::json!({
            "file": hash_of(&self.file)?,
            "text": self.texts,
            "label": self.label,
            "metric": crate::names::name_of(Metric::NAMES, &self.metric),
            "float": float.transpose()?,
        }))
    }
}

/// BLAKE3 of a file, 12 digits.
///
/// # Errors
/// A file that cannot be read.
pub fn hash_of(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let file = std::fs::File::open(path);
    let file = file.with_context(|| format!("cannot read {}", path.display()))?;
    hasher.update_reader(file)?;
    Ok(hasher.finalize().to_hex()[..12].to_owned())
}

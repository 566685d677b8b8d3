//! The directory of a run: made or found again, locked, and never overwritten.

use crate::record::log::{self, Log, Row};
use crate::record::manifest::Manifest;
use crate::record::runs::RunRow;
use crate::record::steps::StepRow;
use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// An open run directory, locked against other runs.
pub struct RunDir {
    /// The directory.
    pub path: PathBuf,
    runs: Log,
    steps: Log,
    /// Repetitions that need not run again.
    pub done: HashSet<(String, usize)>,
    /// What was mended on opening, for people.
    pub notes: Vec<String>,
    // Held for its lock, which ends with it.
    _lock: File,
}

impl RunDir {
    /// Opens a directory, making it if need be.
    ///
    /// # Errors
    /// Another run that writes there; rows that cannot be read; the operating system's.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let lock = File::create(path.join("lock"))
            .with_context(|| format!("cannot write into {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another qbench is writing {}: wait for it, or start with --fresh",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        let (runs_path, steps_path) = (path.join("runs.csv"), path.join("steps.csv"));
        let (runs, torn_runs) = Log::open(&runs_path)?;
        let (mut steps, torn_steps) = Log::open(&steps_path)?;
        let rows = log::read(&runs_path, RunRow::read)?;
        let done: HashSet<(String, usize)> = rows
            .iter()
            .filter(|row| row.error.is_empty())
            .map(|row| (row.cell.clone(), row.repetition))
            .collect();
        let mut notes = Vec::new();
        if torn_runs || torn_steps {
            notes.push("dropped the last line, which a crash had torn".to_owned());
        }
        // Steps are written before their row, so only the last repetition can stand without one.
        let step_rows = log::read(&steps_path, StepRow::read)?;
        let kept = step_rows
            .iter()
            .rposition(|s| done.contains(&(s.cell.clone(), s.repetition)))
            .map_or(0, |i| i + 1);
        if kept < step_rows.len() {
            steps.keep_rows(kept)?;
            notes.push("dropped the steps of a repetition that had not finished".to_owned());
        }
        Ok(Self {
            path: path.to_owned(),
            runs,
            steps,
            done,
            notes,
            _lock: lock,
        })
    }

    /// Writes a finished repetition: it is on disk when this returns.
    ///
    /// # Errors
    /// A full disk and whatever else the operating system says.
    pub fn record(&mut self, row: &RunRow, steps: &[StepRow]) -> Result<()> {
        if row.error.is_empty() {
            let steps: Vec<_> = steps.iter().map(StepRow::fields).collect();
            self.steps.append(&steps)?;
        }
        self.runs.append(&[row.fields()])?;
        if row.error.is_empty() {
            self.done.insert((row.cell.clone(), row.repetition));
        }
        Ok(())
    }
}

/// The newest run of this plan on this machine under `results/<scenario>` to which rows like `row` can be added, if there is
/// one.
pub fn newest(base: &Path, plan: &str, machine: &str, row: &Row) -> Option<PathBuf> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(base)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let manifest = Manifest::read(&path).ok()?;
            let same = manifest.plan == plan
                && manifest.machine.name == machine
                && log::continues(&path.join("runs.csv"), row);
            let time = manifest.starts.first()?.time.clone();
            same.then_some((time, path))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

/// A directory name that is not taken: `<date>-<machine>`, then with `-2`, `-3`, ..
pub fn fresh(base: &Path, date: &str, machine: &str) -> PathBuf {
    let first = base.join(format!("{date}-{machine}"));
    let numbered = (2..).map(|i| base.join(format!("{date}-{machine}-{i}")));
    std::iter::once(first.clone())
        .chain(numbered)
        .find(|path| !path.exists())
        .unwrap_or(first)
}

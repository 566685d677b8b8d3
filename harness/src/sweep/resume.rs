//! The directory of a run: made or found again, locked, and never overwritten.

use crate::record::log::{self, Log};
use crate::record::manifest::{self, Manifest};
use crate::record::read;
use crate::record::runs::RunRow;
use crate::record::steps::StepRow;
use crate::record::whole::DRAFT;
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// An open run directory, locked against other runs.
pub struct RunDir {
    /// The directory.
    pub path: PathBuf,
    /// What the manifest of earlier starts says, where there were any.
    pub manifest: Option<Manifest>,
    runs: Log,
    steps: Log,
    /// Repetitions that need not run again.
    pub done: HashSet<(String, usize)>,
    /// What was mended on opening, for people.
    pub notes: Vec<String>,
    folder: File,
    // Held for its lock, which ends with it.
    _lock: File,
}

impl RunDir {
    /// Opens the directory of a plan, making it if need be; rows like `row` will be added. All that is there is looked at
    /// before anything is made, cut or written.
    ///
    /// # Errors
    /// A directory that is somebody else's, or of another plan; another run that writes there; rows that cannot be read, or
    /// to which none like `row` can be added; the operating system's.
    pub fn open(path: &Path, plan: &str, row: &RunRow) -> Result<Self> {
        owned(path)?;
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let folder = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let lock = locked(path)?;
        // Another run may have come and gone since.
        let manifest = owned(path)?;
        if let Some(earlier) = manifest.as_ref().filter(|earlier| earlier.plan != plan) {
            bail!(
                "{} holds a run of another plan (`{}`): choose another --out, or leave it out",
                path.display(),
                earlier.scenario
            );
        }
        let (runs_path, steps_path) = (path.join("runs.csv"), path.join("steps.csv"));
        let (run_columns, step_columns) = (row.fields(), StepRow::default().fields());
        log::look(&runs_path, &run_columns)?;
        log::look(&steps_path, &step_columns)?;
        let done: HashSet<(String, usize)> = read::runs(path)?
            .into_iter()
            .filter(|row| row.error.is_empty())
            .map(|row| (row.cell, row.repetition))
            .collect();
        let step_rows = read::steps(path)?;
        let (runs, torn_runs) = Log::open(&runs_path, &run_columns)?;
        let (mut steps, torn_steps) = Log::open(&steps_path, &step_columns)?;
        let mut notes = Vec::new();
        if torn_runs || torn_steps {
            notes.push("dropped the last line, which a crash had torn".to_owned());
        }
        // Steps are written before their row, so only the last repetition can stand without one.
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
            manifest,
            runs,
            steps,
            done,
            notes,
            folder,
            _lock: lock,
        })
    }

    /// Whether the folder and the files of rows are still where they were opened.
    ///
    /// # Errors
    /// One sentence that says what is not.
    pub fn in_place(&self) -> Result<()> {
        ensure!(
            log::same(&self.folder, &self.path),
            "{} was moved or removed while this run writes into it: what was measured went with it; move it back and start \
             again",
            self.path.display()
        );
        self.runs.in_place()?;
        self.steps.in_place()
    }

    /// Writes a finished repetition: it is on disk when this returns.
    ///
    /// # Errors
    /// A full disk and whatever else the operating system says; [`RunDir::in_place`]'s.
    pub fn record(&mut self, row: &RunRow, steps: &[StepRow]) -> Result<()> {
        if row.error.is_empty() {
            let steps: Vec<_> = steps.iter().map(StepRow::fields).collect();
            self.steps.append(&steps)?;
        }
        self.runs.append(&[row.fields()])?;
        if row.error.is_empty() {
            self.done.insert((row.cell.clone(), row.repetition));
        }
        self.in_place()
    }
}

/// What the manifest says of a folder that is a run's; `None` for one that is not there, is empty, or holds no more than a
/// start that was cut off had made.
///
/// # Errors
/// A folder of somebody else; a run whose manifest cannot be read.
fn owned(path: &Path) -> Result<Option<Manifest>> {
    let name = path.display();
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read folder {name}")),
    };
    let mut others = 0;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {name}"))?;
        let file = entry.file_name().to_string_lossy().into_owned();
        // Of a link it counts what it leads to.
        let empty = std::fs::metadata(entry.path()).is_ok_and(|m| !m.is_dir() && m.len() == 0);
        let begun = matches!(file.as_str(), "lock" | "runs.csv" | "steps.csv") && empty
            || file.starts_with(&format!("{}{DRAFT}", manifest::FILE));
        others += usize::from(!begun);
    }
    if others == 0 {
        return Ok(None);
    }
    let cause = match Manifest::read(path) {
        Ok(manifest) => return Ok(Some(manifest)),
        Err(cause) => cause,
    };
    let rows = std::fs::read_to_string(path.join("runs.csv")).unwrap_or_default();
    if rows.starts_with("cell,repetition,") {
        bail!(
            "{name} has rows, and no manifest that says of which plan they are ({cause:#}): put manifest.json back, or choose \
             another folder (--out); qbench report {name} still reads the rows"
        );
    }
    bail!("{name} is not empty and is no run of qbench: choose a new or an empty folder (--out)")
}

/// Takes the lock of a run's folder.
fn locked(path: &Path) -> Result<File> {
    let mut options = File::options();
    let lock = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join("lock"))
        .with_context(|| format!("cannot write into {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!(
            "another qbench is writing {}: wait for it, or start with --fresh",
            path.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// The newest run of this plan on this machine under `results/<scenario>` to which rows like `row` can be added, if there is
/// one.
pub fn newest(base: &Path, plan: &str, machine: &str, row: &RunRow) -> Option<PathBuf> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(base)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let manifest = Manifest::read(&path).ok()?;
            let same = manifest.plan == plan
                && manifest.machine.name == machine
                && log::look(&path.join("runs.csv"), &row.fields()).is_ok();
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

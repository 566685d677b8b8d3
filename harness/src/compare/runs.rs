//! Run folders as read.

use crate::record::manifest::Manifest;
use crate::record::read;
use crate::record::runs::RunRow;
use anyhow::{Result, bail};
use std::path::Path;

/// The rows of a run folder.
#[derive(Clone, Debug)]
pub struct Run {
    /// The folder as it was named.
    pub name: String,
    /// Rows without error.
    pub rows: Vec<RunRow>,
    /// Cells and repetitions that have only a row with an error.
    pub failed: usize,
    /// What the manifest says, if there is one.
    pub manifest: Option<Manifest>,
}

impl Run {
    /// Reads a run folder.
    ///
    /// # Errors
    /// A folder that is no run, with the runs inside it if there are any; rows that cannot be read; a run in
    /// which no repetition went well.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("runs.csv");
        if !path.is_file() {
            bail!(
                "{} is no run: it has no runs.csv{}",
                dir.display(),
                hint(dir)
            );
        }
        let all = read::runs(dir)?;
        let (rows, errors): (Vec<RunRow>, Vec<RunRow>) =
            all.into_iter().partition(|row| row.error.is_empty());
        if rows.is_empty() {
            bail!(
                "{}: no repetition has finished without an error",
                dir.display()
            );
        }
        let mut failed: Vec<(String, usize)> = errors
            .into_iter()
            .map(|row| (row.cell, row.repetition))
            .filter(|(cell, repetition)| {
                !rows
                    .iter()
                    .any(|row| row.cell == *cell && row.repetition == *repetition)
            })
            .collect();
        failed.sort_unstable();
        failed.dedup();
        Ok(Self {
            name: dir.display().to_string(),
            rows,
            failed: failed.len(),
            manifest: Manifest::read(dir).ok(),
        })
    }

    /// Distinct values of something in the rows, in order.
    pub fn distinct<'a>(&'a self, of: impl Fn(&'a RunRow) -> &'a str) -> Vec<&'a str> {
        let mut found: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !found.contains(&of(row)) {
                found.push(of(row));
            }
        }
        found
    }
}

/// What to write instead, for a folder that is not there or holds runs.
fn hint(dir: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return if dir.exists() {
            ", nor is it a folder".into()
        } else {
            ": it does not exist".into()
        };
    };
    let mut runs: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("runs.csv").is_file())
        .map(|path| path.display().to_string())
        .collect();
    runs.sort();
    match runs.last() {
        Some(newest) => format!("; the runs in it are {} (such as {newest})", runs.len()),
        None => String::new(),
    }
}

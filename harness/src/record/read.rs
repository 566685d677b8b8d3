//! The rows of a run's folder, for all that reads them. Nothing that was measured counts twice.

use super::log;
use super::runs::RunRow;
use super::steps::StepRow;
use anyhow::{Result, bail};
use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;

/// The rows of `runs.csv`; none where there is no such file.
///
/// # Errors
/// The first row that cannot be read, or that has the repetition of another one, by line.
pub fn runs(dir: &Path) -> Result<Vec<RunRow>> {
    let path = dir.join("runs.csv");
    let rows = log::read(&path, &["cell", "repetition"], RunRow::read)?;
    // A repetition that failed may have rows beside the one that counts.
    let good = rows.iter().filter(|(_, row)| row.error.is_empty());
    let keys = good.map(|(line, row)| (*line, (row.cell.as_str(), row.repetition)));
    once(&path, keys, |(cell, repetition)| {
        format!("repetition {repetition} of cell {cell}")
    })?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The rows of `steps.csv`; none where there is no such file.
///
/// # Errors
/// As [`runs`].
pub fn steps(dir: &Path) -> Result<Vec<StepRow>> {
    let path = dir.join("steps.csv");
    let rows = log::read(&path, &["cell", "repetition"], StepRow::read)?;
    let keys = rows.iter().map(|(line, row)| {
        let place = (row.phase.as_str(), row.step.as_str(), row.party);
        (*line, (row.cell.as_str(), row.repetition, place))
    });
    once(&path, keys, |(cell, repetition, (phase, step, party))| {
        format!("step `{step}` of P{party} in {phase} of repetition {repetition} of cell {cell}")
    })?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Refuses a row that says again what another one says.
fn once<K: Eq + Hash>(
    path: &Path,
    keys: impl Iterator<Item = (u64, K)>,
    name: impl Fn(&K) -> String,
) -> Result<()> {
    let mut seen: HashMap<K, u64> = HashMap::new();
    for (line, key) in keys {
        if let Some(first) = seen.get(&key) {
            bail!(
                "{}:{line}: {} stands in line {first} already: it would count twice, so remove one of the two lines",
                path.display(),
                name(&key)
            );
        }
        seen.insert(key, line);
    }
    Ok(())
}

//! The paper's headline factors beside those of runs.

use super::marker::Marker;
use crate::published::headline;
use crate::record::runs::RunRow;
use anyhow::Result;

/// The table of [`headline::table`] of all rows of `runs=`.
///
/// # Errors
/// Its.
pub fn table(marker: &Marker) -> Result<String> {
    marker.only(&["runs"])?;
    let rows: Vec<RunRow> = marker
        .runs()?
        .into_iter()
        .flat_map(|run| run.rows)
        .collect();
    headline::table(&rows)
}

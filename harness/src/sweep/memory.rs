//! Predicted memory against what there is, before anything starts.

use crate::host;
use crate::scenario::plan::Cell;
use crate::units::bytes_text;
use anyhow::Result;
use qbench_protocols::system::System;

/// A cell that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Refused {}

/// Refuses a cell whose three parties would together not fit into memory.
///
/// # Errors
/// [`Refused`]: one sentence with the prediction, what there is, and the longest sequence that would fit.
pub fn check(system: &dyn System, cell: &Cell, limit: Option<u64>) -> Result<()> {
    let need = |seq_len: usize| -> Result<u64> {
        let mut workload = cell.workload();
        workload.seq_len = seq_len;
        Ok(system.cost(&workload)?.memory_bytes.iter().sum())
    };
    let predicted = need(cell.seq_len)?;
    let available = host::available_memory_bytes();
    let room = limit.map_or(available, |limit| limit.min(available));
    if predicted <= room {
        return Ok(());
    }
    // Memory grows with the sequence, so halving finds the longest that fits.
    let (mut fits, mut too_long) = (0, cell.seq_len);
    while too_long - fits > 1 {
        let middle = fits + (too_long - fits) / 2;
        if need(middle)? <= room {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    let advice = match fits {
        0 => "no sequence length fits".to_owned(),
        fits => format!("the longest sequence that fits is seq_len = {fits}"),
    };
    let limit = limit.map_or_else(String::new, |l| format!(", memory_limit {}", bytes_text(l)));
    Err(Refused(format!(
        "not enough memory: the three parties are predicted to need {}, available {}{limit}; {advice}",
        bytes_text(predicted),
        bytes_text(available)
    ))
    .into())
}

//! Predicted memory and disk space against what there is, before anything starts.

use crate::host;
use crate::scenario::cell::Cell;
use crate::units::bytes_text;
use anyhow::Result;
use qbench_protocols::system::System;
use std::path::Path;

/// A cell that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Refused {}

/// Refuses a cell whose three parties would together not fit into memory, or whose material not onto the disk of `dir`.
///
/// # Errors
/// [`Refused`]: one sentence with the prediction, what there is, and the longest sequence that would fit.
pub fn check(system: &dyn System, cell: &Cell, limit: Option<u64>, dir: &Path) -> Result<()> {
    let available = host::available_memory_bytes();
    let room = limit.map_or(available, |limit| limit.min(available));
    let disk = match cell.material_on_disk {
        Some(_) => host::available_disk_bytes(dir)?,
        None => u64::MAX,
    };
    let need = |seq_len: usize| -> Result<(u64, u64)> {
        let mut workload = cell.workload();
        workload.seq_len = seq_len;
        let declared = system.cost(&workload)?;
        let sum = |bytes: [u64; 3]| bytes.iter().sum::<u64>();
        Ok((sum(declared.memory_bytes), sum(declared.disk_bytes)))
    };
    let fits = |(memory, material): (u64, u64)| memory <= room && material <= disk;
    let predicted = need(cell.seq_len)?;
    if fits(predicted) {
        return Ok(());
    }
    // Both grow with the sequence, so halving finds the longest that fits.
    let (mut longest, mut too_long) = (0, cell.seq_len);
    while too_long - longest > 1 {
        let middle = longest + (too_long - longest) / 2;
        if fits(need(middle)?) {
            longest = middle;
        } else {
            too_long = middle;
        }
    }
    let advice = match longest {
        0 => "no sequence length fits".to_owned(),
        longest => format!("the longest sequence that fits is seq_len = {longest}"),
    };
    let (memory, material) = predicted;
    let refused = if memory > room {
        let limit = limit.map_or_else(String::new, |l| format!(", memory_limit {}", bytes_text(l)));
        format!(
            "not enough memory: the three parties are predicted to need {}, available {}{limit}; {advice}",
            bytes_text(memory),
            bytes_text(available)
        )
    } else {
        format!(
            "not enough disk space: correlated randomness takes {}, available in {} {}; {advice}",
            bytes_text(material),
            dir.display(),
            bytes_text(disk)
        )
    };
    Err(Refused(refused).into())
}

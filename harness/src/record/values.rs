//! What a row says of a quantity.

use super::runs::{RunRow, sum};
use crate::quantities::{DIMENSIONS, Quantity};
use crate::stats::{Summary, summarize};
use qbench_protocols::phase::Phase;

impl Quantity {
    /// The value of a row, in the unit of [`Quantity::label`]; `None` where the system does not give it.
    pub fn of(self, row: &RunRow) -> Option<f64> {
        let phase = |phase: Phase| &row.phases[phase as usize];
        let seconds = |p: Phase| Some(phase(p).wall_ns? as f64 / 1e9);
        let mega = |bytes: Option<u64>| Some(bytes? as f64 / 1e6);
        match self {
            Self::Seconds(Some(p)) => seconds(p),
            Self::Seconds(None) => Some(seconds(Phase::Offline)? + seconds(Phase::Online)?),
            Self::Bytes(p) => mega(phase(p).total_bytes()),
            Self::Rounds(p) => Some(phase(p).rounds? as f64),
            Self::Cpu(p) => Some(sum(phase(p).cpu_ns.iter())? as f64 / 1e9),
            Self::Material => mega(sum(row.material_bytes.iter())),
            Self::FloatError => row.float_error,
            Self::WrappedValues => Some(row.wrapped_values? as f64),
            Self::PeakMemory => mega(row.peak_memory_bytes.iter().flatten().max().copied()),
            // Of all rows together.
            Self::Score(_) => None,
        }
    }

    /// What rows of one cell come to: the median with its interval, or a task's metric with its own.
    pub fn over(self, rows: &[&RunRow]) -> Option<Summary> {
        match self {
            Self::Score(scored) => scored.summary(rows),
            _ => {
                let values: Vec<f64> = rows.iter().filter_map(|row| self.of(row)).collect();
                summarize(&values)
            }
        }
    }
}

/// The columns that divide rows: those of every system, and the settings that rows have.
pub fn dimensions<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> Vec<&'a str> {
    let mut all = DIMENSIONS.to_vec();
    for row in rows {
        for (key, _) in row.settings.iter() {
            if !all.contains(&key) {
                all.push(key);
            }
        }
    }
    all
}

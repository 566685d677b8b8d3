//! What a run leaves behind: `manifest.json`, `runs.csv`, `steps.csv` and traces.

pub mod answer;
pub mod log;
pub mod manifest;
pub mod read;
pub mod runs;
pub mod steps;
pub mod trace;
pub mod values;
pub mod whole;

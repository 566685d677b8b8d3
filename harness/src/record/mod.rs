//! What a run leaves behind: `manifest.json`, `runs.csv` and `steps.csv`.

pub mod log;
pub mod manifest;
pub mod runs;
pub mod steps;
pub mod trace;
pub mod values;

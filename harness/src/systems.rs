//! The systems under comparison: the one list that commands, scenarios and parties read.

use crate::names::suggestion;
use anyhow::{Result, bail};
use qbench_protocols::lut_rss::system::LutRssSystem;
use qbench_protocols::system::System;

/// Every system that this binary brings.
pub fn systems() -> Vec<&'static dyn System> {
    let mut systems: Vec<&'static dyn System> = vec![&LutRssSystem];
    systems.extend(qbench_baselines::systems());
    systems
}

/// The system of an id.
///
/// # Errors
/// An unknown id, with the nearest known one.
pub fn find(systems: &[&'static dyn System], id: &str) -> Result<&'static dyn System> {
    match systems.iter().find(|system| system.id() == id) {
        Some(system) => Ok(*system),
        None => {
            let names: Vec<&str> = systems.iter().map(|s| s.id()).collect();
            bail!("unknown system `{id}`{}", suggestion(id, &names))
        }
    }
}

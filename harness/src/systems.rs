//! The systems under comparison: the one list that commands, scenarios and parties read.

use crate::names::suggestion;
use anyhow::{Result, bail};
use qbench_protocols::lut_rss::system::LutRssSystem;
use qbench_protocols::system::{Setting, Settings, System};

/// Every system that this binary brings.
pub fn systems() -> Vec<&'static dyn System> {
    let mut systems: Vec<&'static dyn System> = vec![&LutRssSystem];
    systems.extend(qbench_baselines::systems());
    systems
}

/// The settings of all systems, each key once: a key means the same in every system that has it.
pub fn settings(systems: &[&'static dyn System]) -> Vec<Setting> {
    let mut all: Vec<Setting> = Vec::new();
    for setting in systems.iter().flat_map(|system| system.settings()) {
        if !all.iter().any(|known| known.key == setting.key) {
            all.push(*setting);
        }
    }
    all
}

/// Those settings without values: what a row says of a system that has none of them.
pub fn no_settings(systems: &[&'static dyn System]) -> Settings {
    let all = settings(systems);
    let none = |none: Settings, setting: &Setting| none.with(setting.key, "");
    all.iter().fold(Settings::default(), none)
}

/// A system's settings as `--set KEY=VALUE` says, and else as `default` of each.
///
/// # Errors
/// A key that the system does not have, or a value that the key does not.
pub fn chosen(
    system: &dyn System,
    set: &[String],
    default: impl Fn(&Setting) -> &'static str,
) -> Result<Settings> {
    let known = system.settings();
    let mut settings = known.iter().fold(Settings::default(), |all, setting| {
        all.with(setting.key, default(setting))
    });
    for text in set {
        let Some((key, value)) = text.split_once('=') else {
            bail!("--set {text}: write KEY=VALUE");
        };
        let keys: Vec<&str> = known.iter().map(|s| s.key).collect();
        let Some(setting) = known.iter().find(|s| s.key == key.trim()) else {
            match keys.is_empty() {
                true => bail!("--set {text}: `{}` has no settings", system.id()),
                false => bail!(
                    "--set {text}: `{}` has no setting `{}`{}",
                    system.id(),
                    key.trim(),
                    suggestion(key.trim(), &keys)
                ),
            }
        };
        let value = setting.read(value.trim());
        settings.set(
            setting.key,
            value.map_err(|what| anyhow::anyhow!("--set {text}: {what}"))?,
        );
    }
    Ok(settings)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One column cannot mean two things.
    #[test]
    fn a_key_means_the_same_in_every_system() {
        let systems = systems();
        let all = settings(&systems);
        for system in systems {
            for setting in system.settings() {
                assert!(all.contains(setting), "{}: {}", system.id(), setting.key);
                setting.read(setting.default).unwrap();
            }
        }
    }
}

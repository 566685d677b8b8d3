//! The systems under comparison: the one list that commands, scenarios and parties read.

use crate::names::{shown, suggestion};
use anyhow::{Result, bail, ensure};
use qbench_protocols::fine::system::FineSystem;
use qbench_protocols::lut_rss::system::LutRssSystem;
use qbench_protocols::system::{Setting, Settings, System};
use std::collections::HashSet;

/// Every system that this binary brings.
pub fn systems() -> Vec<&'static dyn System> {
    let mut systems: Vec<&'static dyn System> = vec![&LutRssSystem, &FineSystem];
    systems.extend(qbench_baselines::systems());
    systems
}

/// Refuses systems that results could not tell apart: two of one name, and settings whose key is one of the other `columns`
/// of a row or means something else in another system.
///
/// # Errors
/// The first such system, and what is wrong with it.
pub fn check(systems: &[&'static dyn System], columns: &HashSet<String>) -> Result<()> {
    for (place, system) in systems.iter().enumerate() {
        let (id, before) = (system.id(), &systems[..place]);
        let twice = before.iter().any(|other| other.id() == id);
        ensure!(!twice, "two systems are called `{id}`");
        let fits = |c: char| !c.is_control() && !c.is_whitespace() && !",=".contains(c);
        ensure!(
            !id.is_empty() && id.chars().all(fits),
            "a system cannot be called `{}`: a name has letters, digits and dashes",
            shown(id)
        );
        let known = settings(before);
        for setting in system.settings() {
            let key = setting.key;
            ensure!(
                !columns.contains(key),
                "`{id}`: a setting cannot be called `{key}`, as every row has such a column"
            );
            let same = known.iter().all(|k| k.key != key || k == setting);
            ensure!(
                same,
                "`{id}`: another system has a setting `{key}` too, and it is not the same"
            );
            for default in [Some(setting.default), setting.default_of_infer] {
                let read = default.map_or(Ok(String::new()), |text| setting.read(text));
                read.map_err(|what| anyhow::anyhow!("`{id}`: the default of `{key}`: {what}"))?;
            }
        }
    }
    Ok(())
}

/// The settings of all systems, each key once: [`check`] has seen that it means the same in all that have it.
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

/// A system's settings as `--set KEY=VALUE` says, and else as `default` of each; some may be left open ([`crate::scenario::auto`]).
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
        let value = setting.read_or_auto(value.trim());
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
    use qbench_protocols::Error;
    use qbench_protocols::net::Party;
    use qbench_protocols::system::settings::Values;
    use qbench_protocols::system::{Declared, PartyProgram, Verified, Workload};

    /// A system that has nothing but settings.
    struct Named(&'static str, &'static [Setting]);

    impl System for Named {
        fn id(&self) -> &'static str {
            self.0
        }
        fn about(&self) -> &'static str {
            ""
        }
        fn source(&self) -> &'static str {
            ""
        }
        fn settings(&self) -> &'static [Setting] {
            self.1
        }
        fn check(&self, _: &Workload) -> qbench_protocols::Result<()> {
            Ok(())
        }
        fn cost(&self, _: &Workload) -> qbench_protocols::Result<Declared> {
            Err(Error::Unsupported(String::new()))
        }
        fn party(&self, _: &Workload, _: Party) -> qbench_protocols::Result<Box<dyn PartyProgram>> {
            Err(Error::Unsupported(String::new()))
        }
        fn verify(&self, _: &Workload, _: &[Vec<u8>; 3]) -> qbench_protocols::Result<Verified> {
            Err(Error::Unsupported(String::new()))
        }
    }

    const WIDTH: Setting = Setting {
        key: "width",
        values: Values::Whole(4, 8),
        default: "4",
        default_of_infer: None,
        auto: false,
        label: "width [bits]",
        help: "Width.",
    };

    #[test]
    fn systems_that_cannot_be_told_apart_are_refused() {
        const A: &dyn System = &Named("a", &[WIDTH]);
        const SAME: &dyn System = &Named("b", &[WIDTH]);
        const NARROW: Setting = Setting {
            values: Values::Whole(4, 6),
            ..WIDTH
        };
        const COLUMN: Setting = Setting {
            key: "threads",
            ..WIDTH
        };
        const NO_DEFAULT: Setting = Setting {
            key: "other",
            default: "9",
            ..WIDTH
        };
        let columns = &HashSet::from(["threads".to_owned()]);
        check(&systems(), columns).unwrap();
        check(&[A, SAME], columns).unwrap();
        let refused = |system| check(&[A, system], columns).unwrap_err().to_string();
        assert!(refused(&Named("a", &[])).contains("two systems"));
        assert!(refused(&Named("c", &[NARROW])).contains("not the same"));
        assert!(refused(&Named("c", &[COLUMN])).contains("such a column"));
        assert!(refused(&Named("c", &[NO_DEFAULT])).contains("4 to 8"));
    }
}

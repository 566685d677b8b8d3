//! Settings that are left to us: each takes the value with which one inference, offline and online, needs least over the cell's link, by
//! its declared rounds and bytes. What was taken stands in the cell, and so in its rows, as if it had been asked for.

use crate::link::Link;
use anyhow::{Context, Result};
use qbench_protocols::system::settings::{AUTO, Values};
use qbench_protocols::system::{Declared, Settings, System, Workload};

/// The same workload with every setting that is left open decided. Of equal values the first in the setting's own order is taken; what the
/// system refuses is none.
///
/// # Errors
/// Where the system refuses all: its reason for the first.
pub fn settle(system: &dyn System, workload: Workload, link: &Link) -> Result<Workload> {
    let open: Vec<_> = system
        .settings()
        .iter()
        .filter(|setting| workload.settings.get(setting.key) == Some(AUTO))
        .collect();
    if open.is_empty() {
        return Ok(workload);
    }
    let mut choices = vec![workload.settings.clone()];
    for setting in &open {
        let Values::Names(names) = setting.values else {
            continue;
        };
        let with = |settings: &Settings| -> Vec<Settings> {
            let value = |name| settings.clone().with(setting.key, name);
            names.iter().map(value).collect()
        };
        choices = choices.iter().flat_map(with).collect();
    }
    let (mut best, mut refused) = (None::<(f64, Workload)>, None);
    for settings in choices {
        let choice = Workload {
            settings,
            ..workload.clone()
        };
        match system.cost(&choice) {
            Ok(declared) => {
                let needs = least_ns(&declared, link);
                if best.as_ref().is_none_or(|(least, _)| needs < *least) {
                    best = Some((needs, choice));
                }
            }
            Err(error) => drop(refused.get_or_insert(error)),
        }
    }
    match (best, refused) {
        (Some((_, choice)), _) => Ok(choice),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(anyhow::anyhow!("{} has no such choice", system.id())),
    }
    .with_context(|| {
        let keys: Vec<&str> = open.iter().map(|setting| setting.key).collect();
        format!("no value of {} can run", keys.join(", "))
    })
}

/// The same settings with the default wherever one is left open.
pub fn at_defaults(system: &dyn System, mut settings: Settings) -> Settings {
    for setting in system.settings() {
        if settings.get(setting.key) == Some(AUTO) {
            settings.set(setting.key, setting.default.to_owned());
        }
    }
    settings
}

/// What an inference needs over a link at least.
fn least_ns(declared: &Declared, link: &Link) -> f64 {
    let phases = [&declared.offline, &declared.online];
    let needs = phases.map(|phase| link.least_ns(phase.rounds(), phase.bytes()));
    needs.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bandwidth, Rtt};
    use qbench_protocols::fine::system::FineSystem;
    use qbench_protocols::model::config::ModelConfig;

    #[test]
    fn the_link_decides_between_rounds_and_bytes() {
        let model = ModelConfig::preset("bert-base").unwrap();
        let taken = |bandwidth: Option<&str>, rtt: &str, tokens| {
            let link = Link {
                bandwidth: bandwidth.map(|text| Bandwidth::parse(text).unwrap()),
                rtt: Rtt::parse(rtt).unwrap(),
                ..Link::loopback()
            };
            let workload = Workload::new(model.clone(), tokens).with("activation_table", AUTO);
            let settled = settle(&FineSystem, workload, &link).unwrap();
            settled.settings.get("activation_table").unwrap().to_owned()
        };
        // Long round trips want few rounds, narrow lines few bytes; where neither counts it is the default.
        assert_eq!(taken(Some("10gbit"), "100ms", 32), "direct");
        assert_eq!(taken(Some("20mbit"), "0.1ms", 32), "widened");
        assert_eq!(taken(Some("100mbit"), "40ms", 2), "direct");
        assert_eq!(taken(Some("100mbit"), "40ms", 128), "widened");
        // What is said stays.
        let said = Workload::new(model.clone(), 8).with("activation_table", "direct");
        let settled = settle(&FineSystem, said.clone(), &Link::loopback()).unwrap();
        assert_eq!(settled, said);
    }
}

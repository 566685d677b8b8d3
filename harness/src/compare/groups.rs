//! Rows that may be compared, by system.

use super::settings::{ACTIVATION, Settings};
use crate::record::runs::RunRow;

/// Rows of one system of one run at the settings of a group.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Place of the run among those that were given.
    pub run: usize,
    /// System id.
    pub system: String,
    /// Activation function; empty where rows do not say.
    pub activation: String,
    /// One row a repetition, none with an error.
    pub rows: Vec<&'a RunRow>,
}

/// Everything measured at one combination of settings.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The settings; those that apply to no system of the group are empty.
    pub settings: Settings,
    /// By system, run and activation, in the order of the rows.
    pub entries: Vec<Entry<'a>>,
}

/// Groups the rows of runs. Where a setting applies to one system only (the width of the cut, say), the rows
/// of the others stand in the group of each of its values.
pub fn groups<'a>(runs: &[&'a [RunRow]]) -> Vec<Group<'a>> {
    let all = || {
        let numbered = runs.iter().enumerate();
        numbered.flat_map(|(run, rows)| rows.iter().map(move |row| (run, row)))
    };
    let mut groups: Vec<Group<'a>> = most_specific(all().map(|(_, row)| Settings::of(row)))
        .into_iter()
        .map(|settings| Group {
            settings,
            entries: Vec::new(),
        })
        .collect();
    for (run, row) in all().filter(|(_, row)| row.error.is_empty()) {
        let settings = Settings::of(row);
        let activation = row.dimension(ACTIVATION).unwrap_or_default();
        for group in groups.iter_mut().filter(|g| g.settings.agrees(&settings)) {
            let same = group
                .entries
                .iter_mut()
                .find(|e| e.run == run && e.system == row.system && e.activation == activation);
            match same {
                Some(entry) => entry.rows.push(row),
                None => group.entries.push(Entry {
                    run,
                    system: row.system.clone(),
                    activation: activation.clone(),
                    rows: vec![row],
                }),
            }
        }
    }
    groups.retain(|group| !group.entries.is_empty());
    groups
}

/// The distinct settings, those that agree joined, and none that is but a part of another.
fn most_specific(all: impl Iterator<Item = Settings>) -> Vec<Settings> {
    let mut found: Vec<Settings> = Vec::new();
    for settings in all {
        if !found.contains(&settings) {
            found.push(settings);
        }
    }
    // Joins of joins too: what is appended is met by the same loop.
    let mut at = 0;
    while at < found.len() {
        for before in 0..at {
            if found[before].agrees(&found[at]) {
                let joined = found[before].joined(&found[at]);
                if !found.contains(&joined) {
                    found.push(joined);
                }
            }
        }
        at += 1;
    }
    let part = |a: &Settings, b: &Settings| a != b && a.agrees(b) && a.joined(b) == *b;
    let keep: Vec<bool> = found
        .iter()
        .map(|a| !found.iter().any(|b| part(a, b)))
        .collect();
    let mut keep = keep.into_iter();
    found.retain(|_| keep.next() == Some(true));
    found
}

/// Systems of rows, in order.
pub fn systems<'a>(rows: impl Iterator<Item = &'a RunRow>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for row in rows.filter(|row| row.error.is_empty()) {
        if !found.contains(&row.system.as_str()) {
            found.push(&row.system);
        }
    }
    found
}

/// The base of ratios where none is named: `crypten`, which most papers compare with, or else the first system
/// that is not `lut-rss`; `None` with fewer than two systems.
pub fn default_base(systems: &[&str]) -> Option<String> {
    if systems.len() < 2 {
        return None;
    }
    let usual = systems.iter().find(|s| **s == "crypten");
    usual
        .or_else(|| systems.iter().find(|s| **s != "lut-rss"))
        .map(|s| (*s).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use qbench_protocols::system::Settings as Chosen;

    fn row(system: &str, seq_len: usize, max_protocol: &str, variance_protocol: &str) -> RunRow {
        RunRow {
            system: system.into(),
            seq_len,
            settings: Chosen::default()
                .with("max_protocol", max_protocol)
                .with("variance_protocol", variance_protocol),
            ..RunRow::default()
        }
    }

    #[test]
    fn settings_that_do_not_apply_join_every_value() {
        let rows = [
            row("lut-rss", 8, "tournament", "square-table"),
            row("lut-rss", 8, "radix-sort", "square-table"),
            row("crypten", 8, "", ""),
            row("lut-rss", 16, "tournament", "square-table"),
            row("crypten", 32, "", ""),
        ];
        let groups = groups(&[&rows]);
        let found: Vec<(usize, String, Vec<&str>)> = groups
            .iter()
            .map(|g| {
                let systems = g.entries.iter().map(|e| e.system.as_str()).collect();
                let value = |c: &str| g.settings.value(c).to_owned();
                (
                    value("seq_len").parse().unwrap(),
                    value("max_protocol"),
                    systems,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                (8, "tournament".to_owned(), vec!["lut-rss", "crypten"]),
                (8, "radix-sort".to_owned(), vec!["lut-rss", "crypten"]),
                (16, "tournament".to_owned(), vec!["lut-rss"]),
                (32, String::new(), vec!["crypten"]),
            ]
        );
    }

    #[test]
    fn settings_of_either_are_joined() {
        let rows = [
            row("a", 8, "tournament", ""),
            row("b", 8, "", "inner-product"),
        ];
        let groups = groups(&[&rows]);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].entries.len(), 2);
        let value = |c: &str| groups[0].settings.value(c);
        assert_eq!(
            (value("max_protocol"), value("variance_protocol")),
            ("tournament", "inner-product")
        );
    }

    #[test]
    fn links_of_one_name_are_told_apart() {
        let mut rows = [row("a", 8, "", ""), row("b", 8, "", "")];
        rows[1].rtt_ns = 1;
        assert_eq!(groups(&[&rows]).len(), 2);
        let mut rows = [row("a", 8, "", ""), row("b", 8, "", "")];
        (rows[0].link_mode, rows[1].link_mode) = ("shaped".into(), "relay".into());
        assert_eq!(groups(&[&rows]).len(), 2);
    }

    #[test]
    fn the_base_is_the_usual_one() {
        assert_eq!(default_base(&["lut-rss"]), None);
        let base = |systems: &[&str]| default_base(systems).unwrap();
        assert_eq!(base(&["own", "lut-rss", "crypten"]), "crypten");
        assert_eq!(base(&["lut-rss", "own"]), "own");
    }
}

//! All systems beside each other, a line for each length and link.

use super::marker::Marker;
use super::numbers::{Column, link_name};
use crate::compare::groups::{Entry, Group, groups, systems};
use crate::compare::ratio::{Ratio, digits};
use crate::published::page::table as markdown;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use anyhow::{Result, bail};
use qbench_protocols::phase::Phase;

const ONLINE: Quantity = Quantity::Seconds(Some(Phase::Online));
const OFFLINE: Quantity = Quantity::Seconds(Some(Phase::Offline));

/// The times of one system.
struct Times {
    system: String,
    online: Column,
    offline: Column,
}

/// Times of all systems of the runs; bytes, rounds and the ratio of `base=` and `system=`.
///
/// # Errors
/// Parameters and runs that do not make such a table.
pub fn table(marker: &Marker) -> Result<String> {
    marker.only(&["runs", "base", "system"])?;
    let (base, system) = (marker.need("base")?, marker.need("system")?);
    let runs = marker.runs()?;
    let rows: Vec<&[RunRow]> = runs.iter().map(|run| run.rows.as_slice()).collect();
    let names = systems(runs.iter().flat_map(|run| &run.rows));
    for name in [base, system] {
        if !names.contains(&name) {
            bail!("no row is of `{name}`; there are {}", names.join(", "));
        }
    }
    let lines = lines(groups(&rows))?;
    let column = |system: &str, quantity: Quantity| -> Column {
        let value = |line: &Group<'_>| Some(of(line, system)?.summary(quantity)?.median);
        Column::new(lines.iter().map(value).collect(), 2)
    };
    let times: Vec<Times> = names
        .iter()
        .map(|name| Times {
            system: (*name).to_owned(),
            online: column(name, ONLINE),
            offline: column(name, OFFLINE),
        })
        .collect();
    let pair = [system, base];
    let bytes = pair.map(|name| column(name, Quantity::Bytes(Phase::Online)));
    let rounds = pair.map(|name| column(name, Quantity::Rounds(Phase::Online)));
    let mut head = vec!["tokens".to_owned(), "link".to_owned()];
    head.extend(times.iter().map(|times| match times.offline.is_empty() {
        true => format!("`{}` online", times.system),
        false => format!("`{}` online / offline", times.system),
    }));
    head.push(format!("online MB, rounds: `{system}` / `{base}`"));
    head.push(format!("online, `{base}` / `{system}`"));
    let mut body = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let setting = |column: &str| line.settings.value(column);
        let mut cells = vec![setting("seq_len").to_owned(), link_name(setting("link"))];
        cells.extend(times.iter().map(|times| match times.offline.has(at) {
            true => format!(
                "{} / {}",
                times.online.seconds(at),
                times.offline.seconds(at)
            ),
            false => times.online.seconds(at),
        }));
        let traffic = [0, 1].map(|i| format!("{}, {}", bytes[i].number(at), rounds[i].number(at)));
        cells.push(traffic.join(" / "));
        cells.push(ratio(line, base, system).map_or_else(|| "-".to_owned(), |r| text(&r)));
        body.push(cells);
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    Ok(markdown(&head, &body))
}

/// One group for each length and link, by length.
fn lines(mut groups: Vec<Group<'_>>) -> Result<Vec<Group<'_>>> {
    let place = |group: &Group<'_>| ["seq_len", "link"].map(|c| group.settings.value(c).to_owned());
    for (at, group) in groups.iter().enumerate() {
        if let Some(other) = groups[..at].iter().find(|g| place(g) == place(group)) {
            bail!(
                "two lines are of one length and link: {} and {}",
                other.settings.describe(),
                group.settings.describe()
            );
        }
        let entries = &group.entries;
        let twice = |e: &Entry<'_>| entries.iter().filter(|o| o.system == e.system).count() > 1;
        if let Some(entry) = entries.iter().find(|e| twice(e)) {
            bail!(
                "{} was measured twice: {}",
                entry.system,
                group.settings.describe()
            );
        }
    }
    // The sorting is stable: links stay in the order of the rows.
    groups.sort_by_key(|group| {
        group
            .settings
            .value("seq_len")
            .parse::<usize>()
            .unwrap_or(0)
    });
    Ok(groups)
}

fn of<'a, 'b>(line: &'b Group<'a>, system: &str) -> Option<&'b Entry<'a>> {
    line.entries.iter().find(|entry| entry.system == system)
}

fn ratio(line: &Group<'_>, base: &str, system: &str) -> Option<Ratio> {
    let entry = of(line, system)?;
    entry.ratio(line.base_of(base, entry)?, ONLINE)
}

/// `25.6 (24.8 to 32.1, 5 pairs)`; `~` where the repetitions did not run next to each other.
fn text(ratio: &Ratio) -> String {
    let summary = ratio.summary;
    let (low, high) = (digits(summary.low), digits(summary.high));
    let median = digits(summary.median);
    match (ratio.paired, summary.count) {
        (true, 1) => format!("{median} (1 pair)"),
        (true, pairs) => format!("{median} ({low} to {high}, {pairs} pairs)"),
        (false, _) => format!("~{median} ({low} to {high})"),
    }
}

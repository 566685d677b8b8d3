//! Links as they were found to be, and the same phases over one link emulated in several ways.

use super::marker::Marker;
use crate::compare::runs::Run;
use crate::published::page::table as markdown;
use crate::record::runs::RunRow;
use crate::stats::summarize;
use crate::units::{Bandwidth, Rtt};
use anyhow::{Context, Result};
use qbench_protocols::phase::Phase;

/// A link's bandwidth, bits a second, and round trip, nanoseconds.
type Nominal = (u64, u64);

/// Rows with the same value of something, in order of first appearance.
fn by<'a, K: PartialEq>(
    rows: impl Iterator<Item = &'a RunRow>,
    key: impl Fn(&RunRow) -> K,
) -> Vec<(K, Vec<&'a RunRow>)> {
    let mut found: Vec<(K, Vec<&RunRow>)> = Vec::new();
    for row in rows {
        let key = key(row);
        match found.iter_mut().find(|(k, _)| *k == key) {
            Some((_, rows)) => rows.push(row),
            None => found.push((key, vec![row])),
        }
    }
    found
}

fn nominal(row: &RunRow) -> Nominal {
    (row.bandwidth_bits_per_second, row.rtt_ns)
}

/// `5 Gbit/s` and `0.2 ms`.
fn texts((bits_per_second, nanoseconds): Nominal) -> [String; 2] {
    let bandwidth = Bandwidth { bits_per_second }.to_string();
    let units = [
        ("kbit", " kbit/s"),
        ("mbit", " Mbit/s"),
        ("gbit", " Gbit/s"),
    ];
    let bandwidth = units
        .iter()
        .fold(bandwidth, |text, (unit, spelt)| text.replace(unit, spelt));
    let rtt = Rtt { nanoseconds }.to_string().replace("ms", " ms");
    [bandwidth, rtt]
}

/// Median, least and most.
fn range(values: &[f64]) -> Option<(f64, f64, f64)> {
    let median = summarize(values)?.median;
    let least = values.iter().copied().fold(f64::MAX, f64::min);
    let most = values.iter().copied().fold(f64::MIN, f64::max);
    Some((median, least, most))
}

/// Probed round trips and bandwidths over all pairs, directions and repetitions, beside the nominal ones; two
/// columns for each run, whose links are of one mode.
///
/// # Errors
/// Parameters and runs that do not make such a table.
pub fn probed(marker: &Marker) -> Result<String> {
    marker.only(&["runs"])?;
    let runs = marker.runs()?;
    let mut head = vec!["bandwidth".to_owned(), "round trip".to_owned()];
    let drops = |run: &Run| run.rows.iter().any(|row| row.dropped_frames.is_some());
    for run in &runs {
        let mode = run.distinct(|row| &row.link_mode).join("`, `");
        head.extend([format!("`{mode}`: round trip"), "bandwidth".to_owned()]);
        if drops(run) {
            head.push("dropped frames a repetition".to_owned());
        }
    }
    let mut body = Vec::new();
    for (link, _) in by(runs.iter().flat_map(|run| &run.rows), nominal) {
        let mut line = texts(link).to_vec();
        for run in &runs {
            let own = || run.rows.iter().filter(|row| nominal(row) == link);
            let rtts: Vec<f64> = own()
                .flat_map(|row| row.probe.rtt_ns)
                .map(|ns| ns as f64 / 1e6)
                .collect();
            let widths: Vec<f64> = own()
                .flat_map(|row| row.probe.bits_per_second.into_iter().flatten())
                .filter(|bits| *bits > 0)
                .map(|bits| 100.0 * bits as f64 / link.0 as f64)
                .collect();
            let missing = || format!("{} has no such link: {:?}", run.name, texts(link));
            let rtt = summarize(&rtts).with_context(missing)?.median;
            let (width, least, most) = range(&widths).with_context(missing)?;
            line.push(format!("{rtt:.2} ms"));
            line.push(format!("{width:.1} % ({least:.0} to {most:.0})"));
            if drops(run) {
                let dropped: u64 = own().filter_map(|row| row.dropped_frames).sum();
                line.push(format!("{:.0}", dropped as f64 / own().count() as f64));
            }
        }
        body.push(line);
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    Ok(markdown(&head, &body))
}

/// Seconds of each phase over the same link, emulated in several ways.
///
/// # Errors
/// Parameters and runs that do not make such a table.
pub fn modes(marker: &Marker) -> Result<String> {
    marker.only(&["runs"])?;
    let runs = marker.runs()?;
    let mut body = Vec::new();
    for (link, rows) in by(runs.iter().flat_map(|run| &run.rows), nominal) {
        let mut name = texts(link).join(", ");
        for (mode, rows) in by(rows.into_iter(), |row| row.link_mode.clone()) {
            // The link stands in its first line.
            let mut line = vec![std::mem::take(&mut name), format!("`{mode}`")];
            let values = |of: &dyn Fn(&RunRow) -> Option<u64>| -> Vec<f64> {
                let known = rows.iter().filter_map(|row| of(row));
                known.map(|ns| ns as f64 / 1e9).collect()
            };
            for phase in Phase::ALL {
                let seconds = values(&|row| row.phases[phase as usize].wall_ns);
                line.push(
                    range(&seconds).map_or_else(String::new, |(median, least, most)| {
                        format!("{median:.3} ({least:.3} to {most:.3})")
                    }),
                );
            }
            let relay = range(&values(&|row| row.relay_cpu_ns));
            line.push(relay.map_or_else(String::new, |(median, ..)| format!("{median:.2} s")));
            body.push(line);
        }
    }
    let head = [
        "link",
        "mode",
        "setup",
        "offline",
        "online",
        "relay CPU a repetition",
    ];
    Ok(markdown(&head, &body))
}

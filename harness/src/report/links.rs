//! The tables on links: what they were found to be, and how well other links are predicted.

use super::escape;
use crate::predict::validate::{Held, errors};
use crate::record::runs::RunRow;
use crate::units::{Bandwidth, Rtt, time_text};
use std::fmt::Write;

/// Nominal against probed, by link; nothing for runs without probes.
pub fn links(rows: &[RunRow]) -> String {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for row in rows.iter().filter(|row| row.probe.attempts > 0) {
        if !names.contains(&(&row.link, &row.link_mode)) {
            names.push((&row.link, &row.link_mode));
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "<h2>The links as they were</h2>\n<p>Probed before every repetition, over the connections that it then used; \
         smallest to largest over pairs and repetitions.</p>\n<div class=\"scroll\"><table><thead><tr><th>link</th>\
         <th>mode</th><th>RTT, nominal</th><th>RTT, probed</th><th>bandwidth, nominal</th>\
         <th>bandwidth, probed</th><th>dropped frames</th><th>TCP</th></tr></thead><tbody>\n",
    );
    for (name, mode) in names {
        let of_link = |row: &&RunRow| row.link == name && row.link_mode == mode;
        let rows: Vec<&RunRow> = rows.iter().filter(of_link).collect();
        let Some(first) = rows.first() else { continue };
        let rtts = range(rows.iter().flat_map(|row| row.probe.rtt_ns));
        let widths = range(rows.iter().flat_map(|row| {
            let all = row.probe.bits_per_second.into_iter().flatten();
            all.filter(|b| *b > 0)
        }));
        let bandwidth = |bits_per_second| Bandwidth { bits_per_second }.to_string();
        let nominal = |zero: bool, text: String| if zero { "as it is".into() } else { text };
        let dropped: u64 = rows.iter().filter_map(|row| row.dropped_frames).sum();
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{mode}</td><td>{}</td><td>{} .. {}</td><td>{}</td><td>{} .. {}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            nominal(
                first.rtt_ns == 0,
                Rtt {
                    nanoseconds: first.rtt_ns
                }
                .to_string()
            ),
            time_text(rtts.0 as f64),
            time_text(rtts.1 as f64),
            nominal(
                first.bandwidth_bits_per_second == 0,
                bandwidth(first.bandwidth_bits_per_second)
            ),
            bandwidth(widths.0),
            bandwidth(widths.1),
            first
                .dropped_frames
                .map_or_else(String::new, |_| dropped.to_string()),
            escape(&first.congestion_control),
        );
    }
    text + "</tbody></table></div>\n"
}

fn range(values: impl Iterator<Item = u64>) -> (u64, u64) {
    values.fold((u64::MAX, 0), |(low, high), v| (low.min(v), high.max(v)))
}

/// Predicted against measured; nothing where no two cells differ in their link only.
pub fn predictions(held: &[Held]) -> String {
    let Some((median, worst)) = errors(held.iter()) else {
        return String::new();
    };
    let mut text = format!(
        "<h2>Prediction against measurement</h2>\n<p>Each cell predicted by replaying the messages recorded over \
         another link, and measured. Median error {:.1} %, worst {:.1} %.</p>\n<div class=\"scroll\"><table><thead><tr>\
         <th>settings</th><th>link</th><th>trace of</th><th>phase</th><th>predicted</th><th>measured</th>\
         <th>error</th></tr></thead><tbody>\n",
        100.0 * median,
        100.0 * worst
    );
    for cell in held {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:+.1} %</td></tr>",
            escape(&cell.settings),
            escape(&cell.link),
            escape(&cell.from),
            cell.phase.name(),
            time_text(cell.predicted_ns),
            time_text(cell.measured_ns),
            100.0 * cell.error()
        );
    }
    text + "</tbody></table></div>\n"
}

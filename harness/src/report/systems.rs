//! The table of systems beside each other.

use super::escape;
use super::tables::{head, time_cell};
use crate::compare::groups::{default_base, groups, systems};
use crate::compare::ratio::Ratio;
use crate::compare::settings::ACTIVATION;
use crate::figures::data::extrapolated_note;
use crate::quantities::{Quantity, spoken};
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::units::digits;
use qbench_protocols::phase::Phase;

/// What the ratios are of.
const QUANTITIES: [(&str, Quantity); 3] = [
    ("online", Quantity::Seconds(Some(Phase::Online))),
    ("offline", Quantity::Seconds(Some(Phase::Offline))),
    ("offline + online", Quantity::Seconds(None)),
];

/// Times of every system with the ratio of the base to it, at each combination of settings; nothing for a run
/// of one system.
pub fn systems_beside(rows: &[RunRow]) -> String {
    let Some(base) = default_base(&systems(rows.iter())) else {
        return String::new();
    };
    let groups = groups(&[rows]);
    let varies = |column: &&str| {
        let mut values: Vec<&str> = groups.iter().map(|g| g.settings.value(column)).collect();
        values.dedup();
        matches!(*column, "seq_len" | "link") || values.len() > 1
    };
    let columns: Vec<&str> = dimensions(rows)
        .into_iter()
        .filter(|c| !matches!(*c, "system" | ACTIVATION))
        .filter(varies)
        .collect();
    let mut names: Vec<String> = columns.iter().map(|c| spoken(c)).collect();
    names.extend(["system".into(), "error".into()]);
    for (name, _) in QUANTITIES {
        names.extend([name.to_owned(), format!("{base} / system")]);
    }
    let mut lines = String::new();
    let mut activations = Vec::new();
    for group in &groups {
        for entry in &group.entries {
            let other = group.base_of(&base, entry);
            // Alone at its settings, a system has nothing beside it.
            if group.entries.len() < 2 {
                continue;
            }
            let mut name = entry.system.clone() + &extrapolated_note(&entry.rows);
            let same = group.entries.iter().filter(|e| e.system == entry.system);
            if same.count() > 1 {
                name += &format!(", {}", entry.activation);
            }
            if let Some(other) = other.filter(|other| other.activation != entry.activation) {
                let note = format!(
                    "{} with {} beside {} with {}",
                    entry.system,
                    named(&entry.activation),
                    other.system,
                    named(&other.activation)
                );
                if !activations.contains(&note) {
                    activations.push(note);
                }
            }
            lines += "<tr>";
            for column in &columns {
                lines += &format!("<td>{}</td>", escape(group.settings.value(column)));
            }
            for text in [&name, &entry.error_text()] {
                lines += &format!("<td>{}</td>", escape(text));
            }
            for (_, quantity) in QUANTITIES {
                lines += &time_cell(entry.summary(quantity));
                lines += &match other {
                    Some(other) => ratio_cell(entry.ratio(other, quantity)),
                    None if entry.system == base => "<td>base</td>".to_owned(),
                    None => "<td></td>".to_owned(),
                };
            }
            lines += "</tr>\n";
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "<h2>Systems beside each other</h2>\n<p>{base} / system: for each repetition the ratio of two systems that ran next \
         to each other at the same settings; median, and below it the 95 % bootstrap interval from six repetitions on, \
         smallest to largest with fewer. Above 1 the system is faster than {base}. ~ is a ratio of medians, where the \
         same repetitions are not there. Error: the largest difference of the output to the float model, in root mean squares of its \
         output, with the values that wrapped (w).</p>\n",
        base = escape(&base)
    );
    for note in activations {
        text += &format!(
            "<p>The activation function differs: {}.</p>\n",
            escape(&note)
        );
    }
    text + &head(&names) + &lines + "</tbody></table></div>\n"
}

fn named(activation: &str) -> &str {
    match activation {
        "" => "none named",
        activation => activation,
    }
}

fn ratio_cell(ratio: Option<Ratio>) -> String {
    let Some(Ratio { summary, paired }) = ratio else {
        return "<td>-</td>".into();
    };
    let mark = if paired { "" } else { "~" };
    let range = if summary.count > 1 {
        format!(
            "<br><span class=\"range\">{} .. {}</span>",
            digits(summary.low),
            digits(summary.high)
        )
    } else {
        String::new()
    };
    format!("<td>{mark}{}{range}</td>", digits(summary.median))
}

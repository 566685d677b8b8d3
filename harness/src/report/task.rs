//! What the answers of a task came to, beside what was published of it, and the same as `metrics.csv`.

use super::escape;
use super::tables::{cells, head, number_cell, shown, time_cell};
use crate::published::glue::{self, GlueScore};
use crate::quantities::Quantity;
use crate::record::answer::Answer;
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::record::whole;
use crate::task::metrics::Score;
use crate::task::score::Scored;
use crate::units::time_text;
use anyhow::{Context, Result};
use qbench_protocols::phase::Phase;
use std::path::Path;

/// One line a cell, for a person at a terminal.
pub fn lines(rows: &[RunRow]) -> Vec<String> {
    let good = rows
        .iter()
        .filter(|r| r.error.is_empty() && r.answer.is_some());
    let good: Vec<RunRow> = good.cloned().collect();
    let dimensions = shown(&good);
    let line = |cell: Vec<&RunRow>| {
        let metric = cell[0]
            .answer
            .as_ref()
            .map_or("", |answer| answer.metric.as_str());
        let dimensions = dimensions.iter().filter(|d| **d != "seq_len");
        let what = dimensions.filter_map(|d| {
            let value = cell[0].dimension(d).filter(|value| !value.is_empty())?;
            Some(match *d {
                "system" | "link" => value,
                other => format!("{other}={value}"),
            })
        });
        let what: Vec<String> = what.collect();
        let score = |scored: Scored| scored.of(cell.iter().copied());
        let mut text = format!("{}: {} examples", what.join(", "), cell.len());
        if let Some(score) = score(Scored::Metric) {
            text += &format!(
                ", {metric} {:.4} ({:.4} to {:.4})",
                score.value, score.low, score.high
            );
        }
        for (scored, name) in [
            (Scored::Ideal, "integers in the clear"),
            (Scored::Float, "floating point"),
            (Scored::FloatAgreement, "agreement with it"),
        ] {
            text += &score(scored).map_or_else(String::new, |s| format!(", {name} {:.4}", s.value));
        }
        for (phase, name) in [(Phase::Offline, "offline"), (Phase::Online, "online")] {
            let time = Quantity::Seconds(Some(phase)).over(&cell);
            text += &time.map_or_else(String::new, |s| {
                format!(", {name} {}", time_text(s.median * 1e9))
            });
        }
        text
    };
    cells(&good).into_iter().map(line).collect()
}

/// The file of numbers.
pub const FILE: &str = "metrics.csv";

/// The numbers of a cell, by column.
const SCORES: [(&str, Scored); 5] = [
    ("private", Scored::Metric),
    ("ideal", Scored::Ideal),
    ("float", Scored::Float),
    ("ideal_agreement", Scored::IdealAgreement),
    ("float_agreement", Scored::FloatAgreement),
];

/// The section, and `metrics.csv` beside it; nothing for rows of no task.
///
/// # Errors
/// A file that cannot be written.
pub fn write(rows: &[RunRow], dir: &Path) -> Result<String> {
    let rows: Vec<RunRow> = rows
        .iter()
        .filter(|r| r.answer.is_some())
        .cloned()
        .collect();
    let Some(first) = rows.first().and_then(|row| row.answer.as_ref()) else {
        return Ok(String::new());
    };
    let text = csv(&rows)?;
    whole::write(&dir.join(FILE), text.as_bytes())?;
    html(&rows, first)
}

fn html(rows: &[RunRow], first: &Answer) -> Result<String> {
    let dimensions = shown(rows);
    let dimensions: Vec<&str> = dimensions.into_iter().filter(|d| *d != "seq_len").collect();
    let mut columns: Vec<String> = dimensions.iter().map(|c| c.replace('_', " ")).collect();
    columns.push("examples".into());
    columns.extend(
        [
            "private",
            "integers in the clear",
            "floating point",
            "agrees with the integers",
            "agrees with floating point",
            "offline",
            "online",
            "online MB",
            "wrapped values",
        ]
        .map(str::to_owned),
    );
    let mut text = format!(
        "<h2>Task {}</h2>\n<p>{} with 95 % intervals, and medians over examples of what one took. Integers in the clear are the same \
         model with roundings of their own.</p>\n{}",
        escape(&first.task),
        escape(&first.metric),
        head(&columns)
    );
    for cell in cells(rows) {
        text += "<tr>";
        for column in &dimensions {
            text += &format!(
                "<td>{}</td>",
                escape(&cell[0].dimension(column).unwrap_or_default())
            );
        }
        text += &format!("<td>{}</td>", cell.len());
        for (_, scored) in SCORES {
            text += &score_cell(scored.of(cell.iter().copied()));
        }
        for phase in [Phase::Offline, Phase::Online] {
            text += &time_cell(Quantity::Seconds(Some(phase)).over(&cell));
        }
        text += &number_cell(Quantity::Bytes(Phase::Online).over(&cell), 3);
        text += &format!("<td>{}</td></tr>\n", wrapped(&cell));
    }
    text += "</tbody></table></div>\n";
    Ok(text + &published(&first.task)?)
}

fn score_cell(score: Option<Score>) -> String {
    score.map_or_else(
        || "<td></td>".into(),
        |s| {
            format!(
                "<td>{:.4}<br><span class=\"range\">{:.4} .. {:.4}</span></td>",
                s.value, s.low, s.high
            )
        },
    )
}

/// How many of how many.
fn wrapped(rows: &[&RunRow]) -> String {
    let sum = |of: fn(&RunRow) -> Option<u64>| rows.iter().filter_map(|row| of(row)).sum::<u64>();
    match sum(|row| row.ring_values) {
        0 => String::new(),
        values => format!("{} of {values}", sum(|row| row.wrapped_values)),
    }
}

/// The paper's Table 1 for this task. Its models are others than ours.
fn published(task: &str) -> Result<String> {
    let scores = glue::scores()?;
    let of_task: Vec<&GlueScore> = scores
        .iter()
        .filter(|s| s.task == task.to_lowercase())
        .collect();
    if of_task.is_empty() {
        return Ok(String::new());
    }
    let columns = ["published", "weights", "activations", "score"].map(str::to_owned);
    let mut text = format!(
        "<p>Table 1 of arXiv 2508.01636 for this task, in the clear, after training that it does not describe in full; its model is \
         BERT-base.</p>\n{}",
        head(&columns)
    );
    for score in of_task {
        text += &format!(
            "<tr><td>{}</td><td>{} bit</td><td>{} bit</td><td>{:.1}</td></tr>\n",
            escape(&score.model),
            score.weight_bits,
            score.activation_bits,
            score.score
        );
    }
    Ok(text + "</tbody></table></div>\n")
}

/// A row a cell.
fn csv(rows: &[RunRow]) -> Result<String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    // All that some row has, also what is the same in all: the file is read by itself.
    let dimensions = dimensions(rows).into_iter().filter(|d| *d != "seq_len");
    let is_said = |d: &&str| {
        rows.iter()
            .any(|row| row.dimension(d).is_some_and(|v| !v.is_empty()))
    };
    let dimensions: Vec<&str> = dimensions.filter(is_said).collect();
    let mut columns: Vec<String> = ["cell", "task", "metric"].map(str::to_owned).to_vec();
    columns.extend(dimensions.iter().map(|d| (*d).to_owned()));
    columns.push("examples".into());
    for (name, _) in SCORES {
        columns.extend([
            name.to_owned(),
            format!("{name}_low"),
            format!("{name}_high"),
        ]);
    }
    columns.extend(
        [
            "offline_ns",
            "online_ns",
            "online_bytes",
            "wrapped_values",
            "ring_values",
        ]
        .map(str::to_owned),
    );
    out.write_record(&columns)?;
    for cell in cells(rows) {
        let answer = cell[0].answer.as_ref().context("a row without an answer")?;
        let mut fields = vec![
            cell[0].cell.clone(),
            answer.task.clone(),
            answer.metric.clone(),
        ];
        fields.extend(
            dimensions
                .iter()
                .map(|d| cell[0].dimension(d).unwrap_or_default()),
        );
        fields.push(cell.len().to_string());
        for (_, scored) in SCORES {
            let score = scored.of(cell.iter().copied());
            let text = |of: fn(&Score) -> f64| {
                score
                    .as_ref()
                    .map_or_else(String::new, |s| of(s).to_string())
            };
            fields.extend([text(|s| s.value), text(|s| s.low), text(|s| s.high)]);
        }
        let median = |quantity: Quantity, unit: f64| {
            let summary = quantity.over(&cell);
            summary.map_or_else(String::new, |s| (s.median * unit).round().to_string())
        };
        let sum = |of: fn(&RunRow) -> Option<u64>| {
            let known: Option<Vec<u64>> = cell.iter().map(|row| of(row)).collect();
            known.map_or_else(String::new, |all| all.iter().sum::<u64>().to_string())
        };
        fields.extend([
            median(Quantity::Seconds(Some(Phase::Offline)), 1e9),
            median(Quantity::Seconds(Some(Phase::Online)), 1e9),
            median(Quantity::Bytes(Phase::Online), 1e6),
            sum(|row| row.wrapped_values),
            sum(|row| row.ring_values),
        ]);
        out.write_record(&fields)?;
    }
    let bytes = out.into_inner().context("metrics cannot be written")?;
    Ok(String::from_utf8(bytes)?)
}

//! The tables of the report.

use super::escape;
use crate::figures::data::extrapolated_note;
use crate::published::Published;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::stats::Summary;
use crate::units::time_text;
use anyhow::Result;
use qbench_protocols::phase::Phase;

/// Rows of one cell, in order of first appearance.
pub(super) fn cells(rows: &[RunRow]) -> Vec<Vec<&RunRow>> {
    let mut cells: Vec<Vec<&RunRow>> = Vec::new();
    for row in rows {
        match cells.iter_mut().find(|cell| cell[0].cell == row.cell) {
            Some(cell) => cell.push(row),
            None => cells.push(vec![row]),
        }
    }
    cells
}

/// Settings that differ between rows, `system` always among them.
pub(super) fn shown(rows: &[RunRow]) -> Vec<&str> {
    let varies = |column: &str| {
        let first = rows.first().and_then(|row| row.dimension(column));
        rows.iter().any(|row| row.dimension(column) != first)
    };
    dimensions(rows)
        .into_iter()
        .filter(|c| matches!(*c, "system" | "seq_len" | "link") || varies(c))
        .collect()
}

pub(super) fn time_cell(summary: Option<Summary>) -> String {
    let Some(s) = summary else {
        return "<td></td>".into();
    };
    let text = |seconds: f64| time_text(seconds * 1e9);
    let range = if s.count > 1 {
        format!(
            "<br><span class=\"range\">{} .. {}</span>",
            text(s.low),
            text(s.high)
        )
    } else {
        String::new()
    };
    format!("<td>{}{range}</td>", text(s.median))
}

pub(super) fn number_cell(summary: Option<Summary>, digits: usize) -> String {
    summary.map_or_else(
        || "<td></td>".into(),
        |s| format!("<td>{:.digits$}</td>", s.median),
    )
}

pub(super) fn head(columns: &[String]) -> String {
    let cells: Vec<String> = columns
        .iter()
        .map(|c| format!("<th>{}</th>", escape(c)))
        .collect();
    format!(
        "<div class=\"scroll\"><table><thead><tr>{}</tr></thead><tbody>\n",
        cells.concat()
    )
}

/// Medians of every cell.
pub fn measured(rows: &[RunRow]) -> String {
    if rows.is_empty() {
        return "<p>No repetition has finished without an error.</p>\n".into();
    }
    let dimensions = shown(rows);
    let mut columns: Vec<String> = dimensions.iter().map(|c| c.replace('_', " ")).collect();
    columns.extend(
        [
            "runs",
            "setup",
            "offline",
            "online",
            "offline MB",
            "online MB",
            "offline rounds",
            "online rounds",
            "randomness MB",
            "peak memory MB, largest party",
            "float error",
            "wrapped values",
            "declared = counted",
        ]
        .map(str::to_owned),
    );
    let mut text = head(&columns);
    for cell in cells(rows) {
        text += "<tr>";
        for column in &dimensions {
            let mut value = cell[0].dimension(column).unwrap_or_default();
            if *column == "system" {
                value += &extrapolated_note(&cell);
            }
            text += &format!("<td>{}</td>", escape(&value));
        }
        text += &format!("<td>{}</td>", cell.len());
        for phase in Phase::ALL {
            text += &time_cell(Quantity::Seconds(Some(phase)).over(&cell));
        }
        for phase in [Phase::Offline, Phase::Online] {
            text += &number_cell(Quantity::Bytes(phase).over(&cell), 3);
        }
        for phase in [Phase::Offline, Phase::Online] {
            text += &number_cell(Quantity::Rounds(phase).over(&cell), 0);
        }
        text += &number_cell(Quantity::Material.over(&cell), 3);
        text += &number_cell(Quantity::PeakMemory.over(&cell), 0);
        text += &number_cell(Quantity::FloatError.over(&cell), 3);
        text += &number_cell(Quantity::WrappedValues.over(&cell), 0);
        let all = |value| cell.iter().all(|row| row.declared_equals_counted == value);
        let agree = match (all(Some(true)), all(None)) {
            (true, _) => "yes",
            (_, true) => "not declared",
            _ => "NO",
        };
        text += &format!("<td>{agree}</td></tr>\n");
    }
    text += "</tbody></table></div>\n";
    let mut how: Vec<&str> = rows.iter().map(|row| row.verified.as_str()).collect();
    how.sort_unstable();
    how.dedup();
    for how in how {
        text += &format!("<p>Outputs: {}.</p>\n", escape(how));
    }
    text
}

/// Published numbers beside ours, like for like: the same system, model, length and threads, over a link of the
/// same bandwidth and round trip.
pub fn published(rows: &[RunRow]) -> Result<String> {
    let columns = [
        "quantity",
        "system",
        "link",
        "n",
        "threads",
        "ours",
        "as published",
        "printed in",
    ];
    let published = Published::committed()?;
    let mut lines: Vec<String> = Vec::new();
    for quantity in [
        Quantity::Seconds(Some(Phase::Online)),
        Quantity::Seconds(Some(Phase::Offline)),
        Quantity::Bytes(Phase::Online),
        Quantity::Bytes(Phase::Offline),
    ] {
        // What a quantity does not depend on is left out, and lines that are then the same stand once.
        let shown = |row: &RunRow, column: &str| match quantity.depends_on(column) {
            true => row.dimension(column).unwrap_or_default(),
            false => "any".to_owned(),
        };
        for cell in cells(rows) {
            let row = cell[0];
            let numbers = published.comparable(quantity);
            for number in numbers.into_iter().filter(|n| n.fits(row)) {
                let Some(ours) = quantity.over(&cell) else {
                    continue;
                };
                let line = format!(
                    "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.3}</td><td>{:.3}</td>\
                     <td>{}</td></tr>\n",
                    escape(&quantity.label()),
                    escape(&row.system),
                    escape(&shown(row, "link")),
                    row.seq_len,
                    shown(row, "threads"),
                    ours.median,
                    number.value,
                    escape(&number.place()),
                );
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
    }
    if lines.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(
        "<h2>Beside what is published</h2>\n<p>Numbers as printed, measured there on other machines; only where \
         system, model, length, bandwidth, round trip and threads are the same.</p>\n{}{}</tbody></table></div>\n",
        head(&columns.map(str::to_owned)),
        lines.concat()
    ))
}

/// Rows with an error; one that was made good later says so.
pub fn errors(rows: &[RunRow]) -> String {
    let failed: Vec<&RunRow> = rows.iter().filter(|row| !row.error.is_empty()).collect();
    if failed.is_empty() {
        return String::new();
    }
    let columns = ["cell", "system", "link", "n", "repetition", "time", "error"];
    let mut text = String::from("<h2>Errors</h2>\n") + &head(&columns.map(str::to_owned));
    for row in failed {
        let mended = rows.iter().any(|other| {
            other.error.is_empty() && (&other.cell, other.repetition) == (&row.cell, row.repetition)
        });
        let note = if mended { " (measured later)" } else { "" };
        text += &format!(
            "<tr class=\"error\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"text\">{}{note}</td></tr>\n",
            row.cell,
            escape(&row.system),
            escape(&row.link),
            row.seq_len,
            row.repetition,
            row.time,
            escape(&row.error)
        );
    }
    text + "</tbody></table></div>\n"
}

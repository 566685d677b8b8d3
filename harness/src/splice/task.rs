//! What the answers of tasks came to: a line a cell, of the runs' `metrics.csv`.

use super::marker::Marker;
use crate::report::task::FILE;
use crate::units::time_text;
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;

/// A line of the file by column.
struct Line(HashMap<String, String>);

impl Line {
    fn text(&self, column: &str) -> &str {
        self.0.get(column).map_or("", String::as_str)
    }

    /// A number as `shown` shows it; nothing where there is none.
    fn number(&self, column: &str, shown: impl Fn(f64) -> String) -> String {
        self.text(column)
            .parse()
            .map_or_else(|_| String::new(), shown)
    }
}

/// The table of all runs of `runs=` that are of a task; `link=` and `system=` keep some of their lines.
///
/// # Errors
/// Runs of no task.
pub fn table(marker: &Marker) -> Result<String> {
    marker.only(&["runs", "system", "link"])?;
    let mut text = String::from(
        "| system | model | link | examples | private (95 % interval) | integers in the clear | floating point | agrees with the integers | agrees \
         with floating point | offline | online | online MB | wrapped |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut lines = 0;
    for folder in marker.folders()? {
        let path = folder.join(FILE);
        let at = || format!("cannot read {}", path.display());
        let mut reader = csv::Reader::from_path(&path).with_context(at)?;
        for line in reader.deserialize() {
            let line = Line(line.with_context(at)?);
            let keep = |key: &str| {
                let mut wanted = marker.parameters().filter(|(name, _)| *name == key);
                wanted.all(|(_, values)| values.split(',').any(|one| one == line.text(key)))
            };
            if keep("system") && keep("link") {
                text += &row(&line);
                lines += 1;
            }
        }
    }
    ensure!(lines > 0, "these runs have no answers of a task");
    Ok(text)
}

fn row(line: &Line) -> String {
    let four = |column| line.number(column, |v| format!("{v:.4}"));
    let private = match line.text("private") {
        "" => String::new(),
        _ => format!(
            "{} ({} to {})",
            four("private"),
            four("private_low"),
            four("private_high")
        ),
    };
    let wrapped = match line.text("ring_values") {
        "" | "0" => String::new(),
        values => format!("{} of {values}", line.text("wrapped_values")),
    };
    let bits = |key: &str, letter: &str| match line.text(key) {
        "" => String::new(),
        bits => format!(", {letter}{bits}"),
    };
    let system = match line.text("index_bits") {
        "" | "4" => format!("`{}`", line.text("system")),
        bits => format!("`{}`, index of {bits} bits", line.text("system")),
    };
    format!(
        "| {system} | {}{}{} | {} | {} | {private} | {} | {} | {} | {} | {} | {} | {} | {wrapped} |\n",
        line.text("model"),
        bits("weight_bits", "W"),
        bits("activation_bits", "A"),
        line.text("link"),
        line.text("examples"),
        four("ideal"),
        four("float"),
        four("ideal_agreement"),
        four("float_agreement"),
        line.number("offline_ns", time_text),
        line.number("online_ns", time_text),
        line.number("online_bytes", |v| format!("{:.2}", v / 1e6)),
    )
}

//! What the answers of tasks came to: a line a cell.

use super::marker::Marker;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::task::score::Scored;
use crate::units::time_text;
use anyhow::{Result, ensure};
use qbench_protocols::phase::Phase;

/// The table of all rows of `runs=` that are of a task; `link=` and `system=` keep some of them.
///
/// # Errors
/// Runs of no task.
pub fn table(marker: &Marker) -> Result<String> {
    marker.only(&["runs", "system", "link"])?;
    let keep = |row: &RunRow, key: &str| {
        let mut wanted = marker.parameters().filter(|(name, _)| *name == key);
        let value = row.dimension(key).unwrap_or_default();
        wanted.all(|(_, values)| values.split(',').any(|one| one == value))
    };
    let rows: Vec<RunRow> = marker
        .runs()?
        .into_iter()
        .flat_map(|run| run.rows)
        .filter(|row| row.error.is_empty() && row.answer.is_some())
        .filter(|row| keep(row, "system") && keep(row, "link"))
        .collect();
    ensure!(!rows.is_empty(), "these runs have no answers of a task");
    let mut cells: Vec<Vec<&RunRow>> = Vec::new();
    for row in &rows {
        match cells.iter_mut().find(|cell| cell[0].cell == row.cell) {
            Some(cell) => cell.push(row),
            None => cells.push(vec![row]),
        }
    }
    let mut text = String::from(
        "| system | model | link | examples | private (95 % interval) | integers in the clear | floating point | agree: integers | floating \
         point | offline | online | online MB | wrapped |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for cell in cells {
        text += &line(&cell);
    }
    Ok(text)
}

fn line(cell: &[&RunRow]) -> String {
    let first = cell[0];
    let score = |scored: Scored| scored.of(cell.iter().copied());
    let number = |scored| score(scored).map_or_else(String::new, |s| format!("{:.4}", s.value));
    let private = score(Scored::Metric).map_or_else(String::new, |s| {
        format!("{:.4} ({:.4} to {:.4})", s.value, s.low, s.high)
    });
    let time = |phase| {
        let summary = Quantity::Seconds(Some(phase)).over(cell);
        summary.map_or_else(String::new, |s| time_text(s.median * 1e9))
    };
    let bytes = Quantity::Bytes(Phase::Online).over(cell);
    let bytes = bytes.map_or_else(String::new, |s| format!("{:.2}", s.median));
    let sum = |of: fn(&RunRow) -> Option<u64>| cell.iter().filter_map(|row| of(row)).sum::<u64>();
    let wrapped = match sum(|row| row.ring_values) {
        0 => String::new(),
        values => format!("{} of {values}", sum(|row| row.wrapped_values)),
    };
    let bits =
        ["weight_bits", "activation_bits"].map(|key| first.dimension(key).unwrap_or_default());
    let model = match bits.each_ref().map(String::as_str) {
        ["", ""] => first.model.clone(),
        [weights, activations] => format!("{}, W{weights}A{activations}", first.model),
    };
    let index_bits = first.settings.get("index_bits").unwrap_or_default();
    let system = match index_bits {
        "" | "4" => format!("`{}`", first.system),
        bits => format!("`{}`, index of {bits} bits", first.system),
    };
    format!(
        "| {system} | {model} | {} | {} | {private} | {} | {} | {} | {} | {} | {} | {bytes} | {wrapped} |\n",
        first.link,
        cell.len(),
        number(Scored::Ideal),
        number(Scored::Float),
        number(Scored::IdealAgreement),
        number(Scored::FloatAgreement),
        time(Phase::Offline),
        time(Phase::Online),
    )
}

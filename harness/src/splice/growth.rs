//! One system alone, a line for each length.

use super::marker::Marker;
use super::numbers::{Column, link_name};
use crate::figures::data::distinct;
use crate::names::suggestion;
use crate::published::page::table as markdown;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::stats::summarize;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::phase::Phase;

/// Columns that may differ between the rows of a table: its lines and, of some of its columns, the link.
const FREE: [&str; 2] = ["seq_len", "link"];

/// Times over each link, bytes, rounds, error against the float model and memory by length; parameters other than `runs=` choose rows.
///
/// # Errors
/// Parameters and runs that do not make such a table.
pub fn table(marker: &Marker) -> Result<String> {
    let runs = marker.runs()?;
    let mut rows: Vec<&RunRow> = runs.iter().flat_map(|run| &run.rows).collect();
    let columns = dimensions(rows.iter().copied());
    for (column, value) in marker.parameters().filter(|(key, _)| *key != "runs") {
        if !columns.contains(&column) {
            bail!(
                "unknown parameter `{column}`{}",
                suggestion(column, &columns)
            );
        }
        rows.retain(|row| row.dimension(column).as_deref() == Some(value));
    }
    let first = *rows.first().context("no row is of these parameters")?;
    for column in columns.iter().filter(|column| !FREE.contains(column)) {
        let differs = |row: &&&RunRow| row.dimension(column) != first.dimension(column);
        if let Some(other) = rows.iter().find(differs) {
            bail!(
                "rows differ in {column}, {} and {}: choose with {column}=..",
                first.dimension(column).unwrap_or_default(),
                other.dimension(column).unwrap_or_default()
            );
        }
    }
    let wires = |row: &RunRow| {
        let mode = row.link_mode.clone();
        (mode, row.bandwidth_bits_per_second, row.rtt_ns)
    };
    for (at, row) in rows.iter().enumerate() {
        let same = |other: &&RunRow| other.link == row.link && wires(other) != wires(row);
        ensure!(
            !rows[..at].iter().any(same),
            "links of different mode, bandwidth or round trip are called {}",
            row.link
        );
    }
    let values = |column| distinct(rows.iter().filter_map(|row| row.dimension(column)));
    let (lengths, links) = (values("seq_len"), values("link"));
    ensure!(!links.is_empty(), "no row has a link");
    let median = |length: &String, link: &String, of: &dyn Fn(&RunRow) -> Option<f64>| {
        let own = rows
            .iter()
            .filter(|row| row.dimension("seq_len").as_ref() == Some(length) && row.link == *link);
        let values: Vec<f64> = own.filter_map(|row| of(row)).collect();
        Some(summarize(&values)?.median)
    };
    let column = |link: &String, digits: i32, of: &dyn Fn(&RunRow) -> Option<f64>| {
        let medians = lengths.iter().map(|length| median(length, link, of));
        Column::new(medians.collect(), digits)
    };
    let mut columns: Vec<(String, Vec<String>)> = vec![("tokens".into(), lengths.clone())];
    for phase in [Phase::Online, Phase::Offline] {
        let name = phase.name();
        for link in &links {
            let seconds = Quantity::Seconds(Some(phase));
            let times = column(link, 2, &|row| seconds.of(row));
            let texts = (0..lengths.len()).map(|line| times.seconds(line));
            columns.push((format!("{name} {}", link_name(link)), texts.collect()));
        }
        // What is sent is the same over every link.
        let mut counted = |what: &str, digits: i32, quantity: Quantity| {
            let counts = column(&links[0], digits, &|row| quantity.of(row));
            let texts = (0..lengths.len()).map(|line| counts.number(line));
            columns.push((format!("{name} {what}"), texts.collect()));
        };
        counted("MB", 3, Quantity::Bytes(phase));
        if phase == Phase::Online {
            counted("rounds", 1, Quantity::Rounds(phase));
        }
    }
    let errors = column(&links[0], 3, &|row| row.float_error);
    let errors = (0..lengths.len()).map(|line| match errors.has(line) {
        true => errors.number(line),
        false => "not checked".to_owned(),
    });
    columns.push(("error against the float model".to_owned(), errors.collect()));
    let peaks = [0, 1, 2].map(|party| {
        column(&links[0], 3, &|row| {
            Some(row.peak_memory_bytes[party]? as f64 / 1e6)
        })
    });
    let memory = (0..lengths.len()).map(|line| {
        let parties = peaks.each_ref().map(|peak| peak.number(line));
        format!("{} MB", parties.join(" / "))
    });
    columns.push((
        format!("peak memory P0 / P1 / P2, {}", link_name(&links[0])),
        memory.collect(),
    ));
    let head: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let line = |at: usize| columns.iter().map(|(_, texts)| texts[at].clone()).collect();
    let body: Vec<Vec<String>> = (0..lengths.len()).map(line).collect();
    Ok(markdown(&head, &body))
}

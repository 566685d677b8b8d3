//! Networks, and what traces and rows say about them.

use crate::names::unique;
use crate::predict::least_by;
use crate::predict::replay::{Compute, Script, Wires};
use crate::quantities::{Quantity, spoken};
use crate::record::runs::RunRow;
use crate::record::trace::Trace;
use crate::stats::summarize;
use anyhow::Result;
use qbench_protocols::phase::Phase;

/// Cells along each side.
pub const SIDE: usize = 20;

/// Bandwidths and round trips of a figure where the run's own links span less, bits a second and nanoseconds.
pub(super) const DEFAULT_BANDWIDTHS: (f64, f64) = (20e6, 10e9);
pub(super) const DEFAULT_RTTS: (f64, f64) = (0.1e6, 100e6);

/// So many values from `low` to `high`, evenly by their logarithm.
pub fn spaced(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = (high / low).ln() / (count.max(2) - 1) as f64;
    (0..count).map(|i| low * (step * i as f64).exp()).collect()
}

/// A trace's predicted seconds over a grid, by round trip and then bandwidth.
///
/// # Errors
/// A trace that cannot be replayed.
pub fn predict(
    trace: &Trace,
    phases: &[Phase],
    compute: Compute,
    bandwidths: &[f64],
    rtts: &[f64],
) -> Result<Vec<Vec<f64>>> {
    let scripts: Vec<Script> = phases
        .iter()
        .map(|phase| Script::new(trace, *phase, compute))
        .collect();
    let cell = |bandwidth: f64, rtt: f64| -> Result<f64> {
        let wires = Wires::uniform(Some(bandwidth), rtt);
        let times = scripts.iter().map(|script| script.replay(&wires));
        Ok(times.sum::<Result<f64>>()? / 1e9)
    };
    rtts.iter()
        .map(|rtt| bandwidths.iter().map(|b| cell(*b, *rtt)).collect())
        .collect()
}

/// The range of a run's links if it has at least two, else the default.
pub(super) fn range(values: impl Iterator<Item = f64>, default: (f64, f64)) -> Vec<f64> {
    let values: Vec<f64> = values.filter(|v| *v > 0.0).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    if high > 2.0 * low {
        spaced(low, high, SIDE)
    } else {
        spaced(default.0, default.1, SIDE)
    }
}

/// One trace for each combination of settings: of the link where the phase was fastest, which holds the least
/// waiting.
pub(super) fn sources<'a>(
    rows: &[RunRow],
    traces: &'a [Trace],
    quantity: Quantity,
) -> Vec<&'a Trace> {
    let time = |trace: &Trace| {
        let of_cell = |row: &&RunRow| row.cell == trace.header.cell;
        let times: Vec<f64> = rows
            .iter()
            .filter(of_cell)
            .filter_map(|r| quantity.of(r))
            .collect();
        summarize(&times).map_or(f64::INFINITY, |summary| summary.median)
    };
    least_by(traces, time)
}

/// The columns that traces have values in.
pub(super) fn columns(traces: &[Trace]) -> Vec<&str> {
    let all = traces.iter().flat_map(|trace| &trace.header.settings);
    unique(all.map(|(column, _)| column.as_str()))
}

/// The settings in which a trace differs from others, but for some columns.
pub(super) fn described(trace: &Trace, traces: &[Trace], without: &[&str]) -> String {
    let varies = |column: &&str| {
        !without.contains(column)
            && traces
                .iter()
                .filter(|t| t.setting("system") == trace.setting("system"))
                .any(|t| t.setting(column) != trace.setting(column))
    };
    let parts = columns(traces).into_iter().filter(varies);
    parts
        .map(|column| match column {
            "seq_len" => format!(", n = {}", trace.setting(column)),
            other => format!(", {} {}", spoken(other), trace.setting(column)),
        })
        .collect()
}

/// Measured cells of a trace's settings: bandwidth, round trip, median.
pub(super) fn marks(rows: &[RunRow], trace: &Trace, quantity: Quantity) -> Vec<(f64, f64, f64)> {
    let mut marks: Vec<(f64, f64, f64)> = Vec::new();
    let of_settings = |row: &&RunRow| {
        trace
            .header
            .settings
            .iter()
            .all(|(column, value)| row.dimension(column).as_ref() == Some(value))
    };
    let rows: Vec<&RunRow> = rows.iter().filter(of_settings).collect();
    for row in &rows {
        let place = (row.bandwidth_bits_per_second as f64, row.rtt_ns as f64);
        if place.0 == 0.0 || marks.iter().any(|m| (m.0, m.1) == place) {
            continue;
        }
        let of_cell = rows.iter().filter(|other| other.cell == row.cell);
        let times: Vec<f64> = of_cell.filter_map(|r| quantity.of(r)).collect();
        if let Some(summary) = summarize(&times) {
            marks.push((place.0, place.1, summary.median));
        }
    }
    marks
}

/// Powers of ten inside a range, with their doubles and halves if there are few.
pub(super) fn decades(values: &[f64]) -> Vec<f64> {
    let (low, high) = (values[0] * 0.999, values[values.len() - 1] * 1.001);
    let at = |steps: &[f64]| -> Vec<f64> {
        (low.log10().floor() as i32..=high.log10().ceil() as i32)
            .flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)))
            .filter(|v| (low..=high).contains(v))
            .collect()
    };
    let plain = at(&[1.0]);
    if plain.len() < 3 {
        at(&[1.0, 2.0, 5.0])
    } else {
        plain
    }
}

//! Predictions held against what was measured: each cell is predicted from the trace of another link's cell of
//! the same settings and link mode, never from its own.

use super::replay::{Compute, Script, Wires};
use crate::link::{Link, LinkMode};
use crate::record::runs::RunRow;
use crate::record::trace::Trace;
use crate::stats::summarize;
use anyhow::Result;
use qbench_protocols::phase::Phase;

/// A cell predicted and measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// System, model, length and the like.
    pub settings: String,
    /// The link that was predicted.
    pub link: String,
    /// Nominal round trip of that link, nanoseconds.
    pub rtt_ns: u64,
    /// The link whose trace it was predicted from.
    pub from: String,
    /// The phase.
    pub phase: Phase,
    /// Medians over repetitions, nanoseconds.
    pub predicted_ns: f64,
    /// As measured.
    pub measured_ns: f64,
}

impl Held {
    /// Relative error, signed.
    pub fn error(&self) -> f64 {
        self.predicted_ns / self.measured_ns - 1.0
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    summarize(&values).map(|summary| summary.median)
}

/// How far apart two links are: the factors between their bandwidths and round trips, by logarithm. After a
/// long wait a processor computes more slowly for a while, so the trace of a near link says more.
fn distance(a: &Link, b: &Link) -> f64 {
    let rate = |link: &Link| link.bandwidth.map_or(1e12, |b| b.bits_per_second as f64);
    let rtt = |link: &Link| (link.rtt.nanoseconds as f64).max(1e3);
    (rate(a) / rate(b)).ln().abs() + (rtt(a) / rtt(b)).ln().abs()
}

/// Predicts the online and the offline phase of every cell that has a sibling over another link of the same mode, from the
/// nearest such link.
///
/// # Errors
/// A trace that cannot be replayed.
pub fn hold(traces: &[Trace], rows: &[RunRow]) -> Result<Vec<Held>> {
    let good = |cell: &str| {
        let own = rows
            .iter()
            .filter(|row| row.error.is_empty() && row.cell == cell);
        own.collect::<Vec<_>>()
    };
    let mut cells: Vec<&Trace> = Vec::new();
    for trace in traces {
        if !cells.iter().any(|t| t.header.cell == trace.header.cell) {
            cells.push(trace);
        }
    }
    let mut held = Vec::new();
    for target in &cells {
        let link = &target.header.link;
        if link.mode == LinkMode::None {
            continue;
        }
        let siblings = cells.iter().filter(|other| {
            // What a relay costs the machine is in no trace of a shaped link.
            other.header.link.mode == link.mode
                && other.header.settings == target.header.settings
                && other.header.cell != target.header.cell
        });
        let far = |t: &&&Trace| distance(link, &t.header.link);
        let Some(source) = siblings.min_by(|a, b| far(a).total_cmp(&far(b))) else {
            continue;
        };
        let wires = Wires::of(link);
        for phase in [Phase::Offline, Phase::Online] {
            let mut times = Vec::new();
            for trace in traces
                .iter()
                .filter(|t| t.header.cell == source.header.cell)
            {
                times.push(Script::new(trace, phase, Compute::Wall).replay(&wires)?);
            }
            let measured = good(&target.header.cell);
            let measured = median(
                measured
                    .iter()
                    .filter_map(|r| Some(r.phases[phase as usize].wall_ns? as f64)),
            );
            if let (Some(predicted_ns), Some(measured_ns)) = (median(times.into_iter()), measured) {
                let settings: Vec<&str> = ["system", "model", "seq_len", "threads"]
                    .iter()
                    .map(|column| target.setting(column))
                    .collect();
                held.push(Held {
                    settings: settings.join(" "),
                    link: link.describe(),
                    rtt_ns: link.rtt.nanoseconds,
                    from: source.header.link.name.clone(),
                    phase,
                    predicted_ns,
                    measured_ns,
                });
            }
        }
    }
    Ok(held)
}

/// Median and worst absolute relative error.
pub fn errors<'a>(held: impl Iterator<Item = &'a Held>) -> Option<(f64, f64)> {
    let errors: Vec<f64> = held.map(|h| h.error().abs()).collect();
    let worst = errors.iter().copied().fold(0.0, f64::max);
    median(errors.into_iter()).map(|median| (median, worst))
}

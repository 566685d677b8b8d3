//! `qbench predict`: the recorded messages of a run, over other links.

use crate::cli::PredictArguments;
use crate::figures::heatmap::{SIDE, predict, spaced};
use crate::predict::least_by;
use crate::predict::replay::{Compute, Script, Wires, rounds};
use crate::predict::validate::{self, Held};
use crate::record::read;
use crate::record::trace::{self, Trace};
use crate::units::{Bandwidth, Rtt, time_text};
use anyhow::{Context, Result, anyhow, bail};
use qbench_protocols::phase::Phase;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Predicts, prints, and writes the predictions beside the run.
///
/// # Errors
/// A run without traces; a link that cannot be read; files that cannot be written.
pub fn run(arguments: &PredictArguments) -> Result<bool> {
    let traces = trace::read_all(&arguments.run);
    if traces.is_empty() {
        bail!(
            "{} has no whole traces: run the scenario with run.trace = true",
            arguments.run.display()
        );
    }
    if arguments.validate {
        let rows = read::runs(&arguments.run)?;
        return held(&arguments.run, &validate::hold(&traces, &rows)?);
    }
    let links: Vec<(Bandwidth, Rtt)> = arguments
        .link
        .iter()
        .map(|text| link(text))
        .collect::<Result<_>>()?;
    if links.is_empty() && !arguments.grid {
        bail!("say what to predict: --link \"100mbit,40ms\", --grid, or --validate");
    }
    let mut table = Table::new(&[
        "system",
        "model",
        "seq_len",
        "threads",
        "compute",
        "bandwidth",
        "rtt",
        "offline_s",
        "online_s",
        "offline_rounds",
        "online_rounds",
    ]);
    let began = Instant::now();
    let mut networks = 0;
    for trace in fastest(&traces) {
        let compute = compute(arguments.compute.as_deref(), trace)?;
        let counts = [
            rounds(trace, Phase::Offline)?.to_string(),
            rounds(trace, Phase::Online)?.to_string(),
        ];
        let mut add = |bandwidth: Bandwidth, rtt: Rtt, offline_s: f64, online_s: f64| {
            let settings = ["system", "model", "seq_len", "threads"].map(|c| trace.setting(c));
            let mut row: Vec<String> = settings.map(str::to_owned).to_vec();
            row.push(format!("{compute:?}").to_lowercase());
            row.push(bandwidth.to_string());
            row.push(rtt.to_string());
            row.extend([format!("{offline_s:.6}"), format!("{online_s:.6}")]);
            row.extend(counts.clone());
            table.rows.push(row);
        };
        for (bandwidth, rtt) in &links {
            let wires = Wires::uniform(
                Some(bandwidth.bits_per_second as f64),
                rtt.nanoseconds as f64,
            );
            let time = |phase| Script::new(trace, phase, compute).replay(&wires);
            add(
                *bandwidth,
                *rtt,
                time(Phase::Offline)? / 1e9,
                time(Phase::Online)? / 1e9,
            );
            networks += 1;
        }
        if arguments.grid {
            let (bandwidths, rtts) = (spaced(20e6, 10e9, SIDE), spaced(0.1e6, 100e6, SIDE));
            let offline = predict(trace, &[Phase::Offline], compute, &bandwidths, &rtts)?;
            let online = predict(trace, &[Phase::Online], compute, &bandwidths, &rtts)?;
            for (r, rtt) in rtts.iter().enumerate() {
                for (b, bandwidth) in bandwidths.iter().enumerate() {
                    let bandwidth = Bandwidth {
                        bits_per_second: *bandwidth as u64,
                    };
                    let rtt = Rtt {
                        nanoseconds: *rtt as u64,
                    };
                    add(bandwidth, rtt, offline[r][b], online[r][b]);
                }
            }
            networks += SIDE * SIDE;
        }
    }
    let took_ns = began.elapsed().as_nanos() as f64;
    if !arguments.grid {
        crate::say!("{}", table.text());
    }
    let path = table.write(&arguments.run, "predicted")?;
    crate::say!(
        "predicted, not measured: {networks} networks in {}; {}",
        time_text(took_ns),
        path.display()
    );
    Ok(true)
}

/// `100mbit,40ms`.
fn link(text: &str) -> Result<(Bandwidth, Rtt)> {
    let (bandwidth, rtt) = text.split_once(',').with_context(|| {
        format!("--link {text}: write bandwidth and round trip, such as \"100mbit,40ms\"")
    })?;
    Ok((
        Bandwidth::parse(bandwidth.trim()).map_err(|e| anyhow!("--link {text}: {e}"))?,
        Rtt::parse(rtt.trim()).map_err(|e| anyhow!("--link {text}: {e}"))?,
    ))
}

/// As asked for; else CPU time where the parties shared cores.
fn compute(asked: Option<&str>, trace: &Trace) -> Result<Compute> {
    match asked {
        Some("wall") => Ok(Compute::Wall),
        Some("cpu") => Ok(Compute::Cpu),
        Some("none") => Ok(Compute::None),
        Some(other) => bail!("--compute {other}: there are wall, cpu and none"),
        None => {
            let threads: usize = trace.setting("threads").parse().unwrap_or(1);
            let shared = 3 * threads > trace.header.cores;
            Ok(if shared { Compute::Cpu } else { Compute::Wall })
        }
    }
}

/// One trace for each combination of settings: the one with the shortest sum of waiting.
fn fastest(traces: &[Trace]) -> Vec<&Trace> {
    let waiting = |trace: &Trace| -> u64 {
        let events = trace.phases.iter().flatten().flatten();
        events.map(|event| event.inside_wall_ns).sum()
    };
    least_by(traces, waiting)
}

fn held(run: &Path, held: &[Held]) -> Result<bool> {
    if held.is_empty() {
        bail!(
            "no two cells of this run differ in their link only: there is nothing to hold a prediction against"
        );
    }
    let mut table = Table::new(&[
        "settings",
        "link",
        "from_trace_of",
        "phase",
        "predicted_s",
        "measured_s",
        "error_percent",
    ]);
    for cell in held {
        table.rows.push(vec![
            cell.settings.clone(),
            cell.link.clone(),
            cell.from.clone(),
            cell.phase.name().to_owned(),
            format!("{:.6}", cell.predicted_ns / 1e9),
            format!("{:.6}", cell.measured_ns / 1e9),
            format!("{:+.2}", 100.0 * cell.error()),
        ]);
    }
    crate::say!("{}", table.text());
    let path = table.write(run, "validation")?;
    for (name, least_rtt_ns) in [
        ("all cells", 0),
        ("round trips of 10 ms and more", 10_000_000),
    ] {
        if let Some((median, worst)) =
            validate::errors(held.iter().filter(|h| h.rtt_ns >= least_rtt_ns))
        {
            crate::say!(
                "{name}: median error {:.1} %, worst {:.1} %",
                100.0 * median,
                100.0 * worst
            );
        }
    }
    crate::say!("{}", path.display());
    Ok(true)
}

/// Rows under names, for people and for a file.
struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(names: &[&'static str]) -> Self {
        Self {
            names: names.to_vec(),
            rows: Vec::new(),
        }
    }

    fn text(&self) -> String {
        let names = self.names.iter().map(|n| (*n).to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(names).chain(self.rows.clone()).collect();
        super::table(&rows)
    }

    /// Writes `stem.csv`, or `stem-2.csv` and so on where that holds something else.
    fn write(&self, run: &Path, stem: &str) -> Result<PathBuf> {
        let mut text = csv::Writer::from_writer(Vec::new());
        text.write_record(&self.names)?;
        for row in &self.rows {
            text.write_record(row)?;
        }
        let bytes = text.into_inner().map_err(|e| anyhow!("{e}"))?;
        let numbered = (2..).map(|i| run.join(format!("{stem}-{i}.csv")));
        for path in std::iter::once(run.join(format!("{stem}.csv"))).chain(numbered) {
            match std::fs::read(&path) {
                Ok(there) if there == bytes => return Ok(path),
                Ok(_) => {}
                Err(_) => {
                    std::fs::write(&path, &bytes)
                        .with_context(|| format!("cannot write {}", path.display()))?;
                    return Ok(path);
                }
            }
        }
        bail!("every name for {stem}.csv is taken")
    }
}

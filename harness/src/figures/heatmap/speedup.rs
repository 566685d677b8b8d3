//! Maps of the ratio of two systems.

use super::grid::{DEFAULT_BANDWIDTHS, DEFAULT_RTTS, columns, described, predict, range, sources};
use super::{Heatmap, Map};
use crate::compare::groups::{Group, groups};
use crate::compare::settings::ACTIVATION;
use crate::figures::speedup::base;
use crate::predict::replay::Compute;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::record::trace::Trace;
use crate::scenario::FigureSpec;
use anyhow::Result;
use qbench_protocols::phase::Phase;

/// Builds the figure: `base / system` predicted from a trace of each, with the paired ratios of measured cells;
/// `None` where fewer than two systems have traces of the same settings.
///
/// # Errors
/// A trace that cannot be replayed.
pub fn build(spec: &FigureSpec, rows: &[RunRow], traces: &[Trace]) -> Result<Option<Heatmap>> {
    let Some(base) = base(spec, rows) else {
        return Ok(None);
    };
    let title = match spec.title.as_str() {
        "" => format!("Speedup over {base} by bandwidth and round trip"),
        title => title.to_owned(),
    };
    let mut figure = Heatmap {
        title,
        maps: Vec::new(),
        bandwidths: range(
            rows.iter().map(|row| row.bandwidth_bits_per_second as f64),
            DEFAULT_BANDWIDTHS,
        ),
        rtts: range(rows.iter().map(|row| row.rtt_ns as f64), DEFAULT_RTTS),
        note: format!(
            "{base} / system, predicted from recorded messages; numbers are measured; hatched: {base} is faster; black line: \
             break-even"
        ),
    };
    let groups = groups(&[rows]);
    for y in &spec.y {
        let Some(quantity @ Quantity::Seconds(phase)) = Quantity::find(y) else {
            continue;
        };
        let phases = phase.map_or(vec![Phase::Offline, Phase::Online], |phase| vec![phase]);
        let what = phase.map_or("offline and online", Phase::name);
        let sources = sources(rows, traces, quantity);
        let times = |trace: &Trace| {
            let compute = Compute::Wall;
            predict(trace, &phases, compute, &figure.bandwidths, &figure.rtts)
        };
        let mut maps = Vec::new();
        for below in sources.iter().filter(|t| t.setting("system") == base) {
            let dividend = times(below)?;
            let others = sources.iter().filter(|t| t.setting("system") != base);
            for above in others.filter(|t| alike(t, below, traces)) {
                let divisor = times(above)?;
                let system = above.setting("system");
                let settings = described(above, traces, &["system", ACTIVATION]);
                maps.push(Map {
                    heading: format!("{what}: {base} / {system}{settings}"),
                    values: divided(&dividend, &divisor),
                    ratio: true,
                    marks: marks(&groups, &base, above, quantity),
                });
            }
        }
        figure.maps.extend(maps);
    }
    Ok((!figure.maps.is_empty()).then_some(figure))
}

fn divided(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let row = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a / b).collect();
    a.iter().zip(b).map(row).collect()
}

/// Settings beside the system, the link and the activation function.
fn apart(column: &&str) -> bool {
    !matches!(*column, "link" | "system" | ACTIVATION)
}

/// Whether two traces may be compared: they differ in nothing but the system, and in what one of the systems does
/// not have. Where the other system was not run with this one's activation function, each with its own is what there
/// is to compare.
fn alike(a: &Trace, b: &Trace, traces: &[Trace]) -> bool {
    let system_has = |trace: &Trace, activation: &str| {
        traces
            .iter()
            .filter(|t| t.setting("system") == trace.setting("system"))
            .any(|t| t.setting(ACTIVATION) == activation)
    };
    let (x, y) = (a.setting(ACTIVATION), b.setting(ACTIVATION));
    let activation = x == y || !(system_has(b, x) || system_has(a, y));
    let others = columns(traces)
        .into_iter()
        .filter(apart)
        .map(|column| (a.setting(column), b.setting(column)))
        .all(|(a, b)| a == b || a.is_empty() || b.is_empty());
    activation && others
}

/// Measured ratios of a trace's system and settings: bandwidth, round trip, ratio.
fn marks(
    groups: &[Group<'_>],
    base: &str,
    trace: &Trace,
    quantity: Quantity,
) -> Vec<(f64, f64, f64)> {
    let mut marks = Vec::new();
    for group in groups {
        let own = std::slice::from_ref(trace);
        let fits = columns(own).into_iter().filter(apart).all(|column| {
            let value = trace.setting(column);
            value.is_empty() || value == group.settings.value(column)
        });
        let number = |column: &str| group.settings.value(column).parse::<f64>().unwrap_or(0.0);
        let (bandwidth, rtt) = (number("bandwidth"), number("rtt"));
        if !fits || bandwidth == 0.0 {
            continue;
        }
        for entry in &group.entries {
            let same = entry.system == trace.setting("system")
                && entry.activation == trace.setting(ACTIVATION);
            let other = group.base_of(base, entry).filter(|_| same);
            if let Some(ratio) = other.and_then(|other| entry.ratio(other, quantity)) {
                marks.push((bandwidth, rtt, ratio.summary.median));
            }
        }
    }
    marks
}

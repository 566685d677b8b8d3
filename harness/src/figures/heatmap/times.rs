//! Maps of one system's time.

use super::grid::{DEFAULT_BANDWIDTHS, DEFAULT_RTTS, described, marks, predict, range, sources};
use super::{Heatmap, Map};
use crate::predict::replay::Compute;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::record::trace::Trace;
use crate::scenario::FigureSpec;
use anyhow::Result;
use qbench_protocols::phase::Phase;

/// Builds the figure; `None` without traces, or for a quantity that is no time.
///
/// # Errors
/// A trace that cannot be replayed.
pub fn build(spec: &FigureSpec, rows: &[RunRow], traces: &[Trace]) -> Result<Option<Heatmap>> {
    let mut figure = Heatmap {
        title: spec.title.clone(),
        maps: Vec::new(),
        bandwidths: range(
            rows.iter().map(|row| row.bandwidth_bits_per_second as f64),
            DEFAULT_BANDWIDTHS,
        ),
        note: "predicted from recorded messages; numbers are measured, in seconds".into(),
        rtts: range(rows.iter().map(|row| row.rtt_ns as f64), DEFAULT_RTTS),
    };
    for y in &spec.y {
        let Some(quantity @ Quantity::Seconds(phase)) = Quantity::find(y) else {
            continue;
        };
        let phases = phase.map_or(vec![Phase::Offline, Phase::Online], |phase| vec![phase]);
        let what = phase.map_or("offline and online", Phase::name);
        let sources = sources(rows, traces, quantity);
        for trace in sources {
            let settings = described(trace, traces, &["system"]);
            let values = predict(
                trace,
                &phases,
                Compute::Wall,
                &figure.bandwidths,
                &figure.rtts,
            )?;
            figure.maps.push(Map {
                heading: format!("{}, {what}{settings}", trace.setting("system")),
                values,
                ratio: false,
                marks: marks(rows, trace, quantity),
            });
        }
    }
    Ok((!figure.maps.is_empty()).then_some(figure))
}

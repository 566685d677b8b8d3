//! Declared cost of `lut-rss`: the walk in the cost book, and the memory that follows from it.

use super::{Knowledge, LutRss, Settings, weights::SharedWeights};
use crate::Result;
use crate::cost::CostBook;
use crate::model::walk::{Linear, walk};
use crate::runtime::Runtime;
use crate::system::{Declared, DeclaredPhase, Phase};

/// Declared bytes, rounds, material and memory of a run. `verify` adds what the parties record.
pub fn declare(settings: &Settings, verify: bool) -> Result<Declared> {
    let mut book = CostBook::default();
    book.connect();
    SharedWeights::declare(settings, &mut book);
    let setup = book.finish();
    let (offline, material_bytes) = declare_phase(settings, Phase::Offline)?;
    let (online, _) = declare_phase(settings, Phase::Online)?;
    let memory_bytes = memory(settings, material_bytes, verify);
    Ok(Declared {
        setup,
        offline,
        online,
        material_bytes,
        memory_bytes,
    })
}

fn declare_phase(settings: &Settings, phase: Phase) -> Result<(DeclaredPhase, [u64; 3])> {
    let mut book = CostBook::default();
    let runtime = Runtime::declared(&mut book, phase);
    let mut engine = LutRss::new(runtime, settings, Knowledge::default());
    walk(&mut engine, &settings.config)?;
    let dealt = engine.runtime.dealt_bytes;
    Ok((book.finish(), dealt))
}

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a
/// test compares the two on real processes.
///
/// Weights are held packed, twice at P0, with one matrix at a time unpacked; the widest activation is
/// held in shares and in messages; a verified run keeps four bytes for every value it cuts.
fn memory(settings: &Settings, material: [u64; 3], verify: bool) -> [u64; 3] {
    let config = &settings.config;
    let weights: u64 = Linear::all(config)
        .into_iter()
        .map(|linear| linear.shape(config))
        .map(|(outputs, inputs)| 2 * (outputs * inputs) as u64)
        .sum();
    let tokens = settings.seq_len as u64;
    let (hidden, inner) = (config.hidden as u64, config.feed_forward as u64);
    let scores = config.heads as u64 * tokens * tokens;
    let widest = (tokens * (3 * hidden + inner)).max(2 * scores + tokens * hidden);
    let process = 24 << 20;
    let working = process + widest * 24 + 8 * hidden * inner;
    let cuts = config.layers as u64 * (tokens * (6 * hidden + inner) + scores);
    let record = if verify { 2 * 4 * cuts } else { 0 };
    // P0 also holds the model as it was read, a bit a weight and once more while it is being read.
    [
        working + 2 * weights + weights / 8,
        working + weights + record + material[1],
        working + weights + record + material[2] + material[2] / 32,
    ]
}

//! Declared cost: the walk in the cost book, and the memory that follows from it.

use super::Arithmetic;
use super::engine::{CrypTen, Settings};
use super::weights::SharedWeights;
use qbench_protocols::Result;
use qbench_protocols::cost::CostBook;
use qbench_protocols::model::walk::{Linear, walk};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::{Declared, DeclaredPhase, Phase};

/// Declared bytes, rounds, material and memory of a run.
pub fn declare(settings: &Settings) -> Result<Declared> {
    let mut book = CostBook::default();
    book.connect();
    SharedWeights::declare(&settings.config, &mut book);
    let setup = book.finish();
    let (offline, material_bytes) = declare_phase(settings, Phase::Offline)?;
    let (online, _) = declare_phase(settings, Phase::Online)?;
    Ok(Declared {
        setup,
        offline,
        online,
        material_bytes,
        memory_bytes: memory(settings, material_bytes),
    })
}

fn declare_phase(settings: &Settings, phase: Phase) -> Result<(DeclaredPhase, [u64; 3])> {
    let mut book = CostBook::default();
    let weights = SharedWeights::absent(&settings.config);
    let arithmetic = Arithmetic::new(Runtime::declared(&mut book, phase), None);
    let mut engine = CrypTen::new(arithmetic, settings, &weights, None);
    walk(&mut engine, &settings.config)?;
    let dealt = engine.arithmetic.dealt_bytes();
    Ok((book.finish(), dealt))
}

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a
/// test compares the two on real processes.
///
/// P1 and P2 hold their shares of all weights, and for the largest matrix its opening, its mask and both messages. P0
/// holds the model only until it is shared, a bit a weight, and then one product of masks at a time.
fn memory(settings: &Settings, material: [u64; 3]) -> [u64; 3] {
    let config = &settings.config;
    let counts = Linear::all(config).into_iter().map(|linear| {
        let (outputs, inputs) = linear.shape(config);
        (outputs * inputs) as u64
    });
    let weights: u64 = counts.clone().sum();
    let matrix = 8 * counts.max().unwrap_or(0);
    let tokens = settings.seq_len as u64;
    let scores = config.heads as u64 * tokens * tokens;
    let widest = 8 * (tokens * config.feed_forward as u64).max(scores);
    let process = 24 << 20;
    let working = process + 6 * matrix + 16 * widest;
    [
        process + weights / 4 + 3 * matrix + 4 * widest,
        working + 8 * weights + material[1],
        working + 8 * weights + material[2],
    ]
}

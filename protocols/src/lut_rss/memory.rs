//! Predicted memory.

use super::Plan;
use crate::model::walk::Linear;
use crate::system::PROCESS_BYTES;

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a
/// test compares the two on real processes.
///
/// Weights are held packed, twice at P0, with one matrix at a time unpacked; the widest activation is
/// held in shares and in messages; a verified run keeps four bytes for every value it cuts.
pub fn memory_bytes(plan: &Plan, material: [u64; 3], record: bool) -> [u64; 3] {
    let config = &plan.config;
    let weights: u64 = Linear::all(config)
        .into_iter()
        .map(|linear| linear.shape(config))
        .map(|(outputs, inputs)| 2 * (outputs * inputs) as u64)
        .sum();
    let tokens = plan.seq_len as u64;
    let (hidden, inner) = (config.hidden as u64, config.feed_forward as u64);
    let scores = config.heads as u64 * tokens * tokens;
    let widest = (tokens * (3 * hidden + inner)).max(2 * scores + tokens * hidden);
    let working = PROCESS_BYTES + widest * 24 + 8 * hidden * inner;
    let cuts = config.layers as u64 * (tokens * (6 * hidden + inner) + scores);
    let record = if record { 2 * 4 * cuts } else { 0 };
    // P0 also holds the model as it was read, a bit a weight and once more while it is being read.
    [
        working + 2 * weights + weights / 8,
        working + weights + record + material[1],
        working + weights + record + material[2] + material[2] / 32,
    ]
}

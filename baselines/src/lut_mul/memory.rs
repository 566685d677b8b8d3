//! Predicted memory.

use super::product::PIECE_BYTES;
use qbench_protocols::lut_rss::plan::Plan;
use qbench_protocols::model::walk::Linear;
use qbench_protocols::system::PROCESS_BYTES;

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a test compares the two on real
/// processes.
///
/// P0 holds the model, one matrix of weights at a time unpacked, what every index of the widest input counts, and
/// tables on their way. P1 and P2 hold no
/// weights, only activations in shares and messages, and tables as they came, between which some memory is lost; a verified run keeps four bytes for every value it cuts.
pub(super) fn memory_bytes(plan: &Plan, material: [u64; 3], record: bool) -> [u64; 3] {
    let config = &plan.config;
    let weights: u64 = Linear::all(config)
        .into_iter()
        .map(|linear| linear.shape(config))
        .map(|(outputs, inputs)| (outputs * inputs) as u64)
        .sum();
    let tokens = plan.seq_len as u64;
    let (hidden, inner) = (config.hidden as u64, config.feed_forward as u64);
    let scores = config.heads as u64 * tokens * tokens;
    let widest = (tokens * (3 * hidden + inner)).max(2 * scores + tokens * hidden);
    let working = PROCESS_BYTES + widest * 24;
    let rotated = (2 << plan.index_bits) * (tokens * inner.max(2 * hidden)).max(2 * scores);
    let cuts = config.layers as u64 * (tokens * (6 * hidden + inner) + scores);
    let record = if record { 2 * 4 * cuts } else { 0 };
    [
        working + weights / 4 + 2 * hidden * inner + rotated + 3 * PIECE_BYTES as u64,
        working + record + material[1],
        working + record + material[2] + material[2] / 16,
    ]
}

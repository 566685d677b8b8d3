//! Predicted memory.

use super::WeightMasks;
use super::engine::Plan;
use qbench_protocols::model::walk::Linear;
use qbench_protocols::system::PROCESS_BYTES;

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a
/// test compares the two on real processes.
///
/// P1 and P2 hold their shares of all weights, and for the largest matrix its opening, its mask and both messages. P0
/// holds the model only until it is shared, a bit a weight, and then one product of masks at a time.
pub(super) fn memory_bytes(plan: &Plan, material: [u64; 3]) -> [u64; 3] {
    let config = &plan.config;
    let counts = Linear::all(config).into_iter().map(|linear| {
        let (outputs, inputs) = linear.shape(config);
        (outputs * inputs) as u64
    });
    let weights: u64 = counts.clone().sum();
    let matrix = 8 * counts.max().unwrap_or(0);
    let tokens = plan.seq_len as u64;
    let scores = config.heads as u64 * tokens * tokens;
    let widest = 8 * (tokens * config.feed_forward as u64).max(scores);
    let working = PROCESS_BYTES + 6 * matrix + 16 * widest;
    // A reused opening stands beside the share.
    let held = match plan.weight_masks {
        WeightMasks::Fresh => 8 * weights,
        WeightMasks::Reused => 16 * weights,
    };
    [
        PROCESS_BYTES + weights / 4 + 3 * matrix + 4 * widest,
        working + held + material[1],
        working + held + material[2],
    ]
}

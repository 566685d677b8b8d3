//! Predicted memory.

use super::engine::Plan;
use qbench_protocols::model::walk::Linear;
use qbench_protocols::system::PROCESS_BYTES;

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a test compares the two on real
/// processes.
///
/// Everybody holds a word a weight: P0 the masks, P1 and P2 the masked weights. Beside them there is one gate at a time: the product
/// with the largest matrix, or a selection or choice of lines over the widest activation. Keys come in pieces of all sizes, between
/// which some memory is lost.
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
    let working = PROCESS_BYTES + 8 * weights + 6 * matrix + 24 * widest;
    material.map(|material| working + material + material / 8)
}

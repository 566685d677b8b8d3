//! Predicted memory.

use super::WeightMasks;
use super::engine::Plan;
use crate::fixed_point::sizes::Sizes;
use qbench_protocols::system::PROCESS_BYTES;

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a
/// test compares the two on real processes.
///
/// P1 and P2 hold their shares of all weights, and for the largest matrix its opening, its mask and both messages. P0
/// holds the model only until it is shared, a bit a weight, and then one product of masks at a time.
pub(super) fn memory_bytes(plan: &Plan, material: [u64; 3]) -> [u64; 3] {
    let sizes = Sizes::of(&plan.config, plan.seq_len);
    let (weights, matrix, widest) = (sizes.weights, 8 * sizes.largest, 8 * sizes.widest);
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

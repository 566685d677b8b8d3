//! Predicted memory.

use super::engine::Plan;
use crate::fixed_point::sizes::Sizes;
use qbench_protocols::system::PROCESS_BYTES;

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a test compares the two on real
/// processes.
///
/// P0 holds two packed words a weight, P1 and P2 one; while a matrix is shared it stands beside them in the clear, in shares and in a
/// message. The widest activation is in GELU: seven terms, two components, and what is made of them.
pub(super) fn memory_bytes(plan: &Plan, material: [u64; 3]) -> [u64; 3] {
    let sizes = Sizes::of(&plan.config, plan.seq_len);
    let (weights, matrix, widest) = (sizes.weights, 8 * sizes.largest, 8 * sizes.widest);
    let working = PROCESS_BYTES + 8 * matrix + 72 * widest;
    [
        working + 16 * weights + weights / 4,
        working + 8 * weights + material[1],
        working + 8 * weights + material[2] + material[2] / 32,
    ]
}

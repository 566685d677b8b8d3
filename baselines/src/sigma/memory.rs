//! Predicted memory.

use super::engine::Plan;
use crate::fixed_point::sizes::Sizes;
use crate::fss::dpf::CHUNK;
use qbench_protocols::system::PROCESS_BYTES;

/// A tree key of as many bits as the ring has, about.
const LARGEST_KEY_BYTES: u64 = 720;

/// Predicted peak memory of each party's process, meant to be a little above what is measured; a test compares the two on real
/// processes.
///
/// Everybody holds a word a weight: P0 the masks, P1 and P2 the masked weights. Beside them there is one gate at a time: the product
/// with the largest matrix, or a selection or choice of lines over the widest activation. Keys come in pieces of all sizes, between
/// which some memory is lost; of the largest, a chunk of tree keys, three are on their way.
pub(super) fn memory_bytes(plan: &Plan, material: [u64; 3]) -> [u64; 3] {
    let sizes = Sizes::of(&plan.config, plan.seq_len);
    let (weights, matrix, widest) = (sizes.weights, 8 * sizes.largest, 8 * sizes.widest);
    let chunk = LARGEST_KEY_BYTES * sizes.widest.min(CHUNK as u64);
    let working = PROCESS_BYTES + 8 * weights + 6 * matrix + 24 * widest + 3 * chunk;
    material.map(|material| working + material + material / 8)
}

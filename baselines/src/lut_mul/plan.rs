//! What can run.

use super::deal::table_bytes;
use qbench_protocols::lut_rss::plan::{INDEX_BITS, MAX_PROTOCOL, Plan, VARIANCE_PROTOCOL};
use qbench_protocols::system::{Setting, Workload};
use qbench_protocols::{Error, Result};

/// All settings: those of `lut-rss`, which mean the same.
pub const ALL: &[Setting] = &[INDEX_BITS, MAX_PROTOCOL, VARIANCE_PROTOCOL];

/// The widest index that tables of products are dealt for.
const MOST_INDEX_BITS: u32 = 6;

/// The plan of a workload.
///
/// # Errors
/// A setting with a value that it does not have; an index so wide that tables of products are out of all proportion.
pub fn plan(workload: &Workload) -> Result<Plan> {
    let plan = Plan::new(workload)?;
    let bits = plan.index_bits;
    if bits > MOST_INDEX_BITS {
        return Err(Error::Unsupported(format!(
            "lut-mul deals {} bytes for every product with a weight at index_bits = {bits} and {} for every product of \
             queries and keys, which grow as 2^b and 4^b; set index_bits to 4, 5 or {MOST_INDEX_BITS}",
            table_bytes([0, bits]),
            table_bytes([bits, bits])
        )));
    }
    Ok(plan)
}

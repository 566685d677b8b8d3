//! The product in plain Rust: the reference that the SIMD kernels are tested against, and what
//! machines without them run.

use super::{PANEL, Packed64};
use crate::kernel::operands::{Block, Operands};

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As `gemm::Run`.
pub(super) unsafe fn run(operands: &Operands<'_, u64>, b: &Packed64, block: &Block) {
    for panel in block.panels.clone() {
        let first = panel * PANEL;
        let width = PANEL.min(b.columns() - first);
        for row in block.rows.clone() {
            // SAFETY: the row is one of the product, so `inner` elements may be read.
            let a = unsafe { std::slice::from_raw_parts(operands.a_row(row), b.inner()) };
            let mut sums = [0u64; PANEL];
            for (line, a) in b.panel(panel).iter().zip(a) {
                for (sum, b) in sums.iter_mut().zip(line.0) {
                    *sum = sum.wrapping_add(a.wrapping_mul(b));
                }
            }
            // SAFETY: `width` elements from here end within the row, and by the caller's promise
            // nobody else touches them.
            let c = unsafe { std::slice::from_raw_parts_mut(operands.c_at(row, first), width) };
            for (c, sum) in c.iter_mut().zip(sums) {
                *c = c.wrapping_add(sum);
            }
        }
    }
}

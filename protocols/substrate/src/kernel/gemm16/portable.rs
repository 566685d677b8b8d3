//! The product in plain Rust: the reference that the SIMD kernels are tested against, and what
//! machines without them run.

use super::{PANEL, Packed16};
use crate::kernel::operands::{Block, Operands};

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As `gemm::Run`.
pub(super) unsafe fn run(operands: &Operands<'_, u16>, b: &Packed16, block: &Block) {
    for panel in block.panels.clone() {
        let first = panel * PANEL;
        let width = PANEL.min(b.columns() - first);
        for row in block.rows.clone() {
            // SAFETY: the row is one of the product, so `inner` elements may be read.
            let a = unsafe { std::slice::from_raw_parts(operands.a_row(row), b.inner()) };
            let mut sums = [0u16; PANEL];
            for (line, pair) in b.panel(panel).iter().zip(a.chunks(2)) {
                let (a0, a1) = (pair[0], pair.get(1).copied().unwrap_or(0));
                for (sum, b) in sums.iter_mut().zip(line.0.as_chunks::<2>().0) {
                    let product = a0.wrapping_mul(b[0]).wrapping_add(a1.wrapping_mul(b[1]));
                    *sum = sum.wrapping_add(product);
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

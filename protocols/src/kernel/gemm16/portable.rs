//! The product in plain Rust: the reference that the SIMD kernels are tested against, and what
//! machines without them run.

use super::packed::PANEL;
use super::{Block, Operands};

/// Computes the block of `c`.
///
/// # Safety
/// As [`super::run`].
pub(super) unsafe fn run(operands: &Operands<'_>, block: &Block) {
    let b = operands.b;
    let pairs = b.pairs();
    for panel in block.panels.clone() {
        let lines = &b.lines()[panel * pairs..(panel + 1) * pairs];
        let width = PANEL.min(b.columns() - panel * PANEL);
        for row in block.rows.clone() {
            // SAFETY: by the caller's promise row `row` of `a` has `inner` elements.
            let a = unsafe { std::slice::from_raw_parts(operands.a_row(row), b.inner()) };
            let mut sums = [0u16; PANEL];
            for (line, pair) in lines.iter().zip(a.chunks(2)) {
                let (a0, a1) = (pair[0], pair.get(1).copied().unwrap_or(0));
                for (sum, b) in sums.iter_mut().zip(line.0.as_chunks::<2>().0) {
                    let product = a0.wrapping_mul(b[0]).wrapping_add(a1.wrapping_mul(b[1]));
                    *sum = sum.wrapping_add(product);
                }
            }
            // SAFETY: by the caller's promise row `row` of `c` has `columns` elements that nobody
            // else touches in these panels, and `width` ends at the last column.
            let c = unsafe {
                std::slice::from_raw_parts_mut(operands.c_row(row).add(panel * PANEL), width)
            };
            for (c, sum) in c.iter_mut().zip(sums) {
                *c = c.wrapping_add(sum);
            }
        }
    }
}

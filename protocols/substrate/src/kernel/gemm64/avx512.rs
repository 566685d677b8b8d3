//! The product by AVX-512 DQ: `vpmullq` gives the low 64 bits of 8 products, `vpaddq` adds them.
//! A register block is R rows by P panels, as in the 16-bit product.

use super::{PANEL, Packed64};
use crate::kernel::cpu;
use crate::kernel::gemm::packed::Line;
use crate::kernel::operands::{Block, Operands, pieces};
use std::arch::x86_64::*;
use std::ops::Range;

/// Inner indices that are summed in registers before they are added to `c`: two panels of them
/// (24 KiB) stay in the first-level cache while the rows go by.
const DEPTH: usize = 192;
/// Rows of the largest register block.
const ROWS: usize = 8;

/// Whether this machine can run the kernel.
pub(super) fn available() -> bool {
    cpu::avx512()
}

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As `gemm::Run`; the machine has AVX-512 F and DQ.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) unsafe fn run(operands: &Operands<'_, u64>, b: &Packed64, block: &Block) {
    for panels in pieces(block.panels.clone(), 2) {
        for start in (0..b.inner()).step_by(DEPTH) {
            let tile = Tile {
                operands,
                b,
                panel: panels.start,
                depth: start..(start + DEPTH).min(b.inner()),
            };
            for rows in pieces(block.rows.clone(), ROWS) {
                // SAFETY: rows, panels and depth are within the block.
                unsafe {
                    match panels.len() {
                        1 => tile.rows::<1>(rows),
                        _ => tile.rows::<2>(rows),
                    }
                }
            }
        }
    }
}

/// Some panels of the product, from `panel` on, summed over part of the inner dimension.
struct Tile<'a> {
    operands: &'a Operands<'a, u64>,
    b: &'a Packed64,
    panel: usize,
    depth: Range<usize>,
}

impl Tile<'_> {
    /// Adds 1 to [`ROWS`] rows of P panels to `c`.
    ///
    /// # Safety
    /// Rows and panels are within the product, as the tile's depth is.
    #[target_feature(enable = "avx512f,avx512dq")]
    unsafe fn rows<const P: usize>(&self, rows: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe {
            match rows.len() {
                1 => self.add::<1, P>(rows.start),
                2 => self.add::<2, P>(rows.start),
                3 => self.add::<3, P>(rows.start),
                4 => self.add::<4, P>(rows.start),
                5 => self.add::<5, P>(rows.start),
                6 => self.add::<6, P>(rows.start),
                7 => self.add::<7, P>(rows.start),
                _ => self.add::<ROWS, P>(rows.start),
            }
        }
    }

    /// Adds one register block to `c`.
    ///
    /// # Safety
    /// R rows from `row` on, P panels and the depth are within the product.
    #[target_feature(enable = "avx512f,avx512dq")]
    unsafe fn add<const R: usize, const P: usize>(&self, row: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let a: [*const u64; R] = std::array::from_fn(|r| self.operands.a_row(row + r));
            let lines: [*const Line<u64>; P] =
                std::array::from_fn(|p| self.b.panel(self.panel + p).as_ptr());
            let mut sums = [[_mm512_setzero_si512(); P]; R];
            for k in self.depth.clone() {
                let b = lines.map(|lines| _mm512_load_si512(lines.add(k).cast()));
                for (sums, a) in sums.iter_mut().zip(a) {
                    let a = _mm512_set1_epi64(*a.add(k) as i64);
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = _mm512_add_epi64(*sum, _mm512_mullo_epi64(a, b));
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (p, sums) in sums.iter().enumerate() {
                    self.store(row + r, self.panel + p, *sums);
                }
            }
        }
    }

    /// Adds sums to the elements of one panel in one row of `c`.
    ///
    /// # Safety
    /// The row and the panel are within the product.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq")]
    unsafe fn store(&self, row: usize, panel: usize, sums: __m512i) {
        let first = panel * PANEL;
        let width = PANEL.min(self.b.columns() - first);
        let mask = 0xff >> (PANEL - width);
        // SAFETY: columns from `first` to the row's end may be accessed; the mask stops there.
        unsafe {
            let c = self.operands.c_at(row, first).cast::<i64>();
            let sums = _mm512_add_epi64(_mm512_maskz_loadu_epi64(mask, c), sums);
            _mm512_mask_storeu_epi64(c, mask, sums);
        }
    }
}

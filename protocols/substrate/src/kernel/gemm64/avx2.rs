//! The product by AVX2, which multiplies 32 bits by 32 at most: of two elements with halves
//! (h, l) and (h', l') the product is l l' + 2^32 (h l' + l h'), and the two sums are kept apart
//! until the end. The second counts modulo 2^32, so that one `vpmulld` of (h, l) by the other's
//! halves changed about, (l', h'), makes both products of it.
//!
//! A register block is up to 6 rows by half a panel: 12 sums, both forms of the right operand, one
//! element of the left and one product are all 16 registers.

use super::{PANEL, Packed64};
use crate::kernel::cpu;
use crate::kernel::operands::{Block, Operands, pieces};
use std::arch::x86_64::*;
use std::ops::Range;

/// Columns of a 256-bit vector.
const LANES: usize = 4;
/// Rows of the largest register block.
const ROWS: usize = 6;
/// Inner indices that are summed in registers before they are added to `c`: a panel of them
/// (12 KiB) and 6 rows (9 KiB) stay in a first-level cache of 32 KiB while the rows go by.
const DEPTH: usize = 192;

/// Whether this machine can run the kernel.
pub(super) fn available() -> bool {
    cpu::avx2()
}

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As `gemm::Run`; the machine has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn run(operands: &Operands<'_, u64>, b: &Packed64, block: &Block) {
    for start in (0..b.inner()).step_by(DEPTH) {
        let depth = start..(start + DEPTH).min(b.inner());
        for panel in block.panels.clone() {
            for half in 0..PANEL / LANES {
                let first = panel * PANEL + half * LANES;
                let tile = Tile {
                    operands,
                    b,
                    panel,
                    half,
                    width: LANES.min(b.columns().saturating_sub(first)),
                };
                if tile.width == 0 {
                    continue;
                }
                for rows in pieces(block.rows.clone(), ROWS) {
                    // SAFETY: rows, panel and depth are within the block, and the half has columns.
                    unsafe {
                        match rows.len() {
                            1 => tile.add::<1>(rows.start, depth.clone()),
                            2 => tile.add::<2>(rows.start, depth.clone()),
                            3 => tile.add::<3>(rows.start, depth.clone()),
                            4 => tile.add::<4>(rows.start, depth.clone()),
                            5 => tile.add::<5>(rows.start, depth.clone()),
                            _ => tile.add::<ROWS>(rows.start, depth.clone()),
                        }
                    }
                }
            }
        }
    }
}

/// Half a panel of the product, of which `width` columns are there.
struct Tile<'a> {
    operands: &'a Operands<'a, u64>,
    b: &'a Packed64,
    panel: usize,
    half: usize,
    width: usize,
}

impl Tile<'_> {
    /// Adds R rows, summed over `depth`, to `c`.
    ///
    /// # Safety
    /// R rows from `row` on, the panel's half and `depth` are within the product.
    #[target_feature(enable = "avx2")]
    #[expect(
        clippy::needless_range_loop,
        reason = "iterators are not unrolled as well"
    )]
    unsafe fn add<const R: usize>(&self, row: usize, depth: Range<usize>) {
        let mut a = [std::ptr::null::<u64>(); R];
        for r in 0..R {
            // SAFETY: the caller's promise.
            a[r] = unsafe { self.operands.a_row(row + r) };
        }
        // As in the 16-bit product: else pointers are computed anew at every step.
        let a = std::hint::black_box(a);
        let lines = self.b.panel(self.panel).as_ptr().cast::<__m256i>();
        let mut low = [_mm256_setzero_si256(); R];
        let mut cross = [_mm256_setzero_si256(); R];
        for k in depth {
            // SAFETY: the panel has a line k, which is two aligned vectors of 256 bits.
            let b = unsafe { _mm256_load_si256(lines.add(PANEL / LANES * k + self.half)) };
            let changed = _mm256_shuffle_epi32::<0b10_11_00_01>(b);
            for r in 0..R {
                // SAFETY: k is within the row.
                let a = _mm256_set1_epi64x(unsafe { *a[r].add(k) } as i64);
                low[r] = _mm256_add_epi64(low[r], _mm256_mul_epu32(a, b));
                cross[r] = _mm256_add_epi32(cross[r], _mm256_mullo_epi32(a, changed));
            }
        }
        for r in 0..R {
            // h l' and l h' are side by side: their sum belongs into the upper half.
            let cross = _mm256_add_epi32(cross[r], _mm256_slli_epi64::<32>(cross[r]));
            let upper = _mm256_blend_epi32::<0b1010_1010>(_mm256_setzero_si256(), cross);
            // SAFETY: the caller's promise.
            unsafe { self.store(row + r, _mm256_add_epi64(low[r], upper)) };
        }
    }

    /// Adds the sums of one row to `c`.
    ///
    /// # Safety
    /// The row and the panel's half are within the product.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(&self, row: usize, sums: __m256i) {
        // SAFETY: `width` elements from here on end within the row.
        unsafe {
            let c = self
                .operands
                .c_at(row, self.panel * PANEL + self.half * LANES);
            if self.width == LANES {
                let c = c.cast::<__m256i>();
                _mm256_storeu_si256(c, _mm256_add_epi64(_mm256_loadu_si256(c), sums));
            } else {
                let mut words = [0u64; LANES];
                _mm256_storeu_si256(words.as_mut_ptr().cast(), sums);
                let c = std::slice::from_raw_parts_mut(c, self.width);
                for (c, sum) in c.iter_mut().zip(words) {
                    *c = c.wrapping_add(sum);
                }
            }
        }
    }
}

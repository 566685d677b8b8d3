//! The product by AVX2, which multiplies 32 bits by 32 at most: of two elements with halves
//! (h, l) and (h', l') the product is l l' + 2^32 (h l' + l h'), and the two sums are kept apart
//! until the end. A register block is R rows by half a panel.

use super::{PANEL, Packed64};
use crate::kernel::cpu;
use crate::kernel::operands::{Block, Operands, pieces};
use std::arch::x86_64::*;

/// Columns of a 256-bit vector.
const LANES: usize = 4;

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
    for panel in block.panels.clone() {
        for rows in pieces(block.rows.clone(), 4) {
            for half in 0..2 {
                // SAFETY: rows and panel are within the block.
                unsafe {
                    match rows.len() {
                        1 => add::<1>(operands, b, rows.start, panel, half),
                        2 => add::<2>(operands, b, rows.start, panel, half),
                        3 => add::<3>(operands, b, rows.start, panel, half),
                        _ => add::<4>(operands, b, rows.start, panel, half),
                    }
                }
            }
        }
    }
}

/// Adds R rows of half a panel of the product to the result.
///
/// # Safety
/// R rows from `row` on and the panel are within the product; `half` is 0 or 1.
#[target_feature(enable = "avx2")]
unsafe fn add<const R: usize>(
    operands: &Operands<'_, u64>,
    b: &Packed64,
    row: usize,
    panel: usize,
    half: usize,
) {
    let first = panel * PANEL + half * LANES;
    let width = LANES.min(b.columns().saturating_sub(first));
    if width == 0 {
        return;
    }
    let mut low = [_mm256_setzero_si256(); R];
    let mut cross = [_mm256_setzero_si256(); R];
    // SAFETY: the caller's promise; `width` columns from `first` on are within the row.
    unsafe {
        let a: [*const u64; R] = std::array::from_fn(|r| operands.a_row(row + r));
        for (k, line) in b.panel(panel).iter().enumerate() {
            let b = _mm256_load_si256(line.0.as_ptr().cast::<__m256i>().add(half));
            let b_high = _mm256_srli_epi64::<32>(b);
            for r in 0..R {
                let a = _mm256_set1_epi64x(*a[r].add(k) as i64);
                let a_high = _mm256_srli_epi64::<32>(a);
                low[r] = _mm256_add_epi64(low[r], _mm256_mul_epu32(a, b));
                cross[r] = _mm256_add_epi64(cross[r], _mm256_mul_epu32(a_high, b));
                cross[r] = _mm256_add_epi64(cross[r], _mm256_mul_epu32(a, b_high));
            }
        }
        for r in 0..R {
            let sums = _mm256_add_epi64(low[r], _mm256_slli_epi64::<32>(cross[r]));
            let mut words = [0u64; LANES];
            _mm256_storeu_si256(words.as_mut_ptr().cast(), sums);
            let c = std::slice::from_raw_parts_mut(operands.c_at(row + r, first), width);
            for (c, sum) in c.iter_mut().zip(words) {
                *c = c.wrapping_add(sum);
            }
        }
    }
}

//! The product by AVX2: `vpmaddwd` multiplies 16 pairs of 16-bit elements and adds them two by
//! two, `vpaddd` adds these to 8 sums of 32 bits. A register block is R rows by one panel.

use super::{PANEL, Packed16};
use crate::kernel::cpu;
use crate::kernel::gemm::packed::Line;
use crate::kernel::operands::{Block, Operands, pieces};
use std::arch::x86_64::*;

/// Whether this machine can run the kernel.
pub(super) fn available() -> bool {
    cpu::avx2()
}

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As `gemm::Run`; the machine has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn run(operands: &Operands<'_, u16>, b: &Packed16, block: &Block) {
    for panel in block.panels.clone() {
        for rows in pieces(block.rows.clone(), 4) {
            // SAFETY: rows and panel are within the block.
            unsafe {
                match rows.len() {
                    1 => add::<1>(operands, b, rows.start, panel),
                    2 => add::<2>(operands, b, rows.start, panel),
                    3 => add::<3>(operands, b, rows.start, panel),
                    _ => add::<4>(operands, b, rows.start, panel),
                }
            }
        }
    }
}

/// Adds R rows of one panel of the product to the result.
///
/// # Safety
/// R rows from `row` on and the panel are within the product.
#[target_feature(enable = "avx2")]
unsafe fn add<const R: usize>(
    operands: &Operands<'_, u16>,
    b: &Packed16,
    row: usize,
    panel: usize,
) {
    let whole = b.inner() / 2;
    let lines = b.panel(panel);
    let first = panel * PANEL;
    let width = PANEL.min(b.columns() - first);
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    // SAFETY: the caller's promise; a last pair of which `a` holds one half is read by itself.
    unsafe {
        let a: [*const u16; R] = std::array::from_fn(|r| operands.a_row(row + r));
        for (pair, line) in lines[..whole].iter().enumerate() {
            let read = |a: *const u16| a.cast::<i32>().add(pair).read_unaligned();
            step(&mut sums, line, a.map(read));
        }
        if let Some(line) = lines.get(whole) {
            step(&mut sums, line, a.map(|a| i32::from(*a.add(2 * whole))));
        }
        for (r, sums) in sums.iter().enumerate() {
            let mut words = [0u32; PANEL];
            _mm256_storeu_si256(words.as_mut_ptr().cast(), sums[0]);
            _mm256_storeu_si256(words.as_mut_ptr().add(PANEL / 2).cast(), sums[1]);
            let c = std::slice::from_raw_parts_mut(operands.c_at(row + r, first), width);
            for (c, sum) in c.iter_mut().zip(words) {
                *c = c.wrapping_add(sum as u16);
            }
        }
    }
}

/// Adds one pair of the inner dimension to the sums.
#[inline]
#[target_feature(enable = "avx2")]
fn step<const R: usize>(sums: &mut [[__m256i; 2]; R], line: &Line<u16>, a: [i32; R]) {
    let halves = line.0.as_ptr().cast::<__m256i>();
    // SAFETY: a line is two aligned vectors of 256 bits.
    let b = unsafe { [_mm256_load_si256(halves), _mm256_load_si256(halves.add(1))] };
    for (sums, a) in sums.iter_mut().zip(a) {
        let a = _mm256_set1_epi32(a);
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(a, b));
        }
    }
}

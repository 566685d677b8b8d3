//! The product by AVX-512 VNNI: `vpdpwssd` multiplies 32 pairs of 16-bit elements and adds them
//! two by two to 16 sums of 32 bits.
//!
//! A register block is R rows by P panels: R * P sums stay in registers while the inner dimension
//! goes by, each step loading P lines of the right operand and broadcasting R pairs of the left.

use super::{PANEL, Packed16};
use crate::kernel::cpu;
use crate::kernel::gemm::packed::Line;
use crate::kernel::operands::{Block, Operands, pieces};
use std::arch::x86_64::*;
use std::ops::Range;

/// Pairs of the inner dimension that are summed in registers before they are added to `c`: three
/// panels of them (24 KiB) stay in the first-level cache while the rows go by.
const DEPTH: usize = 128;
/// How many lines ahead of its use a line is fetched where each is read once.
const AHEAD: usize = 16;

/// Whether this machine can run the kernel.
pub(super) fn available() -> bool {
    cpu::avx512_vnni()
}

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As `gemm::Run`; the machine has AVX-512 F, BW, VL and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn run(operands: &Operands<'_, u16>, b: &Packed16, block: &Block) {
    let mut panels = block.panels.clone();
    while !panels.is_empty() {
        // Three panels at a time; four are two and two, which wastes fewer registers.
        let width = match panels.len() {
            1 => 1,
            2 | 4 => 2,
            _ => 3,
        };
        let tile = Tile {
            operands,
            b,
            first: panels.start,
        };
        // SAFETY: the panels are within the block.
        unsafe {
            match width {
                1 => tile.rows_1(block.rows.clone()),
                2 => tile.rows_2(block.rows.clone()),
                _ => tile.rows_3(block.rows.clone()),
            }
        }
        panels.start += width;
    }
}

/// Some panels of the product, from `first` on.
struct Tile<'a> {
    operands: &'a Operands<'a, u16>,
    b: &'a Packed16,
    first: usize,
}

/// Defines a method that adds P panels of the given rows, in pieces of at most the last number
/// of rows named.
macro_rules! rows {
    ($name:ident, $panels:literal, $most:literal: $($rows:literal)+) => {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
        unsafe fn $name(&self, rows: Range<usize>) {
            let depth = if rows.len() > $most { DEPTH } else { usize::MAX };
            let pairs = self.b.groups();
            let mut start = 0;
            while start < pairs {
                let end = start.saturating_add(depth).min(pairs);
                for rows in pieces(rows.clone(), $most) {
                    // SAFETY: rows, panels and pairs are within the block.
                    unsafe {
                        match rows.len() {
                            $($rows => self.add::<$rows, $panels>(rows.start, start..end),)+
                            _ => unreachable!("pieces of 1 to {} rows", $most),
                        }
                    }
                }
                start = end;
            }
        }
    };
}

impl Tile<'_> {
    rows!(rows_1, 1, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
    rows!(rows_2, 2, 12: 1 2 3 4 5 6 7 8 9 10 11 12);
    rows!(rows_3, 3, 8: 1 2 3 4 5 6 7 8);

    /// Adds one register block, summed over `pairs`, to `c`.
    ///
    /// The loops over rows and panels are plain index loops of constant length and nothing takes
    /// the address of the sums, so that the compiler unrolls the loops and keeps the sums in
    /// registers.
    ///
    /// # Safety
    /// R rows from `row` on, P panels from `first` on and `pairs` are within the product.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    #[expect(
        clippy::needless_range_loop,
        reason = "iterators are not unrolled as well"
    )]
    unsafe fn add<const R: usize, const P: usize>(&self, row: usize, pairs: Range<usize>) {
        let whole = pairs.end.min(self.b.inner() / 2);
        let mut a = [std::ptr::null::<u16>(); R];
        for r in 0..R {
            // SAFETY: the caller's promise.
            a[r] = unsafe { self.operands.a_row(row + r) };
        }
        let mut lines = [std::ptr::null::<Line<u16>>(); P];
        for p in 0..P {
            lines[p] = self.b.panel(self.first + p).as_ptr();
        }
        let mut sums = [[_mm512_setzero_si512(); P]; R];
        let mut b = [_mm512_setzero_si512(); P];
        for pair in pairs.start..whole {
            for p in 0..P {
                // SAFETY: the panel has a line `pair`. What is fetched ahead may lie past the
                // operand's end: a prefetch reads nothing and never faults.
                unsafe {
                    _mm_prefetch::<_MM_HINT_T0>(lines[p].wrapping_add(pair + AHEAD).cast());
                    b[p] = _mm512_load_si512(lines[p].add(pair).cast());
                }
            }
            for r in 0..R {
                // SAFETY: `whole` leaves out a last pair of which the row has one half.
                let a = unsafe { a[r].cast::<i32>().add(pair).read_unaligned() };
                let a = _mm512_set1_epi32(a);
                for p in 0..P {
                    sums[r][p] = dot(sums[r][p], a, b[p]);
                }
            }
        }
        if whole < pairs.end {
            for r in 0..R {
                // SAFETY: `inner` is odd, and this is the last element of the row.
                let a = _mm512_set1_epi32(i32::from(unsafe { *a[r].add(2 * whole) }));
                for p in 0..P {
                    // SAFETY: the panel has a line for the last half pair.
                    let b = unsafe { _mm512_load_si512(lines[p].add(whole).cast()) };
                    sums[r][p] = dot(sums[r][p], a, b);
                }
            }
        }
        let mut low = [[_mm256_setzero_si256(); P]; R];
        for r in 0..R {
            for p in 0..P {
                low[r][p] = _mm512_cvtepi32_epi16(sums[r][p]);
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.store(row, low.as_flattened(), P) };
    }

    /// Adds the sums of a register block, `width` panels a row, to `c`.
    ///
    /// # Safety
    /// As many rows from `row` on as the sums are for, and the panels, are within the product.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn store(&self, row: usize, sums: &[__m256i], width: usize) {
        for (r, sums) in sums.chunks_exact(width).enumerate() {
            for (p, sums) in sums.iter().enumerate() {
                let first = (self.first + p) * PANEL;
                let columns = PANEL.min(self.b.columns() - first);
                let mask = u16::MAX >> (PANEL - columns);
                // SAFETY: columns from `first` to the row's end may be accessed; the mask stops
                // there.
                unsafe {
                    let c = self.operands.c_at(row + r, first).cast::<i16>();
                    let sums = _mm256_add_epi16(_mm256_maskz_loadu_epi16(mask, c), *sums);
                    _mm256_mask_storeu_epi16(c, mask, sums);
                }
            }
        }
    }
}

/// `sum` plus the products of the 16-bit pairs of `a` and `b`, by one instruction.
///
/// The compiler would turn the intrinsic into a multiplication and an addition where it takes the
/// sum for the critical path; in the register block it never is.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    let mut sum = sum;
    // SAFETY: the instruction reads and writes the named registers only.
    unsafe {
        std::arch::asm!(
            "vpdpwssd {sum}, {a}, {b}",
            sum = inout(zmm_reg) sum,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

//! The product by AVX-512 VNNI: `vpdpwssd` multiplies 32 pairs of 16-bit elements and adds them
//! two by two to 16 sums of 32 bits.
//!
//! A register block is R rows by P panels: R * P sums stay in registers while the inner dimension
//! goes by, each step loading P lines of the right operand and broadcasting R pairs of the left.

use super::packed::{Line, PANEL, Packed16};
use crate::kernel::operands::{Block, Operands, pieces};
use std::arch::x86_64::*;
use std::ops::Range;

/// Pairs of the inner dimension that are summed in registers before they are added to `c`: three
/// panels of them (24 KiB) stay in the first-level cache while the rows go by.
const DEPTH: usize = 128;
/// How many lines ahead of its use a line is fetched where each is read once.
const AHEAD: usize = 16;

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As [`super::run`]; the machine has AVX-512 F, BW, VL and VNNI.
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
            let pairs = self.b.pairs();
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
    /// # Safety
    /// R rows from `row` on, P panels from `first` on and `pairs` are within the product.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn add<const R: usize, const P: usize>(&self, row: usize, pairs: Range<usize>) {
        let whole = pairs.end.min(self.b.inner() / 2);
        // SAFETY: the caller's promise; `whole` leaves out a last pair of which `a` holds one half,
        // which is read alone.
        unsafe {
            let a: [*const u16; R] = std::array::from_fn(|r| self.operands.a_row(row + r));
            let lines: [*const Line; P] =
                std::array::from_fn(|p| self.b.panel(self.first + p).as_ptr());
            let mut sums = [[_mm512_setzero_si512(); P]; R];
            for pair in pairs.start..whole {
                let read = |a: *const u16| a.cast::<i32>().add(pair).read_unaligned();
                step(&mut sums, lines, pair, a.map(read));
            }
            if whole < pairs.end {
                let read = |a: *const u16| i32::from(*a.add(2 * whole));
                step(&mut sums, lines, whole, a.map(read));
            }
            for (r, sums) in sums.iter().enumerate() {
                for (p, sums) in sums.iter().enumerate() {
                    self.store(row + r, self.first + p, *sums);
                }
            }
        }
    }

    /// Adds the low halves of the sums to the elements of one panel in one row of `c`.
    ///
    /// # Safety
    /// The row and the panel are within the product.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn store(&self, row: usize, panel: usize, sums: __m512i) {
        let first = panel * PANEL;
        let sums = _mm512_cvtepi32_epi16(sums);
        // SAFETY: columns from `first` to the row's end may be accessed; the mask stops there.
        unsafe {
            let c = self.operands.c_at(row, first).cast::<i16>();
            let width = self.b.columns() - first;
            if width >= PANEL {
                let c = c.cast::<__m256i>();
                _mm256_storeu_si256(c, _mm256_add_epi16(_mm256_loadu_si256(c), sums));
            } else {
                let mask = (1 << width) - 1;
                let sums = _mm256_add_epi16(_mm256_maskz_loadu_epi16(mask, c), sums);
                _mm256_mask_storeu_epi16(c, mask, sums);
            }
        }
    }
}

/// Adds one pair of the inner dimension to the sums.
///
/// # Safety
/// Every panel of `lines` has a line `pair`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn step<const R: usize, const P: usize>(
    sums: &mut [[__m512i; P]; R],
    lines: [*const Line; P],
    pair: usize,
    a: [i32; R],
) {
    // SAFETY: the caller's promise. What is fetched ahead may lie past the operand's end: a
    // prefetch reads nothing and never faults.
    let b: [__m512i; P] = lines.map(|lines| unsafe {
        _mm_prefetch::<_MM_HINT_T0>(lines.wrapping_add(pair + AHEAD).cast());
        _mm512_load_si512(lines.add(pair).cast())
    });
    for (sums, a) in sums.iter_mut().zip(a) {
        let a = _mm512_set1_epi32(a);
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = _mm512_dpwssd_epi32(*sum, a, b);
        }
    }
}

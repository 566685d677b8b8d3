//! The product by AVX2: `vpmaddwd` multiplies 16 pairs of 16-bit elements and adds them two by
//! two, `vpaddd` adds these to 8 sums of 32 bits. AVX-VNNI, which machines without AVX-512 may
//! have, does both by one `vpdpwssd`; all else is the same.
//!
//! A register block is up to 6 rows by one panel: its 12 sums, the panel's line, one pair of the
//! left operand and one product are all 16 registers.

use super::{PANEL, Packed16};
use crate::kernel::cpu;
use crate::kernel::gemm::packed::Line;
use crate::kernel::operands::{Block, Operands, pieces};
use std::arch::x86_64::*;
use std::ops::Range;

/// Rows of the largest register block.
const ROWS: usize = 6;
/// Pairs of the inner dimension that are summed in registers before they are added to `c`: a panel
/// of them (16 KiB) and 6 rows (6 KiB) stay in a first-level cache of 32 KiB while the rows go by,
/// and as much of all rows in the second level while the panels do.
const DEPTH: usize = 256;
/// Vectors of 32-bit sums for one panel.
const HALVES: usize = 2;

/// Whether this machine can run the kernel, by AVX-VNNI where DOT.
pub(super) fn available<const DOT: bool>() -> bool {
    if DOT { cpu::avx_vnni() } else { cpu::avx2() }
}

/// Adds the block's part of the product to the result.
///
/// # Safety
/// As `gemm::Run`; the machine has AVX2, and AVX-VNNI where DOT.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn run<const DOT: bool>(
    operands: &Operands<'_, u16>,
    b: &Packed16,
    block: &Block,
) {
    // What is read once need not stay in a cache.
    let depth = match block.rows.len() {
        0..=ROWS => usize::MAX,
        _ => DEPTH,
    };
    for pairs in steps(b.groups(), depth) {
        for panel in block.panels.clone() {
            let tile = Tile { operands, b, panel };
            for rows in pieces(block.rows.clone(), ROWS) {
                // SAFETY: rows, panel and pairs are within the block.
                unsafe {
                    match rows.len() {
                        1 => tile.add::<1, DOT>(rows.start, pairs.clone()),
                        2 => tile.add::<2, DOT>(rows.start, pairs.clone()),
                        3 => tile.add::<3, DOT>(rows.start, pairs.clone()),
                        4 => tile.add::<4, DOT>(rows.start, pairs.clone()),
                        5 => tile.add::<5, DOT>(rows.start, pairs.clone()),
                        _ => tile.add::<ROWS, DOT>(rows.start, pairs.clone()),
                    }
                }
            }
        }
    }
}

/// One panel of the product.
struct Tile<'a> {
    operands: &'a Operands<'a, u16>,
    b: &'a Packed16,
    panel: usize,
}

impl Tile<'_> {
    /// Adds R rows, summed over `pairs`, to `c`.
    ///
    /// The loops over rows are plain index loops of constant length and nothing takes the address
    /// of the sums, so that the compiler unrolls the loops and keeps the sums in registers.
    ///
    /// # Safety
    /// R rows from `row` on, the panel and `pairs` are within the product; as [`run`].
    #[target_feature(enable = "avx2")]
    #[expect(
        clippy::needless_range_loop,
        reason = "iterators are not unrolled as well"
    )]
    unsafe fn add<const R: usize, const DOT: bool>(&self, row: usize, pairs: Range<usize>) {
        let whole = pairs.end.min(self.b.inner() / 2);
        let mut a = [std::ptr::null::<u16>(); R];
        for r in 0..R {
            // SAFETY: the caller's promise.
            a[r] = unsafe { self.operands.a_row(row + r) };
        }
        // That rows are a stride apart the compiler would use to keep fewer pointers and add to them at every step, which
        // takes the slots of a fifth more instructions.
        let a = std::hint::black_box(a);
        // The next dot product of a sum waits 5 cycles for the last one, which 6 sums or fewer are too few to fill.
        let dot = DOT && R > 3;
        let lines = self.b.panel(self.panel).as_ptr();
        let mut sums = [[_mm256_setzero_si256(); HALVES]; R];
        for pair in pairs.start..whole {
            // SAFETY: the panel has a line `pair`.
            let b = unsafe { halves(lines.add(pair)) };
            for r in 0..R {
                // SAFETY: `whole` leaves out a last pair of which the row has one half.
                let a = unsafe { a[r].cast::<i32>().add(pair).read_unaligned() };
                let a = _mm256_set1_epi32(a);
                // SAFETY: the machine has AVX-VNNI where DOT.
                unsafe {
                    sums[r][0] = step(dot, sums[r][0], a, b[0]);
                    sums[r][1] = step(dot, sums[r][1], a, b[1]);
                }
            }
        }
        if whole < pairs.end {
            // SAFETY: `inner` is odd, and the panel has a line for the last half pair.
            let b = unsafe { halves(lines.add(whole)) };
            for r in 0..R {
                // SAFETY: this is the last element of the row.
                let a = _mm256_set1_epi32(i32::from(unsafe { *a[r].add(2 * whole) }));
                // SAFETY: the machine has AVX-VNNI where DOT.
                unsafe {
                    sums[r][0] = step(dot, sums[r][0], a, b[0]);
                    sums[r][1] = step(dot, sums[r][1], a, b[1]);
                }
            }
        }
        for r in 0..R {
            // SAFETY: the caller's promise.
            unsafe { self.store(row + r, low_words(sums[r])) };
        }
    }

    /// Adds the sums of one row to `c`.
    ///
    /// # Safety
    /// The row and the panel are within the product.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(&self, row: usize, sums: __m256i) {
        let first = self.panel * PANEL;
        let width = PANEL.min(self.b.columns() - first);
        // SAFETY: `width` elements from here on end within the row.
        unsafe {
            let c = self.operands.c_at(row, first);
            if width == PANEL {
                let c = c.cast::<__m256i>();
                _mm256_storeu_si256(c, _mm256_add_epi16(_mm256_loadu_si256(c), sums));
            } else {
                let mut words = [0u16; PANEL];
                _mm256_storeu_si256(words.as_mut_ptr().cast(), sums);
                let c = std::slice::from_raw_parts_mut(c, width);
                for (c, sum) in c.iter_mut().zip(words) {
                    *c = c.wrapping_add(sum);
                }
            }
        }
    }
}

/// `sum` plus the products of the 16-bit pairs of `a` and `b`, added two by two.
///
/// # Safety
/// The machine has AVX-VNNI where `dot`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn step(dot: bool, sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
    if !dot {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
    }
    let mut sum = sum;
    // SAFETY: the instruction, which the caller promises, reads and writes the named registers only.
    unsafe {
        std::arch::asm!(
            "{{vex}} vpdpwssd {sum}, {a}, {b}",
            sum = inout(ymm_reg) sum,
            a = in(ymm_reg) a,
            b = in(ymm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// `0..count` in ranges of `length`, the last one shorter.
fn steps(count: usize, length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count)
        .step_by(length)
        .map(move |start| start..start.saturating_add(length).min(count))
}

/// Both halves of a line.
///
/// # Safety
/// The line may be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn halves(line: *const Line<u16>) -> [__m256i; HALVES] {
    let line = line.cast::<__m256i>();
    // SAFETY: a line is two aligned vectors of 256 bits.
    unsafe { [_mm256_load_si256(line), _mm256_load_si256(line.add(1))] }
}

/// The low 16 bits of each sum, in order.
#[inline]
#[target_feature(enable = "avx2")]
fn low_words(sums: [__m256i; HALVES]) -> __m256i {
    let low = _mm256_set1_epi32(0xffff);
    let [first, second] = sums.map(|sums| _mm256_and_si256(sums, low));
    // Packing goes by halves of 128 bits: the middle two of the four quarters change places.
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(first, second))
}

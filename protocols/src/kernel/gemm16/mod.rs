//! Matrix products over Z_{2^16}.
//!
//! The kernels multiply pairs of 16-bit elements into 32-bit sums, which wrap; the low 16 bits of
//! a sum do not depend on whether its factors are read as signed, so no correction is needed.

mod packed;
mod portable;

pub use packed::{PANEL, Packed16};

use crate::threads::Threads;
use std::ops::Range;

/// A form of the inner loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust.
    Portable,
}

impl Kernel {
    /// The forms this machine can run, slowest first.
    pub fn available() -> Vec<Self> {
        vec![Self::Portable]
    }

    /// The fastest form this machine can run.
    pub fn best() -> Self {
        Self::Portable
    }

    /// The name, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
        }
    }
}

/// The name of the form of the inner loop that products run on this machine.
pub fn kernel_name() -> &'static str {
    Kernel::best().name()
}

/// `c += a * b` modulo 2^16: `a` row-major `rows` x `inner` with `a_stride` elements from row to
/// row, `c` row-major `rows` x `columns` with `c_stride`.
///
/// # Panics
/// If `a` or `c` is too short for its shape, or rows of `c` overlap.
pub fn multiply_add(
    a: &[u16],
    a_stride: usize,
    rows: usize,
    b: &Packed16,
    c: &mut [u16],
    c_stride: usize,
) {
    multiply_add_with(Kernel::best(), a, a_stride, rows, b, c, c_stride);
}

/// [`multiply_add`] by one form of the inner loop: for tests and measurements.
///
/// # Panics
/// As [`multiply_add`], and if this machine cannot run `kernel`.
pub fn multiply_add_with(
    kernel: Kernel,
    a: &[u16],
    a_stride: usize,
    rows: usize,
    b: &Packed16,
    c: &mut [u16],
    c_stride: usize,
) {
    assert!(
        Kernel::available().contains(&kernel),
        "{kernel:?} on this machine"
    );
    if let Some(operands) = Operands::new(a, a_stride, rows, b, c, c_stride) {
        let whole = Block {
            rows: 0..rows,
            panels: 0..b.panels(),
        };
        // SAFETY: the machine runs the kernel (checked above), the block is within the operands,
        // and `c` is borrowed mutably here alone.
        unsafe { run(kernel, &operands, &whole) };
    }
}

/// [`multiply_add`] over all of `threads`: the product is cut into blocks of columns (one pass
/// over a weight matrix in all) or, where there are few columns, of rows.
///
/// # Panics
/// As [`multiply_add`].
pub fn multiply_add_parallel(
    threads: &Threads,
    a: &[u16],
    a_stride: usize,
    rows: usize,
    b: &Packed16,
    c: &mut [u16],
    c_stride: usize,
) {
    let kernel = Kernel::best();
    if let Some(operands) = Operands::new(a, a_stride, rows, b, c, c_stride) {
        let blocks = split(threads.count(), rows, b);
        threads.map(blocks.len(), |i| {
            // SAFETY: the machine runs its best kernel; the blocks are within the operands and
            // disjoint, so each element of `c`, borrowed mutably here, has one writer.
            unsafe { run(kernel, &operands, &blocks[i]) };
        });
    }
}

/// Rows and panels of the widest register block: blocks of whole ones run at full speed.
const GRAIN: Block = Block {
    rows: 0..8,
    panels: 0..3,
};
/// Multiply-adds below which a block is not worth waking a thread: some tens of microseconds.
const BLOCK_WORK: usize = 1 << 22;

/// A part of `c`.
#[derive(Clone, Debug)]
struct Block {
    rows: Range<usize>,
    panels: Range<usize>,
}

/// Cuts the product into disjoint blocks that cover it, about two a thread: by columns as far as
/// there are enough, so that weights are read once, then by rows.
fn split(threads: usize, rows: usize, b: &Packed16) -> Vec<Block> {
    let work = rows * b.columns() * b.inner();
    let parts = if threads == 1 {
        1
    } else {
        (2 * threads).min(work / BLOCK_WORK).max(1)
    };
    let panel_parts = parts.min(b.panels().div_ceil(GRAIN.panels.len()));
    let row_parts = parts.div_ceil(panel_parts);
    let panel_ranges = ranges(b.panels(), panel_parts, GRAIN.panels.len());
    let row_ranges = ranges(rows, row_parts, GRAIN.rows.len());
    panel_ranges
        .flat_map(|panels| {
            row_ranges.clone().map(move |rows| Block {
                rows,
                panels: panels.clone(),
            })
        })
        .collect()
}

/// `0..count` in at most `parts` ranges, all but the last a multiple of `grain` long.
fn ranges(count: usize, parts: usize, grain: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let length = count.div_ceil(parts).next_multiple_of(grain);
    (0..count)
        .step_by(length)
        .map(move |start| start..(start + length).min(count))
}

/// The operands of one product, checked, as the kernels take them.
struct Operands<'a> {
    a: &'a [u16],
    a_stride: usize,
    b: &'a Packed16,
    c: *mut u16,
    c_stride: usize,
}

// SAFETY: `c` comes from a mutable borrow that outlives the value; kernels on several threads
// write disjoint blocks of it, which is the contract of `run`.
unsafe impl Sync for Operands<'_> {}

impl<'a> Operands<'a> {
    /// Checks the shapes; nothing if there is nothing to compute.
    fn new(
        a: &'a [u16],
        a_stride: usize,
        rows: usize,
        b: &'a Packed16,
        c: &'a mut [u16],
        c_stride: usize,
    ) -> Option<Self> {
        if rows == 0 || b.columns() == 0 || b.inner() == 0 {
            return None;
        }
        let reach = |stride: usize, width: usize| {
            (rows - 1)
                .checked_mul(stride)
                .and_then(|start| start.checked_add(width))
        };
        assert!(
            reach(a_stride, b.inner()).is_some_and(|end| end <= a.len()),
            "left operand: {rows} rows of {} elements at stride {a_stride} in {}",
            b.inner(),
            a.len(),
        );
        assert!(
            reach(c_stride, b.columns()).is_some_and(|end| end <= c.len()),
            "result: {rows} rows of {} elements at stride {c_stride} in {}",
            b.columns(),
            c.len(),
        );
        assert!(
            rows == 1 || c_stride >= b.columns(),
            "rows of the result overlap"
        );
        Some(Self {
            a,
            a_stride,
            b,
            c: c.as_mut_ptr(),
            c_stride,
        })
    }

    /// The first element of row `row` of `a`.
    ///
    /// # Safety
    /// `row` is a row of the product.
    unsafe fn a_row(&self, row: usize) -> *const u16 {
        // SAFETY: rows of the product start within `a`, checked in `new`.
        unsafe { self.a.as_ptr().add(row * self.a_stride) }
    }

    /// The first element of row `row` of `c`.
    ///
    /// # Safety
    /// `row` is a row of the product.
    unsafe fn c_row(&self, row: usize) -> *mut u16 {
        // SAFETY: rows of the product start within `c`, checked in `new`.
        unsafe { self.c.add(row * self.c_stride) }
    }
}

/// Adds the block's part of `a * b` to `c`.
///
/// # Safety
/// The machine can run `kernel`; the block lies within the product; while this runs nobody else
/// reads or writes the block's part of `c`.
unsafe fn run(kernel: Kernel, operands: &Operands<'_>, block: &Block) {
    // SAFETY: the caller's promise.
    unsafe {
        match kernel {
            Kernel::Portable => portable::run(operands, block),
        }
    }
}

#[cfg(test)]
mod tests;

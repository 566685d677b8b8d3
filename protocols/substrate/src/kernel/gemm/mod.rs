//! What the matrix products over Z_{2^16} and Z_{2^64} share: all but their inner loops.

pub(super) mod packed;

pub use packed::Packed;

use super::operands::{Block, Operands, parallel_blocks};
use crate::ring::Word;
use crate::threads::Threads;

/// A word whose matrix products have kernels.
pub trait Element: Word {
    /// Elements at successive inner indices that one SIMD instruction multiplies and sums.
    const GROUP: usize;
    /// Columns of one panel of the packed operand: a group for each fills a 512-bit vector.
    const PANEL: usize;
    /// `PANEL` groups.
    type Groups: Copy + Default + Send + Sync + AsRef<[Self]> + AsMut<[Self]>;
    /// Multiply-adds below which a part of a product is not worth waking a thread: some tens of
    /// microseconds.
    const BLOCK_WORK: usize;

    /// The kernels that this machine can run, slowest first; at least one.
    fn kernels() -> &'static [Kernel<Self>];
}

/// A form of the inner loop that this machine can run.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<W: Element> {
    name: &'static str,
    run: Run<W>,
}

/// Adds the block's part of the product to the result.
///
/// # Safety
/// The operands were made for this packed operand; the block lies within the product; while this
/// runs nobody else reads or writes the block's part of the result.
type Run<W> = unsafe fn(&Operands<'_, W>, &Packed<W>, &Block);

impl<W: Element> Kernel<W> {
    /// A kernel and its name.
    ///
    /// # Safety
    /// This machine can run it, and it asks for no more than [`Run`] promises.
    pub(super) unsafe fn new(name: &'static str, run: Run<W>) -> Self {
        Self { name, run }
    }

    /// The forms this machine can run, slowest first.
    pub fn available() -> &'static [Self] {
        W::kernels()
    }

    /// The fastest form this machine can run.
    pub fn best() -> Self {
        let kernels = W::kernels();
        kernels[kernels.len() - 1] // cannot fail: both words have at least the portable one
    }

    /// The name, for reports.
    pub fn name(self) -> &'static str {
        self.name
    }
}

/// `c += a * b` modulo 2^16 or 2^64: `a` row-major `rows` x `inner` with `a_stride` elements from
/// row to row, `c` row-major `rows` x `columns` with `c_stride`.
///
/// # Panics
/// If `a` or `c` is too short for its shape, or rows of `c` overlap.
pub fn multiply_add<W: Element>(
    a: &[W],
    a_stride: usize,
    rows: usize,
    b: &Packed<W>,
    c: &mut [W],
    c_stride: usize,
) {
    multiply_add_with(Kernel::best(), a, a_stride, rows, b, c, c_stride);
}

/// [`multiply_add`] by one form of the inner loop: for tests and measurements.
///
/// # Panics
/// As [`multiply_add`].
pub fn multiply_add_with<W: Element>(
    kernel: Kernel<W>,
    a: &[W],
    a_stride: usize,
    rows: usize,
    b: &Packed<W>,
    c: &mut [W],
    c_stride: usize,
) {
    let shape = [rows, b.inner(), b.columns()];
    if let Some(operands) = Operands::new((a, a_stride), shape, (c, c_stride)) {
        let whole = Block {
            rows: 0..rows,
            panels: 0..b.panels(),
        };
        // SAFETY: the block is the product, and `c` is borrowed mutably here alone.
        unsafe { (kernel.run)(&operands, b, &whole) };
    }
}

/// [`multiply_add`] over all of `threads`: the product is cut into blocks of columns, so that
/// weights are read once, and where there are few columns also of rows.
///
/// # Panics
/// As [`multiply_add`].
pub fn multiply_add_parallel<W: Element>(
    threads: &Threads,
    a: &[W],
    a_stride: usize,
    rows: usize,
    b: &Packed<W>,
    c: &mut [W],
    c_stride: usize,
) {
    let kernel = Kernel::best();
    let shape = [rows, b.inner(), b.columns()];
    if let Some(operands) = Operands::new((a, a_stride), shape, (c, c_stride)) {
        let blocks = parallel_blocks(threads.count(), shape, b.panels(), W::BLOCK_WORK);
        threads.map(blocks.len(), |i| {
            // SAFETY: the blocks are within the product and disjoint, so each element of `c`,
            // borrowed mutably here, has one writer.
            unsafe { (kernel.run)(&operands, b, &blocks[i]) };
        });
    }
}

#[cfg(test)]
mod tests;

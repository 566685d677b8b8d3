//! Matrix products over Z_{2^16}.
//!
//! The kernels multiply pairs of 16-bit elements into 32-bit sums, which wrap; the low 16 bits of
//! a sum do not depend on whether its factors are read as signed, so no correction is needed.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod packed;
mod peak;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vnni;

pub use packed::{PANEL, Packed16};
pub use peak::register_multiply_adds;

use super::operands::{Block, Operands, parallel_blocks};
use crate::threads::Threads;
use std::sync::LazyLock;

/// A form of the inner loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust.
    Portable,
    /// AVX2: `vpmaddwd`.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 VNNI: `vpdpwssd`.
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

/// What this machine can run, found once, slowest first.
static AVAILABLE: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    let mut kernels = vec![Kernel::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            kernels.push(Kernel::Avx2);
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
        {
            kernels.push(Kernel::Vnni);
        }
    }
    kernels
});

impl Kernel {
    /// The forms this machine can run, slowest first.
    pub fn available() -> &'static [Self] {
        &AVAILABLE
    }

    /// The fastest form this machine can run.
    pub fn best() -> Self {
        AVAILABLE.last().copied().unwrap_or(Self::Portable)
    }

    /// The name, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => "avx512-vnni",
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
    let runs = Kernel::available().contains(&kernel);
    assert!(runs, "{kernel:?} on this machine");
    let shape = [rows, b.inner(), b.columns()];
    if let Some(operands) = Operands::new((a, a_stride), shape, (c, c_stride)) {
        let whole = Block {
            rows: 0..rows,
            panels: 0..b.panels(),
        };
        // SAFETY: the machine runs the kernel (checked above), the block is the product, and `c`
        // is borrowed mutably here alone.
        unsafe { run(kernel, &operands, b, &whole) };
    }
}

/// [`multiply_add`] over all of `threads`: the product is cut into blocks of columns, so that
/// weights are read once, and where there are few columns also of rows.
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
    let shape = [rows, b.inner(), b.columns()];
    if let Some(operands) = Operands::new((a, a_stride), shape, (c, c_stride)) {
        let blocks = parallel_blocks(threads.count(), shape, b.panels(), BLOCK_WORK);
        threads.map(blocks.len(), |i| {
            // SAFETY: the machine runs its best kernel; the blocks are within the product and
            // disjoint, so each element of `c`, borrowed mutably here, has one writer.
            unsafe { run(kernel, &operands, b, &blocks[i]) };
        });
    }
}

/// Multiply-adds below which a block is not worth waking a thread: some tens of microseconds.
const BLOCK_WORK: usize = 1 << 22;

/// Adds the block's part of the product to the result.
///
/// # Safety
/// The machine can run `kernel`; the operands were made for this `b`; the block lies within the
/// product; while this runs nobody else reads or writes the block's part of the result.
unsafe fn run(kernel: Kernel, operands: &Operands<'_, u16>, b: &Packed16, block: &Block) {
    // SAFETY: the caller's promise.
    unsafe {
        match kernel {
            Kernel::Portable => portable::run(operands, b, block),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => avx2::run(operands, b, block),
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni => vnni::run(operands, b, block),
        }
    }
}

#[cfg(test)]
mod tests;

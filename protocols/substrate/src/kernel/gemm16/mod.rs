//! Matrix products over Z_{2^16}.
//!
//! The kernels multiply pairs of 16-bit elements into 32-bit sums, which wrap; the low 16 bits of
//! a sum do not depend on whether its factors are read as signed, so no correction is needed.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod peak;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vnni;

pub use super::gemm::{multiply_add, multiply_add_parallel, multiply_add_with};
pub use peak::register_multiply_adds;

use super::gemm::{self, Element, Packed};
use std::sync::LazyLock;

/// Columns of one panel: one 512-bit vector holds a pair of inner indices for each.
pub const PANEL: usize = 16;

/// The right operand of a product over Z_{2^16}, packed.
pub type Packed16 = Packed<u16>;

/// A form of the inner loop over Z_{2^16}.
pub type Kernel = gemm::Kernel<u16>;

/// Names of kernels.
#[cfg(target_arch = "x86_64")]
const AVX2: &str = "avx2";
#[cfg(target_arch = "x86_64")]
const VNNI: &str = "avx512-vnni";

static KERNELS: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    // SAFETY: every machine runs plain Rust.
    let mut kernels = vec![unsafe { Kernel::new("portable", portable::run) }];
    #[cfg(target_arch = "x86_64")]
    {
        if avx2::available::<false>() {
            // SAFETY: the machine has what the kernel needs.
            kernels.push(unsafe { Kernel::new(AVX2, avx2::run::<false>) });
        }
        if avx2::available::<true>() {
            // SAFETY: the machine has what the kernel needs.
            kernels.push(unsafe { Kernel::new("avx-vnni", avx2::run::<true>) });
        }
        if vnni::available() {
            // SAFETY: the machine has what the kernel needs.
            kernels.push(unsafe { Kernel::new(VNNI, vnni::run) });
        }
    }
    kernels
});

impl Element for u16 {
    const GROUP: usize = 2;
    const PANEL: usize = PANEL;
    type Groups = [u16; 2 * PANEL];
    const BLOCK_WORK: usize = 1 << 22;

    fn kernels() -> &'static [Kernel] {
        &KERNELS
    }
}

/// The name of the form of the inner loop that products run on this machine.
pub fn kernel_name() -> &'static str {
    Kernel::best().name()
}

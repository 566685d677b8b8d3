//! Matrix products over Z_{2^64}.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod peak;
mod portable;

pub use super::gemm::{multiply_add, multiply_add_parallel, multiply_add_with};
pub use peak::register_multiply_adds;

use super::gemm::{self, Element, Packed};
use std::sync::LazyLock;

/// Columns of one panel: one 512-bit vector holds one element of each.
pub const PANEL: usize = 8;

/// The right operand of a product over Z_{2^64}, packed.
pub type Packed64 = Packed<u64>;

/// A form of the inner loop over Z_{2^64}.
pub type Kernel = gemm::Kernel<u64>;

/// Name of a kernel.
#[cfg(target_arch = "x86_64")]
const AVX2: &str = "avx2";

static KERNELS: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    // SAFETY: every machine runs plain Rust.
    let mut kernels = vec![unsafe { Kernel::new("portable", portable::run) }];
    #[cfg(target_arch = "x86_64")]
    {
        if avx2::available() {
            // SAFETY: the machine has what the kernel needs.
            kernels.push(unsafe { Kernel::new(AVX2, avx2::run) });
        }
        if avx512::available() {
            // SAFETY: the machine has what the kernel needs.
            kernels.push(unsafe { Kernel::new("avx512-dq", avx512::run) });
        }
    }
    kernels
});

impl Element for u64 {
    const GROUP: usize = 1;
    const PANEL: usize = PANEL;
    type Groups = [u64; PANEL];
    const BLOCK_WORK: usize = 1 << 20;

    fn kernels() -> &'static [Kernel] {
        &KERNELS
    }
}

/// The name of the form of the inner loop that products run on this machine.
pub fn kernel_name() -> &'static str {
    Kernel::best().name()
}

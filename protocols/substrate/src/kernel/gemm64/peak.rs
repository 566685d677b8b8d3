//! How many multiply-adds the machine could do if nothing had to be loaded: the number that the
//! speed of the product is compared with.

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Does `steps` steps of as many independent sums as a register block of the kernel has, from
/// registers alone, and says how many multiply-adds these were; nothing for other kernels than that
/// by AVX2. To be timed by the caller.
#[cfg(target_arch = "x86_64")]
pub fn register_multiply_adds(kernel: Kernel, steps: u64) -> Option<u64> {
    (kernel.name() == super::AVX2).then(|| {
        // SAFETY: the machine has AVX2, as the kernel does.
        unsafe { both_products(steps) };
        steps * ROWS as u64 * 4
    })
}

/// Nothing: there is the portable kernel alone.
#[cfg(not(target_arch = "x86_64"))]
pub fn register_multiply_adds(_kernel: Kernel, _steps: u64) -> Option<u64> {
    None
}

/// Rows of the largest register block.
#[cfg(target_arch = "x86_64")]
const ROWS: usize = 6;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn both_products(steps: u64) {
    let factors = std::hint::black_box([_mm256_set1_epi32(1), _mm256_set1_epi32(2)]);
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    for _ in 0..steps {
        for [low, cross] in &mut sums {
            let (long, short) = products(factors[0], factors[1]);
            *low = _mm256_add_epi64(*low, long);
            *cross = _mm256_add_epi32(*cross, short);
        }
    }
    std::hint::black_box(sums);
}

/// `vpmuludq` and `vpmulld` that the compiler takes for others each time: of constant factors it would do one of each, ahead
/// of the loop.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn products(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
    let (long, short);
    // SAFETY: the instructions read and write the named registers only.
    unsafe {
        std::arch::asm!(
            "vpmuludq {long}, {a}, {b}",
            "vpmulld {short}, {a}, {b}",
            long = out(ymm_reg) long,
            short = lateout(ymm_reg) short,
            a = in(ymm_reg) a,
            b = in(ymm_reg) b,
            options(nomem, nostack, preserves_flags)
        );
    }
    (long, short)
}

//! How many multiply-adds the machine could do if nothing had to be loaded: the number that the
//! speed of the product is compared with.

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Does `steps` steps of as many independent sums as a register block of the kernel has, from
/// registers alone, and says how many multiply-adds these were; nothing for the portable kernel.
/// To be timed by the caller.
#[cfg(target_arch = "x86_64")]
pub fn register_multiply_adds(kernel: Kernel, steps: u64) -> Option<u64> {
    match kernel.name() {
        super::VNNI => {
            // SAFETY: the machine has what the kernel needs, AVX-512 F and VNNI among it.
            unsafe { dot_products(steps) };
            Some(steps * DOT_SUMS as u64 * 32)
        }
        super::AVX2 => {
            // SAFETY: the machine has AVX2, as the kernel does.
            unsafe { pair_sums(steps) };
            Some(steps * PAIR_SUMS as u64 * 16)
        }
        _ => None,
    }
}

/// Nothing: there is the portable kernel alone.
#[cfg(not(target_arch = "x86_64"))]
pub fn register_multiply_adds(_kernel: Kernel, _steps: u64) -> Option<u64> {
    None
}

/// Sums of the largest register block by VNNI: 8 rows by 3 panels.
#[cfg(target_arch = "x86_64")]
const DOT_SUMS: usize = 24;
/// Sums of the largest register block by AVX2: 6 rows by two halves of a panel.
#[cfg(target_arch = "x86_64")]
const PAIR_SUMS: usize = 12;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_products(steps: u64) {
    let factors = std::hint::black_box([_mm512_set1_epi32(1), _mm512_set1_epi32(2)]);
    let mut sums = [_mm512_setzero_si512(); DOT_SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpwssd_epi32(*sum, factors[0], factors[1]);
        }
    }
    std::hint::black_box(sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn pair_sums(steps: u64) {
    let factors = std::hint::black_box([_mm256_set1_epi32(1), _mm256_set1_epi32(2)]);
    let mut sums = [_mm256_setzero_si256(); PAIR_SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm256_add_epi32(*sum, product(factors[0], factors[1]));
        }
    }
    std::hint::black_box(sums);
}

/// `vpmaddwd` that the compiler takes for another one each time: of constant factors it would do one, ahead of the loop.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn product(a: __m256i, b: __m256i) -> __m256i {
    let product;
    // SAFETY: the instruction reads and writes the named registers only.
    unsafe {
        std::arch::asm!(
            "vpmaddwd {product}, {a}, {b}",
            product = lateout(ymm_reg) product,
            a = in(ymm_reg) a,
            b = in(ymm_reg) b,
            options(nomem, nostack, preserves_flags)
        );
    }
    product
}

//! How many multiply-adds the machine could do if nothing had to be loaded: the number that the
//! speed of the product is compared with.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Does `steps` steps of as many independent dot products as a register block has, from registers
/// alone, and says how many multiply-adds these were; nothing where the best kernel of this
/// machine is not the one by VNNI. To be timed by the caller.
#[cfg(target_arch = "x86_64")]
pub fn register_multiply_adds(steps: u64) -> Option<u64> {
    if !super::vnni::available() {
        return None;
    }
    // SAFETY: the machine has what the kernel needs, AVX-512 F and VNNI among it.
    unsafe { dot_products(steps) };
    Some(steps * SUMS as u64 * 32)
}

/// Nothing: there is no such kernel on this machine.
#[cfg(not(target_arch = "x86_64"))]
pub fn register_multiply_adds(_steps: u64) -> Option<u64> {
    None
}

/// Sums of the largest register block: 8 rows by 3 panels.
#[cfg(target_arch = "x86_64")]
const SUMS: usize = 24;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_products(steps: u64) {
    let factors = std::hint::black_box([_mm512_set1_epi32(1), _mm512_set1_epi32(2)]);
    let mut sums = [_mm512_setzero_si512(); SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpwssd_epi32(*sum, factors[0], factors[1]);
        }
    }
    std::hint::black_box(sums);
}

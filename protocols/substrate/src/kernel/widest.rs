//! Plain loops compiled for the widest vectors of this machine.

/// Runs `body` as compiled for the widest vectors that this machine has: the compiler vectorizes the
/// plain loops in it for AVX-512 or AVX2 where it would otherwise assume SSE2 alone.
///
/// Only what is inlined here is compiled so. Mark the closure, and those that it calls, with
/// `#[inline(always)]`; else the compiler may keep one plain form of it for all three callers.
#[inline]
pub fn widest<R>(body: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if super::cpu::avx512() {
            // SAFETY: the machine has these features.
            return unsafe { with_avx512(body) };
        }
        if super::cpu::avx2() {
            // SAFETY: the machine has this feature.
            return unsafe { with_avx2(body) };
        }
    }
    body()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
fn with_avx512<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_computes_the_same() {
        let a: Vec<u64> = (0..1000u64).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
        let square = |a: &[u64]| -> Vec<u64> { a.iter().map(|x| x.wrapping_mul(*x)).collect() };
        assert_eq!(
            widest(
                #[inline(always)]
                || square(&a)
            ),
            square(&a)
        );
    }
}

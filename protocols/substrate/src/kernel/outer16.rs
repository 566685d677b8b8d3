//! Tables of products: every pair of two rows of 16-bit words multiplied, less what is there.

/// `share = left * right - share`, in 16-bit words of little-endian order in `shares`, for every pair of the entries of each product:
/// `lefts` and `rights` entries a product, the right running fastest. As many products as the shortest of the three has whole ones.
///
/// # Panics
/// If `lefts` or `rights` is zero.
pub fn subtract_from_products(
    shares: &mut [u8],
    left: &[u16],
    lefts: usize,
    right: &[u16],
    rights: usize,
) {
    #[cfg(target_arch = "x86_64")]
    if super::cpu::avx2() && matches!(rights, 16 | 32 | 64) {
        // SAFETY: the machine has AVX2.
        return unsafe { with_avx2(shares, left, lefts, right, rights) };
    }
    portable(shares, left, lefts, right, rights);
}

fn portable(shares: &mut [u8], left: &[u16], lefts: usize, right: &[u16], rights: usize) {
    let products = shares.chunks_exact_mut(2 * lefts * rights);
    let operands = left.chunks_exact(lefts).zip(right.chunks_exact(rights));
    for (shares, (left, right)) in products.zip(operands) {
        for (shares, left) in shares.chunks_exact_mut(2 * rights).zip(left) {
            for (share, right) in shares.as_chunks_mut::<2>().0.iter_mut().zip(right) {
                let product = left.wrapping_mul(*right);
                let difference = product.wrapping_sub(u16::from_le_bytes(*share));
                *share = difference.to_le_bytes();
            }
        }
    }
}

/// One vector is 16 entries. The compiler, left to itself, takes one entry of many rows together, which lie apart.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(shares: &mut [u8], left: &[u16], lefts: usize, right: &[u16], rights: usize) {
    match rights {
        16 => rows_of_vectors::<1>(shares, left, lefts, right),
        32 => rows_of_vectors::<2>(shares, left, lefts, right),
        64 => rows_of_vectors::<4>(shares, left, lefts, right),
        _ => portable(shares, left, lefts, right, rights),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn rows_of_vectors<const VECTORS: usize>(
    shares: &mut [u8],
    left: &[u16],
    lefts: usize,
    right: &[u16],
) {
    use std::arch::x86_64::{
        _mm256_loadu_si256, _mm256_mullo_epi16, _mm256_set1_epi16, _mm256_storeu_si256,
        _mm256_sub_epi16,
    };
    let rows = shares.as_chunks_mut::<32>().0.as_chunks_mut::<VECTORS>().0;
    let right = right.as_chunks::<16>().0.as_chunks::<VECTORS>().0;
    let products = rows.chunks_exact_mut(lefts).zip(left.chunks_exact(lefts));
    for ((rows, left), right) in products.zip(right) {
        for (shares, left) in rows.iter_mut().zip(left) {
            let left = _mm256_set1_epi16(*left as i16);
            for (share, right) in shares.iter_mut().zip(right) {
                let (share, right): (&mut [u8; 32], &[u16; 16]) = (share, right);
                // SAFETY: both are 32 bytes, borrowed here, and these loads and stores need no alignment.
                unsafe {
                    let right = _mm256_loadu_si256(right.as_ptr().cast());
                    let held = _mm256_loadu_si256(share.as_ptr().cast());
                    let difference = _mm256_sub_epi16(_mm256_mullo_epi16(left, right), held);
                    _mm256_storeu_si256(share.as_mut_ptr().cast(), difference);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that look random.
    fn words(count: usize, seed: u64) -> Vec<u16> {
        let words = (1..=count as u64).map(|i| (i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        words.map(|word| (word >> 40) as u16).collect()
    }

    /// Every form, at rows of one vector, of several, and of none.
    #[test]
    fn every_form_is_the_product_less_the_share() {
        for (lefts, rights, products) in [
            (1, 16, 5),
            (1, 32, 3),
            (1, 64, 2),
            (16, 16, 3),
            (16, 64, 2),
            (64, 64, 1),
            (1, 8, 3),
            (4, 4, 2),
            (2, 128, 2),
        ] {
            let left = words(products * lefts, 1);
            let right = words(products * rights, 2);
            let before = words(products * lefts * rights, 3);
            let mut bytes: Vec<u8> = before.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut plain = bytes.clone();
            subtract_from_products(&mut bytes, &left, lefts, &right, rights);
            portable(&mut plain, &left, lefts, &right, rights);
            assert_eq!(bytes, plain, "{lefts} x {rights}");
            for (i, (share, before)) in bytes.chunks(2).zip(before).enumerate() {
                let (product, entry) = (i / (lefts * rights), i % (lefts * rights));
                let left = u32::from(left[product * lefts + entry / rights]);
                let right = u32::from(right[product * rights + entry % rights]);
                let expected = (left * right).wrapping_sub(u32::from(before)) as u16;
                let share = u16::from_le_bytes([share[0], share[1]]);
                assert_eq!(share, expected, "{lefts} x {rights}, entry {i}");
            }
        }
    }
}

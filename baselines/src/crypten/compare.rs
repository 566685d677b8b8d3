//! Comparisons: a share as the sum of two binary-shared words, its sign as a bit.

use super::binary::{LEVELS, and_into, carries_of_sum, held};
use super::gate::Gate;
use super::multiply::{gates, product};
use super::{Share, absent, add, add_integer, negate, subtract, times_integer};
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;

/// The lowest bit of binary-shared words as an additively shared, unscaled bit.
///
/// Cost: 1 word each way, 1 round; offline 1 word to P2. (The original opens a whole word for the
/// bit, and so do we.)
///
/// # Security
/// Opens x ^ r; the bit r is uniform, unknown to both, and used here alone.
pub fn bit_to_additive(runtime: &mut Runtime<'_>, x: Share) -> Result<Share> {
    let count = x.len();
    let Some(gates) = gates(runtime, Gate::Bit, count)? else {
        return Ok(absent(count));
    };
    let mut out = x.into_values();
    let one = u64::from(runtime.me() == Some(Party::P1));
    gates.apply(
        runtime,
        &mut out,
        #[inline(always)]
        |x, start, n, masks, words| {
            let bits = x[start..][..n].iter().zip(masks);
            for (word, (x, r)) in words.iter_mut().zip(bits) {
                *word = ((x ^ r) & 1).to_le_bytes();
            }
        },
        #[inline(always)]
        |_, block, x| {
            let terms = block.masks.iter().zip(block.products).zip(block.theirs);
            for (x, ((mask, r), word)) in x.iter_mut().zip(terms) {
                // r where the opened bit is 0, 1 - r where it is 1.
                let opened = ((*x ^ mask ^ u64::from_le_bytes(*word)) & 1).wrapping_neg();
                *x = (r ^ opened).wrapping_sub(opened).wrapping_add(one & opened);
            }
        },
    )?;
    Ok(held(out))
}

/// The bit x < 0, unscaled.
///
/// Cost: 27 words an element each way, 8 rounds; offline 14 words to P2.
///
/// # Security
/// As [`and_words`](super::and_words) and [`bit_to_additive`].
pub fn less_than_zero(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let bits = match carries_of_sum(runtime, x)? {
        None => absent(x.len()),
        Some(mut carries) => {
            for (carry, x) in carries.iter_mut().zip(x.values()) {
                *carry = (x ^ (*carry << 1)) >> 63;
            }
            held(carries)
        }
    };
    bit_to_additive(runtime, bits)
}

/// The bit x > y, unscaled. Cost and security as [`less_than_zero`].
pub fn greater(runtime: &mut Runtime<'_>, x: &Share, y: &Share) -> Result<Share> {
    let difference = subtract(runtime, y.clone(), x);
    less_than_zero(runtime, &difference)
}

/// The bit x >= y, unscaled. Cost and security as [`less_than_zero`].
pub fn at_least(runtime: &mut Runtime<'_>, x: &Share, y: &Share) -> Result<Share> {
    let difference = subtract(runtime, x.clone(), y);
    let less = less_than_zero(runtime, &difference)?;
    Ok(complement(runtime, less))
}

/// `1 - x` for an unscaled bit.
pub(super) fn complement(runtime: &Runtime<'_>, bit: Share) -> Share {
    let negated = negate(runtime, bit);
    add_integer(runtime, negated, 1)
}

/// 1 where x >= 0, -1 elsewhere, unscaled. Cost and security as [`less_than_zero`].
pub fn sign(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let less = less_than_zero(runtime, x)?;
    let doubled = times_integer(runtime, less, -2);
    Ok(add_integer(runtime, doubled, 1))
}

/// The bit x = 0, unscaled: P1's share against the negative of P2's, all bits by a tree of ANDs.
///
/// Cost: 13 words an element each way, 7 rounds; offline 7 words to P2.
///
/// # Security
/// As [`and_words`](super::and_words) and [`bit_to_additive`].
pub fn equals_zero(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let count = x.len();
    let mut equal: Wiped<u64> = match runtime.me() {
        Some(Party::P1) => x.values().iter().map(|x| !x).collect(),
        _ => x.values().iter().map(|x| x.wrapping_neg()).collect(),
    };
    for level in (0..LEVELS).rev() {
        let shift = 1 << level;
        let words = &equal;
        let step = |i: usize| (words[i], words[i] << shift);
        match and_into(
            runtime,
            count,
            step,
            #[inline(always)]
            |_, _, and| [and],
        )? {
            Some(next) => equal = next,
            None => equal = Wiped::default(),
        }
    }
    let bits = match equal.is_empty() {
        true => absent(count),
        false => held(equal.iter().map(|word| word >> 63).collect()),
    };
    bit_to_additive(runtime, bits)
}

/// x where it is positive, else 0.
///
/// Cost: 29 words an element each way, 9 rounds; offline 15 words to P2.
///
/// # Security
/// As [`less_than_zero`] and [`multiply`](fn@super::multiply).
pub fn relu(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let less = less_than_zero(runtime, x)?;
    let keep = complement(runtime, less);
    product::<false>(runtime, keep, x)
}

/// x where the unscaled bit `condition` is 1, else y: two products, one after the other as in the
/// original.
///
/// Cost: 4 words an element each way, 2 rounds; offline 2 words to P2.
///
/// # Security
/// As [`multiply`](fn@super::multiply).
pub fn select(runtime: &mut Runtime<'_>, condition: &Share, x: &Share, y: &Share) -> Result<Share> {
    let not = complement(runtime, condition.clone());
    let second = product::<false>(runtime, not, y)?;
    let first = product::<false>(runtime, condition.clone(), x)?;
    Ok(add(runtime, first, &second))
}

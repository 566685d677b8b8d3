//! The sign of a wire, and whether it lies near zero, from one key.

use super::sign::{low, sign_masks, top};
use super::{BITS, Wire, leads};
use crate::fss::{covered, dpf, fresh_masks, words};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Covered;
use qbench_protocols::wipe::Wiped;

/// `[x >= 0]` and `[-bound <= x < bound]` of x as a signed integer of `bits` bits.
///
/// All three comparisons are with the same mask: one key is evaluated at three places. The sign of the mask cancels in
/// the interval.
///
/// Cost: offline a comparison key of `bits - 1` bits and two bits an element; nothing online.
///
/// # Security
/// As [`super::at_least`]; either outcome has a fresh dealt bit in it.
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn sign_and_interval(
    runtime: &mut Runtime<'_>,
    x: &Wire,
    bits: u32,
    bound: u64,
) -> Result<[Covered<u8>; 2]> {
    let len = x.len();
    let masks = fresh_masks::<u8>(runtime, BITS, 2 * len)?;
    let masks = masks.map(|masks| {
        let (sign, interval) = masks.split_at(len);
        (Wiped::copied(sign), Wiped::copied(interval))
    });
    let (sign, interval) = masks.unzip();
    let at =
        |number: u64| -> Wiped<u64> { x.values().iter().map(|x| x.wrapping_sub(number)).collect() };
    let [zero, upper, lower] = [0, bound, bound.wrapping_neg()].map(at);
    let places = [&zero[..], &upper, &lower];
    let below = dpf::below(runtime, bits - 1, len, &low(x.masks(), bits - 1), &places)?;
    let key = words(runtime, BITS, 2 * len, || {
        let interval = interval.as_deref().unwrap_or_default();
        Wiped::joined(2 * len, [&sign_masks(x, bits, &sign)[..], interval])
    })?;
    let shares = key.zip(below).map(|(key, below)| {
        let public = leads(runtime) as u8;
        let sign = |i: usize| key[i] ^ below[0][i] ^ public & (top(zero[i], bits) ^ 1);
        let interval = |i: usize| {
            let tops = top(upper[i], bits) ^ top(lower[i], bits);
            key[len + i] ^ below[1][i] ^ below[2][i] ^ public & tops
        };
        (
            (0..len).map(sign).collect(),
            (0..len).map(interval).collect(),
        )
    });
    let (sign_share, interval_share) = shares.unzip();
    Ok([
        covered(BITS, len, sign, sign_share),
        covered(BITS, len, interval, interval_share),
    ])
}

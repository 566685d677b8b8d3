//! Whether a wire is at least a public number.

use super::{BITS, Bit, Wire, leads, select};
use crate::fss::{covered, dpf, fresh_masks, words};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, uncover};
use qbench_protocols::wipe::Wiped;

/// `[x - number >= 0]`, or not that where `flipped`, of x as a signed integer of `bits` bits (its low ones, if it has more); the
/// difference must fit too.
///
/// The sign of a difference is the exclusive or of both signs and the borrow, which is a comparison of the lower bits of the masked
/// value with those of the mask.
///
/// Cost: offline a comparison key of `bits - 1` bits and one bit an element; nothing online.
///
/// # Security
/// Each share of the outcome has a fresh share of the dealt bit in it, which has the outcome's fresh mask in it.
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn at_least(
    runtime: &mut Runtime<'_>,
    x: &Wire,
    bits: u32,
    number: u64,
    flipped: bool,
) -> Result<Covered<u8>> {
    let len = x.len();
    let masks = fresh_masks(runtime, BITS, len)?;
    let shifted: Wiped<u64> = x.values().iter().map(|x| x.wrapping_sub(number)).collect();
    let below = dpf::below(
        runtime,
        bits - 1,
        len,
        &low(x.masks(), bits - 1),
        &[&shifted],
    )?;
    let key = words(runtime, BITS, len, || sign_masks(x, bits, &masks))?;
    let share = key.zip(below).map(|(mut share, below)| {
        let public = leads(runtime) as u8;
        for (i, share) in share.iter_mut().enumerate() {
            *share ^= below[0][i] ^ public & (top(shifted[i], bits) ^ 1 ^ u8::from(flipped));
        }
        share
    });
    Ok(covered(BITS, len, masks, share))
}

/// What P0 deals for a sign: the sign of the mask, with the mask of the outcome.
pub(super) fn sign_masks(x: &Wire, bits: u32, masks: &Option<Wiped<u8>>) -> Wiped<u8> {
    let masks = masks.as_deref().unwrap_or_default();
    let pairs = x.masks().iter().zip(masks);
    pairs.map(|(r, mask)| top(*r, bits) ^ mask).collect()
}

/// The highest of `bits` bits.
#[inline(always)]
pub(super) fn top(value: u64, bits: u32) -> u8 {
    (value >> (bits - 1)) as u8 & 1
}

/// The low bits of each.
pub(super) fn low(values: &[u64], bits: u32) -> Wiped<u64> {
    let ring = Ring::new(bits);
    values.iter().map(|value| ring.reduce(*value)).collect()
}

/// ReLU: x where it is not negative, in the ring that it has. `bits` as in [`at_least`].
///
/// Cost: two exchanges, of a bit and of an element.
///
/// # Errors
/// As [`at_least`].
pub fn relu(runtime: &mut Runtime<'_>, x: &Wire, bits: u32) -> Result<Wire> {
    let sign = at_least(runtime, x, bits, 0, false)?;
    let sign: Bit = uncover(runtime, sign)?;
    let selected = select(runtime, &sign, x, x.ring(), 0, 0)?;
    uncover(runtime, selected)
}

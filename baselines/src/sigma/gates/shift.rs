//! Shifts to the right, by which fixed-point products lose their additional fractional bits.
//!
//! `x >> s = (X >> s) - (r >> s) - [X mod 2^s < r mod 2^s]`, where X = x + r, up to what wraps around the ring. The comparison
//! gives a masked bit; once it is open, each party picks one of two dealt corrections by it.

use super::sign::{low, top};
use super::{BITS, Bit, Wire, each, leads};
use crate::fss::{covered, dpf, fresh_masks, words};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, uncover};
use qbench_protocols::wipe::Wiped;

/// `[X mod 2^bits < r mod 2^bits]`, opened under a mask.
///
/// Cost: offline a comparison key of `bits` bits and one bit an element; one exchange of a bit an element.
fn borrow(runtime: &mut Runtime<'_>, x: &Wire, bits: u32) -> Result<Bit> {
    let len = x.len();
    let masks = fresh_masks::<u8>(runtime, BITS, len)?;
    let below = dpf::below(runtime, bits, len, &low(x.masks(), bits), &[x.values()])?;
    let key = words(runtime, BITS, len, || masks.clone().unwrap_or_default())?;
    let share = key.zip(below).map(|(mut share, below)| {
        for (share, below) in share.iter_mut().zip(below[0].iter()) {
            *share ^= below;
        }
        share
    });
    let borrow: Covered<u8> = covered(BITS, len, masks, share);
    uncover(runtime, borrow)
}

/// `public + either[borrow]`, where P0 deals for each element what is added without a borrow (`dealt`, a function of the wire's
/// mask) and with one (`step` more), both with the mask of the outcome.
///
/// Cost: offline two ring elements an element; nothing online.
fn corrected(
    runtime: &mut Runtime<'_>,
    x: &Wire,
    borrow: &Bit,
    ring: Ring,
    step: u64,
    dealt: impl Fn(u64) -> u64,
    public: impl Fn(u64) -> u64 + Sync,
) -> Result<Covered<u64>> {
    let len = x.len();
    let masks = fresh_masks(runtime, ring, len)?;
    let key = words(runtime, ring, 2 * len, || {
        let mut key = Wiped::zeros(2 * len);
        let masks = masks.as_deref().unwrap_or_default();
        for (i, key) in key.chunks_mut(2).enumerate() {
            let without = dealt(x.masks()[i]).wrapping_add(masks[i]);
            let mask = borrow.masks()[i] as usize;
            key[mask] = ring.reduce(without);
            key[mask ^ 1] = ring.reduce(without.wrapping_add(step));
        }
        key
    })?;
    let share = key.map(|key| {
        let pairs = key.as_chunks::<2>().0;
        let all = leads(runtime).wrapping_neg();
        each(runtime, ring, len, |i| {
            let either = pairs[i][borrow.values()[i] as usize & 1];
            (public(x.values()[i]) & all).wrapping_add(either)
        })
    });
    Ok(covered(ring, len, masks, share))
}

/// `x >> shift` (towards minus infinity) of x as a signed integer, exact for every x: first the low bits are dropped, then the sign
/// is extended (SIGMA: faithful truncation).
///
/// Cost, for a ring of n bits: offline comparison keys of s and n - s bits, `2 + 2 (n - s) + 2 n` bits; four exchanges, of 1,
/// n - s, 1 and n bits an element.
///
/// # Security
/// Every opening is under a fresh mask as wide as what it masks. (The original's library for processors opens shifts under a mask
/// of one bit, from which the value can be guessed to one.)
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn faithful_shift(runtime: &mut Runtime<'_>, x: &Wire, shift: u32) -> Result<Wire> {
    let ring = x.ring();
    let bits = ring.bits() - shift;
    let part = Ring::new(bits);
    let dropped = runtime.step("drop", |runtime| {
        let carry = borrow(runtime, x, shift)?;
        let dealt = |r: u64| (r >> shift).wrapping_neg();
        let dropped = corrected(runtime, x, &carry, part, u64::MAX, dealt, |x| x >> shift)?;
        uncover(runtime, dropped)
    })?;
    runtime.step("extend", |runtime| {
        // Shifted by half the ring a signed integer is an unsigned one, and the borrow says whether it has wrapped.
        let half = 1u64 << (bits - 1);
        let unsigned = dropped.plus_public(half);
        let wrapped = borrow(runtime, &unsigned, bits)?;
        let extended = corrected(
            runtime,
            &unsigned,
            &wrapped,
            ring,
            1u64 << bits,
            |r| r.wrapping_neg(),
            |x| x.wrapping_sub(half),
        )?;
        uncover(runtime, extended)
    })
}

/// [`gap_shift_to`] in the ring of x, of all of its bits.
///
/// # Errors
/// As there.
pub fn gap_shift(runtime: &mut Runtime<'_>, x: &Wire, shift: u32) -> Result<Wire> {
    gap_shift_to(runtime, x, x.ring().bits(), shift, x.ring())
}

/// `x >> shift` in another ring, of the low `bits` bits of x as a signed integer (SIGMA: truncation of values that
/// leave a gap). Exact in any ring if x lies in `[-2^(bits - 2), 2^(bits - 2))`, and for every x in a ring of at most
/// `bits - shift` bits.
///
/// Cost, for v bits put out: offline a comparison key of s bits and `1 + 3 v` bits; two exchanges, of 1 and v bits an
/// element.
///
/// # Security
/// As [`faithful_shift`].
///
/// # Errors
/// As there.
pub fn gap_shift_to(
    runtime: &mut Runtime<'_>,
    x: &Wire,
    bits: u32,
    shift: u32,
    ring: Ring,
) -> Result<Wire> {
    let carry = borrow(runtime, x, shift)?;
    let (whole, len) = (Ring::new(bits), x.len());
    // Shifted by a quarter of the ring, x is not negative and has room above it.
    let up = |x: u64| whole.reduce(x.wrapping_add(1 << (bits - 2)));
    let down = 1u64 << (bits - shift - 2);
    let dealt = |r: u64| (whole.reduce(r) >> shift).wrapping_neg();
    let public = |x: u64| (up(x) >> shift).wrapping_sub(down);
    let shifted = corrected(runtime, x, &carry, ring, u64::MAX, dealt, public)?;
    // A mask in the upper half wraps unless the sum stays there.
    let wraps = words(runtime, ring, len, || {
        let wrap = |r: &u64| u64::from(top(*r, bits)).wrapping_mul(high(bits - shift));
        x.masks().iter().map(|r| ring.reduce(wrap(r))).collect()
    })?;
    let wrapped = wraps.map(|wraps| {
        each(runtime, ring, len, |i| {
            let stays = u64::from(top(up(x.values()[i]), bits));
            wraps[i] & stays.wrapping_sub(1)
        })
    });
    let wrapped = match wrapped {
        Some(share) => Covered::held(ring, share),
        // It has no mask of its own: it is added to what has.
        None => covered(
            ring,
            len,
            (!x.masks().is_empty()).then(|| Wiped::zeros(len)),
            None,
        ),
    };
    uncover(runtime, shifted.plus(&wrapped))
}

/// 2^bits, or 0 beyond 64 bits.
fn high(bits: u32) -> u64 {
    1u64.checked_shl(bits).unwrap_or(0)
}

//! From a spare bit to a wire over a wider ring.

use super::Spare;
use crate::Result;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::{Additive, Masked, dealt, open_masked_all};
use crate::wipe::Wiped;

/// `(x)^l` of numbers with a spare bit, each in a ring of its own: opens what is above the bits that are open already.
///
/// The wire's mask is D below and fresh above. With the mask added, what is above is m times o (see [`Spare`]) and a fresh mask.
///
/// `record` is shown, at P1 and P2, each vector's number and the share of its masks' top bits: what the verifier of a run needs where a
/// number is beyond its bits.
///
/// Cost: l - b - 1 bits an element each way between P1 and P2 and one round online; as many from P0 to P2 offline.
///
/// # Security
/// What is opened has a fresh mask over the whole of its ring: with M, the wire is uniform whatever x is.
///
/// # Errors
/// The network's.
///
/// # Panics
/// If a ring is no wider than the elements' own.
pub fn widen<W: Word, V: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[(&Spare<W>, Ring)],
    mut record: impl FnMut(usize, &[V]),
) -> Result<Vec<Masked<V>>> {
    let mut above: Vec<Additive<V>> = Vec::with_capacity(inputs.len());
    for (number, (x, ring)) in inputs.iter().enumerate() {
        above.push(wraps(runtime, x, *ring, |tops| record(number, tops))?);
    }
    let above = open_masked_all(runtime, &above.iter().collect::<Vec<_>>())?;
    let wires = inputs.iter().zip(above).map(|((x, ring), above)| {
        let (narrow, len) = (x.ring().bits(), x.len());
        let low: Masked<V> = x.opened.map_to(*ring, len, |x| {
            x.iter().map(|x| V::from_u64(x.to_u64())).collect()
        });
        let high: Masked<V> = above.map_to(*ring, len, |x| {
            x.iter()
                .map(|x| V::from_u64(x.to_u64() << narrow))
                .collect()
        });
        let half = 1u64 << (narrow - 2);
        low.plus(&high)
            .plus_public(ring.reduce(V::from_u64(half.wrapping_neg())))
    });
    Ok(wires.collect())
}

/// `[m o]`, in the ring of what lies above.
fn wraps<W: Word, V: Word>(
    runtime: &mut Runtime<'_>,
    x: &Spare<W>,
    ring: Ring,
    record: impl FnOnce(&[V]),
) -> Result<Additive<V>> {
    assert!(ring.bits() > x.ring().bits(), "a wider ring");
    let above = Ring::new(ring.bits() - x.ring().bits());
    let tops: Additive<V> = dealt(runtime, above, x.len(), || {
        (0..x.len()).map(|i| V::from_u64(x.secret(i).1)).collect()
    })?;
    if !tops.values().is_empty() {
        record(tops.values());
    }
    Ok(tops.map_to(above, x.len(), |shares| {
        let wraps = shares
            .iter()
            .enumerate()
            .map(|(i, share)| match x.public(i) {
                (_, true) => *share,
                (_, false) => V::default(),
            });
        wraps.collect::<Wiped<V>>()
    }))
}

//! A wire or zero, by a secret bit.

use super::{Bit, Wire, each, leads};
use crate::fss::{covered, fresh_masks, words};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Covered;
use qbench_protocols::wipe::Wiped;

/// `bit (x - less) + more` in a ring no wider than that of x, for public `less` and `more`.
///
/// With B = bit xor b and X = x + r known: `bit = B + b - 2 B b`. P0 deals shares of b, r, `b r` plus the mask, 2b and -2br: five
/// elements, of which the last two follow from the others, as in the original.
///
/// Cost: offline five ring elements an element; nothing online.
///
/// # Security
/// Each share of the outcome has a fresh share of the third element in it; the mask of the outcome is fresh.
///
/// # Errors
/// Vectors of different lengths; a key that was dealt for something else; the network's.
pub fn select(
    runtime: &mut Runtime<'_>,
    bit: &Bit,
    x: &Wire,
    ring: Ring,
    less: u64,
    more: u64,
) -> Result<Covered<u64>> {
    let len = x.len();
    let fits = bit.len() == len && ring.bits() <= x.ring().bits();
    runtime.ensure(fits, || format!("{bit:?} and {x:?} in {ring:?}"))?;
    let masks = fresh_masks(runtime, ring, len)?;
    let key = words(runtime, ring, 5 * len, || {
        let mut key = Wiped::zeros(5 * len);
        let masks = masks.as_deref().unwrap_or_default();
        for (i, key) in key.chunks_mut(5).enumerate() {
            let (b, r) = (u64::from(bit.masks()[i]), x.masks()[i]);
            let br = b.wrapping_mul(r);
            let own = [
                b,
                r,
                br.wrapping_add(masks[i]),
                2 * b,
                br.wrapping_mul(2).wrapping_neg(),
            ];
            for (key, own) in key.iter_mut().zip(own) {
                *key = ring.reduce(own);
            }
        }
        key
    })?;
    let share = key.map(|key| {
        let keys = key.as_chunks::<5>().0;
        let leads = leads(runtime);
        each(runtime, ring, len, |i| {
            let [b, r, br, twice, minus] = keys[i];
            let (bit, x) = (u64::from(bit.values()[i]), x.values()[i].wrapping_sub(less));
            let public = bit.wrapping_mul(x).wrapping_add(more);
            let zero = (bit ^ 1).wrapping_neg();
            leads
                .wrapping_mul(public)
                .wrapping_sub(b.wrapping_mul(x))
                .wrapping_sub(r.wrapping_mul(bit))
                .wrapping_add(br)
                .wrapping_add(zero & twice.wrapping_mul(x).wrapping_add(minus))
        })
    });
    Ok(covered(ring, len, masks, share))
}

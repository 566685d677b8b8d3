//! One of four public lines through a wire, by two secret bits.

use super::{Bit, Wire, each};
use crate::fss::{covered, fresh_masks, words};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Covered;
use qbench_protocols::wipe::Wiped;

/// `constant + slope x`.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The value at zero.
    pub constant: u64,
    /// The factor.
    pub slope: u64,
}

/// `lines[2 second + first]` at x, in a ring no wider than that of x.
///
/// P0 deals all four lines through the masked value, ordered by the masks of the bits: each party picks by the masked bits.
///
/// Cost: offline eight ring elements an element; nothing online.
///
/// # Security
/// Each share of the outcome has a fresh share of a dealt constant in it, which has the outcome's fresh mask in it.
///
/// # Errors
/// Vectors of different lengths; a key that was dealt for something else; the network's.
pub fn mux(
    runtime: &mut Runtime<'_>,
    first: &Bit,
    second: &Bit,
    x: &Wire,
    ring: Ring,
    lines: [Line; 4],
) -> Result<Covered<u64>> {
    let len = x.len();
    let fits = [first.len(), second.len()] == [len; 2] && ring.bits() <= x.ring().bits();
    runtime.ensure(fits, || {
        format!("{first:?}, {second:?} and {x:?} in {ring:?}")
    })?;
    let place = |second: u8, first: u8| 2 * second as usize + first as usize;
    let masks = fresh_masks(runtime, ring, len)?;
    let key = words(runtime, ring, 8 * len, || {
        let mut key = Wiped::zeros(8 * len);
        let masks = masks.as_deref().unwrap_or_default();
        for (i, key) in key.chunks_mut(8).enumerate() {
            let moved = place(second.masks()[i], first.masks()[i]);
            for (j, line) in lines.iter().enumerate() {
                let at_mask = line.slope.wrapping_mul(x.masks()[i]);
                let constant = line.constant.wrapping_sub(at_mask).wrapping_add(masks[i]);
                key[2 * (j ^ moved)] = ring.reduce(constant);
                key[2 * (j ^ moved) + 1] = ring.reduce(line.slope);
            }
        }
        key
    })?;
    let share = key.map(|key| {
        let keys = key.as_chunks::<8>().0;
        each(runtime, ring, len, |i| {
            let at = 2 * (place(second.values()[i], first.values()[i]) & 3);
            let [constant, slope] = [keys[i][at], keys[i][at + 1]];
            slope.wrapping_mul(x.values()[i]).wrapping_add(constant)
        })
    });
    Ok(covered(ring, len, masks, share))
}

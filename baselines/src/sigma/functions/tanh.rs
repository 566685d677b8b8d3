//! Tanh, for the pooler: the original has no such gate, and this one is made of its others.

use super::tables;
use crate::sigma::gates::{Line, Wire, gap_shift_to, mux, sign_and_interval, table};
use crate::sigma::{Choices, FRACTION_BITS};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, uncover};

/// Values are clipped to eight in either direction, where tanh is 1 to the last bit.
const INDEX: Ring = Ring::new(tables::TANH_FRACTION_BITS + 4);

/// Hyperbolic tangent, by a table at steps of 1/256.
///
/// Cost: 7 exchanges (in the original order).
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn tanh(runtime: &mut Runtime<'_>, choices: &Choices, x: &Wire) -> Result<Wire> {
    let bits = choices.value_bits() - FRACTION_BITS + tables::TANH_FRACTION_BITS + 1;
    let coarse = runtime.step("drop", |runtime| {
        let dropped = FRACTION_BITS - tables::TANH_FRACTION_BITS;
        gap_shift_to(runtime, x, x.ring().bits(), dropped, Ring::new(bits))
    })?;
    let (len, clip) = (x.len(), INDEX.mask() / 2);
    let both = runtime.step("range", |runtime| {
        let both = sign_and_interval(runtime, &coarse, bits, clip)?;
        uncover(runtime, Covered::join(both.into()))
    })?;
    let index = runtime.step("mux", |runtime| {
        let line = |constant, slope| Line { constant, slope };
        let own = line(0, 1);
        let lines = [line(clip.wrapping_neg(), 0), line(clip, 0), own, own];
        let (sign, near) = (both.slice(0..len), both.slice(len..2 * len));
        let index = mux(runtime, &sign, &near, &coarse, INDEX, lines)?;
        uncover(runtime, index)
    })?;
    runtime.step("table", |runtime| {
        let entries = tables::tanh(choices.ring());
        let entry = table(runtime, &index, &entries, x.ring(), choices.exchanges)?;
        uncover(runtime, entry)
    })
}

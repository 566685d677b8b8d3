//! GELU as ReLU less a correction near zero.

use super::tables;
use crate::sigma::gates::{
    Bit, Line, Wire, at_least, gap_shift_to, mux, select, sign_and_interval, table,
};
use crate::sigma::settings::GeluForm;
use crate::sigma::{Choices, FRACTION_BITS};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, uncover};

/// The distance from zero, in units of the table, from which on there is no correction.
const CLIP: u64 = 255;
const BYTE: Ring = Ring::new(8);

/// `relu(x) - d(|x|)`, where d is a table of 256 entries at steps of 1/64.
///
/// Cost: 7 exchanges, of `2 (m - f) + 4 n + 38` bits both ways, m = n - f; in the form for processors 9.
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn gelu(runtime: &mut Runtime<'_>, choices: &Choices, x: &Wire) -> Result<Wire> {
    let bits = choices.value_bits() - FRACTION_BITS + tables::GELU_FRACTION_BITS + 1;
    let dropped = FRACTION_BITS - tables::GELU_FRACTION_BITS;
    let coarse = runtime.step("drop", |runtime| {
        let all = x.ring().bits();
        gap_shift_to(runtime, x, all, dropped, Ring::new(bits))
    })?;
    let (sign, distance) = match choices.gelu {
        GeluForm::Gpu => distance_by_one_key(runtime, &coarse)?,
        GeluForm::Cpu => distance_by_two_keys(runtime, &coarse)?,
    };
    let ring = x.ring();
    let correction = runtime.step("table", |runtime| {
        table(
            runtime,
            &distance,
            &tables::corrections(),
            ring,
            choices.exchanges,
        )
    })?;
    runtime.step("select", |runtime| {
        let relu = select(runtime, &sign, x, ring, 0, 0)?;
        uncover(runtime, relu.minus(&correction))
    })
}

/// The sign, and `min(|x|, 255)`, by one key at three places and a choice of four lines.
fn distance_by_one_key(runtime: &mut Runtime<'_>, x: &Wire) -> Result<(Bit, Wire)> {
    let len = x.len();
    let bits = runtime.step("range", |runtime| {
        let bits = sign_and_interval(runtime, x, x.ring().bits(), CLIP)?;
        uncover(runtime, Covered::join(bits.into()))
    })?;
    let (sign, near) = (bits.slice(0..len), bits.slice(len..2 * len));
    let line = |constant, slope| Line { constant, slope };
    let far = line(CLIP, 0);
    let lines = [far, far, line(0, u64::MAX), line(0, 1)];
    let distance = runtime.step("mux", |runtime| {
        let distance = mux(runtime, &sign, &near, x, BYTE, lines)?;
        uncover(runtime, distance)
    })?;
    Ok((sign, distance))
}

/// The same by a comparison with zero and one with 256.
fn distance_by_two_keys(runtime: &mut Runtime<'_>, x: &Wire) -> Result<(Bit, Wire)> {
    let (ring, bits) = (x.ring(), x.ring().bits());
    let sign = runtime.step("range", |runtime| {
        let sign = at_least(runtime, x, bits, 0, false)?;
        uncover(runtime, sign)
    })?;
    let positive = runtime.step("range", |runtime| {
        let positive = select(runtime, &sign, x, ring, 0, 0)?;
        uncover(runtime, positive)
    })?;
    let distance = positive.times_public(2).minus(x);
    let near = runtime.step("clip", |runtime| {
        let near = at_least(runtime, &distance, bits, CLIP + 1, true)?;
        uncover(runtime, near)
    })?;
    let clipped = runtime.step("clip", |runtime| {
        let clipped = select(runtime, &near, &distance, BYTE, CLIP, CLIP)?;
        uncover(runtime, clipped)
    })?;
    Ok((sign, clipped))
}

//! `exp(-x)` for x that is not negative.

use super::tables;
use crate::fixed_point::bilinear::Bilinear;
use crate::sigma::gates::{
    self, Exchanges, Wire, at_least, gap_shift, gap_shift_to, product, select, table,
};
use crate::sigma::{Choices, FRACTION_BITS};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, uncover};

/// Bits that x is clipped to: 16 in real numbers, where the power is zero to the last bit.
const CLIPPED_BITS: u32 = 16;
const BYTE: Ring = Ring::new(8);

/// `exp(-x)`, for x with fractional bits, not negative in its ring (which may be narrower than that of the outcome): clipped to 16
/// bits, of which the upper and the lower 8 go through a table each, and a product.
///
/// Cost: 16 exchanges (in the original order), of `16 n + 60` bits an element both ways in all.
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn negative_exp(runtime: &mut Runtime<'_>, choices: &Choices, x: &Wire) -> Result<Wire> {
    let ring = choices.ring();
    let bits = x.ring().bits();
    let largest = (1u64 << CLIPPED_BITS) - 1;
    let clipped = runtime.step("clip", |runtime| {
        // min(x, p) = [x < p] (x - p) + p.
        let small = at_least(runtime, x, bits, largest, true)?;
        let small = uncover(runtime, small)?;
        let clipped = select(
            runtime,
            &small,
            x,
            Ring::new(CLIPPED_BITS),
            largest,
            largest,
        )?;
        uncover(runtime, clipped)
    })?;
    let lower = clipped.reduce_to(BYTE);
    let upper = |runtime: &mut Runtime<'_>| {
        runtime.step("upper", |runtime| {
            gap_shift_to(runtime, &clipped, CLIPPED_BITS, 8, BYTE)
        })
    };
    let [upper_table, lower_table] = [8, 0].map(tables::powers);
    let [lower, upper] = match choices.exchanges {
        Exchanges::Original => {
            let one = |runtime: &mut Runtime<'_>, name: &str, x: &Wire, entries: &[u64]| {
                runtime.step(name, |runtime| {
                    let entry = table(runtime, x, entries, ring, choices.exchanges)?;
                    uncover(runtime, entry)
                })
            };
            let lower = one(runtime, "lower-table", &lower, &lower_table)?;
            let upper = upper(runtime)?;
            [lower, one(runtime, "upper-table", &upper, &upper_table)?]
        }
        Exchanges::Merged => {
            let upper = upper(runtime)?;
            runtime.step("tables", |runtime| {
                let inputs = [(&lower, &lower_table[..]), (&upper, &upper_table[..])];
                let entries = gates::tables(runtime, &inputs, ring, choices.exchanges)?;
                let both = uncover(runtime, Covered::join(entries))?;
                Ok([0, x.len()].map(|first| both.slice(first..first + x.len())))
            })?
        }
    };
    runtime.step("product", |runtime| {
        let map = Bilinear::Columns {
            rows: 1,
            width: x.len(),
        };
        let product = product(runtime, map, &upper, &lower)?;
        let product = uncover(runtime, product)?;
        gap_shift(runtime, &product, FRACTION_BITS)
    })
}

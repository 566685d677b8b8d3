//! The largest of a row, and softmax.

use super::exp::negative_exp;
use super::local::{gather, minus_rows, sum_rows};
use super::tables;
use crate::fixed_point::bilinear::Bilinear;
use crate::sigma::gates::{Wire, gap_shift, gap_shift_to, product, relu, table};
use crate::sigma::{Choices, FRACTION_BITS};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::uncover;

/// The largest of each row of `width` elements: pairs by pairs, an odd element carried. `bits` as in
/// [`at_least`](crate::sigma::gates::at_least): a bit more than the elements.
///
/// Cost: two exchanges a level, `width - 1` comparisons a row.
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn max(runtime: &mut Runtime<'_>, x: &Wire, width: usize, bits: u32) -> Result<Wire> {
    let rows = x.len() / width;
    let (mut best, mut left) = (x.clone(), width);
    while left > 1 {
        let pairs = left / 2;
        let of = |offset: usize| -> Vec<usize> {
            let row = |row: usize| (0..pairs).map(move |pair| row * left + 2 * pair + offset);
            (0..rows).flat_map(row).collect()
        };
        let (even, odd) = (gather(&best, &of(0)), gather(&best, &of(1)));
        let more = runtime.step(&format!("of{left}"), |runtime| {
            relu(runtime, &odd.minus(&even), bits)
        })?;
        let larger = more.plus(&even);
        best = match left % 2 {
            0 => larger,
            _ => {
                let ring = best.ring();
                larger.with(&best, ring, rows * (pairs + 1), |larger, all| {
                    let carried = all.chunks(left).map(|row| row[left - 1]);
                    let rows = larger.chunks(pairs).zip(carried);
                    rows.flat_map(|(row, last)| row.iter().copied().chain([last]))
                        .collect()
                })
            }
        };
        left = left.div_ceil(2);
    }
    Ok(best)
}

/// Softmax of rows of `width` elements.
///
/// Cost: `2 ceil(log2 width) + 21` exchanges (in the original order).
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn softmax(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    x: &Wire,
    width: usize,
) -> Result<Wire> {
    let ring = choices.ring();
    // Differences of values take a bit more than these, and comparisons of the clipped ones another.
    let bits = choices.value_bits() + 1;
    let narrow = x.reduce_to(Ring::new(bits + 1));
    let largest = runtime.step("max", |runtime| max(runtime, &narrow, width, bits))?;
    let distances = minus_rows(&narrow, &largest, width, true);
    let powers = runtime.step("exp", |runtime| negative_exp(runtime, choices, &distances))?;
    let inverses = runtime.step("inverse", |runtime| {
        let doublings = width.next_power_of_two().ilog2();
        let bits = FRACTION_BITS + doublings;
        let index = Ring::new(bits - tables::DENOMINATOR_DROPPED);
        let sums = sum_rows(&powers, width);
        let index = runtime.step("index", |runtime| {
            gap_shift_to(runtime, &sums, bits, tables::DENOMINATOR_DROPPED, index)
        })?;
        let inverse = table(
            runtime,
            &index,
            &tables::inverses(doublings),
            ring,
            choices.exchanges,
        )?;
        uncover(runtime, inverse)
    })?;
    runtime.step("product", |runtime| {
        let map = Bilinear::Rows {
            rows: x.len() / width,
            width,
        };
        let product = product(runtime, map, &powers, &inverses)?;
        let product = uncover(runtime, product)?;
        gap_shift(runtime, &product, FRACTION_BITS)
    })
}

//! Row maxima by differences: `max(a, b) = b + max(a - b, 0)`, on numbers with a spare bit, which their differences need.

use crate::Result;
use crate::lut::{Contents, Input, Opened, lookup, open};
use crate::runtime::Runtime;
use crate::share::Additive;

/// The maximum of each row, opened, of `[x]` and what is opened of it: rows of `row` signed numbers of one bit less than their ring has.
///
/// A difference of two opened numbers is open against the difference of their offsets: it is looked up as it is. What is opened are the
/// larger ones, half as many at each level, the last of which are the maxima.
///
/// Cost, a ring of l bits, rows of n: online `2 l (n - 1)` bits a row and ceil(log2 n) rounds; offline `(2^l + 1) l (n - 1)` bits a row.
///
/// # Security
/// Winners are opened against fresh offsets: see [`open()`].
///
/// # Errors
/// The network's; what was dealt for something else.
pub fn maxima_by_differences(
    runtime: &mut Runtime<'_>,
    x: &Additive<u8>,
    opened: &Opened,
    row: usize,
) -> Result<Opened> {
    let (ring, rows) = (x.ring(), x.len() / row);
    // Column by column: partners then stand in two pieces, and one without a partner behind them.
    let columns: Vec<usize> = (0..row)
        .flat_map(|column| (0..rows).map(move |r| r * row + column))
        .collect();
    let (mut x, mut opened) = (x.select(&columns), opened.select(&columns));
    let (mut width, mut level) = (row, 0);
    while width > 1 {
        let pairs = width / 2 * rows;
        let (right, odd) = (pairs..2 * pairs, 2 * pairs..width * rows);
        let above = opened
            .slice(0..pairs)
            .minus_rows(&opened.slice(right.clone()), 1);
        (x, opened) = runtime.step(&format!("level{level}"), |runtime| {
            let inputs = [Input::each(&above)];
            let positive: Additive<u8> = lookup(runtime, &inputs, pairs, ring, || {
                Contents::of_signed(ring.bits(), ring, |difference| difference.max(0))
            })?;
            let winners = positive.plus(&x.slice(right));
            let open_winners = open(runtime, &winners)?;
            Ok((
                Additive::join(&[winners, x.slice(odd.clone())]),
                Opened::join(&[open_winners, opened.slice(odd)]),
            ))
        })?;
        width = width.div_ceil(2);
        level += 1;
    }
    Ok(opened)
}

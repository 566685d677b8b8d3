//! How often each value stands in a row: one-hot vectors of an opened input, added up over the row.

use super::evaluate::Shares;
use super::{Contents, Input, Opened, Tables, lookup};
use crate::Result;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::Additive;
use crate::wipe::Wiped;

/// `[how many of a row of x are k]`, for each element k of x's ring from 0 on: `2^b` counts a row of `row` elements.
///
/// P0 deals, for each element, the one-hot vector of its offset; rotated by what was opened it is the one-hot vector of the
/// element, and the sum over a row is local. What is dealt is the table of "x is zero", which a [`lookup`] would read at `d` alone:
/// entry `d - k` of it says whether x is k.
///
/// Cost: online nothing (the openings are paid at [`super::open()`]); offline `2^b * m` bits an element from P0 to P2, for counts in
/// Z_{2^m}.
///
/// # Security
/// As [`lookup`]: the vectors are tables, under a mask each, and each is used once.
///
/// # Errors
/// Vectors that were dealt for something else; the network's.
///
/// # Panics
/// If x has less than 3 bits (vectors end on whole bytes), or no whole number of rows.
pub fn histogram<W: Word>(
    runtime: &mut Runtime<'_>,
    x: &Opened,
    row: usize,
    ring: Ring,
) -> Result<Additive<W>> {
    assert!(x.ring().bits() >= 3, "one-hot vectors of at least 3 bits");
    assert!(x.len().is_multiple_of(row), "whole rows");
    if let (Phase::Online, Some(Party::P1 | Party::P2)) = (runtime.phase(), runtime.me()) {
        return count(runtime, x, row, ring);
    }
    lookup::<W>(runtime, &[Input::each(x)], x.len(), ring, || is_zero(x))?;
    Ok(Additive::absent(ring, x.len() / row * entries(x)))
}

fn entries(x: &Opened) -> usize {
    1 << x.ring().bits()
}

fn is_zero<W: Word>(x: &Opened) -> Contents<W> {
    let mut table = Wiped::zeros(entries(x));
    table[0] = W::from_u64(1);
    Contents::same(table)
}

/// P1 and P2 online: each adds up its shares.
fn count<W: Word>(
    runtime: &mut Runtime<'_>,
    x: &Opened,
    row: usize,
    ring: Ring,
) -> Result<Additive<W>> {
    let entries = entries(x);
    let dealt = runtime.take(&Tables {
        entries,
        ring,
        count: x.len(),
    })?;
    let tables = Shares::of(&dealt)?;
    let mut counts = Wiped::zeros(x.len() / row * entries);
    let threads = runtime.session()?.threads();
    threads.chunks_mut(&mut counts, entries, |first, part: &mut [W]| {
        let mut of_row = Wiped::zeros(row * entries);
        // Of each value less than nothing, so that a table is added as it lies, but for where it begins.
        let mut negative = Wiped::zeros(entries);
        for (r, counts) in (first / entries..).zip(part.chunks_exact_mut(entries)) {
            tables.read(ring, r * row * entries, &mut of_row);
            negative.fill(W::default());
            let opened = &x.elements()[r * row..][..row];
            for (d, table) in opened.iter().zip(of_row.chunks_exact(entries)) {
                let (before, from) = table.split_at(usize::from(*d));
                let (first, last) = negative.split_at_mut(from.len());
                add(first, from);
                add(last, before);
            }
            for (k, count) in counts.iter_mut().enumerate() {
                *count = ring.reduce(negative[(entries - k) % entries]);
            }
        }
    });
    Ok(Additive::held(ring, counts))
}

fn add<W: Word>(sums: &mut [W], shares: &[W]) {
    for (sum, share) in sums.iter_mut().zip(shares) {
        *sum = sum.add(*share);
    }
}

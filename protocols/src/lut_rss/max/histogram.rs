//! Row maxima by counting: how many of a row reach each threshold, in two rounds whatever the row's length.

use crate::Result;
use crate::lut::{Contents, Input, Opened, histogram, lookup, open};
use crate::lut_rss::LutRss;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::Additive;
use crate::wipe::Wiped;

/// The ring of counts of a row: 0 to `row`.
pub(crate) fn count_ring(row: usize) -> Ring {
    Ring::new(row.ilog2() + 1)
}

impl LutRss<'_> {
    /// `[max of each row]` of `[x]`, rows of `row` signed values. Not in the paper.
    ///
    /// Cost: an opening of b bits an element, and that of [`maxima_of_opened`]. A row of one has its maximum already.
    ///
    /// # Security
    /// As [`maxima_of_opened`].
    pub(crate) fn histogram_max(&mut self, x: &Additive<u8>, row: usize) -> Result<Additive<u8>> {
        if row == 1 {
            return Ok(x.clone());
        }
        let opened = self.step("histogram", |engine| open(&mut engine.runtime, x))?;
        maxima_of_opened(&mut self.runtime, &opened, row)
    }
}

/// `[max of each row]` of an opened vector, rows of `row` signed values.
///
/// The row's histogram, added up from above, is how many of it reach each of the `2^b - 1` thresholds; the maximum is the least
/// value and one more for each threshold that is reached by any.
///
/// Cost, b bits, counts of `w = floor(log2 n) + 1` bits: online `2w (2^b - 1)` bits a row and one round; offline `2^b w` bits an element
/// and `(2^b - 1)(w + 2^w b)` a row.
///
/// # Security
/// Counts are opened against fresh offsets: see [`open()`].
///
/// # Errors
/// The network's; what was dealt for something else.
pub fn maxima_of_opened(runtime: &mut Runtime<'_>, x: &Opened, row: usize) -> Result<Additive<u8>> {
    match count_ring(row).bits() {
        ..=8 => maxima::<u8>(runtime, x, row),
        _ => maxima::<u16>(runtime, x, row),
    }
}

/// [`maxima_of_opened`] with counts in the smallest word that holds them.
fn maxima<W: Word>(runtime: &mut Runtime<'_>, x: &Opened, row: usize) -> Result<Additive<u8>> {
    let ring = x.ring();
    let thresholds = ring.mask() as usize;
    let counts: Additive<W> = runtime.step("histogram", |runtime| {
        histogram(runtime, x, row, count_ring(row))
    })?;
    let at_least = at_least(&counts, ring);
    runtime.step("reached", |runtime| {
        let opened = open(runtime, &at_least)?;
        let inputs = [Input::each(&opened)];
        let reached: Additive<u8> = lookup(runtime, &inputs, at_least.len(), ring, || {
            is_reached(count_ring(row), ring)
        })?;
        Ok(reached.sum_rows(thresholds, 1))
    })
}

/// From how many are k to how many are at least t, for every signed t but the least.
fn at_least<W: Word>(counts: &Additive<W>, of: Ring) -> Additive<W> {
    let (ring, entries) = (counts.ring(), of.mask() as usize + 1);
    let thresholds = entries - 1;
    counts.map_to(ring, counts.len() / entries * thresholds, |counts| {
        let mut out = Wiped::zeros(counts.len() / entries * thresholds);
        let rows = counts.chunks_exact(entries);
        for (counts, out) in rows.zip(out.chunks_exact_mut(thresholds)) {
            let mut sum = W::default();
            for (t, out) in out.iter_mut().enumerate().rev() {
                // Signed values in their order begin half a ring on.
                sum = sum.add(counts[(t + 1 + entries / 2) % entries]);
                *out = ring.reduce(sum);
            }
        }
        out
    })
}

/// For each threshold a table of "count is not zero", that of the first added to the least value.
fn is_reached(counts: Ring, ring: Ring) -> Contents<u8> {
    let least = 1i64 << (ring.bits() - 1);
    let table = |add: i64| {
        let entry = |count: u64| ring.encode(i64::from(count > 0) + add);
        (0..=counts.mask()).map(entry).collect()
    };
    let mut tables = vec![table(0); ring.mask() as usize];
    tables[0] = table(-least);
    Contents { tables }
}

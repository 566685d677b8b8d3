//! Maxima by sorting: the three-party radix sort that the paper takes from Asharov, Hamada, Ikarashi,
//! Kikuchi, Nof, Pinkas, Takahashi and Tomida, "Efficient Secure Three-Party Sorting with Applications to
//! Data Analysis and Heavy Hitters" (CCS 2022), semi-honest, on replicated sharing.

use crate::lut::{Contents, Input, lookup, open};
use crate::lut_rss::LutRss;
use crate::net::Party;
use crate::ring::Ring;
use crate::runtime::Runtime;
use crate::share::permutation::checked_destinations;
use crate::share::{Additive, Replicated, additive_from, multiply, reshare, reveal, shuffle};
use crate::wipe::Wiped;
use crate::{Error, Result};

/// The longest row: positions must fit the word that holds them.
const LONGEST_ROW: usize = 1 << u16::BITS;

impl LutRss<'_> {
    /// `[max of each row]` of `[x]`, rows of `row` signed values: the last element of the sorted row.
    ///
    /// Cost an element of a row of n, b bits, with w = ceil(log2 n) bits for a position (at least 1), all
    /// three parties' messages together. Online: `2b` bits to open, `2(bw + b)` to reshare the bits and
    /// the value, and for each pass j of b the product `3w`, the shuffle `6(w (b - j) + b)` and the opening
    /// `3w`: at b = 4, `92w + 112` bits, that is 756 at n = 128. Rounds: `2 + 5b` exchanges, 22 at b = 4,
    /// whatever the row; not every party waits for both others in each, so the longest chain of dependent
    /// messages is 20 in the first layer and 19 in the others. Offline: `b + 2^b b w` bits. Rows of one
    /// element cost nothing.
    ///
    /// The tournament takes `4b (n - 1) / n` bits an element online, under 16, and ceil(log2 n) rounds, 7
    /// at n = 128, where the sort takes 756 and 19 or 20; offline it takes more: `2^(2b) b + 2b` bits a
    /// pair, 1,032, where the sort takes 452 an element.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for rows of more than 2^16 elements.
    ///
    /// # Security
    /// P0 takes part online here: it receives components of products and permutations, all masked. What is
    /// opened are permutations after a shuffle; see [`sort_rows`].
    pub(crate) fn radix_sort_max(&mut self, x: &Additive<u8>, row: usize) -> Result<Additive<u8>> {
        if row > LONGEST_ROW {
            return Err(Error::Unsupported(format!(
                "radix sort takes rows of up to {LONGEST_ROW} elements, not {row}: \
                 choose the tournament"
            )));
        }
        if row == 1 {
            return Ok(x.clone());
        }
        let (mut bits, value) =
            self.step("bits", |engine| engine.key_bits(x, position_ring(row)))?;
        bits.reverse();
        let sorted = sort_rows(&mut self.runtime, bits, value, row)?;
        let max = additive_from(&mut self.runtime, &sorted.last_of_rows(row))?;
        Ok(max.reduce_to(x.ring()))
    }

    /// The bits of the sort key over `positions`, least significant first, and the value itself, all
    /// replicated. The key is x with its sign bit flipped: unsigned order of keys is signed order of x.
    /// One opening serves all tables, and one exchange all conversions.
    fn key_bits(
        &mut self,
        x: &Additive<u8>,
        positions: Ring,
    ) -> Result<(Vec<Replicated<u16>>, Replicated<u16>)> {
        let ring = x.ring();
        let sign = 1u64 << (ring.bits() - 1);
        let opened = open(&mut self.runtime, x)?;
        let mut columns = Vec::new();
        for bit in 0..ring.bits() {
            let inputs = [Input::each(&opened)];
            let column = lookup::<u16>(&mut self.runtime, &inputs, x.len(), positions, || {
                Contents::same(
                    (0..=ring.mask())
                        .map(|x| u16::from((x ^ sign) >> bit & 1 == 1))
                        .collect(),
                )
            })?;
            columns.push(column);
        }
        columns.push(x.reduce_to(ring));
        let columns: Vec<&Additive<u16>> = columns.iter().collect();
        let mut replicated = reshare(&mut self.runtime, &columns)?;
        // As many come back as go in, in the same order.
        let value = replicated.remove(columns.len() - 1);
        Ok((replicated, value))
    }
}

/// The ring that positions `0..row` fit in exactly.
pub(in crate::lut_rss) fn position_ring(row: usize) -> Ring {
    Ring::new(row.next_power_of_two().trailing_zeros().max(1))
}

/// Sorts the elements of `payload` within each row by keys of one bit a vector, stably, ascending.
/// `bits` are over the ring of positions, the most significant first.
///
/// Steps `pass0`, `pass1`, ..: from the least significant bit, each pass computes where each element
/// goes, shuffles the destinations together with all that is still needed, opens the shuffled
/// destinations and moves the rest there.
///
/// Deviation: the source composes the passes' permutations, and applies the composition to the next
/// bit and, once, to records, which may be wide. Here a record is the key itself, so each pass moves
/// the remaining bits and the payload. At b = 4 that is 72 bits an element more (of 756 at n = 128)
/// and nine rounds fewer, since nothing is shuffled back to compose.
///
/// # Security
/// A pass opens the destinations after a shuffle by a permutation that is fresh, uniform to each
/// party and used for this pass only. A fixed permutation composed with a uniform one is uniform, so
/// what is opened tells nothing of the destinations. What moves along is reshared by the shuffle and
/// never opened.
///
/// # Errors
/// [`Error::Shape`] if what is opened is not one permutation a row: a peer broke the protocol.
pub(in crate::lut_rss) fn sort_rows(
    runtime: &mut Runtime<'_>,
    mut bits: Vec<Replicated<u16>>,
    payload: Replicated<u16>,
    row: usize,
) -> Result<Replicated<u16>> {
    let mut payload = payload;
    let mut pass = 0;
    while let Some(bit) = bits.pop() {
        (payload, bits) = runtime.step(&format!("pass{pass}"), |runtime| {
            let destinations = bit_destinations(runtime, &bit, row)?;
            let mut moving = vec![payload, destinations];
            moving.append(&mut bits);
            // As many come back as go in, in the same order.
            let mut moving = shuffle(runtime, moving, row)?;
            let (shuffled, destinations) = (moving.remove(0), moving.remove(0));
            let opened = reveal(runtime, &destinations)?;
            let opened = checked_destinations(&opened, row, runtime.label())?;
            let moved = moving.iter().map(|bit| bit.scatter_rows(&opened, row));
            Ok((shuffled.scatter_rows(&opened, row), moved.collect()))
        })?;
        pass += 1;
    }
    Ok(payload)
}

/// Where a stable sort by one bit moves each element of a row: zeros first.
///
/// With o the ones before position i and t the ones of the row, a zero goes to `i - o` and a one to
/// `n - t + o`, so the destination is `(i - o) + bit (n - t + 2 o - i)`: one product.
pub(super) fn bit_destinations(
    runtime: &mut Runtime<'_>,
    bit: &Replicated<u16>,
    row: usize,
) -> Result<Replicated<u16>> {
    let ring = bit.ring;
    let me = runtime.me();
    // Public constants are added to component 0 alone, which P1 and P2 hold.
    let linear = |with_bit: bool| {
        let of = |component: &[u16], constants: bool| {
            destinations_part(component, row, ring, with_bit, constants)
        };
        Replicated {
            ring,
            len: bit.len,
            previous: of(&bit.previous, me == Some(Party::P1)),
            next: of(&bit.next, me == Some(Party::P2)),
        }
    };
    let (base, step) = (linear(false), linear(true));
    let product = multiply(runtime, bit, &step)?;
    Ok(base.plus(&product))
}

/// One component of `i - o` or, `for_ones`, of `n - t + 2 o - i`.
fn destinations_part(
    component: &[u16],
    row: usize,
    ring: Ring,
    for_ones: bool,
    constants: bool,
) -> Wiped<u16> {
    let mut out = Wiped::zeros(component.len());
    for (bits, out) in component.chunks_exact(row).zip(out.chunks_exact_mut(row)) {
        let total = bits.iter().fold(0u16, |sum, bit| sum.wrapping_add(*bit));
        let mut ones = 0u16;
        for (i, (bit, out)) in bits.iter().zip(out).enumerate() {
            // Modulo 2^16, and then modulo the ring.
            let i = if constants { i as u16 } else { 0 };
            let n = if constants { row as u16 } else { 0 };
            let value = if for_ones {
                n.wrapping_sub(total)
                    .wrapping_add(ones.wrapping_mul(2))
                    .wrapping_sub(i)
            } else {
                i.wrapping_sub(ones)
            };
            *out = ring.reduce(value);
            ones = ones.wrapping_add(*bit);
        }
    }
    out
}

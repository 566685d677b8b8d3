//! Lookup tables on secret inputs (paper, section 3): Alg. 1 for one input, Alg. 2 for two,
//! generalized to k, with inputs that several tables share.
//!
//! A table lookup is two things. [`open()`] gives every element of an input an offset D and opens
//! `d = x - D` to P1 and P2, once. [`lookup`] evaluates a table on one or more opened inputs
//! without any message: P0 has dealt each instance, rotated by the inputs' offsets and shared. Tables
//! that share an input share its offset and its opening. [`histogram`] reads tables of a row whole.

pub mod deal;
pub mod evaluate;
mod histogram;
pub mod open;

pub use histogram::histogram;
pub use open::{Opened, open, open_all};

use crate::Result;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::Additive;
use crate::wipe::Wiped;
use std::fmt;

/// How the elements of an opened input are laid out over the instances of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Instance i takes element i.
    Each,
    /// Instance i takes element i / row: one element for a whole row of instances.
    PerRow(usize),
}

/// One input of a table.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The opened vector.
    pub opened: &'a Opened,
    /// Which of its elements an instance takes.
    pub layout: Layout,
}

impl<'a> Input<'a> {
    /// Instance i takes element i.
    pub fn each(opened: &'a Opened) -> Self {
        Self {
            opened,
            layout: Layout::Each,
        }
    }

    /// Each element serves a row of `row` instances.
    pub fn per_row(opened: &'a Opened, row: usize) -> Self {
        Self {
            opened,
            layout: Layout::PerRow(row),
        }
    }

    /// Gives each of `out`, which are for the instances from `first` on, with its instance's element to `each`: without a division
    /// for every one of them.
    #[inline(always)]
    fn with_elements<T>(&self, first: usize, out: &mut [T], each: impl Fn(&mut T, u16)) {
        let elements = &self.opened.elements;
        match self.layout {
            Layout::Each => {
                let elements = &elements[first..first + out.len()];
                out.iter_mut()
                    .zip(elements)
                    .for_each(|(out, d)| each(out, *d));
            }
            Layout::PerRow(row) => {
                let (begun, rest) = out.split_at_mut(out.len().min(row - first % row));
                let rows = std::iter::once(begun).chain(rest.chunks_mut(row));
                for (row, d) in rows.zip(&elements[first / row..]) {
                    row.iter_mut().for_each(|out| each(out, *d));
                }
            }
        }
    }
}

/// What is in a table; P0 alone knows. Instance i uses `tables[i % tables.len()]`, so one table serves
/// all elements or each feature has its own. A table is flat, the last input running fastest.
#[derive(Clone)]
pub struct Contents<W> {
    /// One or more tables of equal size.
    pub tables: Vec<Wiped<W>>,
}

impl<W: Word> Contents<W> {
    /// One table for all.
    pub fn same(table: Wiped<W>) -> Self {
        Self {
            tables: vec![table],
        }
    }

    /// From a function of the index of one input of `bits` bits, as signed integer, to a signed value.
    pub fn of_signed(bits: u32, ring: Ring, f: impl Fn(i64) -> i64) -> Self {
        let input = Ring::new(bits);
        Self::same(
            (0..1u64 << bits)
                .map(|i| ring.encode(f(input.signed(i))))
                .collect(),
        )
    }
}

/// Entries of one table with these inputs.
pub(crate) fn table_entries(inputs: &[Input<'_>]) -> usize {
    1 << inputs
        .iter()
        .map(|input| input.opened.ring().bits())
        .sum::<u32>()
}

/// What the store keeps of a table.
#[derive(PartialEq)]
struct Tables {
    /// In each table.
    entries: usize,
    ring: Ring,
    count: usize,
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} tables of {} entries in {:?}",
            self.count, self.entries, self.ring
        )
    }
}

/// Evaluates `count` instances of a table over `ring` on opened inputs.
///
/// Cost: online nothing (the openings are paid at [`open()`]); offline `2^(b1 + .. + bk) * m` bits an instance from P0 to P2,
/// and nothing to P1, whose share of a table is the output of the P0-P1 generator: it computes just the entry it looks up.
///
/// `contents` is called at P0 only, offline only.
///
/// # Security
/// Each instance has a fresh mask (P1's share) and is used once: the material is taken out of the store by value. Tables
/// that share an offset reveal nothing more than the one opening, since every table has its own mask.
///
/// # Errors
/// Tables of another size than the inputs'; tables that were dealt for something else; the network's.
pub fn lookup<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[Input<'_>],
    count: usize,
    ring: Ring,
    contents: impl FnOnce() -> Contents<W>,
) -> Result<Additive<W>> {
    let bits = table_entries(inputs) as u64 * count as u64 * u64::from(ring.bits());
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => runtime.declare_dealt(Party::P2, bits.div_ceil(8) as usize),
        (Phase::Offline, Some(_)) => deal::deal(runtime, inputs, count, ring, contents)?,
        (Phase::Online, Some(Party::P1 | Party::P2)) => {
            return evaluate::evaluate(runtime, inputs, count, ring);
        }
        _ => {}
    }
    Ok(Additive::absent(ring, count))
}

//! Elements with a spare bit: numbers of b bits in a ring of b + 1, opened there under a mask, from which what a wider ring makes of
//! them is linear in what P0 can deal. No table: the cost does not depend on b.

mod factors;
mod rows;
mod widen;

pub use factors::Factors;
pub use rows::{row_squares, scaled, times_row};
pub use widen::widen;

use super::{Additive, Masked, open_masked_all};
use crate::Result;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use std::fmt;

/// Numbers x of b bits, in `[-2^(b-1), 2^(b-1))`, opened in `Z_{2^(b+1)}` under masks D that P0 knows: P1 and P2 know
/// `M = x + 2^(b-1) + D`.
///
/// Let m be the top bit of D. What is added to a D below 2^b does not wrap, and with a D above, it has wrapped where the top bit of M
/// is clear. So over the integers
///
/// `x = N - D + 2^(b+1) m o`, with `N = M - 2^(b-1)` and `o = 1 - top bit of M`, both public:
///
/// linear in what P0 knows, with coefficients that P1 and P2 know. An x outside of its b bits comes out as `x` or as that less
/// `2^(b+1)`, as its mask falls.
///
/// # Security
/// M is uniform, whatever x is. What is dealt for D and m serves the x that was opened under that D, and nothing else: see
/// [`open_masked_all`].
pub struct Spare<W> {
    opened: Masked<W>,
}

/// Shows the shape; neither values nor masks.
impl<W> fmt::Debug for Spare<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spare({:?})", self.opened)
    }
}

/// Opens vectors with a spare bit each, in one round.
///
/// Cost: b + 1 bits an element each way between P1 and P2 and one round online; nothing offline.
///
/// # Security
/// As [`open_masked_all`].
///
/// # Errors
/// As [`open_masked_all`].
pub fn open_spare<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[&Additive<W>],
) -> Result<Vec<Spare<W>>> {
    let opened = open_masked_all(runtime, inputs)?;
    Ok(opened.into_iter().map(Spare::of).collect())
}

impl<W: Word> Spare<W> {
    /// Numbers that have been opened with other vectors: straight out of [`open_masked_all`], in their ring with a spare bit.
    pub fn of(opened: Masked<W>) -> Self {
        let half = W::from_u64(1 << (opened.ring().bits() - 2));
        Self {
            opened: opened.plus_public(half),
        }
    }

    /// `M`, at P1 and P2; empty elsewhere.
    pub fn values(&self) -> &[W] {
        self.opened.values()
    }

    /// The ring that the elements were opened in: their b bits and the spare one.
    pub fn ring(&self) -> Ring {
        self.opened.ring()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.opened.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.opened.is_empty()
    }

    /// `2^(b+1)`.
    fn whole(&self) -> u64 {
        1 << self.ring().bits()
    }

    /// P1 and P2: N as a number modulo 2^64, and o.
    fn public(&self, i: usize) -> (u64, bool) {
        self.public_of(self.opened.values()[i])
    }

    /// The same of what is open of an element.
    #[inline(always)]
    fn public_of(&self, opened: W) -> (u64, bool) {
        let (opened, quarter) = (opened.to_u64(), self.whole() / 4);
        (opened.wrapping_sub(quarter), opened < self.whole() / 2)
    }

    /// P0: D, and m.
    fn secret(&self, i: usize) -> (u64, u64) {
        let mask = self.opened.masks()[i].to_u64();
        (mask, u64::from(mask >= self.whole() / 2))
    }
}

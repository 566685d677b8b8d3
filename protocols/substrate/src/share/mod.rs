//! The two sharings ("dual secret sharing", section 2 of the paper): additive between P1 and P2, and
//! replicated among all three.
//!
//! A share vector knows its ring and length everywhere, and holds values only at a party that has a
//! share, and only online: offline and in the cost walk the same code runs over shapes.

mod dealt;
mod input;
mod masked;
mod multiply;
pub mod permutation;
mod product;
mod reshare;
mod reveal;
mod shuffle;
pub mod spare;

pub use dealt::dealt;
pub use input::{share_from_p0, share_from_p1};
pub use masked::{
    Covered, Masked, masked_from_p0, masked_from_p1, open_masked, open_masked_all, open_operand,
    uncover, uncover_both, unmask_to_p1,
};
pub use multiply::{additive_from, multiply};
pub use product::gather_product;
pub use reshare::reshare;
pub use reveal::{reveal, reveal_to_both, reveal_to_p1};
pub use shuffle::shuffle;

use crate::ring::{Ring, Word};
use crate::wipe::Wiped;
use std::fmt;
use std::ops::Range;

/// `[x]^l`: `x = x1 + x2` in Z_{2^l}; P1 holds x1, P2 holds x2, P0 nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Additive<W> {
    ring: Ring,
    len: usize,
    values: Wiped<W>,
}

/// Shows the shape; never the share.
impl<W> fmt::Debug for Additive<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Additive({:?} x {})", self.ring, self.len)
    }
}

impl<W: Word> Additive<W> {
    /// A vector of which this party holds nothing.
    pub fn absent(ring: Ring, len: usize) -> Self {
        Self {
            ring,
            len,
            values: Wiped::default(),
        }
    }

    /// A vector of which this party holds `values`.
    pub fn held(ring: Ring, values: impl Into<Wiped<W>>) -> Self {
        let values = values.into();
        Self {
            ring,
            len: values.len(),
            values,
        }
    }

    /// The ring.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// This party's share; empty where it has none.
    pub fn values(&self) -> &[W] {
        &self.values
    }

    /// This party's share, taken out to be changed in place; empty where it has none.
    pub fn into_values(self) -> Wiped<W> {
        self.values
    }

    /// Applies a local (linear) map on this party's share, keeping shapes where there is none.
    pub fn map_to<V: Word>(
        &self,
        ring: Ring,
        len: usize,
        local: impl FnOnce(&[W]) -> Wiped<V>,
    ) -> Additive<V> {
        if self.values.is_empty() {
            return Additive::absent(ring, len);
        }
        let values = local(&self.values);
        assert_eq!(values.len(), len, "elements of a local map");
        Additive { ring, len, values }
    }

    /// `[x] + [y]`.
    pub fn plus(mut self, other: &Self) -> Self {
        assert_eq!(
            (self.ring, self.len),
            (other.ring, other.len),
            "shapes of a local sum"
        );
        for (a, b) in self.values.iter_mut().zip(other.values.iter()) {
            *a = self.ring.reduce(a.add(*b));
        }
        self
    }

    /// `[x - m]` for one `m` a row of `row` elements.
    pub fn sub_rows(mut self, per_row: &Self, row: usize) -> Self {
        assert_eq!(
            (self.ring, self.len),
            (per_row.ring, per_row.len * row),
            "shapes of a row difference"
        );
        for (values, m) in self.values.chunks_exact_mut(row).zip(per_row.values.iter()) {
            for value in values {
                *value = self.ring.reduce(value.sub(*m));
            }
        }
        self
    }

    /// Sums each row of `row` elements and multiplies by a public constant.
    pub fn sum_rows(&self, row: usize, factor: W) -> Self {
        let ring = self.ring;
        self.map_to(ring, self.len / row, |values| {
            values
                .chunks_exact(row)
                .map(|row| {
                    let sum = row.iter().fold(W::default(), |sum, value| sum.add(*value));
                    ring.reduce(sum.mul(factor))
                })
                .collect()
        })
    }

    /// The same values modulo a smaller power of two: a local reduction.
    pub fn reduce_to<V: Word>(&self, ring: Ring) -> Additive<V> {
        assert!(
            ring.bits() <= self.ring.bits(),
            "a reduction makes the ring smaller"
        );
        self.map_to(ring, self.len, |values| {
            values
                .iter()
                .map(|value| ring.reduce(V::from_u64(value.to_u64())))
                .collect()
        })
    }

    /// A part of the vector.
    pub fn slice(&self, range: Range<usize>) -> Self {
        self.map_to(self.ring, range.len(), |values| {
            Wiped::copied(&values[range.clone()])
        })
    }

    /// Several vectors of one ring as one, in their order.
    ///
    /// # Panics
    /// If there is none, or the rings differ.
    pub fn join(parts: &[Self]) -> Self {
        let ring = parts[0].ring;
        assert!(parts.iter().all(|part| part.ring == ring), "one ring");
        let len = parts.iter().map(|part| part.len).sum();
        let held = parts.iter().map(|part| part.values.len()).sum();
        let values = Wiped::joined(held, parts.iter().map(|part| &part.values[..]));
        Self { ring, len, values }
    }

    /// The elements at `indices`, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        self.map_to(self.ring, indices.len(), |values| {
            indices.iter().map(|&i| values[i]).collect()
        })
    }
}

/// `<x>^l`: `x = x_0 + x_1 + x_2`; party i holds components i-1 and i+1 and lacks component i.
#[derive(Clone, PartialEq, Eq)]
pub struct Replicated<W> {
    /// The ring.
    pub ring: Ring,
    /// Number of elements.
    pub len: usize,
    /// Component i-1 (mod 3) of party i; empty where nothing is held.
    pub previous: Wiped<W>,
    /// Component i+1 (mod 3) of party i.
    pub next: Wiped<W>,
}

/// Shows the shape; never the share.
impl<W> fmt::Debug for Replicated<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replicated({:?} x {})", self.ring, self.len)
    }
}

impl<W: Word> Replicated<W> {
    /// A vector of which this party holds nothing (offline and in the cost walk).
    pub fn absent(ring: Ring, len: usize) -> Self {
        Self {
            ring,
            len,
            previous: Wiped::default(),
            next: Wiped::default(),
        }
    }

    /// Whether this party holds its two components.
    pub fn is_held(&self) -> bool {
        !self.previous.is_empty()
    }

    /// One vector a shape, from both components of each.
    pub(crate) fn join(
        shapes: impl Iterator<Item = (Ring, usize)>,
        previous: Vec<Wiped<W>>,
        next: Vec<Wiped<W>>,
    ) -> Vec<Self> {
        shapes
            .zip(previous.into_iter().zip(next))
            .map(|((ring, len), (previous, next))| Self {
                ring,
                len,
                previous,
                next,
            })
            .collect()
    }

    /// `<x> + <y>`.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn plus(mut self, other: &Self) -> Self {
        assert_eq!(
            (self.ring, self.len),
            (other.ring, other.len),
            "shapes of a local sum"
        );
        let ring = self.ring;
        ring.add_to(&mut self.previous, &other.previous);
        ring.add_to(&mut self.next, &other.next);
        self
    }
}

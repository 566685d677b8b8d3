//! Masked wires: P1 and P2 both know `x + r`, and P0, who deals, knows r. Function secret sharing works on such wires, and
//! Beaver's products with a dealer do (where only the difference to the usual form is that the opening is kept).

mod covered;
mod open;
mod owner;

pub use covered::{Covered, uncover, uncover_both};
pub use open::{open_masked, open_masked_all, open_operand};
pub use owner::{masked_from_p0, masked_from_p1, unmask_to_p1};

use crate::ring::{Ring, Word};
use crate::wipe::Wiped;
use std::fmt;
use std::ops::Range;

/// What a party has of a masked vector.
#[derive(Clone, PartialEq, Eq)]
enum Held<W> {
    Nothing,
    /// P0 in setup and offline: r.
    Masks(Wiped<W>),
    /// P1 and P2 in setup and online: `x + r`.
    Values(Wiped<W>),
}

/// `(x)^l`: P1 and P2 know `x + r` (online), P0 knows r (offline). A vector knows its ring and length everywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked<W> {
    ring: Ring,
    len: usize,
    held: Held<W>,
}

/// Shows the shape; neither values nor masks.
impl<W> fmt::Debug for Masked<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({:?} x {})", self.ring, self.len)
    }
}

impl<W: Word> Masked<W> {
    /// A vector of which this party has nothing.
    pub fn absent(ring: Ring, len: usize) -> Self {
        Self {
            ring,
            len,
            held: Held::Nothing,
        }
    }

    fn of(ring: Ring, len: usize, held: Held<W>) -> Self {
        Self { ring, len, held }
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

    /// `x + r`, at P1 and P2; empty elsewhere.
    pub fn values(&self) -> &[W] {
        match &self.held {
            Held::Values(values) => values,
            _ => &[],
        }
    }

    /// r, at P0; empty elsewhere.
    pub fn masks(&self) -> &[W] {
        match &self.held {
            Held::Masks(masks) => masks,
            _ => &[],
        }
    }

    /// The same linear map on values and masks.
    pub fn map_to<V: Word>(
        &self,
        ring: Ring,
        len: usize,
        linear: impl FnOnce(&[W]) -> Wiped<V>,
    ) -> Masked<V> {
        let held = match &self.held {
            Held::Nothing => Held::Nothing,
            Held::Masks(masks) => Held::Masks(linear(masks)),
            Held::Values(values) => Held::Values(linear(values)),
        };
        Masked { ring, len, held }
    }

    /// `(x + y)`: local.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn plus(mut self, other: &Self) -> Self {
        assert_eq!(
            (self.ring, self.len),
            (other.ring, other.len),
            "shapes of a local sum"
        );
        match (&mut self.held, &other.held) {
            (Held::Masks(a), Held::Masks(b)) | (Held::Values(a), Held::Values(b)) => {
                self.ring.add_to(a, b)
            }
            // P0 online keeps the masks of its model alone: of a sum with what it does not have, it has nothing.
            (held, _) => *held = Held::Nothing,
        }
        self
    }

    /// `(x - y)`: local.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn minus(self, other: &Self) -> Self {
        let ring = self.ring;
        self.plus(&other.map_to(ring, other.len, |y| {
            y.iter()
                .map(|y| ring.reduce(W::default().sub(*y)))
                .collect()
        }))
    }

    /// The same linear map of two vectors on values and masks; of what this party lacks either part of, it has nothing.
    ///
    /// # Panics
    /// If the map gives another number of elements.
    pub fn with<V: Word>(
        &self,
        other: &Self,
        ring: Ring,
        len: usize,
        linear: impl FnOnce(&[W], &[W]) -> Wiped<V>,
    ) -> Masked<V> {
        let held = match (&self.held, &other.held) {
            (Held::Masks(x), Held::Masks(y)) => Held::Masks(linear(x, y)),
            (Held::Values(x), Held::Values(y)) => Held::Values(linear(x, y)),
            _ => Held::Nothing,
        };
        if let Held::Masks(out) | Held::Values(out) = &held {
            assert_eq!(out.len(), len, "elements of a local map");
        }
        Masked { ring, len, held }
    }

    /// The same values modulo a smaller power of two, in words that hold it.
    ///
    /// # Panics
    /// If the ring is larger.
    pub fn reduce_to<V: Word>(&self, ring: Ring) -> Masked<V> {
        assert!(
            ring.bits() <= self.ring.bits(),
            "a reduction makes the ring smaller"
        );
        self.map_to(ring, self.len, |x| {
            x.iter()
                .map(|x| ring.reduce(V::from_u64(x.to_u64())))
                .collect()
        })
    }

    /// A part of the vector.
    pub fn slice(&self, range: Range<usize>) -> Self {
        self.map_to(self.ring, range.len(), |x| Wiped::copied(&x[range.clone()]))
    }

    /// Several vectors of one ring as one, in their order.
    ///
    /// # Panics
    /// If there is none, or the rings differ.
    pub fn join(parts: &[Self]) -> Self {
        let ring = parts[0].ring;
        assert!(parts.iter().all(|part| part.ring == ring), "one ring");
        let len = parts.iter().map(|part| part.len).sum();
        let joined = |of: fn(&Self) -> &[W]| Wiped::joined(len, parts.iter().map(of));
        let held = match parts[0].held {
            Held::Nothing => Held::Nothing,
            Held::Masks(_) => Held::Masks(joined(Self::masks)),
            Held::Values(_) => Held::Values(joined(Self::values)),
        };
        Self { ring, len, held }
    }

    /// `(x + c)` for a public c: local, and the mask stays.
    pub fn plus_public(mut self, constant: W) -> Self {
        if let Held::Values(values) = &mut self.held {
            for value in values.iter_mut() {
                *value = self.ring.reduce(value.add(constant));
            }
        }
        self
    }

    /// `(c x)` for a public c: local.
    pub fn times_public(self, factor: W) -> Self {
        let ring = self.ring;
        self.map_to(ring, self.len, |x| {
            x.iter().map(|x| ring.reduce(x.mul(factor))).collect()
        })
    }
}

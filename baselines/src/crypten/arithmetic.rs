//! The context of the protocols, and what needs no communication.

use super::bilinear::GRAIN;
use super::fixed::{FRACTION_BITS, RING, encode, truncate};
use super::{Share, Triples};
use qbench_protocols::kernel::widest;
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;

/// The protocols: one code for the cost walk, dealing offline and computing online. Shares are absent
/// everywhere but at P1 and P2 online; operations on absent shares keep shapes.
pub struct Arithmetic<'a> {
    /// Where messages go.
    pub runtime: Runtime<'a>,
    /// At a party; nothing in the cost walk.
    pub(super) triples: Option<&'a mut Triples>,
    pub(super) dealt_bytes: [u64; 3],
    /// Memory of the last message received, for the next one sent.
    pub(super) buffer: Vec<u8>,
}

impl<'a> Arithmetic<'a> {
    /// `triples` at a party, nothing in the cost walk.
    pub fn new(runtime: Runtime<'a>, triples: Option<&'a mut Triples>) -> Self {
        Self {
            runtime,
            triples,
            dealt_bytes: [0; 3],
            buffer: Vec::new(),
        }
    }

    /// Bytes of correlated randomness that the cost walk found to be dealt, by holder.
    pub fn dealt_bytes(&self) -> [u64; 3] {
        self.dealt_bytes
    }

    /// Changes this party's share in place, over all threads. `change` gets part of it and the index
    /// of that part's first element.
    fn change(&self, x: Share, grain: usize, change: impl Fn(usize, &mut [u64]) + Sync) -> Share {
        let len = x.len();
        let mut values = x.into_values();
        if values.is_empty() {
            return Self::absent(len);
        }
        if let Some(threads) = self.runtime.threads() {
            let grain = grain * GRAIN.div_ceil(grain.max(1));
            threads.chunks_mut(&mut values, grain, |first, part| {
                widest(
                    #[inline(always)]
                    || change(first, part),
                );
            });
        }
        Share::held(RING, values)
    }

    fn each(&self, x: Share, f: impl Fn(u64) -> u64 + Sync) -> Share {
        self.change(
            x,
            1,
            #[inline(always)]
            |_, part| {
                for value in part {
                    *value = f(*value);
                }
            },
        )
    }

    fn pairs(&self, x: Share, y: &Share, f: impl Fn(u64, u64) -> u64 + Sync) -> Share {
        assert_eq!(x.len(), y.len(), "shapes of a local sum");
        self.change(
            x,
            1,
            #[inline(always)]
            |first, part| {
                let y = &y.values()[first..][..part.len()];
                for (x, y) in part.iter_mut().zip(y) {
                    *x = f(*x, *y);
                }
            },
        )
    }

    /// `x + y`.
    pub fn add(&self, x: Share, y: &Share) -> Share {
        self.pairs(x, y, u64::wrapping_add)
    }

    /// `x - y`.
    pub fn subtract(&self, x: Share, y: &Share) -> Share {
        self.pairs(x, y, u64::wrapping_sub)
    }

    /// `-x`.
    pub fn negate(&self, x: Share) -> Share {
        self.each(x, u64::wrapping_neg)
    }

    /// x plus a real number.
    pub fn add_public(&self, x: Share, value: f64) -> Share {
        self.add_integer(x, encode(value) as i64)
    }

    /// x plus an integer of the ring: for bits and counts, which have no fractional bits.
    pub fn add_integer(&self, x: Share, value: i64) -> Share {
        if self.runtime.me() != Some(Party::P1) {
            return x;
        }
        self.each(
            x,
            #[inline(always)]
            |x| x.wrapping_add(value as u64),
        )
    }

    /// x times a real number, by local truncation (see [`truncate`] for how it can fail).
    pub fn scale_public(&self, x: Share, factor: f64) -> Share {
        let factor = encode(factor);
        self.each(
            x,
            #[inline(always)]
            |x| truncate(x.wrapping_mul(factor), FRACTION_BITS),
        )
    }

    /// x times an integer: exact.
    pub fn times_integer(&self, x: Share, factor: i64) -> Share {
        self.each(
            x,
            #[inline(always)]
            |x| x.wrapping_mul(factor as u64),
        )
    }

    /// x divided by a public integer: each party divides its share towards zero (see [`truncate`] for
    /// how that can fail).
    ///
    /// # Panics
    /// If the divisor is zero.
    pub fn divide_public(&self, x: Share, divisor: u32) -> Share {
        assert!(divisor > 0, "a divisor");
        if divisor.is_power_of_two() {
            let bits = divisor.trailing_zeros();
            return self.each(
                x,
                #[inline(always)]
                |x| truncate(x, bits),
            );
        }
        self.each(
            x,
            #[inline(always)]
            |x| (x as i64 / i64::from(divisor)) as u64,
        )
    }

    /// The sum of each row of `width` elements.
    pub fn sum_rows(&self, x: &Share, width: usize) -> Share {
        x.sum_rows(width, 1)
    }

    /// Row r of x, `width` elements, less element r of `per_row`.
    pub fn subtract_rows(&self, x: Share, per_row: &Share, width: usize) -> Share {
        assert_eq!(x.len(), per_row.len() * width, "shapes of a row difference");
        self.change(
            x,
            width,
            #[inline(always)]
            |first, part| {
                let per_row = &per_row.values()[first / width..];
                for (row, less) in part.chunks_mut(width).zip(per_row) {
                    for value in row {
                        *value = value.wrapping_sub(*less);
                    }
                }
            },
        )
    }

    /// Each row of x plus `per_column`, such as a bias; a row is as long as `per_column`.
    pub fn add_columns(&self, x: Share, per_column: &Share) -> Share {
        let width = per_column.len();
        assert_eq!(x.len() % width.max(1), 0, "shapes of a row sum");
        self.change(
            x,
            width,
            #[inline(always)]
            |_, part| {
                for row in part.chunks_mut(width) {
                    for (value, more) in row.iter_mut().zip(per_column.values()) {
                        *value = value.wrapping_add(*more);
                    }
                }
            },
        )
    }
}

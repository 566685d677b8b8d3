//! Products: of elements, of rows and columns, of matrices.

use super::truncate::Truncation;
use super::truncate::{dealt_product, truncate};
use super::weight::Weight;
use super::{Choices, RING, Share, shares};
use crate::fixed_point::bilinear::Bilinear;
use qbench_protocols::Result;
use qbench_protocols::kernel::gemm64::multiply_add_parallel;
use qbench_protocols::kernel::widest;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::threads::{GRAIN, Threads};
use qbench_protocols::wipe::Wiped;

/// Adds this party's summand of a product to zeros.
type Summand<'a> = dyn Fn(&Threads, &mut [u64]) + Sync + 'a;

/// A product to be made: its length, and this party's summand of it.
pub struct Factors<'a> {
    len: usize,
    summand: Box<Summand<'a>>,
}

impl<'a> Factors<'a> {
    /// Of two vectors, element by element.
    pub fn elements(x: &'a Share, y: &'a Share) -> Self {
        assert_eq!(x.len, y.len, "shapes of a product");
        Self {
            len: x.len,
            summand: Box::new(move |threads, out| {
                threads.chunks_mut(out, GRAIN, |first, out| {
                    let to = first + out.len();
                    let (xp, xn) = (&x.previous[first..to], &x.next[first..to]);
                    let (yp, yn) = (&y.previous[first..to], &y.next[first..to]);
                    widest(
                        #[inline(always)]
                        || {
                            let terms = xp.iter().zip(xn).zip(yp.iter().zip(yn));
                            for (out, ((xp, xn), (yp, yn))) in out.iter_mut().zip(terms) {
                                let own = xp.wrapping_mul(yp.wrapping_add(*yn));
                                *out = own.wrapping_add(xn.wrapping_mul(*yp));
                            }
                        },
                    );
                });
            }),
        }
    }

    /// Of a bilinear map.
    pub fn bilinear(map: Bilinear, x: &'a Share, y: &'a Share) -> Self {
        let [left, right, len] = map.lengths();
        assert_eq!([x.len, y.len], [left, right], "shapes of a product");
        Self {
            len,
            summand: Box::new(move |threads, out| {
                let mut sum = Wiped::copied(&y.previous);
                RING.add_to(&mut sum, &y.next);
                map.accumulate(threads, &x.previous, &sum, out);
                map.accumulate(threads, &x.next, &y.previous, out);
            }),
        }
    }

    /// Of a matrix with a layer's weights.
    pub fn weights(x: &'a Share, weight: &'a Weight) -> Self {
        assert!(!matches!(weight, Weight::Gain(_)), "gamma is no matrix");
        let [outputs, inputs] = weight.shape();
        let rows = x.len / inputs.max(1);
        assert_eq!(x.len, rows * inputs, "shapes of a product");
        Self {
            len: rows * outputs,
            summand: Box::new(move |threads, out| {
                let mut add = |x: &[u64], packed| {
                    multiply_add_parallel(threads, x, inputs, rows, packed, out, outputs);
                };
                match weight {
                    Weight::Owner { clear, second, .. } => {
                        add(&x.previous, clear);
                        add(&x.next, second);
                    }
                    Weight::Second { second, .. } => add(&x.previous, second),
                    Weight::First { first, .. } => {
                        let mut sum = Wiped::copied(&x.previous);
                        RING.add_to(&mut sum, &x.next);
                        add(&sum, first);
                    }
                    Weight::Absent { .. } | Weight::Gain(_) => {}
                }
            }),
        }
    }

    /// Several products, one after the other.
    pub fn join(all: Vec<Self>) -> Self {
        Self {
            len: all.iter().map(|factors| factors.len).sum(),
            summand: Box::new(move |threads, mut out| {
                for factors in &all {
                    let (part, rest) = out.split_at_mut(factors.len);
                    (factors.summand)(threads, part);
                    out = rest;
                }
            }),
        }
    }

    /// The same with each row of the product plus `per_column`, such as a bias: each party adds one component.
    pub fn plus_columns(self, per_column: &'a Share) -> Self {
        let width = per_column.len;
        assert_eq!(self.len % width.max(1), 0, "shapes of a row sum");
        Self {
            len: self.len,
            summand: Box::new(move |threads, out| {
                (self.summand)(threads, out);
                for row in out.chunks_mut(width.max(1)) {
                    RING.add_to(row, &per_column.next);
                }
            }),
        }
    }

    /// Elements of the product.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// This party's summand.
    pub(super) fn summand(&self, threads: &Threads) -> Wiped<u64> {
        let mut out = Wiped::zeros(self.len);
        (self.summand)(threads, &mut out);
        out
    }
}

/// Two streams' elements: what the party after this one draws too, less what the one before does. Over all parties they sum to zero.
pub(super) fn sharing_of_zero(runtime: &mut Runtime<'_>, len: usize) -> Result<Wiped<u64>> {
    let session = runtime.session()?;
    let me = session.me();
    let mut zero: Wiped<u64> = session.draw(me.next(), RING, len);
    let other: Wiped<u64> = session.draw(me.previous(), RING, len);
    session
        .threads()
        .chunks_mut(&mut zero, GRAIN, |first, part| {
            for (zero, other) in part.iter_mut().zip(&other[first..]) {
                *zero = zero.wrapping_sub(*other);
            }
        });
    Ok(zero)
}

/// A product with all its fractional bits: the parties' summands, made fresh, are its components.
///
/// Cost: 24 bytes an element (8 from each party to the one before it) and one round (ABY3, section 5.2; SPU's `mul_aa`).
///
/// # Security
/// A summand goes out with a fresh element of a sharing of zero, of which the receiver lacks one part: it sees a uniform value.
///
/// # Errors
/// The network's.
pub fn untruncated(runtime: &mut Runtime<'_>, factors: &Factors<'_>) -> Result<Share> {
    let len = factors.len();
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(len));
    }
    let bytes = RING.wire_bytes(len);
    runtime.declare_simultaneous(&Party::ALL.map(|from| (from, from.previous(), bytes)));
    let (Some(me), Some(threads)) = (runtime.me(), runtime.threads()) else {
        return Ok(shares::absent(len));
    };
    let mut next = factors.summand(threads);
    let zero = sharing_of_zero(runtime, len)?;
    RING.add_to(&mut next, &zero);
    let session = runtime.session()?;
    session.send_elements(me.previous(), RING, &next)?;
    let previous = session.receive_elements(me.next(), RING, len)?;
    Ok(Share {
        ring: RING,
        len,
        previous,
        next,
    })
}

/// A product, truncated by `bits`.
///
/// Cost: [`untruncated`] and [`truncate`]; with dealt pairs both in one round, 32 bytes an element.
///
/// # Errors
/// Theirs.
pub fn truncated(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    factors: &Factors<'_>,
    bits: u32,
) -> Result<Share> {
    if choices.truncation == Truncation::Dealer {
        return dealt_product(runtime, factors, bits);
    }
    let product = untruncated(runtime, factors)?;
    truncate(runtime, choices, &product, bits)
}

/// `x y`, element by element, as real numbers.
///
/// Cost: as [`truncated`].
///
/// # Errors
/// The network's.
pub fn multiply(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    x: &Share,
    y: &Share,
) -> Result<Share> {
    truncated(
        runtime,
        choices,
        &Factors::elements(x, y),
        choices.fraction_bits(),
    )
}

/// A bilinear map of real vectors.
///
/// Cost: as [`truncated`], for the elements that come out.
///
/// # Errors
/// The network's.
pub fn bilinear(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    map: Bilinear,
    x: &Share,
    y: &Share,
) -> Result<Share> {
    truncated(
        runtime,
        choices,
        &Factors::bilinear(map, x, y),
        choices.fraction_bits(),
    )
}

//! Products of wires.

use super::{Wire, each, leads};
use crate::fixed_point::bilinear::Bilinear;
use crate::fss::{covered, fresh_masks, words};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Covered;
use qbench_protocols::threads::GRAIN;
use qbench_protocols::wipe::Wiped;

/// `x * y` under a bilinear map.
///
/// Cost and security: [`products`] of one.
///
/// # Errors
/// Operands that do not fit; a key that was dealt for something else; the network's.
pub fn product(
    runtime: &mut Runtime<'_>,
    map: Bilinear,
    x: &Wire,
    y: &Wire,
) -> Result<Covered<u64>> {
    products(runtime, x, &[(map, y)])
}

/// One wire times several, the products one after the other.
///
/// With X = x + r and Y = y + s known to both, `x y = X Y - X s - r Y + r s`: P0 deals shares of r, of every s, and of every
/// `r s` plus the mask of the product.
///
/// Cost: offline a ring element each of x, of every y and of every product; nothing online.
///
/// # Security
/// Each share of the outcome has a fresh share of the dealt product in it, and so is uniform; the mask of the outcome is fresh.
///
/// # Errors
/// As [`product`].
pub fn products(
    runtime: &mut Runtime<'_>,
    x: &Wire,
    factors: &[(Bilinear, &Wire)],
) -> Result<Covered<u64>> {
    let ring = x.ring();
    let (mut rights, mut len) = (0, 0);
    for (map, y) in factors {
        let [left, right, out] = map.lengths();
        let fits = (x.len(), y.len(), y.ring()) == (left, right, ring);
        runtime.ensure(fits, || format!("{x:?} and {y:?} for {map:?}"))?;
        rights += right;
        len += out;
    }
    let masks = fresh_masks(runtime, ring, len)?;
    let threads = runtime.threads();
    let key = |masks: &Wiped<u64>| {
        let mut out = Wiped::copied(masks);
        let mut rest = &mut out[..];
        for (map, y) in factors {
            let (part, tail) = rest.split_at_mut(map.lengths()[2]);
            if let Some(threads) = threads {
                map.accumulate(threads, x.masks(), y.masks(), part);
            }
            rest = tail;
        }
        let parts = std::iter::once(x.masks()).chain(factors.iter().map(|(_, y)| y.masks()));
        Wiped::joined(x.len() + rights + len, parts.chain([&out[..]]))
    };
    let secret = masks.as_ref().map(key);
    let key = words(runtime, ring, x.len() + rights + len, || {
        secret.unwrap_or_default()
    })?;
    let share = key.map(|key| evaluate(runtime, x, factors, key, len));
    Ok(covered(ring, len, masks, share))
}

/// X (Y - s) - r Y at P1, and -X s - r Y at P2, add up to `X Y - X s - r Y`.
fn evaluate(
    runtime: &Runtime<'_>,
    x: &Wire,
    factors: &[(Bilinear, &Wire)],
    mut key: Wiped<u64>,
    len: usize,
) -> Wiped<u64> {
    let ring = x.ring();
    let Some(threads) = runtime.threads() else {
        return Wiped::default();
    };
    let (r, rest) = key.split_at_mut(x.len());
    let (mut s, products) = rest.split_at_mut(rest.len() - len);
    threads.chunks_mut(r, GRAIN, |_, part| {
        for r in part {
            *r = r.wrapping_neg();
        }
    });
    let mut out = Wiped::copied(products);
    let mut rest = &mut out[..];
    let all = leads(runtime).wrapping_neg();
    for (map, y) in factors {
        let [_, right, count] = map.lengths();
        let (factor, others) = s.split_at_mut(right);
        let (part, tail) = rest.split_at_mut(count);
        threads.chunks_mut(factor, GRAIN, |first, part| {
            for (s, y) in part.iter_mut().zip(&y.values()[first..]) {
                *s = (y & all).wrapping_sub(*s);
            }
        });
        map.accumulate(threads, x.values(), factor, part);
        map.accumulate(threads, r, y.values(), part);
        (s, rest) = (others, tail);
    }
    for value in out.iter_mut() {
        *value = ring.reduce(*value);
    }
    out
}

/// The sum of the squares of each row of `width` elements.
///
/// `x^2 = X^2 - 2 X r + r^2`: P0 deals shares of r and of r^2 plus a mask, for every element; the sums are local.
///
/// Cost: offline two ring elements an element; nothing online.
///
/// # Security
/// As [`products`]: the mask of a sum is the sum of fresh masks.
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn square_sums(runtime: &mut Runtime<'_>, x: &Wire, width: usize) -> Result<Covered<u64>> {
    let (ring, len) = (x.ring(), x.len());
    let masks = fresh_masks(runtime, ring, len)?;
    let squares = masks.as_ref().map(|masks| {
        each(runtime, ring, len, |i| {
            let r = x.masks()[i];
            r.wrapping_mul(r).wrapping_add(masks[i])
        })
    });
    let key = words(runtime, ring, 2 * len, || {
        Wiped::joined(2 * len, [x.masks(), &squares.unwrap_or_default()])
    })?;
    let share = key.map(|key| {
        let (r, squares) = key.split_at(len);
        let leads = leads(runtime);
        each(runtime, ring, len, |i| {
            let x = x.values()[i];
            let public = leads.wrapping_mul(x).wrapping_sub(r[i].wrapping_mul(2));
            x.wrapping_mul(public).wrapping_add(squares[i])
        })
    });
    let sums = |x: &[u64]| {
        let rows = x.chunks(width);
        let sums = rows.map(|row| row.iter().fold(0u64, |sum, x| sum.wrapping_add(*x)));
        sums.map(|sum| ring.reduce(sum)).collect()
    };
    Ok(covered(ring, len, masks, share).map_to(ring, len / width, sums))
}

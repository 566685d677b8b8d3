//! What needs no communication, over all threads, on additive shares in Z_{2^64}. Operations on absent shares keep shapes.

use super::{RING64, Share};
use qbench_protocols::kernel::widest;
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::threads::GRAIN;

/// A vector of which this party holds nothing.
pub fn absent(len: usize) -> Share {
    Share::absent(RING64, len)
}

/// Changes this party's share in place, over all threads. `change` gets part of it and the index
/// of that part's first element.
pub fn change(
    runtime: &Runtime<'_>,
    x: Share,
    grain: usize,
    change: impl Fn(usize, &mut [u64]) + Sync,
) -> Share {
    let len = x.len();
    let mut values = x.into_values();
    if values.is_empty() {
        return absent(len);
    }
    if let Some(threads) = runtime.threads() {
        let grain = grain * GRAIN.div_ceil(grain.max(1));
        threads.chunks_mut(&mut values, grain, |first, part| {
            widest(
                #[inline(always)]
                || change(first, part),
            );
        });
    }
    Share::held(RING64, values)
}

/// A function of every element of this party's share.
pub fn each(runtime: &Runtime<'_>, x: Share, f: impl Fn(u64) -> u64 + Sync) -> Share {
    change(
        runtime,
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

/// A function of every element of this party's shares of two vectors.
///
/// # Panics
/// If the lengths differ.
pub fn pairs(
    runtime: &Runtime<'_>,
    x: Share,
    y: &Share,
    f: impl Fn(u64, u64) -> u64 + Sync,
) -> Share {
    assert_eq!(x.len(), y.len(), "shapes of a local sum");
    change(
        runtime,
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
pub fn add(runtime: &Runtime<'_>, x: Share, y: &Share) -> Share {
    pairs(runtime, x, y, u64::wrapping_add)
}

/// `x - y`.
pub fn subtract(runtime: &Runtime<'_>, x: Share, y: &Share) -> Share {
    pairs(runtime, x, y, u64::wrapping_sub)
}

/// `-x`.
pub fn negate(runtime: &Runtime<'_>, x: Share) -> Share {
    each(runtime, x, u64::wrapping_neg)
}

/// x plus an integer of the ring: for bits and counts, which have no fractional bits.
pub fn add_integer(runtime: &Runtime<'_>, x: Share, value: i64) -> Share {
    if runtime.me() != Some(Party::P1) {
        return x;
    }
    each(
        runtime,
        x,
        #[inline(always)]
        |x| x.wrapping_add(value as u64),
    )
}

/// x times an integer: exact.
pub fn times_integer(runtime: &Runtime<'_>, x: Share, factor: i64) -> Share {
    each(
        runtime,
        x,
        #[inline(always)]
        |x| x.wrapping_mul(factor as u64),
    )
}

/// Row r of x, `width` elements, less element r of `per_row`.
pub fn subtract_rows(runtime: &Runtime<'_>, x: Share, per_row: &Share, width: usize) -> Share {
    assert_eq!(x.len(), per_row.len() * width, "shapes of a row difference");
    change(
        runtime,
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
pub fn add_columns(runtime: &Runtime<'_>, x: Share, per_column: &Share) -> Share {
    let width = per_column.len();
    assert_eq!(x.len() % width.max(1), 0, "shapes of a row sum");
    change(
        runtime,
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

//! What needs no communication, over all threads. Operations on absent shares keep shapes.

use super::{RING, Share};
use qbench_protocols::kernel::widest;
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::threads::GRAIN;
use qbench_protocols::wipe::Wiped;

/// A vector of which this party holds nothing.
pub fn absent(len: usize) -> Share {
    Share::absent(RING, len)
}

/// The same linear map of both components that this party holds.
pub fn map(x: &Share, len: usize, linear: impl Fn(&[u64]) -> Wiped<u64>) -> Share {
    if !x.is_held() {
        return absent(len);
    }
    let mapped = Share {
        ring: RING,
        len,
        previous: linear(&x.previous),
        next: linear(&x.next),
    };
    assert_eq!(mapped.next.len(), len, "elements of a local map");
    mapped
}

/// Changes both components in place, over all threads: `change` gets part of one of them and the index of its first element.
fn change(
    runtime: &Runtime<'_>,
    mut x: Share,
    grain: usize,
    change: impl Fn(bool, usize, &mut [u64]) + Sync,
) -> Share {
    let Some(threads) = runtime.threads().filter(|_| x.is_held()) else {
        return x;
    };
    let grain = grain * GRAIN.div_ceil(grain.max(1));
    for (is_next, values) in [(false, &mut x.previous), (true, &mut x.next)] {
        threads.chunks_mut(values, grain, |first, part| {
            widest(
                #[inline(always)]
                || change(is_next, first, part),
            );
        });
    }
    x
}

fn component(x: &Share, is_next: bool) -> &[u64] {
    if is_next { &x.next } else { &x.previous }
}

fn pairs(runtime: &Runtime<'_>, x: Share, y: &Share, f: impl Fn(u64, u64) -> u64 + Sync) -> Share {
    assert_eq!(x.len, y.len, "shapes of a local sum");
    change(
        runtime,
        x,
        1,
        #[inline(always)]
        |is_next, first, part| {
            let y = &component(y, is_next)[first..];
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

/// The bits of x and y, one of which is set: of sharings by exclusive or.
pub fn exclusive_or(runtime: &Runtime<'_>, x: Share, y: &Share) -> Share {
    pairs(runtime, x, y, |x, y| x ^ y)
}

/// The same linear function of every element of each component.
pub fn each(runtime: &Runtime<'_>, x: Share, f: impl Fn(u64) -> u64 + Sync) -> Share {
    change(
        runtime,
        x,
        1,
        #[inline(always)]
        |_, _, part| {
            for value in part {
                *value = f(*value);
            }
        },
    )
}

/// x times an integer: exact.
pub fn times(runtime: &Runtime<'_>, x: Share, factor: i64) -> Share {
    each(
        runtime,
        x,
        #[inline(always)]
        |x| x.wrapping_mul(factor as u64),
    )
}

/// Component 0, at P1 and P2, in place: to which public values are added.
fn zeroth(runtime: &Runtime<'_>, x: Share, f: impl Fn(u64) -> u64 + Sync) -> Share {
    let held_as_next = match runtime.me() {
        Some(Party::P1) => false,
        Some(Party::P2) => true,
        _ => return x,
    };
    change(
        runtime,
        x,
        1,
        #[inline(always)]
        |is_next, _, part| {
            if is_next == held_as_next {
                for value in part {
                    *value = f(*value);
                }
            }
        },
    )
}

/// x plus a public element.
pub fn add_public(runtime: &Runtime<'_>, x: Share, value: u64) -> Share {
    zeroth(runtime, x, |x| x.wrapping_add(value))
}

/// The bits of x, flipped where a public mask has ones: of a sharing by exclusive or.
pub fn flip(runtime: &Runtime<'_>, x: Share, mask: u64) -> Share {
    zeroth(runtime, x, |x| x ^ mask)
}

/// Row r of x, `width` elements, less element r of `per_row`.
pub fn subtract_rows(runtime: &Runtime<'_>, x: Share, per_row: &Share, width: usize) -> Share {
    assert_eq!(x.len, per_row.len * width, "shapes of a row difference");
    change(
        runtime,
        x,
        width,
        #[inline(always)]
        |is_next, first, part| {
            let per_row = &component(per_row, is_next)[first / width..];
            for (row, less) in part.chunks_mut(width).zip(per_row) {
                for value in row {
                    *value = value.wrapping_sub(*less);
                }
            }
        },
    )
}

/// Each row of x plus `per_column`, such as a bias.
pub fn add_columns(runtime: &Runtime<'_>, x: Share, per_column: &Share) -> Share {
    let width = per_column.len;
    assert_eq!(x.len % width.max(1), 0, "shapes of a row sum");
    change(
        runtime,
        x,
        width,
        #[inline(always)]
        |is_next, _, part| {
            let per_column = component(per_column, is_next);
            for row in part.chunks_mut(width) {
                for (value, more) in row.iter_mut().zip(per_column) {
                    *value = value.wrapping_add(*more);
                }
            }
        },
    )
}

/// The sum of each row.
pub fn sum_rows(x: &Share, width: usize) -> Share {
    map(x, x.len / width, |x| {
        let rows = x.chunks_exact(width);
        rows.map(|row| row.iter().fold(0u64, |sum, v| sum.wrapping_add(*v)))
            .collect()
    })
}

/// A part of the vector.
pub fn slice(x: &Share, range: std::ops::Range<usize>) -> Share {
    map(x, range.len(), |x| Wiped::copied(&x[range.clone()]))
}

/// Several vectors as one, in their order.
pub fn join(parts: &[&Share]) -> Share {
    let len = parts.iter().map(|part| part.len).sum();
    if parts.iter().any(|part| !part.is_held() && part.len > 0) {
        return absent(len);
    }
    let joined = |of: fn(&Share) -> &[u64]| Wiped::joined(len, parts.iter().map(|part| of(part)));
    Share {
        ring: RING,
        len,
        previous: joined(|x| &x.previous),
        next: joined(|x| &x.next),
    }
}

/// A joined vector's parts again, all of one length.
pub fn parts<const N: usize>(x: &Share) -> [Share; N] {
    let len = x.len / N;
    std::array::from_fn(|i| slice(x, i * len..(i + 1) * len))
}

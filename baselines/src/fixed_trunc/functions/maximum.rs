//! The largest of a row.

use super::super::{Choices, Share, shares};
use super::relu;
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;

/// The maximum of each row of `width` elements, by a tree: `max(a, b) = b + relu(a - b)`.
///
/// Cost: 172 bytes for each of `width - 1` comparisons a row, and 10 rounds a level of ceil(log2 width).
///
/// # Security
/// As [`relu`].
///
/// # Errors
/// The network's.
pub fn max_rows(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    x: &Share,
    width: usize,
) -> Result<Share> {
    let mut left = x.clone();
    let mut width = width;
    while width > 1 {
        let half = width / 2;
        let columns = |x: &Share, from: usize, to: usize| {
            shares::map(x, x.len / width * (to - from), |x| {
                let rows = x.chunks_exact(width).map(|row| &row[from..to]);
                Wiped::joined(x.len() / width * (to - from), rows)
            })
        };
        let (a, b) = (columns(&left, 0, half), columns(&left, half, 2 * half));
        let difference = shares::subtract(runtime, a, &b);
        let more = relu(runtime, choices, &difference)?;
        let larger = shares::add(runtime, b, &more);
        // An odd one is carried.
        left = if width % 2 == 1 {
            beside(&larger, half, &columns(&left, width - 1, width))
        } else {
            larger
        };
        width = half + width % 2;
    }
    Ok(left)
}

/// Rows of `width` elements, each with one more from a column.
fn beside(x: &Share, width: usize, column: &Share) -> Share {
    if !x.is_held() {
        return shares::absent(x.len + column.len);
    }
    let joined = |x: &[u64], column: &[u64]| {
        let rows = x.chunks_exact(width).zip(column.chunks_exact(1));
        Wiped::joined(x.len() + column.len(), rows.flat_map(|(x, c)| [x, c]))
    };
    Share {
        ring: x.ring,
        len: x.len + column.len,
        previous: joined(&x.previous, &column.previous),
        next: joined(&x.next, &column.next),
    }
}

//! Linear maps of wires.

use crate::sigma::gates::Wire;
use qbench_protocols::wipe::Wiped;

/// The elements at `indices`.
pub fn gather(x: &Wire, indices: &[usize]) -> Wire {
    x.map_to(x.ring(), indices.len(), |x| {
        indices.iter().map(|&i| x[i]).collect()
    })
}

/// The sum of each row of `width` elements.
pub fn sum_rows(x: &Wire, width: usize) -> Wire {
    let ring = x.ring();
    x.map_to(ring, x.len() / width, |x| {
        let rows = x.chunks(width);
        let sums = rows.map(|row| row.iter().fold(0u64, |sum, x| sum.wrapping_add(*x)));
        sums.map(|sum| ring.reduce(sum)).collect()
    })
}

/// Each element less that of its row, of `width` elements; or the other way round where `reversed`.
///
/// # Panics
/// If the rings differ.
pub fn minus_rows(x: &Wire, per_row: &Wire, width: usize, reversed: bool) -> Wire {
    let ring = x.ring();
    assert_eq!(ring, per_row.ring(), "one ring");
    x.with(per_row, ring, x.len(), |x, per_row| {
        let mut out = Wiped::copied(x);
        for (row, less) in out.chunks_mut(width).zip(per_row) {
            for value in row {
                let difference = value.wrapping_sub(*less);
                *value = ring.reduce(match reversed {
                    false => difference,
                    true => difference.wrapping_neg(),
                });
            }
        }
        out
    })
}

/// Each element plus that of its column.
///
/// # Panics
/// If the rings differ.
pub fn add_per_column(x: &Wire, per_column: &Wire) -> Wire {
    let ring = x.ring();
    assert_eq!(ring, per_column.ring(), "one ring");
    x.with(per_column, ring, x.len(), |x, per_column| {
        let mut out = Wiped::copied(x);
        for row in out.chunks_mut(per_column.len()) {
            ring.add_to(row, per_column);
        }
        out
    })
}

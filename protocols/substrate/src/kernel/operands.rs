//! What all matrix products share: the checked left operand and result, and the blocks that a
//! product is cut into.

use std::ops::Range;

/// Rows and panels of the largest register block of the SIMD kernels: ranges that are multiples
/// of these run at full speed.
const ROW_GRAIN: usize = 8;
const PANEL_GRAIN: usize = 3;

/// A part of the result: some rows, and some panels of columns.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) rows: Range<usize>,
    pub(super) panels: Range<usize>,
}

/// The blocks in which `threads` share a product of rows x inner x columns: about two a thread,
/// which evens out what other processes take from a core, but none of less than `least`
/// multiply-adds.
pub(super) fn parallel_blocks(
    threads: usize,
    [rows, inner, columns]: [usize; 3],
    panels: usize,
    least: usize,
) -> Vec<Block> {
    let parts = match threads {
        1 => 1,
        _ => (2 * threads).min(rows * inner * columns / least),
    };
    split(rows, panels, parts)
}

/// Cuts a product of `rows` x `panels` into disjoint blocks that cover it, `parts` or a few less:
/// by columns as far as there are enough, so that weights are read once, then by rows.
fn split(rows: usize, panels: usize, parts: usize) -> Vec<Block> {
    let panel_parts = parts.clamp(1, panels.div_ceil(PANEL_GRAIN).max(1));
    let row_parts = parts.div_ceil(panel_parts).max(1);
    let row_ranges = ranges(rows, row_parts, ROW_GRAIN);
    ranges(panels, panel_parts, PANEL_GRAIN)
        .flat_map(|panels| {
            row_ranges.clone().map(move |rows| Block {
                rows,
                panels: panels.clone(),
            })
        })
        .collect()
}

/// `0..count` in at most `parts` ranges, all but the last a multiple of `grain` long.
fn ranges(count: usize, parts: usize, grain: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let length = count.div_ceil(parts).next_multiple_of(grain).max(1);
    (0..count)
        .step_by(length)
        .map(move |start| start..(start + length).min(count))
}

/// `range` in the fewest pieces of at most `most`, as even as can be.
pub(super) fn pieces(range: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = range.len().div_ceil(most);
    (0..count).map(move |i| {
        let at = |i| range.start + range.len() * i / count;
        at(i)..at(i + 1)
    })
}

/// The left operand and the result of one product `rows` x `inner` x `columns`, checked.
pub(super) struct Operands<'a, W> {
    a: &'a [W],
    a_stride: usize,
    c: *mut W,
    c_stride: usize,
}

// SAFETY: `c` comes from a mutable borrow that outlives the value; whoever shares the value among
// threads promises, at the one function that starts a kernel, that their blocks are disjoint.
unsafe impl<W: Sync + Send> Sync for Operands<'_, W> {}

impl<'a, W> Operands<'a, W> {
    /// Checks the shapes; nothing if there is nothing to compute.
    ///
    /// # Panics
    /// If `a` or `c` is too short for its shape, or rows of `c` overlap.
    pub(super) fn new(
        (a, a_stride): (&'a [W], usize),
        [rows, inner, columns]: [usize; 3],
        (c, c_stride): (&'a mut [W], usize),
    ) -> Option<Self> {
        if rows == 0 || inner == 0 || columns == 0 {
            return None;
        }
        let fits = |stride: usize, width: usize, length: usize| {
            let start = (rows - 1).checked_mul(stride);
            let end = start.and_then(|start| start.checked_add(width));
            end.is_some_and(|end| end <= length)
        };
        assert!(
            fits(a_stride, inner, a.len()),
            "left operand: {rows} rows of {inner} elements at stride {a_stride} in {}",
            a.len(),
        );
        assert!(
            fits(c_stride, columns, c.len()),
            "result: {rows} rows of {columns} elements at stride {c_stride} in {}",
            c.len(),
        );
        assert!(
            rows == 1 || c_stride >= columns,
            "rows of the result overlap"
        );
        Some(Self {
            a,
            a_stride,
            c: c.as_mut_ptr(),
            c_stride,
        })
    }

    /// The first element of row `row` of the left operand, `inner` of which may be read.
    ///
    /// # Safety
    /// `row` is a row of the product.
    #[inline(always)]
    pub(super) unsafe fn a_row(&self, row: usize) -> *const W {
        // SAFETY: rows of the product lie within `a`, checked in `new`.
        unsafe { self.a.as_ptr().add(row * self.a_stride) }
    }

    /// The element of the result at `row` and `column`; what is left of the row may be accessed.
    ///
    /// # Safety
    /// `row` and `column` are within the product.
    #[inline(always)]
    pub(super) unsafe fn c_at(&self, row: usize, column: usize) -> *mut W {
        // SAFETY: rows of the product lie within `c`, checked in `new`.
        unsafe { self.c.add(row * self.c_stride + column) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_product_once() {
        for parts in [0, 1, 2, 5, 128] {
            for (rows, panels) in [(1, 1), (8, 192), (128, 4), (100, 49), (4096, 2)] {
                let mut seen = vec![0; rows * panels];
                for block in split(rows, panels, parts) {
                    for row in block.rows {
                        for panel in block.panels.clone() {
                            seen[row * panels + panel] += 1;
                        }
                    }
                }
                assert!(seen.iter().all(|n| *n == 1), "{rows} x {panels} in {parts}");
            }
        }
    }

    #[test]
    fn pieces_are_even_and_cover_the_range() {
        for (start, end) in [(0usize, 0), (3, 4), (0, 8), (5, 14), (1, 129)] {
            let pieces: Vec<_> = pieces(start..end, 8).collect();
            assert_eq!(pieces.len(), (end - start).div_ceil(8));
            assert!(pieces.iter().all(|p| (1..=8).contains(&p.len())));
            let longest = pieces.iter().map(Range::len).max().unwrap_or(0);
            assert!(pieces.iter().all(|p| p.len() + 1 >= longest));
            assert!(pieces.iter().cloned().flatten().eq(start..end));
        }
    }
}

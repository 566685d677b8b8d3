//! The right operand of a product, laid out as the kernels read it.

use super::Element;
use crate::threads::Threads;
use crate::wipe::Wiped;

/// Lines (8 KiB) that are written by all columns before the next ones are.
const NEAR: usize = 128;

/// One step of a panel: for each of its columns the operand at one group of inner indices, side
/// by side. One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::kernel) struct Line<W: Element>(pub(in crate::kernel) W::Groups);

/// The right operand of a product, packed once for the kernel: `inner` x `columns`.
///
/// Columns come in panels of [`Element::PANEL`]; within a panel the inner dimension comes in
/// groups of [`Element::GROUP`], so that a kernel streams each panel from its first byte to its
/// last. What lies beyond `inner` and `columns` is zero.
#[derive(Clone, Default)]
pub struct Packed<W: Element> {
    lines: Wiped<Line<W>>,
    inner: usize,
    columns: usize,
}

impl<W: Element> Default for Line<W> {
    fn default() -> Self {
        Self(W::Groups::default())
    }
}

impl<W: Element> std::fmt::Debug for Packed<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed{}({} x {})", W::BITS, self.inner, self.columns)
    }
}

impl<W: Element> Packed<W> {
    /// From the transposed operand: row-major `columns` x `inner` (a weight matrix `[out][in]`).
    ///
    /// # Panics
    /// If `values` does not hold `columns * inner` elements.
    pub fn from_rows(values: &[W], columns: usize, inner: usize) -> Self {
        let mut packed = Self::zero(inner, columns, values);
        packed.fill(|panel, lines| panel.copy_rows(values, lines));
        packed
    }

    /// [`Packed::from_rows`] over all of `threads`.
    ///
    /// # Panics
    /// As [`Packed::from_rows`].
    pub fn from_rows_parallel(
        threads: &Threads,
        values: &[W],
        columns: usize,
        inner: usize,
    ) -> Self {
        let mut packed = Self::zero(inner, columns, values);
        packed.fill_parallel(threads, |panel, lines| panel.copy_rows(values, lines));
        packed
    }

    /// From row-major `inner` x `columns`.
    ///
    /// # Panics
    /// If `values` does not hold `inner * columns` elements.
    pub fn from_columns(values: &[W], inner: usize, columns: usize) -> Self {
        let mut packed = Self::zero(inner, columns, values);
        packed.fill(|panel, lines| panel.copy_columns(values, lines));
        packed
    }

    /// [`Packed::from_columns`] over all of `threads`.
    ///
    /// # Panics
    /// As [`Packed::from_columns`].
    pub fn from_columns_parallel(
        threads: &Threads,
        values: &[W],
        inner: usize,
        columns: usize,
    ) -> Self {
        let mut packed = Self::zero(inner, columns, values);
        packed.fill_parallel(threads, |panel, lines| panel.copy_columns(values, lines));
        packed
    }

    /// Fills each panel's lines.
    fn fill(&mut self, fill: impl Fn(&Panel, &mut [Line<W>])) {
        let (inner, columns, groups) = (self.inner, self.columns, self.groups());
        for (index, lines) in self.lines.chunks_mut(groups.max(1)).enumerate() {
            fill(&Panel::new::<W>(index, inner, columns), lines);
        }
    }

    fn fill_parallel(&mut self, threads: &Threads, fill: impl Fn(&Panel, &mut [Line<W>]) + Sync) {
        let (inner, columns, groups) = (self.inner, self.columns, self.groups().max(1));
        threads.chunks_mut(&mut self.lines, groups, |first, lines| {
            for (i, lines) in lines.chunks_mut(groups).enumerate() {
                fill(&Panel::new::<W>(first / groups + i, inner, columns), lines);
            }
        });
    }

    /// Zero, to be filled from `values`.
    fn zero(inner: usize, columns: usize, values: &[W]) -> Self {
        assert_eq!(values.len(), inner * columns, "elements of the operand");
        let count = columns.div_ceil(W::PANEL) * inner.div_ceil(W::GROUP);
        Self {
            lines: Wiped::zeros(count),
            inner,
            columns,
        }
    }

    /// Length of the summed dimension.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Memory that the packed operand takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.lines[..])
    }

    /// Groups of inner indices, the last one partly empty if `inner` is no multiple of their size.
    #[inline(always)]
    pub(in crate::kernel) fn groups(&self) -> usize {
        self.inner.div_ceil(W::GROUP)
    }

    /// Number of panels, the last one partly empty if `columns` is no multiple of their width.
    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(W::PANEL)
    }

    /// The lines of one panel, [`Self::groups`] in number.
    #[inline(always)]
    pub(in crate::kernel) fn panel(&self, panel: usize) -> &[Line<W>] {
        let groups = self.groups();
        &self.lines[panel * groups..(panel + 1) * groups]
    }
}

/// Where a panel lies in its operand.
struct Panel {
    /// Its first column.
    first: usize,
    /// Columns that the operand has of it.
    width: usize,
    inner: usize,
    columns: usize,
}

impl Panel {
    fn new<W: Element>(index: usize, inner: usize, columns: usize) -> Self {
        let first = index * W::PANEL;
        Self {
            first,
            width: W::PANEL.min(columns - first),
            inner,
            columns,
        }
    }

    /// From rows of `inner` elements, one a column: a group of each goes into each line.
    fn copy_rows<W: Element>(&self, values: &[W], lines: &mut [Line<W>]) {
        let rows = &values[self.first * self.inner..];
        for (block, lines) in lines.chunks_mut(NEAR).enumerate() {
            let begun = block * NEAR * W::GROUP;
            let rows = rows.chunks_exact(self.inner.max(1)).take(self.width);
            for (lane, row) in rows.enumerate() {
                if W::GROUP == 1 {
                    for (value, line) in row[begun..].iter().zip(&mut *lines) {
                        line.0.as_mut()[lane] = *value;
                    }
                    continue;
                }
                let groups = row[begun..].chunks_exact(W::GROUP);
                let last = groups.remainder();
                let mut lines = lines.iter_mut();
                // Element by element: groups are too short for a call to copy them.
                for (group, line) in groups.zip(&mut lines) {
                    let slot = &mut line.0.as_mut()[lane * W::GROUP..][..W::GROUP];
                    for (slot, value) in slot.iter_mut().zip(group) {
                        *slot = *value;
                    }
                }
                if let Some(line) = lines.next() {
                    let slot = &mut line.0.as_mut()[lane * W::GROUP..];
                    for (slot, value) in slot.iter_mut().zip(last) {
                        *slot = *value;
                    }
                }
            }
        }
    }

    /// From rows of `columns` elements, one an inner index.
    fn copy_columns<W: Element>(&self, values: &[W], lines: &mut [Line<W>]) {
        for (k, row) in values.chunks_exact(self.columns.max(1)).enumerate() {
            let part = &row[self.first..][..self.width];
            let line = lines[k / W::GROUP].0.as_mut();
            for (lane, value) in part.iter().enumerate() {
                line[lane * W::GROUP + k % W::GROUP] = *value;
            }
        }
    }
}

//! The right operand of a product, laid out as the kernels read it.

use super::Element;

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
    lines: Vec<Line<W>>,
    inner: usize,
    columns: usize,
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
        assert_eq!(values.len(), columns * inner, "elements of the operand");
        let mut packed = Self::zero(inner, columns);
        let groups = packed.groups();
        for (column, row) in values.chunks_exact(inner.max(1)).enumerate() {
            let (panel, lane) = (column / W::PANEL, column % W::PANEL);
            let lines = &mut packed.lines[panel * groups..(panel + 1) * groups];
            for (line, group) in lines.iter_mut().zip(row.chunks(W::GROUP)) {
                line.0.as_mut()[lane * W::GROUP..][..group.len()].copy_from_slice(group);
            }
        }
        packed
    }

    /// From row-major `inner` x `columns`.
    ///
    /// # Panics
    /// If `values` does not hold `inner * columns` elements.
    pub fn from_columns(values: &[W], inner: usize, columns: usize) -> Self {
        assert_eq!(values.len(), inner * columns, "elements of the operand");
        let mut packed = Self::zero(inner, columns);
        let groups = packed.groups();
        for (k, row) in values.chunks_exact(columns.max(1)).enumerate() {
            for (panel, part) in row.chunks(W::PANEL).enumerate() {
                let line = packed.lines[panel * groups + k / W::GROUP].0.as_mut();
                for (lane, value) in part.iter().enumerate() {
                    line[lane * W::GROUP + k % W::GROUP] = *value;
                }
            }
        }
        packed
    }

    fn zero(inner: usize, columns: usize) -> Self {
        let count = columns.div_ceil(W::PANEL) * inner.div_ceil(W::GROUP);
        Self {
            lines: vec![Line(W::Groups::default()); count],
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
        size_of_val(self.lines.as_slice())
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

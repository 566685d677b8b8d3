//! The right operand of a product, laid out as the kernels read it.

/// Columns of one panel: one 512-bit vector holds one element of each.
pub const PANEL: usize = 8;

/// One step of a panel: the operand at one inner index for [`PANEL`] columns. One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u64; PANEL]);

/// The right operand of a product, packed once for the kernel: `inner` x `columns`.
///
/// Columns come in panels of [`PANEL`], which a kernel streams from first byte to last. What lies
/// beyond `columns` is zero.
#[derive(Clone, Default)]
pub struct Packed64 {
    lines: Vec<Line>,
    inner: usize,
    columns: usize,
}

impl std::fmt::Debug for Packed64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed64({} x {})", self.inner, self.columns)
    }
}

impl Packed64 {
    /// From the transposed operand: row-major `columns` x `inner` (a weight matrix `[out][in]`).
    ///
    /// # Panics
    /// If `values` does not hold `columns * inner` elements.
    pub fn from_rows(values: &[u64], columns: usize, inner: usize) -> Self {
        assert_eq!(values.len(), columns * inner, "elements of the operand");
        let mut packed = Self::zero(inner, columns);
        for (column, row) in values.chunks_exact(inner.max(1)).enumerate() {
            let first = column / PANEL * inner;
            for (line, value) in packed.lines[first..first + inner].iter_mut().zip(row) {
                line.0[column % PANEL] = *value;
            }
        }
        packed
    }

    /// From row-major `inner` x `columns`.
    ///
    /// # Panics
    /// If `values` does not hold `inner * columns` elements.
    pub fn from_columns(values: &[u64], inner: usize, columns: usize) -> Self {
        assert_eq!(values.len(), inner * columns, "elements of the operand");
        let mut packed = Self::zero(inner, columns);
        for (k, row) in values.chunks_exact(columns.max(1)).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                packed.lines[panel * inner + k].0[..part.len()].copy_from_slice(part);
            }
        }
        packed
    }

    fn zero(inner: usize, columns: usize) -> Self {
        Self {
            lines: vec![Line([0; PANEL]); columns.div_ceil(PANEL) * inner],
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

    /// Number of panels, the last one partly empty if `columns` is no multiple of [`PANEL`].
    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// The lines of one panel, [`Self::inner`] in number.
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> &[Line] {
        &self.lines[panel * self.inner..(panel + 1) * self.inner]
    }
}

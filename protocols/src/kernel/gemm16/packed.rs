//! The right operand of a product, laid out as the kernels read it.

/// Columns of one panel: one 512-bit vector holds a pair of inner indices for each.
pub const PANEL: usize = 16;

/// One step of a panel: for each of [`PANEL`] columns the operand at inner indices `2p` and
/// `2p + 1`, side by side. One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u16; 2 * PANEL]);

/// The right operand of a product, packed once for the kernel: `inner` x `columns`.
///
/// Columns come in panels of [`PANEL`]; within a panel the inner dimension comes in pairs, so that
/// a kernel streams each panel from its first byte to its last. What lies beyond `inner` and
/// `columns` is zero.
#[derive(Clone, Default)]
pub struct Packed16 {
    lines: Vec<Line>,
    inner: usize,
    columns: usize,
}

impl std::fmt::Debug for Packed16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed16({} x {})", self.inner, self.columns)
    }
}

impl Packed16 {
    /// From the transposed operand: row-major `columns` x `inner` (a weight matrix `[out][in]`).
    ///
    /// # Panics
    /// If `values` does not hold `columns * inner` elements.
    pub fn from_rows(values: &[u16], columns: usize, inner: usize) -> Self {
        assert_eq!(values.len(), columns * inner, "elements of the operand");
        let mut packed = Self::zero(inner, columns);
        let pairs = packed.pairs();
        for (column, row) in values.chunks_exact(inner.max(1)).enumerate() {
            let (panel, lane) = (column / PANEL, column % PANEL);
            let lines = &mut packed.lines[panel * pairs..(panel + 1) * pairs];
            for (line, pair) in lines.iter_mut().zip(row.chunks(2)) {
                line.0[2 * lane..2 * lane + pair.len()].copy_from_slice(pair);
            }
        }
        packed
    }

    /// From row-major `inner` x `columns`.
    ///
    /// # Panics
    /// If `values` does not hold `inner * columns` elements.
    pub fn from_columns(values: &[u16], inner: usize, columns: usize) -> Self {
        assert_eq!(values.len(), inner * columns, "elements of the operand");
        let mut packed = Self::zero(inner, columns);
        let pairs = packed.pairs();
        for (k, row) in values.chunks_exact(columns.max(1)).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                let line = &mut packed.lines[panel * pairs + k / 2].0;
                for (lane, value) in part.iter().enumerate() {
                    line[2 * lane + k % 2] = *value;
                }
            }
        }
        packed
    }

    fn zero(inner: usize, columns: usize) -> Self {
        let count = columns.div_ceil(PANEL) * inner.div_ceil(2);
        Self {
            lines: vec![Line([0; 2 * PANEL]); count],
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

    /// Pairs of inner indices, the last one half empty if `inner` is odd.
    pub(super) fn pairs(&self) -> usize {
        self.inner.div_ceil(2)
    }

    /// Number of panels, the last one partly empty if `columns` is no multiple of [`PANEL`].
    pub(super) fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// The lines of one panel, [`Self::pairs`] in number.
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize) -> &[Line] {
        let pairs = self.pairs();
        &self.lines[panel * pairs..(panel + 1) * pairs]
    }
}

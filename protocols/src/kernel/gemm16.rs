//! Matrix products over Z_{2^16}.

/// The right operand of a product, packed once for the kernel: `inner` x `columns`.
#[derive(Clone, Default)]
pub struct Packed16;

impl Packed16 {
    /// From the transposed operand: row-major `columns` x `inner` (a weight matrix `[out][in]`).
    pub fn from_rows(values: &[u16], columns: usize, inner: usize) -> Self {
        let _ = (values, columns, inner);
        todo!()
    }
    /// From row-major `inner` x `columns`.
    pub fn from_columns(values: &[u16], inner: usize, columns: usize) -> Self {
        let _ = (values, columns, inner);
        todo!()
    }
}

/// `c += a * b` modulo 2^16: `a` row-major `rows` x `inner` with `a_stride` elements from row to
/// row, `c` row-major with `c_stride`.
pub fn multiply_add(
    a: &[u16],
    a_stride: usize,
    rows: usize,
    b: &Packed16,
    c: &mut [u16],
    c_stride: usize,
) {
    let _ = (a, a_stride, rows, b, c, c_stride);
    todo!()
}

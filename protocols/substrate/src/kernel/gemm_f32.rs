//! Products of f32 matrices for the float reference: a checked, safe form of `matrixmultiply`.

/// A matrix inside a slice: element (i, j) is at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The elements, and possibly others between them.
    pub data: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub column_stride: usize,
}

impl<'a> View<'a> {
    /// A row-major matrix whose rows start `row_stride` elements apart.
    pub const fn rows(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// The same elements with rows and columns exchanged.
    pub const fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn holds_its_elements(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.data.len()
    }
}

/// `out = factor * a b + keep * out`; `out` is `a.rows` x `b.columns`, row-major, rows `out_stride` elements apart.
///
/// # Panics
/// If the shapes do not fit each other or their slices: a mistake of the caller, not of its input.
pub fn multiply_add(
    factor: f32,
    a: View<'_>,
    b: View<'_>,
    keep: f32,
    out: &mut [f32],
    out_stride: usize,
) {
    assert_eq!(a.columns, b.rows, "inner dimensions");
    assert!(a.holds_its_elements() && b.holds_its_elements(), "operands");
    let (m, n) = (a.rows, b.columns);
    if m == 0 || n == 0 {
        return;
    }
    assert!(out_stride >= n, "rows of the result must not overlap");
    assert!((m - 1) * out_stride + n <= out.len(), "result");
    // SAFETY: the assertions above say that every element (i, j) of both operands and of the result
    // lies inside its slice, and that the elements of the result are distinct; `out` is borrowed
    // mutably, so it overlaps no operand. Strides index slices, which fit isize.
    unsafe {
        matrixmultiply::sgemm(
            m,
            a.columns,
            n,
            factor,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            keep,
            out.as_mut_ptr(),
            out_stride as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition_on_strided_views() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (17, 9, 33), (4, 64, 8)] {
            let (a_stride, b_stride, out_stride) = (k + 3, k + 1, n + 2);
            let a: Vec<f32> = (0..m * a_stride).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..n * b_stride).map(|i| (i % 5) as f32 - 2.0).collect();
            let mut out = vec![1.0; m * out_stride];
            multiply_add(
                0.5,
                View::rows(&a, m, k, a_stride),
                View::rows(&b, n, k, b_stride).transposed(),
                2.0,
                &mut out,
                out_stride,
            );
            for i in 0..m {
                for j in 0..out_stride {
                    let expected = if j < n {
                        let sum: f32 = (0..k)
                            .map(|l| a[i * a_stride + l] * b[j * b_stride + l])
                            .sum();
                        0.5 * sum + 2.0
                    } else {
                        1.0
                    };
                    assert_eq!(
                        out[i * out_stride + j],
                        expected,
                        "({m}, {k}, {n}) at {i}, {j}"
                    );
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "operands")]
    fn refuses_a_view_beyond_its_slice() {
        let a = [0.0; 5];
        multiply_add(
            1.0,
            View::rows(&a, 2, 3, 3),
            View::rows(&a, 3, 1, 1),
            0.0,
            &mut [0.0; 2],
            1,
        );
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn refuses_overlapping_result_rows() {
        let a = [0.0; 4];
        let view = View::rows(&a, 2, 2, 2);
        multiply_add(1.0, view, view, 0.0, &mut [0.0; 4], 1);
    }
}

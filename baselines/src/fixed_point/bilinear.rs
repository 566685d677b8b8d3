//! Bilinear maps of whole vectors in Z_{2^64}: matrix products, and vectors spread over rows or columns.

use qbench_protocols::kernel::gemm64::{Packed64, multiply_add, multiply_add_parallel};
use qbench_protocols::kernel::widest;
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::walk::Linear;
use qbench_protocols::threads::Threads;

/// Shapes of `batch` independent products of matrices `rows` x `inner` and `inner` x `columns`, all
/// row-major, one product after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatmulShape {
    /// Independent products, opened in one round.
    pub batch: usize,
    /// Rows of the left operand.
    pub rows: usize,
    /// The summed dimension.
    pub inner: usize,
    /// Columns of the right operand.
    pub columns: usize,
    /// Whether the right operand is stored `columns` x `inner`, as weights `[out][in]` are.
    pub right_is_transposed: bool,
}

/// A bilinear map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bilinear {
    /// Row r of the left vector, `width` long, times element r of the right one.
    Rows {
        /// Rows of the left vector.
        rows: usize,
        /// Elements of a row.
        width: usize,
    },
    /// Each row of the left vector times the right one, element by element.
    Columns {
        /// Rows of the left vector.
        rows: usize,
        /// Elements of a row.
        width: usize,
    },
    /// Matrix products.
    Matmul(MatmulShape),
}

impl Bilinear {
    /// Lengths of the left operand, the right operand and the product.
    pub fn lengths(self) -> [usize; 3] {
        match self {
            Self::Rows { rows, width } => [rows * width, rows, rows * width],
            Self::Columns { rows, width } => [rows * width, width, rows * width],
            Self::Matmul(shape) => [
                shape.batch * shape.rows * shape.inner,
                shape.batch * shape.inner * shape.columns,
                shape.batch * shape.rows * shape.columns,
            ],
        }
    }

    /// `product += left * right`.
    pub fn accumulate(self, threads: &Threads, left: &[u64], right: &[u64], product: &mut [u64]) {
        match self {
            Self::Rows { width, .. } => {
                threads.chunks_mut(product, width, |first, product| {
                    let rows = product.chunks_mut(width).zip(left[first..].chunks(width));
                    for ((product, left), right) in rows.zip(&right[first / width..]) {
                        widest(
                            #[inline(always)]
                            || {
                                for (product, left) in product.iter_mut().zip(left) {
                                    *product = product.wrapping_add(left.wrapping_mul(*right));
                                }
                            },
                        );
                    }
                });
            }
            Self::Columns { width, .. } => {
                threads.chunks_mut(product, width, |first, product| {
                    let rows = product.chunks_mut(width).zip(left[first..].chunks(width));
                    for (product, left) in rows {
                        widest(
                            #[inline(always)]
                            || {
                                let terms = left.iter().zip(right);
                                for (product, (left, right)) in product.iter_mut().zip(terms) {
                                    *product = product.wrapping_add(left.wrapping_mul(*right));
                                }
                            },
                        );
                    }
                });
            }
            Self::Matmul(shape) => shape.accumulate(threads, left, right, product),
        }
    }
}

impl MatmulShape {
    /// A fully connected layer of the model on so many inputs: as many rows as they make. Weights are stored `[out][in]`.
    pub fn of_layer(config: &ModelConfig, linear: Linear, inputs: usize) -> Self {
        let (columns, inner) = linear.shape(config);
        Self {
            batch: 1,
            rows: inputs / inner,
            inner,
            columns,
            right_is_transposed: true,
        }
    }

    /// Queries times keys, a product a head.
    pub fn of_scores(config: &ModelConfig, seq_len: usize) -> Self {
        Self {
            batch: config.heads,
            rows: seq_len,
            inner: config.head_width(),
            columns: seq_len,
            right_is_transposed: true,
        }
    }

    /// Probabilities times values, a product a head.
    pub fn of_context(config: &ModelConfig, seq_len: usize) -> Self {
        Self {
            inner: seq_len,
            columns: config.head_width(),
            right_is_transposed: false,
            ..Self::of_scores(config, seq_len)
        }
    }

    fn accumulate(&self, threads: &Threads, left: &[u64], right: &[u64], product: &mut [u64]) {
        let (rows, inner, columns) = (self.rows, self.inner, self.columns);
        if product.is_empty() || inner == 0 {
            return;
        }
        if self.batch == 1 {
            // One product: its parts are spread over the threads.
            let right = match self.right_is_transposed {
                true => Packed64::from_rows_parallel(threads, right, columns, inner),
                false => Packed64::from_columns_parallel(threads, right, inner, columns),
            };
            multiply_add_parallel(threads, left, inner, rows, &right, product, columns);
            return;
        }
        threads.chunks_mut(product, rows * columns, |first, product| {
            let from = first / (rows * columns);
            for (i, product) in product.chunks_mut(rows * columns).enumerate() {
                let left = &left[(from + i) * rows * inner..][..rows * inner];
                let right = &right[(from + i) * inner * columns..][..inner * columns];
                let right = match self.right_is_transposed {
                    true => Packed64::from_rows(right, columns, inner),
                    false => Packed64::from_columns(right, inner, columns),
                };
                multiply_add(left, inner, rows, &right, product, columns);
            }
        });
    }
}

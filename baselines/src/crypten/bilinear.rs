//! Products of whole vectors by one triple: matrices, and vectors spread over rows or columns.

use super::RING;
use super::correlation::WORD;
use qbench_protocols::kernel::gemm64::{Packed64, multiply_add, multiply_add_parallel};
use qbench_protocols::kernel::widest;
use qbench_protocols::prg::Stream;
use qbench_protocols::threads::{GRAIN, Threads};

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
pub(super) enum Bilinear {
    /// Row r of the left vector, `width` long, times element r of the right one.
    Rows { rows: usize, width: usize },
    /// Each row of the left vector times the right one, element by element.
    Columns { rows: usize, width: usize },
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

    /// P0: P2's share of the product of the masks.
    pub fn correction(self, threads: &Threads, one: &Stream, two: &Stream) -> Vec<u8> {
        let [left, right, len] = self.lengths();
        let sum = |first, count| {
            let mut sum = draw(threads, one, first, count);
            let second = draw(threads, two, first, count);
            combine(
                threads,
                &mut sum,
                &second,
                #[inline(always)]
                |a, b| a.wrapping_add(b),
            );
            sum
        };
        let (a, b) = (sum(0, left), sum(left, right));
        let mut product = vec![0; len];
        self.accumulate(threads, &a, &b, &mut product);
        let theirs = draw(threads, one, left + right, len);
        let mut payload = vec![0; len * WORD];
        threads.chunks_mut(payload.as_chunks_mut::<WORD>().0, GRAIN, |first, words| {
            let n = words.len();
            let terms = product[first..][..n].iter().zip(&theirs[first..][..n]);
            for (word, (product, share)) in words.iter_mut().zip(terms) {
                *word = product.wrapping_sub(*share).to_le_bytes();
            }
        });
        payload
    }
}

impl MatmulShape {
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

/// Words `first ..` of a stream.
pub(super) fn draw(threads: &Threads, stream: &Stream, first: usize, count: usize) -> Vec<u64> {
    let mut words = vec![0; count];
    threads.chunks_mut(&mut words, GRAIN, |start, words| {
        stream.fill(RING, (first + start) as u64, words);
    });
    words
}

/// `a = f(a, b)` element by element.
pub(super) fn combine(
    threads: &Threads,
    a: &mut [u64],
    b: &[u64],
    f: impl Fn(u64, u64) -> u64 + Sync,
) {
    threads.chunks_mut(a, GRAIN, |first, a| {
        let b = &b[first..][..a.len()];
        widest(
            #[inline(always)]
            || {
                for (a, b) in a.iter_mut().zip(b) {
                    *a = f(*a, *b);
                }
            },
        );
    });
}

//! The operations.

use super::{Share, Triples};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::{Error, Result};

/// Shapes of `batch` independent products of matrices `rows` x `inner` and `inner` x `columns`.
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

/// The protocols: one code for the cost walk, dealing offline and computing online. Shares are absent
/// everywhere but at P1 and P2 online; operations on absent shares keep shapes.
pub struct Arithmetic<'a> {
    /// Where messages go.
    pub runtime: Runtime<'a>,
    /// At a party; nothing in the cost walk.
    triples: Option<&'a mut Triples>,
    dealt_bytes: [u64; 3],
}

fn todo<T>() -> Result<T> {
    Err(Error::Unsupported("not written yet".into()))
}

#[allow(unused, missing_docs, clippy::unused_self)]
impl<'a> Arithmetic<'a> {
    /// `triples` at a party, nothing in the cost walk.
    pub fn new(runtime: Runtime<'a>, triples: Option<&'a mut Triples>) -> Self {
        Self {
            runtime,
            triples,
            dealt_bytes: [0; 3],
        }
    }
    /// Bytes of correlated randomness that the cost walk found to be dealt, by holder.
    pub fn dealt_bytes(&self) -> [u64; 3] {
        self.dealt_bytes
    }

    // Local.
    /// x + y.
    pub fn add(&self, x: Share, y: &Share) -> Share {
        x
    }
    /// x - y.
    pub fn subtract(&self, x: Share, y: &Share) -> Share {
        x
    }
    /// -x.
    pub fn negate(&self, x: Share) -> Share {
        x
    }
    /// x + value (scaled).
    pub fn add_public(&self, x: Share, value: f64) -> Share {
        x
    }
    /// x + value (an integer of the ring, unscaled: for bits and counts).
    pub fn add_integer(&self, x: Share, value: i64) -> Share {
        x
    }
    /// x * factor: encoded factor, then local truncation.
    pub fn scale_public(&self, x: Share, factor: f64) -> Share {
        x
    }
    /// x * factor, exact.
    pub fn times_integer(&self, x: Share, factor: i64) -> Share {
        x
    }
    /// x / divisor, local truncation.
    pub fn divide_public(&self, x: Share, divisor: u32) -> Share {
        x
    }
    /// The sum of each row of `width` elements.
    pub fn sum_rows(&self, x: &Share, width: usize) -> Share {
        x.clone()
    }
    /// Row r of x less element r of `per_row`.
    pub fn subtract_rows(&self, x: Share, per_row: &Share, width: usize) -> Share {
        x
    }
    /// Each row of x plus `per_column` (a bias); the width is that of `per_column`.
    pub fn add_columns(&self, x: Share, per_column: &Share) -> Share {
        x
    }

    // With communication.
    /// Element by element, truncated.
    pub fn multiply(&mut self, x: &Share, y: &Share) -> Result<Share> {
        todo()
    }
    /// Element by element, not truncated: where one factor is unscaled (a bit).
    pub fn multiply_unscaled(&mut self, x: &Share, y: &Share) -> Result<Share> {
        todo()
    }
    /// Row r of x times element r of `per_row`, truncated.
    pub fn multiply_rows(&mut self, x: &Share, per_row: &Share) -> Result<Share> {
        todo()
    }
    /// Each row of x times `per_column`, truncated.
    pub fn multiply_columns(&mut self, x: &Share, per_column: &Share) -> Result<Share> {
        todo()
    }
    /// x^2, truncated.
    pub fn square(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    /// Matrix products, all opened in one round, truncated.
    pub fn matmul(&mut self, shape: MatmulShape, x: &Share, y: &Share) -> Result<Share> {
        todo()
    }
    /// The bit x < 0, unscaled.
    pub fn less_than_zero(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    pub fn relu(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    pub fn exp(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    /// 1/x; `positive`: x is known to be positive, else its sign is computed first.
    pub fn reciprocal(&mut self, x: &Share, positive: bool) -> Result<Share> {
        todo()
    }
    pub fn inverse_sqrt(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    pub fn erf(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    pub fn gelu(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    pub fn sigmoid(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    pub fn tanh(&mut self, x: &Share) -> Result<Share> {
        todo()
    }
    /// The maximum of each row.
    pub fn max_rows(&mut self, x: &Share, width: usize) -> Result<Share> {
        todo()
    }
    /// Softmax of each row, with the argmax that the original computes along with the maximum.
    pub fn softmax_rows(&mut self, x: &Share, width: usize) -> Result<Share> {
        todo()
    }
    pub fn layer_norm(
        &mut self,
        x: &Share,
        width: usize,
        gamma: &Share,
        beta: &Share,
        epsilon: f64,
    ) -> Result<Share> {
        todo()
    }
    /// To both; empty where no party computes.
    pub fn reveal(&mut self, x: &Share) -> Result<Vec<u64>> {
        todo()
    }
    /// To P1: `Some` at P1 online, else nothing. 8 bytes an element from P2 to P1, 1 round.
    pub fn reveal_to_p1(&mut self, x: &Share) -> Result<Option<Vec<u64>>> {
        todo()
    }
    /// P1's values shared without a message: P2's share is drawn from the P1-P2 seed. `values` at P1
    /// only, where phase is not offline; absent elsewhere.
    pub fn share_from_p1(&mut self, values: Option<&[u64]>, len: usize) -> Result<Share> {
        todo()
    }
}

//! Which dot products a step takes, and where their operands lie.

use qbench_protocols::lut_rss::linear::HeadShape;

/// The dot products of one step. Each has a left and a right operand, [`Dots::terms`] neighbouring elements of a vector each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dots {
    /// A fully connected layer, `[rows, outputs]`: left are the weights `[outputs, inputs]`, which P0 knows, right the input
    /// `[rows, inputs]`.
    Layer {
        /// Tokens.
        rows: usize,
        /// Columns of the result.
        outputs: usize,
        /// Terms of a dot product.
        inputs: usize,
    },
    /// Q K^T, `[heads * n, n]`: left are the queries `[n, hidden]`, right the keys `[n, hidden]`.
    Scores(HeadShape),
    /// P V, `[n, hidden]`: left are the probabilities `[heads * n, n]`, right the values, transposed: `[hidden, n]`.
    Context(HeadShape),
}

impl Dots {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Layer { rows, outputs, .. } => rows * outputs,
            Self::Scores(shape) => shape.heads * shape.tokens * shape.tokens,
            Self::Context(shape) => shape.tokens * shape.hidden,
        }
    }

    /// Products in each.
    pub fn terms(self) -> usize {
        match self {
            Self::Layer { inputs, .. } => inputs,
            Self::Scores(shape) => shape.width,
            Self::Context(shape) => shape.tokens,
        }
    }

    /// Where the left and the right operand of a dot product begin, in elements.
    pub fn operands(self, dot: usize) -> [usize; 2] {
        match self {
            Self::Layer {
                outputs, inputs, ..
            } => [dot % outputs * inputs, dot / outputs * inputs],
            Self::Scores(shape) => {
                let (head_and_query, key) = (dot / shape.tokens, dot % shape.tokens);
                let head = head_and_query / shape.tokens * shape.width;
                let query = head_and_query % shape.tokens;
                [query, key].map(|token| token * shape.hidden + head)
            }
            Self::Context(shape) => {
                let (query, column) = (dot / shape.hidden, dot % shape.hidden);
                let row = column / shape.width * shape.tokens + query;
                [row, column].map(|row| row * shape.tokens)
            }
        }
    }
}

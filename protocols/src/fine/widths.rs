//! How many bits each site has: public, and the same for every model that runs with them.

use crate::ring::Ring;

/// Bits of every site. Ranges and scales are the model's, and P0's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Widths {
    /// The ring of products with weights.
    pub product: u32,
    /// Bits below one of a normalized feature.
    pub fraction: u32,
    /// Query, key and value, without their spare bit.
    pub index: u32,
    /// Context, without its spare bit: in the range of the values that it is made of, which it cannot leave.
    pub context: u32,
    /// Scores, as the softmax takes them.
    pub scores: u32,
    /// An exponential.
    pub exponential: u32,
    /// Before the feed-forward non-linearity.
    pub inner: u32,
    /// After it, without its spare bit.
    pub activated: u32,
    /// branch + residual, without its spare bit.
    pub sum: u32,
    /// A row's variance.
    pub variance: u32,
    /// The ring of a row's sum of squares, of which the variance is cut.
    pub squares: u32,
    /// The ring of weighted values times the inverse of their row's sum of exponentials.
    pub weighted: u32,
    /// The ring of branch + residual times the inverse of a row's standard deviation.
    pub normal: u32,
}

impl Default for Widths {
    /// What keeps the accuracy of sentence encoders within a hundredth: widths of the linear path cost as much as narrow ones would.
    fn default() -> Self {
        Self {
            product: 16,
            fraction: 4,
            index: 6,
            context: 7,
            scores: 5,
            exponential: 4,
            inner: 5,
            activated: 7,
            sum: 12,
            variance: 12,
            squares: 44,
            weighted: 26,
            normal: 36,
        }
    }
}

impl Widths {
    /// The ring of products with weights.
    pub fn product(&self) -> Ring {
        Ring::new(self.product)
    }

    /// The ring of weighted values times an inverse.
    pub fn weighted(&self) -> Ring {
        Ring::new(self.weighted)
    }

    /// The ring of branch + residual times an inverse.
    pub fn normal(&self) -> Ring {
        Ring::new(self.normal)
    }

    /// The ring of a row's sum of squares.
    pub fn squares(&self) -> Ring {
        Ring::new(self.squares)
    }

    /// The ring of a row's sum of exponentials: the largest sum fits.
    pub fn row_sum(&self, seq_len: usize) -> Ring {
        let largest = ((1u64 << self.exponential) - 1) * seq_len as u64;
        Ring::new(largest.ilog2() + 1)
    }

    /// The most tokens of which a row's sum of exponentials is an index of 16 bits, the widest that a table takes.
    pub fn longest_row(&self) -> usize {
        (u16::MAX / ((1 << self.exponential) - 1)).into()
    }

    /// The ring of exponentials times values: the largest sum of a row fits, with a spare bit.
    pub fn weighted_values(&self, seq_len: usize) -> Ring {
        // |v| is at most 2^(b-1): the sum has the bits of the row's sum, b - 1 more, and a sign; and one is spare.
        Ring::new(self.row_sum(seq_len).bits() + self.index - 1 + 2)
    }
}

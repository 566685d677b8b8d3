//! The rings that follow from a layer's widths.

use crate::model::bit_plan::Widths;
use crate::ring::Ring;

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

//! Softmax on 4-bit scores in integers (paper, section 5).

use super::scale::Scale;
use crate::ring::Ring;

/// Codes of the denominator.
const CODES: u64 = 16;

/// Ring of the row sum: `4 + ceil(log2 n)` bits. Correction to the paper, whose 8-bit ring overflows
/// for n > 17.
pub fn sum_ring(seq_len: usize) -> Ring {
    Ring::new(4 + (seq_len as u64).next_power_of_two().trailing_zeros())
}

/// The tables of one layer's softmax.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerSoftmax {
    /// The scores as they are cut.
    pub scores: Scale,
    /// Ring of the row sum.
    pub sum_ring: Ring,
    /// `floor(15 * exp(s * d))` for d = 0, -1, .., -15, at index `d mod 16`.
    pub exponential: Vec<u64>,
    /// Code of each row sum.
    pub denominator_code: Vec<u64>,
    /// `min(15, floor(16 * e / D))`, at index `e * 16 + code`.
    pub quotient: Vec<u64>,
}

impl IntegerSoftmax {
    /// For rows of `seq_len` scores.
    ///
    /// Where the paper takes a 4-bit window of the row sum, which is either too coarse for small sums or
    /// too small for large ones, P0 codes the sum by a table of its own: 16 denominators spaced evenly in
    /// their logarithm over all that can occur, 15 (one score stands out) to 15 n (all alike). One more
    /// opening and round a row; no sum is out of range, and no calibration is needed.
    pub fn new(scores: Scale, seq_len: usize) -> Self {
        let step = scores.level_step();
        let sum_ring = sum_ring(seq_len);
        let exponential = (0..16)
            .map(|index| {
                let d = -f64::from((16 - index) % 16);
                (15.0 * (step * d).exp()).floor() as u64
            })
            .collect();
        let spread = (seq_len.max(2) as f64).ln() / (CODES - 1) as f64;
        let denominator_code = (0..=sum_ring.mask())
            .map(|sum| {
                let code = ((sum.max(15) as f64 / 15.0).ln() / spread).round();
                (code as u64).min(CODES - 1)
            })
            .collect();
        let quotient = (0..16u64)
            .flat_map(|e| {
                (0..CODES).map(move |code| {
                    let denominator = 15.0 * (spread * code as f64).exp();
                    // The least denominator is 15 exactly up to rounding of exp.
                    ((16.0 * e as f64 / denominator + 1e-9).floor() as u64).min(15)
                })
            })
            .collect();
        Self {
            scores,
            sum_ring,
            exponential,
            denominator_code,
            quotient,
        }
    }
}

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
    /// What each of the 16 codes of a probability counts in the product with the values: see [`IntegerSoftmax::new`].
    pub probability: Vec<i64>,
    /// What a probability of one counts there.
    pub one: i64,
    /// Code of the probability nearest to `e / D`, at index `e * 16 + code of D`.
    pub quotient: Vec<u64>,
}

/// A row of equal scores has probabilities 1/n: `n^((c - 15) / OCTAVE)` is that at `c = 15 - OCTAVE`, and goes a little below it.
const OCTAVE: f64 = 12.0;

impl IntegerSoftmax {
    /// For rows of `seq_len` scores, whose probabilities meet values in a product that brings the factor `gain` in all: the
    /// probabilities' part of it is about its root, so that neither side's integers are too small.
    ///
    /// A probability has 4 bits, as in the paper; what the 16 codes stand for is P0's, in the table that lifts them to the product
    /// ring. Deviation from the paper, whose codes are sixteenths, rounded down: for n > 16 equal scores it gets 0 everywhere.
    /// Here code 0 is 0 and code c is `n^((c - 15) / 12)`, rounded to the nearest: steps of the twelfth root of n, so that
    /// neither a flat row of n nor one where one score stands out is lost, also side by side in one head. Bytes and rounds
    /// are the same, and nothing is calibrated.
    ///
    /// Where the paper takes a 4-bit window of the row sum, which is either too coarse for small sums or
    /// too small for large ones, P0 codes the sum by a table of its own: 16 denominators spaced evenly in
    /// their logarithm over all that can occur, 15 (one score stands out) to 15 n (all alike). One more
    /// opening and round a row; no sum is out of range, and no calibration is needed.
    pub fn new(scores: Scale, seq_len: usize, gain: f64) -> Self {
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
        let (probability, one) = probabilities(seq_len, gain);
        let nearest = |p: f64| {
            let distance = |level: &i64| (*level as f64 / one as f64 - p).abs();
            let order = |a: &usize, b: &usize| {
                distance(&probability[*a]).total_cmp(&distance(&probability[*b]))
            };
            (0..probability.len()).min_by(order).unwrap_or(0) as u64
        };
        let quotient = (0..16u64)
            .flat_map(|e| (0..CODES).map(move |code| (e, code)))
            .map(|(e, code)| nearest(e as f64 / (15.0 * (spread * code as f64).exp())))
            .collect();
        Self {
            scores,
            sum_ring,
            exponential,
            denominator_code,
            quotient,
            probability,
            one,
        }
    }
}

/// The levels of the 16 codes of a probability, and the level of one: a multiple of n, so that 1/n is exact.
fn probabilities(seq_len: usize, gain: f64) -> (Vec<i64>, i64) {
    let n = seq_len.max(2) as f64;
    let one = n * (gain / n).sqrt().round().max(1.0);
    let level = |code: u32| match code {
        0 => 0,
        code => (one * n.powf((f64::from(code) - 15.0) / OCTAVE)).round() as i64,
    };
    ((0..16).map(level).collect(), one as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quantized::Range;

    /// What the tables make of a row of scores in 4-bit levels.
    fn probabilities(softmax: &IntegerSoftmax, levels: &[i64]) -> Vec<f64> {
        let max = levels.iter().max().unwrap();
        let exponentials: Vec<u64> = levels
            .iter()
            .map(|level| softmax.exponential[((level - max) & 15) as usize])
            .collect();
        let code = softmax.denominator_code[exponentials.iter().sum::<u64>() as usize];
        let level =
            |e: u64| softmax.probability[softmax.quotient[(e * 16 + code) as usize] as usize];
        let one = softmax.one as f64;
        exponentials
            .iter()
            .map(|e| level(*e) as f64 / one)
            .collect()
    }

    #[test]
    fn neither_flat_nor_peaky_rows_are_lost() {
        let range = Range { rms: 2.0, max: 7.0 };
        for index_bits in 4..=8 {
            let scores = Scale::of_cut(range, index_bits);
            for n in [1, 2, 8, 17, 128, 512] {
                for gain in [200.0, 1024.0, 4096.0, 100_000.0] {
                    let softmax = IntegerSoftmax::new(scores, n, gain);
                    let flat = probabilities(&softmax, &vec![3; n]);
                    for p in &flat {
                        assert!((p * n as f64 - 1.0).abs() < 1e-9, "n = {n}, {gain}: {p}");
                    }
                    // One score stands out, above equal ones.
                    let mut peaky = vec![-8; n];
                    peaky[n / 2] = 7;
                    let peaky = probabilities(&softmax, &peaky);
                    assert!(
                        (peaky[n / 2] - 1.0).abs() < 0.1,
                        "n = {n}: {}",
                        peaky[n / 2]
                    );
                    assert!(
                        peaky
                            .iter()
                            .enumerate()
                            .all(|(i, p)| i == n / 2 || *p == 0.0)
                    );
                    // Half of the row shares all of it.
                    let half: Vec<i64> = (0..n as i64)
                        .map(|i| if i % 2 == 0 { 7 } else { -8 })
                        .collect();
                    let sum: f64 = probabilities(&softmax, &half).iter().sum();
                    assert!((0.6..1.5).contains(&sum), "n = {n}, {gain}: {sum}");
                }
            }
        }
    }
}

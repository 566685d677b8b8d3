//! The maximum of rows, its one-hot argmax, and softmax.

use super::Share;
use super::arithmetic::Arithmetic;
use super::fixed::{FRACTION_BITS, RING};
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::system::Phase;

impl Arithmetic<'_> {
    /// The maximum of each row of `width` elements: int(ln width) times pairs of the first and the
    /// second half of a row, then all pairs of the m that are left, one of the largest picked at random.
    ///
    /// Cost for R rows, a step from w to h = floor(w/2) pairs and a rest: 31 R h words each way and 10
    /// rounds; all pairs: `27 R m (m-1)` for the comparisons, `2 R m (m-2)` for their product, then
    /// `18 R + 29 R m`; `8 + ceil(log2(m-1)) + 11` rounds.
    ///
    /// # Security
    /// As [`Arithmetic::less_than_zero`] and [`Arithmetic::multiply`].
    ///
    /// # Errors
    /// Rows so long that m > 128, for which the original goes another way.
    pub fn max_rows(&mut self, x: &Share, width: usize) -> Result<Share> {
        let fits = width > 0 && x.len().is_multiple_of(width);
        self.expect(fits, || format!("rows of {width} in {}", x.len()))?;
        let rows = x.len() / width;
        let (mut left, mut width) = (x.clone(), width);
        for _ in 0..(width as f64).ln() as usize {
            let half = width / 2;
            let first = columns(&left, width, 0..half);
            let second = columns(&left, width, half..2 * half);
            let rest = columns(&left, width, 2 * half..width);
            let keep = self.at_least(&first, &second)?;
            let larger = self.select(&keep, &first, &second)?;
            (left, width) = (append(rows, &larger, &rest), width - half);
        }
        let argmax = self.argmax_by_pairs(&left, width)?;
        let chosen = self.product::<false>(argmax, &left)?;
        Ok(self.sum_rows(&chosen, width))
    }

    /// The maximum of each row and its argmax, one-hot and unscaled: which element equals the maximum,
    /// one of them picked at random.
    ///
    /// Cost beside [`Arithmetic::max_rows`] for R rows of w: `40 R w + 18 R` words each way, 17 rounds.
    ///
    /// # Security
    /// As [`Arithmetic::max_rows`] and [`Arithmetic::equals_zero`].
    pub fn max_and_argmax_rows(&mut self, x: &Share, width: usize) -> Result<(Share, Share)> {
        let max = self.max_rows(x, width)?;
        let below = self.subtract_rows(x.clone(), &max, width);
        let equal = self.equals_zero(&below)?;
        let argmax = self.pick_one(&equal, width)?;
        Ok((max, argmax))
    }

    /// `e^(x - max) / sum of e^(x - max)` for each row of `width` elements.
    ///
    /// The original computes the argmax along with the maximum and makes no use of it here; its rounds
    /// and bytes are part of what CrypTen's softmax costs, so they are spent here too.
    ///
    /// Cost for R rows of w: [`Arithmetic::max_and_argmax_rows`], then `9 R w + 39 R` words each way
    /// and 37 rounds.
    ///
    /// # Security
    /// As its parts.
    pub fn softmax_rows(&mut self, x: &Share, width: usize) -> Result<Share> {
        if width == 1 {
            let ones = self.times_integer(x.clone(), 0);
            return Ok(self.add_public(ones, 1.0));
        }
        self.runtime.enter("max");
        let (max, _argmax) = self.max_and_argmax_rows(x, width)?;
        self.runtime.leave();
        self.runtime.enter("exp");
        let logits = self.subtract_rows(x.clone(), &max, width);
        let exponentials = self.exp(&logits)?;
        self.runtime.leave();
        self.runtime.enter("divide");
        let sum = self.sum_rows(&exponentials, width);
        let inverse = self.reciprocal(&sum, true)?;
        let softmax = self.multiply_rows(&exponentials, &inverse)?;
        self.runtime.leave();
        Ok(softmax)
    }

    /// One-hot: an element that is at least as large as each other one of its row, compared with all
    /// cyclic shifts of the row at once.
    fn argmax_by_pairs(&mut self, x: &Share, width: usize) -> Result<Share> {
        let shifts = width.max(2) - 1;
        self.expect(shifts < 128, || {
            format!("at most 128 elements of a row compared in pairs, not {width}")
        })?;
        let len = x.len();
        let repeated = x.map_to(RING, shifts * len, |x| x.repeat(shifts));
        let shifted = x.map_to(RING, shifts * len, |x| {
            let mut shifted = Vec::with_capacity(shifts * len);
            for shift in 1..=shifts {
                for row in x.chunks(width) {
                    let (head, tail) = row.split_at(width - shift % width);
                    shifted.extend_from_slice(tail);
                    shifted.extend_from_slice(head);
                }
            }
            shifted
        });
        let mut bits = self.at_least(&repeated, &shifted)?;
        let mut left = shifts;
        while left > 1 {
            let half = left / 2;
            let (first, second) = (
                bits.slice(0..half * len),
                bits.slice(half * len..2 * half * len),
            );
            let rest = bits.slice(2 * half * len..left * len);
            let both = self.product::<false>(first, &second)?;
            (bits, left) = (append(1, &both, &rest), left - half);
        }
        self.pick_one(&bits, width)
    }

    /// One-hot: of the ones in each row of bits one at random, by comparing the running sums with a
    /// random part of the row's sum.
    fn pick_one(&mut self, bits: &Share, width: usize) -> Result<Share> {
        let rows = bits.len() / width;
        let running = bits.map_to(RING, bits.len(), |bits| {
            let mut sums = bits.to_vec();
            for row in sums.chunks_mut(width) {
                for i in 1..row.len() {
                    row[i] = row[i].wrapping_add(row[i - 1]);
                }
            }
            sums
        });
        let sums = columns(&running, width, width - 1..width);
        let random = self.random(rows)?;
        let threshold = self.product::<false>(random, &sums)?;
        let threshold = threshold.map_to(RING, bits.len(), |values| {
            let spread = values.iter().flat_map(|v| std::iter::repeat_n(*v, width));
            spread.collect()
        });
        let scaled = self.times_integer(running, 1 << FRACTION_BITS);
        let above = self.greater(&scaled, &threshold)?;
        // The first running sum above the threshold, less the ones after it.
        Ok(above.map_to(RING, bits.len(), |above| {
            let mut first = above.to_vec();
            for row in first.chunks_mut(width) {
                for i in (1..row.len()).rev() {
                    row[i] = row[i].wrapping_sub(row[i - 1]);
                }
            }
            first
        }))
    }

    /// Uniform numbers in [0, 1) that nobody knows: 16 bits each, made of both parties' own ones.
    ///
    /// Cost: 16 words an element each way, 1 round; offline as many to P2.
    ///
    /// # Security
    /// As [`Arithmetic::bit_to_additive`]; each party's bits come from a seed that it alone has.
    pub fn random(&mut self, count: usize) -> Result<Share> {
        let bits = FRACTION_BITS as usize;
        let computing = self.runtime.phase() == Phase::Online
            && matches!(self.runtime.me(), Some(Party::P1 | Party::P2));
        let mine = match computing {
            false => Self::absent(bits * count),
            true => {
                let mut words = vec![0; bits * count];
                self.runtime
                    .session()?
                    .private_stream()
                    .fill(RING, 0, &mut words);
                Share::held(RING, words)
            }
        };
        let shared = self.bit_to_additive(mine)?;
        Ok(shared.map_to(RING, count, |shared| {
            let sum =
                |i| (0..bits).fold(0u64, |sum, b| sum.wrapping_add(shared[b * count + i] << b));
            (0..count).map(sum).collect()
        }))
    }
}

/// Some columns of rows of `width`.
fn columns(x: &Share, width: usize, range: std::ops::Range<usize>) -> Share {
    x.map_to(RING, x.len() / width * range.len(), |x| {
        let rows = x.chunks(width);
        rows.flat_map(|row| &row[range.clone()]).copied().collect()
    })
}

/// Each of `rows` rows of x followed by the same row of y.
fn append(rows: usize, x: &Share, y: &Share) -> Share {
    let (a, b) = (x.len() / rows.max(1), y.len() / rows.max(1));
    x.map_to(RING, x.len() + y.len(), |values| {
        let mut joined = Vec::with_capacity(x.len() + y.len());
        for row in 0..rows {
            joined.extend_from_slice(&values[row * a..][..a]);
            joined.extend_from_slice(&y.values()[row * b..][..b]);
        }
        joined
    })
}

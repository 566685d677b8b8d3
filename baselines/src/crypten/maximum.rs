//! The maximum of rows, its one-hot argmax, and softmax.

use super::approximate::{exp, reciprocal};
use super::compare::{at_least, bit_to_additive, equals_zero, greater, select};
use super::multiply::{multiply_rows, product};
use super::{FRACTION_BITS, RING, Share, absent, add_public, subtract_rows, times_integer};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;

/// The maximum of each row of `width` elements: int(ln width) times pairs of the first and the
/// second half of a row, then all pairs of the m that are left, one of the largest picked at random.
///
/// Cost for R rows, a step from w to h = floor(w/2) pairs and a rest: 31 R h words each way and 10
/// rounds; all pairs: `27 R m (m-1)` for the comparisons, `2 R m (m-2)` for their product, then
/// `18 R + 29 R m`; `8 + ceil(log2(m-1)) + 11` rounds.
///
/// # Security
/// As [`less_than_zero`](super::less_than_zero) and [`multiply`](fn@super::multiply).
///
/// # Errors
/// Rows so long that m > 128, for which the original goes another way.
pub fn max_rows(runtime: &mut Runtime<'_>, x: &Share, width: usize) -> Result<Share> {
    let fits = width > 0 && x.len().is_multiple_of(width);
    runtime.ensure(fits, || format!("rows of {width} in {}", x.len()))?;
    let rows = x.len() / width;
    let (mut left, mut width) = (x.clone(), width);
    for _ in 0..(width as f64).ln() as usize {
        let half = width / 2;
        let first = columns(&left, width, 0..half);
        let second = columns(&left, width, half..2 * half);
        let rest = columns(&left, width, 2 * half..width);
        let keep = at_least(runtime, &first, &second)?;
        let larger = select(runtime, &keep, &first, &second)?;
        (left, width) = (append(rows, &larger, &rest), width - half);
    }
    let argmax = argmax_by_pairs(runtime, &left, width)?;
    let chosen = product::<false>(runtime, argmax, &left)?;
    Ok(chosen.sum_rows(width, 1))
}

/// The maximum of each row and its argmax, one-hot and unscaled: which element equals the maximum,
/// one of them picked at random.
///
/// Cost beside [`max_rows`] for R rows of w: `40 R w + 18 R` words each way, 17 rounds.
///
/// # Security
/// As [`max_rows`] and [`equals_zero`].
pub fn max_and_argmax_rows(
    runtime: &mut Runtime<'_>,
    x: &Share,
    width: usize,
) -> Result<(Share, Share)> {
    let max = max_rows(runtime, x, width)?;
    let below = subtract_rows(runtime, x.clone(), &max, width);
    let equal = equals_zero(runtime, &below)?;
    let argmax = pick_one(runtime, &equal, width)?;
    Ok((max, argmax))
}

/// `e^(x - max) / sum of e^(x - max)` for each row of `width` elements.
///
/// The original computes the argmax along with the maximum and makes no use of it here; its rounds
/// and bytes are part of what CrypTen's softmax costs, so they are spent here too.
///
/// Cost for R rows of w: [`max_and_argmax_rows`], then `9 R w + 39 R` words each way
/// and 37 rounds.
///
/// # Security
/// As its parts.
pub fn softmax_rows(runtime: &mut Runtime<'_>, x: &Share, width: usize) -> Result<Share> {
    if width == 1 {
        let ones = times_integer(runtime, x.clone(), 0);
        return Ok(add_public(runtime, ones, 1.0));
    }
    let max = runtime.step("max", |runtime| {
        let (max, _argmax) = max_and_argmax_rows(runtime, x, width)?;
        Ok(max)
    })?;
    let exponentials = runtime.step("exp", |runtime| {
        let logits = subtract_rows(runtime, x.clone(), &max, width);
        let exponentials = exp(runtime, &logits)?;
        Ok(exponentials)
    })?;
    let softmax = runtime.step("divide", |runtime| {
        let sum = exponentials.sum_rows(width, 1);
        let inverse = reciprocal(runtime, &sum, true)?;
        let softmax = multiply_rows(runtime, &exponentials, &inverse)?;
        Ok(softmax)
    })?;
    Ok(softmax)
}

/// One-hot: an element that is at least as large as each other one of its row, compared with all
/// cyclic shifts of the row at once.
fn argmax_by_pairs(runtime: &mut Runtime<'_>, x: &Share, width: usize) -> Result<Share> {
    let shifts = width.max(2) - 1;
    runtime.ensure(shifts < 128, || {
        format!("at most 128 elements of a row compared in pairs, not {width}")
    })?;
    let len = x.len();
    let repeated = x.map_to(RING, shifts * len, |x| {
        Wiped::joined(shifts * len, std::iter::repeat_n(x, shifts))
    });
    let shifted = x.map_to(RING, shifts * len, |x| {
        let rows = (1..=shifts).flat_map(|shift| x.chunks(width).map(move |row| (row, shift)));
        let halves = rows.flat_map(|(row, shift)| {
            let (head, tail) = row.split_at(width - shift % width);
            [tail, head]
        });
        Wiped::joined(shifts * len, halves)
    });
    let mut bits = at_least(runtime, &repeated, &shifted)?;
    let mut left = shifts;
    while left > 1 {
        let half = left / 2;
        let (first, second) = (
            bits.slice(0..half * len),
            bits.slice(half * len..2 * half * len),
        );
        let rest = bits.slice(2 * half * len..left * len);
        let both = product::<false>(runtime, first, &second)?;
        (bits, left) = (append(1, &both, &rest), left - half);
    }
    pick_one(runtime, &bits, width)
}

/// One-hot: of the ones in each row of bits one at random, by comparing the running sums with a
/// random part of the row's sum.
fn pick_one(runtime: &mut Runtime<'_>, bits: &Share, width: usize) -> Result<Share> {
    let rows = bits.len() / width;
    let running = bits.map_to(RING, bits.len(), |bits| {
        let mut sums = Wiped::copied(bits);
        for row in sums.chunks_mut(width) {
            for i in 1..row.len() {
                row[i] = row[i].wrapping_add(row[i - 1]);
            }
        }
        sums
    });
    let sums = columns(&running, width, width - 1..width);
    let random = random(runtime, rows)?;
    let threshold = product::<false>(runtime, random, &sums)?;
    let threshold = threshold.map_to(RING, bits.len(), |values| {
        let spread = values.iter().flat_map(|v| std::iter::repeat_n(*v, width));
        spread.collect()
    });
    let scaled = times_integer(runtime, running, 1 << FRACTION_BITS);
    let above = greater(runtime, &scaled, &threshold)?;
    // The first running sum above the threshold, less the ones after it.
    Ok(above.map_to(RING, bits.len(), |above| {
        let mut first = Wiped::copied(above);
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
/// As [`bit_to_additive`]; each party's bits come from a seed that it alone has.
pub fn random(runtime: &mut Runtime<'_>, count: usize) -> Result<Share> {
    let bits = FRACTION_BITS as usize;
    let mine = match runtime.computing_peer() {
        None => absent(bits * count),
        Some(_) => {
            let mut words = Wiped::zeros(bits * count);
            let stream = runtime.session()?.private_stream();
            stream.fill(RING, 0, &mut words);
            Share::held(RING, words)
        }
    };
    let shared = bit_to_additive(runtime, mine)?;
    Ok(shared.map_to(RING, count, |shared| {
        let sum = |i| (0..bits).fold(0u64, |sum, b| sum.wrapping_add(shared[b * count + i] << b));
        (0..count).map(sum).collect()
    }))
}

/// Some columns of rows of `width`.
fn columns(x: &Share, width: usize, range: std::ops::Range<usize>) -> Share {
    let len = x.len() / width * range.len();
    x.map_to(RING, len, |x| {
        Wiped::joined(len, x.chunks(width).map(|row| &row[range.clone()]))
    })
}

/// Each of `rows` rows of x followed by the same row of y.
fn append(rows: usize, x: &Share, y: &Share) -> Share {
    let (a, b) = (x.len() / rows.max(1), y.len() / rows.max(1));
    x.map_to(RING, x.len() + y.len(), |values| {
        let of_row = |row| [&values[row * a..][..a], &y.values()[row * b..][..b]];
        Wiped::joined(x.len() + y.len(), (0..rows).flat_map(of_row))
    })
}

//! Triples of whole vectors: how their correction is made, and drawing and combining words over all threads.

use super::RING;
use super::correlation::WORD;
use crate::fixed_point::bilinear::Bilinear;
use qbench_protocols::kernel::widest;
use qbench_protocols::prg::Stream;
use qbench_protocols::threads::{GRAIN, Threads};
use qbench_protocols::wipe::Wiped;

/// P0: P2's share of the product of the masks, which are drawn from `streams` (P1's and P2's); with `right`, the right operand's
/// mask is that of these streams instead, from their beginning.
pub(super) fn correction(
    map: Bilinear,
    threads: &Threads,
    streams: [&Stream; 2],
    right: Option<&[Stream; 2]>,
) -> Vec<u8> {
    let [left, right_len, len] = map.lengths();
    let sum = |[one, two]: [&Stream; 2], first, count| {
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
    let a = sum(streams, 0, left);
    let (b, masks) = match right {
        None => (sum(streams, left, right_len), left + right_len),
        Some(right) => (sum(right.each_ref(), 0, right_len), left),
    };
    let mut product = Wiped::zeros(len);
    map.accumulate(threads, &a, &b, &mut product);
    let theirs = draw(threads, streams[0], masks, len);
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

/// Words `first ..` of a stream.
pub(super) fn draw(threads: &Threads, stream: &Stream, first: usize, count: usize) -> Wiped<u64> {
    let mut words = Wiped::zeros(count);
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

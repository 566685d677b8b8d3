//! Element-wise gates: how their correlations are laid out, dealt, and used block by block, so that
//! masks are generated where they are needed and never leave the first-level cache.
//!
//! A block is [`BLOCK`] elements (the last one may be shorter). For each block a stream has all values
//! of the first mask, then of the second, and so on, and at P1 then its shares of the products; openings
//! and corrections are laid out in the same way.

use super::RING;
use super::correlation::{Part, WORD};
use qbench_protocols::Result;
use qbench_protocols::kernel::widest;
use qbench_protocols::prg::Stream;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::threads::Threads;
use qbench_protocols::wipe::Wiped;

/// Elements of a block: with at most 6 words a gate of each stream, in the first-level cache.
pub(super) const BLOCK: usize = 256;
/// Most masks of a gate.
const MASKS: usize = 4;
/// Most products of a gate.
const PRODUCTS: usize = 2;

/// A word of a message.
pub(super) type Bytes = [u8; WORD];

/// A gate that is applied to each element of a vector. Masks are shared additively for the
/// arithmetic gates, by exclusive or for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// a, b and a * b.
    Product,
    /// r and r * r.
    Square,
    /// a, b and a & b.
    And,
    /// Two independent ANDs: a, a', b, b' and a & b, a' & b'.
    AndPair,
    /// A bit r shared by exclusive or (lowest bit of the mask), and shared additively.
    Bit,
}

impl Gate {
    /// Words opened, and masked, by each party.
    pub const fn masks(self) -> usize {
        match self {
            Self::Square | Self::Bit => 1,
            Self::Product | Self::And => 2,
            Self::AndPair => 4,
        }
    }

    /// Words of products shared between the parties.
    pub const fn products(self) -> usize {
        match self {
            Self::AndPair => 2,
            _ => 1,
        }
    }

    /// P0: what P2's shares of the products are, for `count` gates. `one` and `two` are the streams of
    /// P1 and P2.
    pub fn corrections(
        self,
        count: usize,
        threads: &Threads,
        one: &Stream,
        two: &Stream,
    ) -> Vec<u8> {
        let (masks, products) = (self.masks(), self.products());
        let mut payload = vec![0; count * products * WORD];
        let words = payload.as_chunks_mut::<WORD>().0;
        threads.chunks_mut(words, products * BLOCK, |first, words| {
            let mut ones = Wiped::zeros((MASKS + PRODUCTS) * BLOCK);
            let mut twos = Wiped::zeros(MASKS * BLOCK);
            let mut start = first / products;
            for words in words.chunks_mut(products * BLOCK) {
                let n = words.len() / products;
                let ones = &mut ones[..(masks + products) * n];
                let twos = &mut twos[..masks * n];
                one.fill(RING, (start * (masks + products)) as u64, ones);
                two.fill(RING, (start * masks) as u64, twos);
                let (ones, shares) = ones.split_at(masks * n);
                widest(
                    #[inline(always)]
                    || self.correct(n, ones, twos, shares, words),
                );
                start += n;
            }
        });
        payload
    }

    /// One block of corrections.
    #[inline(always)]
    fn correct(self, n: usize, ones: &[u64], twos: &[u64], shares: &[u64], out: &mut [Bytes]) {
        let sums = ones.iter().zip(twos);
        let out = out.iter_mut().zip(shares);
        match self {
            Self::Square => {
                for ((out, c), (r1, r2)) in out.zip(sums) {
                    let r = r1.wrapping_add(*r2);
                    *out = r.wrapping_mul(r).wrapping_sub(*c).to_le_bytes();
                }
            }
            Self::Bit => {
                for ((out, c), (r1, r2)) in out.zip(sums) {
                    *out = ((r1 ^ r2) & 1).wrapping_sub(*c).to_le_bytes();
                }
            }
            Self::Product => {
                let (a1, b1) = ones.split_at(n);
                let (a2, b2) = twos.split_at(n);
                let masks = a1.iter().zip(a2).zip(b1.iter().zip(b2));
                for ((out, c), ((a1, a2), (b1, b2))) in out.zip(masks) {
                    let product = a1.wrapping_add(*a2).wrapping_mul(b1.wrapping_add(*b2));
                    *out = product.wrapping_sub(*c).to_le_bytes();
                }
            }
            Self::And | Self::AndPair => {
                let half = self.products() * n;
                let (a1, b1) = ones.split_at(half);
                let (a2, b2) = twos.split_at(half);
                let masks = a1.iter().zip(a2).zip(b1.iter().zip(b2));
                for ((out, c), ((a1, a2), (b1, b2))) in out.zip(masks) {
                    *out = (((a1 ^ a2) & (b1 ^ b2)) ^ c).to_le_bytes();
                }
            }
        }
    }
}

/// A computing party's correlations for `count` gates, in use.
pub(super) struct Gates {
    gate: Gate,
    count: usize,
    dealt: Part,
}

/// What one block of gates has to finish with.
pub(super) struct Block<'a> {
    /// Elements.
    pub n: usize,
    /// This party's masks, one after the other.
    pub masks: &'a [u64],
    /// This party's shares of the products.
    pub products: &'a [u64],
    /// What the other party opened, laid out as the masks are.
    pub theirs: &'a [Bytes],
}

impl Gates {
    pub fn new(gate: Gate, count: usize, dealt: Part) -> Self {
        Self { gate, count, dealt }
    }

    /// Words that this party opens.
    fn opened(&self) -> usize {
        self.gate.masks() * self.count
    }

    /// Words of a block that its stream has for one element.
    fn stride(&self) -> usize {
        match self.dealt.correction {
            None => self.gate.masks() + self.gate.products(),
            Some(_) => self.gate.masks(),
        }
    }

    /// Writes this party's opening: `mask(first element, elements, masks, out)` for each block, where
    /// `out` is as long as the masks and gets the masked operands. `buffer` is memory for it.
    fn opening(
        &self,
        threads: &Threads,
        mut buffer: Vec<u8>,
        mask: impl Fn(usize, usize, &[u64], &mut [Bytes]) + Sync,
    ) -> Vec<u8> {
        let per_element = self.gate.masks();
        let words = buffer.as_chunks_mut::<WORD>().0;
        threads.chunks_mut(words, per_element * BLOCK, |first, words| {
            let mut masks = Wiped::zeros(MASKS * BLOCK);
            let mut start = first / per_element;
            for words in words.chunks_mut(per_element * BLOCK) {
                let n = words.len() / per_element;
                let masks = &mut masks[..words.len()];
                self.dealt
                    .stream
                    .fill(RING, (start * self.stride()) as u64, masks);
                widest(
                    #[inline(always)]
                    || mask(start, n, masks, words),
                );
                start += n;
            }
        });
        buffer
    }

    /// Opens the operands and computes: `mask` and `finish` as in [`Gates::opening`] and [`Gates::finish`], where `mask` also
    /// gets `out`, which may hold the operands.
    pub fn apply(
        &self,
        runtime: &mut Runtime<'_>,
        out: &mut [u64],
        mask: impl Fn(&[u64], usize, usize, &[u64], &mut [Bytes]) + Sync,
        finish: impl Fn(usize, &Block<'_>, &mut [u64]) + Sync,
    ) -> Result<()> {
        let buffer = runtime.buffer(self.opened() * WORD);
        let threads = runtime.session()?.threads();
        let operands = &*out;
        let opening = self.opening(
            threads,
            buffer,
            #[inline(always)]
            |start, n, masks, words| mask(operands, start, n, masks, words),
        );
        let theirs = runtime.exchange(opening)?;
        self.finish(runtime.session()?.threads(), &theirs, out, finish);
        runtime.recycle(theirs);
        Ok(())
    }

    /// Computes from what was opened: `finish(first element, block, out)` for each block, where `out`
    /// has `out.len() / count` words an element and may hold the gates' operands.
    fn finish(
        &self,
        threads: &Threads,
        theirs: &[u8],
        out: &mut [u64],
        finish: impl Fn(usize, &Block<'_>, &mut [u64]) + Sync,
    ) {
        if self.count == 0 {
            return;
        }
        let (masks, products) = (self.gate.masks(), self.gate.products());
        let width = out.len() / self.count;
        let theirs = theirs.as_chunks::<WORD>().0;
        threads.chunks_mut(out, width * BLOCK, |first, out| {
            let mut own = Wiped::zeros((MASKS + PRODUCTS) * BLOCK);
            let mut start = first / width;
            for out in out.chunks_mut(width * BLOCK) {
                let n = out.len() / width;
                let own = &mut own[..(masks + products) * n];
                let (stream, stride) = (&self.dealt.stream, self.stride());
                let drawn = &mut own[..stride * n];
                stream.fill(RING, (start * stride) as u64, drawn);
                let (own_masks, shares) = own.split_at_mut(masks * n);
                if let Some(correction) = &self.dealt.correction {
                    let words = correction.as_chunks::<WORD>().0;
                    let words = &words[start * products..][..n * products];
                    for (share, word) in shares.iter_mut().zip(words) {
                        *share = u64::from_le_bytes(*word);
                    }
                }
                let block = Block {
                    n,
                    masks: own_masks,
                    products: shares,
                    theirs: &theirs[start * masks..][..n * masks],
                };
                widest(
                    #[inline(always)]
                    || finish(start, &block, out),
                );
                start += n;
            }
        });
    }
}

//! Binary-shared words, whose exclusive or is the value: their AND, and their sum by a prefix adder.

use super::gate::{BLOCK, Block, Bytes, Gate};
use super::multiply::gates;
use super::{RING, Share, absent};
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;

/// Bits that take part at each level of the adder: `inner` are the ends of the lower halves of blocks
/// of 2^(level + 1) bits; `spread` carries such a bit over the upper half, whose bits are `outer`.
#[derive(Clone, Copy)]
struct Level {
    inner: u64,
    outer: u64,
    /// The lower half's length.
    half: u32,
}

/// Levels of the adder: log2 of 64 bits.
pub(super) const LEVELS: usize = 6;

impl Level {
    const fn new(level: usize) -> Self {
        let half = 1u32 << level;
        let (mut inner, mut outer, mut bit) = (0u64, 0u64, 0);
        while bit < 64 {
            if bit % (2 * half) == half - 1 {
                inner |= 1 << bit;
            }
            if bit % (2 * half) >= half {
                outer |= 1 << bit;
            }
            bit += 1;
        }
        Self { inner, outer, half }
    }

    /// The last bit of each lower half, copied to all bits of the upper half. Linear over exclusive or:
    /// no two copies meet.
    #[inline(always)]
    fn spread(self, word: u64) -> u64 {
        let ends = word & self.inner;
        // The sum of `ends << i` for i = 1 ..= half.
        (ends << self.half << 1).wrapping_sub(ends << 1)
    }
}

/// `x & y` of binary-shared words (their exclusive or is the value).
///
/// Cost: 2 words each way, 1 round; offline 1 word to P2.
///
/// # Security
/// Opens x ^ a and y ^ b; a and b are uniform, unknown to both, and used here alone.
pub fn and_words(runtime: &mut Runtime<'_>, x: &Share, y: &Share) -> Result<Share> {
    let count = x.len();
    runtime.ensure(y.len() == count, || {
        format!("{count} words and {}", y.len())
    })?;
    let (x, y) = (x.values(), y.values());
    let out = and_into(
        runtime,
        count,
        #[inline(always)]
        |i| (x[i], y[i]),
        #[inline(always)]
        |_, _, and| [and],
    )?;
    Ok(out.map_or_else(|| absent(count), held))
}

/// `x + y` of binary-shared words, binary-shared, by a prefix adder over 64 bits (CrypTen, appendix
/// A.1.3; Catrina and de Hoogh, SCN 2010).
///
/// Cost: 26 words each way, 7 rounds; offline 13 words to P2.
///
/// # Security
/// As [`and_words`].
pub fn add_words(runtime: &mut Runtime<'_>, x: &Share, y: &Share) -> Result<Share> {
    let count = x.len();
    runtime.ensure(y.len() == count, || {
        format!("{count} words plus {}", y.len())
    })?;
    let (x, y) = (x.values(), y.values());
    let carries = carries(
        runtime,
        count,
        #[inline(always)]
        |i| (x[i], y[i]),
    )?;
    let Some(mut carries) = carries else {
        return Ok(absent(count));
    };
    for (carry, (x, y)) in carries.iter_mut().zip(x.iter().zip(y)) {
        *carry = x ^ y ^ (*carry << 1);
    }
    Ok(held(carries))
}

/// From additive to binary shares: each party's share is one summand of [`add_words`].
pub fn to_binary(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let Some(mut carries) = carries_of_sum(runtime, x)? else {
        return Ok(absent(x.len()));
    };
    for (carry, x) in carries.iter_mut().zip(x.values()) {
        *carry = x ^ (*carry << 1);
    }
    Ok(held(carries))
}

/// The carries of adding P1's share of x and P2's; `None` where no party computes.
pub(super) fn carries_of_sum(runtime: &mut Runtime<'_>, x: &Share) -> Result<Option<Wiped<u64>>> {
    let values = x.values();
    let mine = match runtime.me() {
        Some(Party::P1) => (u64::MAX, 0),
        _ => (0, u64::MAX),
    };
    carries(
        runtime,
        x.len(),
        #[inline(always)]
        |i| (values[i] & mine.0, values[i] & mine.1),
    )
}

/// The carry out of each bit of `x + y`, where `operands(i)` are this party's binary shares of the
/// two words.
///
/// A carry leaves a block of bits if the block sets one, or hands on one that comes in (Damgard et
/// al., TCC 2006, section 6.3): with S and P of both halves of a block known, those of the whole are
/// `S1 ^ (P1 & S0)` and `P1 & P0`. Levels join blocks of twice the length, all bits of a word at
/// once, both ANDs in one round.
fn carries(
    runtime: &mut Runtime<'_>,
    count: usize,
    operands: impl Fn(usize) -> (u64, u64) + Sync,
) -> Result<Option<Wiped<u64>>> {
    let start = and_into(
        runtime,
        count,
        operands,
        #[inline(always)]
        |x, y, and| [and, x ^ y],
    )?;
    let mut state = start.unwrap_or_default();
    for level in 0..LEVELS {
        join_halves(runtime, count, Level::new(level), &mut state)?;
    }
    if state.is_empty() {
        return Ok(None);
    }
    // Of each block of S and P only S is wanted now.
    let blocks = state.chunks(2 * BLOCK);
    let set = blocks.map(|block| &block[..block.len() / 2]);
    Ok(Some(Wiped::joined(count, set)))
}

/// The AND of two binary-shared words each, where `operands(i)` are this party's shares of them.
/// `keep(x, y, x & y)` are the W words an element that stay, laid out as blocks are: for each block
/// the first words, then the second.
pub(super) fn and_into<const W: usize>(
    runtime: &mut Runtime<'_>,
    count: usize,
    operands: impl Fn(usize) -> (u64, u64) + Sync,
    keep: impl Fn(u64, u64, u64) -> [u64; W] + Sync,
) -> Result<Option<Wiped<u64>>> {
    let Some(gates) = gates(runtime, Gate::And, count)? else {
        return Ok(None);
    };
    let mut out = Wiped::zeros(count * W);
    gates.apply(
        runtime,
        &mut out,
        #[inline(always)]
        |_, start, n, masks, words| {
            let (a, b) = masks.split_at(n);
            let (e, d) = words.split_at_mut(n);
            let pairs = a.iter().zip(b).zip(e.iter_mut().zip(d));
            for (i, ((a, b), (e, d))) in pairs.enumerate() {
                let (x, y) = operands(start + i);
                *e = (x ^ a).to_le_bytes();
                *d = (y ^ b).to_le_bytes();
            }
        },
        #[inline(always)]
        |start, block, out| {
            let n = block.n;
            let (a, b) = block.masks.split_at(n);
            let (e, d) = block.theirs.split_at(n);
            let terms = a.iter().zip(b).zip(e.iter().zip(d)).zip(block.products);
            for (i, (((a, b), (e, d)), c)) in terms.enumerate() {
                let (x, y) = operands(start + i);
                let e = x ^ a ^ u64::from_le_bytes(*e);
                let d = y ^ b ^ u64::from_le_bytes(*d);
                let kept = keep(x, y, c ^ (e & y) ^ (a & d));
                for (w, kept) in kept.into_iter().enumerate() {
                    out[w * n + i] = kept;
                }
            }
        },
    )?;
    Ok(Some(out))
}

/// One level of [`carries`]: `state` is S and P, in blocks; empty where no party
/// computes.
fn join_halves(
    runtime: &mut Runtime<'_>,
    count: usize,
    level: Level,
    state: &mut [u64],
) -> Result<()> {
    let Some(gates) = gates(runtime, Gate::AndPair, count)? else {
        return Ok(());
    };
    gates.apply(
        runtime,
        state,
        #[inline(always)]
        |state, start, n, masks, words| {
            level.mask(&state[2 * start..][..2 * n], masks, words);
        },
        #[inline(always)]
        |_, block, state| {
            level.join(block, state);
        },
    )?;
    Ok(())
}

/// The loops over a block of S and P. Each runs over many slices of one length.
#[allow(clippy::needless_range_loop)]
impl Level {
    /// The four masked operands: P of the upper halves twice, S and P of the lower ones.
    #[inline(always)]
    fn mask(self, state: &[u64], masks: &[u64], words: &mut [Bytes]) {
        let n = state.len() / 2;
        let (set, propagate) = state.split_at(n);
        let [a, a2, b, b2] = quarters(masks, n);
        let (e, rest) = words.split_at_mut(n);
        let (e2, rest) = rest.split_at_mut(n);
        let (d, d2) = rest.split_at_mut(n);
        let (propagate, d2) = (&propagate[..n], &mut d2[..n]);
        for i in 0..n {
            let upper = propagate[i] & self.outer;
            e[i] = (upper ^ a[i]).to_le_bytes();
            e2[i] = (upper ^ a2[i]).to_le_bytes();
            d[i] = (self.spread(set[i]) ^ b[i]).to_le_bytes();
            d2[i] = (self.spread(propagate[i]) ^ b2[i]).to_le_bytes();
        }
    }

    /// S and P of the joined blocks.
    #[inline(always)]
    fn join(self, block: &Block<'_>, state: &mut [u64]) {
        let n = block.n;
        let (set, propagate) = state.split_at_mut(n);
        let propagate = &mut propagate[..n];
        let [a, a2, b, b2] = quarters(block.masks, n);
        let [e, e2, d, d2] = quarters(block.theirs, n);
        let (c, c2) = block.products.split_at(n);
        let c2 = &c2[..n];
        for i in 0..n {
            let upper = propagate[i] & self.outer;
            let (s, p) = (self.spread(set[i]), self.spread(propagate[i]));
            let opened = upper ^ a[i] ^ u64::from_le_bytes(e[i]);
            let other = s ^ b[i] ^ u64::from_le_bytes(d[i]);
            set[i] ^= c[i] ^ (opened & s) ^ (a[i] & other);
            let opened = upper ^ a2[i] ^ u64::from_le_bytes(e2[i]);
            let other = p ^ b2[i] ^ u64::from_le_bytes(d2[i]);
            propagate[i] ^= upper ^ c2[i] ^ (opened & p) ^ (a2[i] & other);
        }
    }
}

/// Four slices of `n` elements.
#[inline(always)]
fn quarters<T>(all: &[T], n: usize) -> [&[T]; 4] {
    std::array::from_fn(|i| &all[i * n..][..n])
}

/// A share that this party holds.
pub(super) fn held(values: Wiped<u64>) -> Share {
    Share::held(RING, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels join single bits to a whole word: a lone carry at bit 0 with all bits handing on
    /// leaves every bit.
    #[test]
    fn levels_carry_through_the_word() {
        for (x, y) in [
            (1u64, u64::MAX),
            (0x8000, 0x7fff_8000),
            (3, 5),
            (u64::MAX, u64::MAX),
        ] {
            let (mut set, mut propagate) = (x & y, x ^ y);
            for level in (0..LEVELS).map(Level::new) {
                let upper = propagate & level.outer;
                let (s, p) = (level.spread(set), level.spread(propagate));
                set ^= upper & s;
                propagate = (propagate & !level.outer) ^ (upper & p);
            }
            assert_eq!(x ^ y ^ (set << 1), x.wrapping_add(y));
        }
    }
}

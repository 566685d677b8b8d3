//! Distributed point functions (Boyle, Gilboa and Ishai, CCS 2016): for a secret point a of b bits, keys from which two parties
//! compute binary shares of `[v = a]` for any v, and, from the same keys, of `[v < a]`.
//!
//! The trees end 7 levels early: a leaf is a block of 128 bits, one for each value of the lowest 7 bits (early termination,
//! ibid.). Up to 7 bits there is no tree, and a key is a shared truth table of 2^b bits. Each party's control bit of a
//! node is a share of whether a lies below the node, so a comparison costs no more than a walk from the root to v (Gupta et al.,
//! SIGMA, PETS 2024; Storrier et al., Grotto, CCS 2023): whether a lies right of a node is the share of its parent and
//! its own together.
//!
//! Key size: `129 (b - 7) + 256` bits for b > 7, else 2^b (of the 129 a level, a bit on the last level is not used). The corrections
//! are the same for both parties, and only roots differ: P1's come out of its generator.
//!
//! Keys are dealt, kept and evaluated by the 64, a bit each in a word, and sent by the [`CHUNK`].

mod compare;
mod deal;
mod table;

pub use compare::below;
pub use table::{Looked, look_up};

use qbench_protocols::material::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::prg::doubling::TREES;
use qbench_protocols::prg::{BLOCK, Block};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};
use std::fmt;

/// Levels that a leaf stands for.
const LEAF_LEVELS: u32 = 7;
/// The most keys in one message: small enough for a piece of a few megabytes.
pub const CHUNK: usize = 1 << 14;

/// What the keys are of. A tree is the same for all; a truth table is of what it is read for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Of {
    Below,
    Point,
}

/// So many keys for points of so many bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Keys {
    bits: u32,
    count: usize,
    of: Of,
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.of {
            Of::Below => "comparisons",
            Of::Point => "tables",
        };
        write!(f, "{} keys of {} bits for {of}", self.count, self.bits)
    }
}

impl Keys {
    /// Levels of a tree above the leaves; none for truth tables.
    fn levels(self) -> usize {
        self.bits.saturating_sub(LEAF_LEVELS) as usize
    }

    /// The parts that are sent one by one: the index of the first key, and the part's keys.
    fn chunks(self) -> impl Iterator<Item = (usize, Self)> {
        (0..self.count).step_by(CHUNK).map(move |first| {
            let count = CHUNK.min(self.count - first);
            (first, Self { count, ..self })
        })
    }

    /// Bytes of `count` keys of one batch that both parties have: corrections, level by level, then those of left and right
    /// leaves, then the bits by which right children are corrected otherwise.
    fn common_bytes(self, count: usize) -> usize {
        match self.levels() {
            0 => 0,
            levels => (levels + 1) * BLOCK * count + (levels * count).div_ceil(8),
        }
    }

    /// Bytes of `count` keys of one batch that only P2 is sent: roots, or a share of the truth tables.
    fn own_bytes(self, count: usize) -> usize {
        match self.levels() {
            0 => (count << self.bits).div_ceil(8),
            _ => BLOCK * count,
        }
    }

    /// Bytes of `count` keys of one batch that are sent to `holder`.
    fn batch_bytes(self, holder: Party, count: usize) -> usize {
        let own = match holder {
            Party::P2 => self.own_bytes(count),
            _ => 0,
        };
        own + self.common_bytes(count)
    }

    /// The same of all keys.
    fn bytes(self, holder: Party) -> usize {
        let whole = self.count / TREES * self.batch_bytes(holder, TREES);
        whole + self.batch_bytes(holder, self.count % TREES)
    }

    /// What P1 draws: all roots, or all truth tables.
    fn drawn_bytes(self) -> usize {
        self.count / TREES * self.own_bytes(TREES) + self.own_bytes(self.count % TREES)
    }
}

/// Declares keys and what is sent of them.
fn declare(runtime: &mut Runtime<'_>, keys: Keys) {
    runtime.declare_key(keys);
    for (_, part) in keys.chunks() {
        for holder in [Party::P1, Party::P2] {
            if part.bytes(holder) > 0 {
                runtime.declare_dealt(holder, part.bytes(holder));
            }
        }
    }
}

/// P1 and P2, offline: keep what P0 deals.
fn keep(runtime: &mut Runtime<'_>, keys: Keys, me: Party) -> Result<()> {
    for (_, part) in keys.chunks() {
        let session = runtime.session()?;
        let mut dealt = match me {
            Party::P1 => Dealt::stream(session.shared_stream(Party::P0)),
            _ => Dealt::default(),
        };
        if part.bytes(me) > 0 {
            dealt.bytes = Some(session.receive(Party::P0, part.bytes(me))?);
        }
        runtime.put(part, dealt)?;
    }
    Ok(())
}

/// A computing party's part of a chunk of keys.
struct Held {
    keys: Keys,
    me: Party,
    /// What came from P0.
    bytes: Wiped<u8>,
    /// What P1 draws.
    drawn: Wiped<u8>,
}

impl Held {
    /// Takes the next chunk out of the store.
    fn take(runtime: &mut Runtime<'_>, keys: Keys, me: Party) -> Result<Self> {
        let dealt = runtime.take(&keys)?;
        let bytes = dealt.bytes.unwrap_or_default();
        let mut drawn = Wiped::default();
        if me == Party::P1 {
            let stream = dealt.stream;
            let stream =
                stream.ok_or_else(|| Error::Internal("keys without their roots".into()))?;
            drawn = Wiped::zeros(keys.drawn_bytes());
            stream.fill_bytes(0, &mut drawn);
        }
        if bytes.len() != keys.bytes(me) {
            return Err(Error::Internal(format!("{} bytes of {keys}", bytes.len())));
        }
        Ok(Self {
            keys,
            me,
            bytes,
            drawn,
        })
    }

    /// The 64 keys, or fewer at the end, from `64 number` on.
    fn batch(&self, number: usize) -> Batch<'_> {
        let keys = self.keys;
        let count = TREES.min(keys.count - number * TREES);
        let bytes = &self.bytes[number * keys.batch_bytes(self.me, TREES)..];
        let (own, common) = match self.me {
            Party::P1 => (&self.drawn[number * keys.own_bytes(TREES)..], bytes),
            _ => bytes.split_at(keys.own_bytes(count)),
        };
        Batch {
            keys,
            count,
            own: &own[..keys.own_bytes(count)],
            common: &common[..keys.common_bytes(count)],
        }
    }
}

/// A party's part of up to 64 keys.
struct Batch<'a> {
    keys: Keys,
    count: usize,
    own: &'a [u8],
    common: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Bit `v` of the truth table of key `i`.
    fn truth(&self, i: usize, v: u64) -> u64 {
        let at = (i << self.keys.bits) + v as usize;
        u64::from(self.own[at / 8] >> (at % 8) & 1)
    }

    fn roots(&self) -> &'a [Block] {
        self.own.as_chunks().0
    }

    fn blocks(&self, number: usize) -> &'a [Block] {
        let bytes = &self.common[number * self.count * BLOCK..][..self.count * BLOCK];
        bytes.as_chunks().0
    }

    /// Corrections of left and right children on a level.
    fn corrections(&self, level: usize) -> [&'a [Block]; 2] {
        let last = self.keys.levels() - 1;
        if level == last {
            [self.blocks(last), self.blocks(last + 1)]
        } else {
            [self.blocks(level); 2]
        }
    }

    /// A bit a key: whether a right child's control bit is corrected otherwise than a left one's.
    fn difference(&self, level: usize) -> u64 {
        let bits = &self.common[(self.keys.levels() + 1) * BLOCK * self.count..];
        if self.count == TREES {
            let word = bits[8 * level..].first_chunk();
            return word.map_or(0, |word| u64::from_le_bytes(*word));
        }
        let first = level * self.count;
        (0..self.count).fold(0, |word, i| {
            let at = first + i;
            word | u64::from(bits[at / 8] >> (at % 8) & 1) << i
        })
    }
}

/// The control bits of nodes.
fn control(nodes: &[Block]) -> u64 {
    let bits = nodes.iter().enumerate();
    bits.fold(0, |word, (i, node)| word | u64::from(node[0] & 1) << i)
}

/// Columns of bits as words: bit i of word b is bit b of `values[i]`. (Hacker's Delight, section 7-3.)
fn transposed(values: &[u64]) -> [u64; 64] {
    let mut rows = [0; 64];
    rows[..values.len()].copy_from_slice(values);
    let (mut width, mut mask) = (32, 0x0000_0000_ffff_ffffu64);
    while width > 0 {
        let mut row = 0;
        while row < 64 {
            let other = row + width;
            let swapped = (rows[row] >> width ^ rows[other]) & mask;
            rows[row] ^= swapped << width;
            rows[other] ^= swapped;
            row = (other + 1) & !width;
        }
        width /= 2;
        mask ^= mask << width;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_closed_form() {
        for bits in 1..=64u32 {
            for count in [64, 640, 3 * CHUNK] {
                let keys = Keys {
                    bits,
                    count,
                    of: Of::Below,
                };
                let key = match bits {
                    8.. => 129 * (bits as usize - 7) + 256,
                    _ => 1 << bits,
                };
                let [one, two] = [Party::P1, Party::P2].map(|holder| {
                    keys.chunks()
                        .map(|(_, part)| part.bytes(holder))
                        .sum::<usize>()
                });
                assert_eq!(8 * two, key * count, "{bits} bits");
                let root = if bits > 7 { 128 } else { key };
                assert_eq!(8 * one, (key - root) * count, "{bits} bits");
            }
        }
    }

    #[test]
    fn columns_are_words() {
        let values: Vec<u64> = (0..50u64)
            .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        let words = transposed(&values);
        for (b, word) in words.iter().enumerate() {
            for i in 0..64 {
                let bit = values.get(i).map_or(0, |value| value >> b & 1);
                assert_eq!(word >> i & 1, bit);
            }
        }
    }
}

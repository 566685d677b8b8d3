//! Public tables at a secret place.

use super::{Batch, Held, Keys, Of, deal, declare, keep};
use qbench_protocols::kernel::widest;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::prg::Block;
use qbench_protocols::prg::doubling::{Doubling, TREES};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};

/// Keys that are evaluated everywhere side by side, where a tree has many leaves.
const GROUP: usize = 8;

/// What P1 or P2 gets of each table: additive shares of `s T[x]` and a binary share of `[s = 1]`, for a sign s that
/// nobody knows.
pub struct Looked {
    /// Shares of the entries, up to their signs; not reduced to a ring.
    pub entries: Wiped<u64>,
    /// Shares of whether the sign is positive.
    pub positive: Wiped<u8>,
}

/// Shares of `T[x]` up to a sign, for the public table of 2^bits entries and secret x: P0 gives the masks r, P1 and P2 the masked
/// indices `x + r`, all modulo 2^bits.
///
/// Every party evaluates its keys of the point r everywhere. Two binary shares of a unit vector differ, as integers, by the vector
/// or its negative: hence the sign (SIGMA: look-up tables).
///
/// Cost: offline the keys (see [`super`]); online nothing is sent, and there are `2^(bits - 6)` AES blocks and 2^bits
/// additions an element.
///
/// # Errors
/// Keys that were dealt for something else; the network's.
pub fn look_up(
    runtime: &mut Runtime<'_>,
    bits: u32,
    count: usize,
    masks: &[u64],
    indices: &[u64],
    table: &[u64],
) -> Result<Option<Looked>> {
    if table.len() != 1 << bits {
        return Err(Error::Internal(format!(
            "{} entries at {bits} bits",
            table.len()
        )));
    }
    let keys = Keys {
        bits,
        count,
        of: Of::Point,
    };
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => declare(runtime, keys),
        (Phase::Offline, Some(Party::P0)) => deal::deal(runtime, keys, masks)?,
        (Phase::Offline, Some(me)) => keep(runtime, keys, me)?,
        (Phase::Online, Some(me @ (Party::P1 | Party::P2))) => {
            return evaluate(runtime, keys, me, indices, table).map(Some);
        }
        _ => {}
    }
    Ok(None)
}

fn evaluate(
    runtime: &mut Runtime<'_>,
    keys: Keys,
    me: Party,
    indices: &[u64],
    table: &[u64],
) -> Result<Looked> {
    runtime.ensure(indices.len() == keys.count, || {
        format!("indices for {keys}")
    })?;
    let turned = turned(table);
    let size = table.len();
    // The sum, and how many bits were set in it.
    let mut sums: Wiped<(u64, u64)> = Wiped::zeros(keys.count);
    let doubling = Doubling::default();
    for (first, part) in keys.chunks() {
        let held = Held::take(runtime, part, me)?;
        let threads = runtime.session()?.threads();
        let (sums, indices) = (&mut sums[first..][..part.count], &indices[first..]);
        threads.chunks_mut(sums, TREES, |at, sums| {
            for (i, sums) in sums.chunks_mut(TREES).enumerate() {
                let at = at + i * TREES;
                let batch = held.batch(at / TREES);
                let indices = &indices[at..][..sums.len()];
                everywhere(&doubling, &batch, |i, vector| {
                    let start = (size - indices[i] as usize % size) % size;
                    sums[i] = inner_product(vector, &turned[start..][..size]);
                });
            }
        });
    }
    // One count is even and the other odd, and they differ by the sign: that the first is larger by one is
    // whether half of it, rounded up, and half of the other, rounded down, differ.
    let first = me == Party::P1;
    let entry = |sum: u64| if first { sum } else { sum.wrapping_neg() };
    Ok(Looked {
        entries: sums.iter().map(|(sum, _)| entry(*sum)).collect(),
        positive: sums
            .iter()
            .map(|(_, count)| ((count + u64::from(first)) / 2) as u8 & 1)
            .collect(),
    })
}

/// The table backwards from its first entry, twice: with the mask r at place r of a unit vector, entry `x + r - i` meets
/// place i.
fn turned(table: &[u64]) -> Vec<u64> {
    let once = (0..table.len()).map(|i| table[(table.len() - i) % table.len()]);
    once.clone().chain(once).collect()
}

/// Calls `body(key, vector)` with this party's binary share of each key's unit vector, as words of bits.
fn everywhere(doubling: &Doubling, batch: &Batch<'_>, mut body: impl FnMut(usize, &[u64])) {
    let levels = batch.keys.levels();
    if levels == 0 {
        let size = 1u64 << batch.keys.bits;
        for i in 0..batch.count {
            let bits = |word: u64| {
                let places = 64 * word..size.min(64 * (word + 1));
                places.fold(0, |bits, v| bits | batch.truth(i, v) << (v % 64))
            };
            let vector: Wiped<u64> = (0..size.div_ceil(64)).map(bits).collect();
            body(i, &vector);
        }
        return;
    }
    let group = if levels > 2 { GROUP } else { TREES };
    for first in (0..batch.count).step_by(group) {
        let count = group.min(batch.count - first);
        let leaves = leaves(doubling, batch, first, count);
        let each = leaves.len() / count;
        let mut vector = Wiped::zeros(2 * each);
        for (i, leaves) in leaves.chunks(each).enumerate() {
            for (words, leaf) in vector.chunks_mut(2).zip(leaves) {
                let leaf = u128::from_le_bytes(*leaf);
                words[0] = leaf as u64;
                words[1] = (leaf >> 64) as u64;
            }
            body(first + i, &vector);
        }
    }
}

/// All leaves of `count` keys, one key's after the other's.
fn leaves(doubling: &Doubling, batch: &Batch<'_>, first: usize, count: usize) -> Wiped<Block> {
    let mut nodes = Wiped::copied(&batch.roots()[first..][..count]);
    for level in 0..batch.keys.levels() {
        let [lefts, rights] = batch.corrections(level);
        let difference = match level + 1 == batch.keys.levels() {
            true => 0,
            false => batch.difference(level),
        };
        let mut left = Wiped::zeros(nodes.len());
        let mut right = Wiped::zeros(nodes.len());
        doubling.children(&nodes, &mut left, &mut right);
        let mut below = Wiped::zeros(2 * nodes.len());
        let each = nodes.len() / count;
        for (i, pair) in below.chunks_mut(2).enumerate() {
            let key = first + i / each;
            let set = u128::from(nodes[i][0] & 1).wrapping_neg();
            let flip = u128::from(difference >> key & 1);
            let corrections = [
                u128::from_le_bytes(lefts[key]),
                u128::from_le_bytes(rights[key]) ^ flip,
            ];
            for ((out, child), correction) in
                pair.iter_mut().zip([left[i], right[i]]).zip(corrections)
            {
                *out = (u128::from_le_bytes(child) ^ (correction & set)).to_le_bytes();
            }
        }
        nodes = below;
    }
    nodes
}

/// The sum of the entries whose bit is set, and their number.
fn inner_product(vector: &[u64], entries: &[u64]) -> (u64, u64) {
    let count = vector.iter().map(|word| u64::from(word.count_ones())).sum();
    let (whole, rest) = entries.as_chunks::<64>();
    let sums = widest(
        #[inline(always)]
        || {
            let mut sums = [0u64; 8];
            for (word, entries) in vector.iter().zip(whole) {
                let (eights, _) = entries.as_chunks::<8>();
                for (byte, entries) in eights.iter().enumerate() {
                    let bits = word >> (8 * byte);
                    for i in 0..8 {
                        let set = (bits >> i & 1).wrapping_neg();
                        sums[i] = sums[i].wrapping_add(entries[i] & set);
                    }
                }
            }
            sums
        },
    );
    let sum = sums.iter().fold(0u64, |sum, part| sum.wrapping_add(*part));
    // A table of fewer than 64 entries.
    let small = rest.iter().enumerate().fold(0u64, |sum, (i, entry)| {
        sum.wrapping_add(entry & (vector[0] >> i & 1).wrapping_neg())
    });
    (sum.wrapping_add(small), count)
}

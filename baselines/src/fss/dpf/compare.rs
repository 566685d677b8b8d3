//! Comparisons with a secret point.

use super::{Batch, Held, Keys, Of, control, deal, declare, keep, transposed};
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::prg::doubling::{Doubling, TREES};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;

/// Binary shares of `[value < point]`, bit by bit, for each vector of `values`: `points` are P0's, `values` P1's and P2's, all
/// modulo 2^bits, and all vectors are compared with the same points, from one key each.
///
/// Gives a vector of bits for each vector of values at P1 and P2 online.
///
/// Cost: offline the keys (see [`super`]); online nothing is sent, and there is one AES block a level, element and vector.
///
/// # Security
/// Nothing is sent online. A party's bits are generator output to it, and with the other's they are the outcomes: before they are
/// opened, the caller adds a fresh dealt bit. What is dealt is as safe as its corrections (Boyle, Gilboa and Ishai, CCS 2016).
///
/// # Errors
/// Keys that were dealt for something else; the network's.
pub fn below(
    runtime: &mut Runtime<'_>,
    bits: u32,
    count: usize,
    points: &[u64],
    values: &[&[u64]],
) -> Result<Option<Vec<Wiped<u8>>>> {
    let keys = Keys {
        bits,
        count,
        of: Of::Below,
    };
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => declare(runtime, keys),
        (Phase::Offline, Some(Party::P0)) => deal::deal(runtime, keys, points)?,
        (Phase::Offline, Some(me)) => keep(runtime, keys, me)?,
        (Phase::Online, Some(me @ (Party::P1 | Party::P2))) => {
            return evaluate(runtime, keys, me, values).map(Some);
        }
        _ => {}
    }
    Ok(None)
}

fn evaluate(
    runtime: &mut Runtime<'_>,
    keys: Keys,
    me: Party,
    values: &[&[u64]],
) -> Result<Vec<Wiped<u8>>> {
    let fits = values.iter().all(|values| values.len() == keys.count);
    runtime.ensure(fits, || format!("values for {keys}"))?;
    let mut out: Vec<_> = values.iter().map(|_| Wiped::zeros(keys.count)).collect();
    let doubling = Doubling::default();
    for (first, part) in keys.chunks() {
        let held = Held::take(runtime, part, me)?;
        let threads = runtime.session()?.threads();
        for (out, values) in out.iter_mut().zip(values) {
            let (out, values) = (&mut out[first..][..part.count], &values[first..]);
            threads.chunks_mut(out, TREES, |at, out| {
                for (i, out) in out.chunks_mut(TREES).enumerate() {
                    let at = at + i * TREES;
                    let batch = held.batch(at / TREES);
                    let bits = walk(&doubling, &batch, &values[at..][..out.len()]);
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = (bits >> i) as u8 & 1;
                    }
                }
            });
        }
    }
    Ok(out)
}

/// A bit a key.
fn walk(doubling: &Doubling, batch: &Batch<'_>, values: &[u64]) -> u64 {
    let (bits, levels) = (batch.keys.bits, batch.keys.levels());
    let low = |value: u64, bits: u32| value & (u64::MAX >> (64 - bits));
    if levels == 0 {
        let values = values.iter().enumerate();
        return values.fold(0, |word, (i, value)| {
            word | batch.truth(i, low(*value, bits)) << i
        });
    }
    let columns = transposed(values);
    let mut nodes = Wiped::copied(batch.roots());
    let (mut inside, mut below) = (control(&nodes), 0);
    let mut right = 0;
    for level in 0..levels {
        right = columns[bits as usize - 1 - level];
        let corrections = batch.corrections(level);
        let last = level + 1 == levels;
        let difference = if last { 0 } else { batch.difference(level) };
        let next = doubling.descend(&mut nodes, right, corrections, difference);
        if !last {
            // Where it goes left, the point lies right of here or not.
            below ^= !right & (inside ^ next);
            inside = next;
        }
    }
    for (i, (leaf, value)) in nodes.iter().zip(values).enumerate() {
        let leaf = u128::from_le_bytes(*leaf);
        let above = leaf >> (value & 127) >> 1;
        let here = u64::from(above.count_ones() & 1);
        let beyond = inside >> i ^ u64::from(leaf.count_ones());
        below ^= (here ^ (beyond & !(right >> i) & 1)) << i;
    }
    below
}

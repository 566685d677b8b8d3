//! P0's part: keys for points that it knows.

use super::{Keys, Of, control, transposed};
use qbench_protocols::kernel::widest;
use qbench_protocols::net::Party;
use qbench_protocols::prg::doubling::{Doubling, TREES};
use qbench_protocols::prg::{BLOCK, Block};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};

/// P0, offline: deals keys for the points `secret`, each modulo 2^b.
///
/// # Security
/// P1 and P2 receive corrections, which are exclusive sums of outputs of both parties' trees: each lacks the other's seeds, so
/// they look uniform to it (Boyle, Gilboa and Ishai, CCS 2016). P2 receives its roots besides, from a stream that
/// only P0 has, or truth tables less what P1 draws.
pub(super) fn deal(runtime: &mut Runtime<'_>, keys: Keys, secret: &[u64]) -> Result<()> {
    if secret.len() != keys.count {
        return Err(Error::Internal(format!(
            "{} points for {keys}",
            secret.len()
        )));
    }
    for (first, part) in keys.chunks() {
        let points = &secret[first..][..part.count];
        match part.levels() {
            0 => deal_tables(runtime, part, points)?,
            _ => deal_trees(runtime, part, points)?,
        }
    }
    Ok(())
}

/// What is so of `value`, for the point a key is of.
fn truth(of: Of, value: u64, point: u64) -> bool {
    match of {
        Of::Below => value < point,
        Of::Point => value == point,
    }
}

fn deal_tables(runtime: &mut Runtime<'_>, keys: Keys, points: &[u64]) -> Result<()> {
    let size = 1u64 << keys.bits;
    let session = runtime.session()?;
    let mut tables = Wiped::zeros(keys.drawn_bytes());
    session.shared_stream(Party::P1).fill_bytes(0, &mut tables);
    let own = keys.own_bytes(TREES);
    for (tables, points) in tables.chunks_mut(own).zip(points.chunks(TREES)) {
        for (i, point) in points.iter().enumerate() {
            for value in 0..size {
                let at = (i << keys.bits) + value as usize;
                let bit = truth(keys.of, value, point % size);
                tables[at / 8] ^= u8::from(bit) << (at % 8);
            }
        }
    }
    session.send(Party::P2, tables.into_vec())
}

fn deal_trees(runtime: &mut Runtime<'_>, keys: Keys, points: &[u64]) -> Result<()> {
    let session = runtime.session()?;
    let mut roots = [(); 2].map(|()| Wiped::<u8>::zeros(keys.drawn_bytes()));
    session
        .shared_stream(Party::P1)
        .fill_bytes(0, &mut roots[0]);
    session.private_stream().fill_bytes(0, &mut roots[1]);
    let [first, second] = roots.each_ref().map(|roots| roots.as_chunks::<BLOCK>().0);
    let batch = keys.batch_bytes(Party::P2, TREES);
    let doubling = Doubling::default();
    let mut sent = Wiped::zeros(keys.bytes(Party::P2));
    session.threads().chunks_mut(&mut sent, batch, |at, part| {
        for (i, out) in part.chunks_mut(batch).enumerate() {
            let from = (at / batch + i) * TREES;
            let points = &points[from..points.len().min(from + TREES)];
            let roots = [first, second].map(|roots| &roots[from..][..points.len()]);
            deal_batch(&doubling, keys, points, roots, out);
        }
    });
    // P1 has the corrections alone.
    let corrections = sent.chunks(batch).zip(points.chunks(TREES));
    let corrections = corrections.map(|(out, points)| &out[keys.own_bytes(points.len())..]);
    let corrections = Wiped::joined(keys.bytes(Party::P1), corrections);
    session.send(Party::P1, corrections.into_vec())?;
    session.send(Party::P2, sent.into_vec())
}

/// Words of 64 bits of 64 blocks, two each.
type Halves = [u64; 2 * TREES];

/// Up to 64 trees; `out` as P2 gets them (see [`Keys`]).
fn deal_batch(
    doubling: &Doubling,
    keys: Keys,
    points: &[u64],
    roots: [&[Block]; 2],
    out: &mut [u8],
) {
    let (count, levels) = (points.len(), keys.levels());
    let (own, common) = out.split_at_mut(keys.own_bytes(count));
    let (blocks, flips) = common.split_at_mut((levels + 1) * BLOCK * count);
    let mut nodes = roots.map(Wiped::copied);
    for (second, first) in nodes[1].iter_mut().zip(roots[0]) {
        // One of the two control bits is set at the root.
        second[0] = second[0] & !1 | (first[0] & 1 ^ 1);
    }
    own.copy_from_slice(nodes[1].as_flattened());
    let columns = transposed(points);
    let mut blocks = blocks.chunks_mut(BLOCK * count);
    let mut next = || blocks.next().unwrap_or_default();
    let mut children = [(); 4].map(|()| Wiped::<Block>::zeros(count));
    let mut work: Wiped<Halves> = (0..7).map(|_| [0; 2 * TREES]).collect();
    let mut controls = nodes.each_ref().map(|nodes| control(nodes));
    for level in 0..levels {
        let [left0, right0, left1, right1] = &mut children;
        doubling.children(&nodes[0], left0, right0);
        doubling.children(&nodes[1], left1, right1);
        let Some((expanded, found)) = work.split_first_chunk_mut::<4>() else {
            return;
        };
        for (halves, blocks) in expanded.iter_mut().zip(&children) {
            read(blocks, halves);
        }
        let sides = columns[keys.bits as usize - 1 - level];
        if level + 1 == levels {
            add_leaf(expanded, points, sides);
            write(&expanded[0], next());
            write(&expanded[1], next());
            continue;
        }
        let [corrections, kept @ ..] = found else {
            return;
        };
        let flipped = correct(expanded, sides, &mut controls, corrections, kept);
        write(corrections, next());
        put_bits(flips, level * count, count, flipped);
        for (nodes, kept) in nodes.iter_mut().zip(kept) {
            write(kept, nodes.as_flattened_mut());
        }
        let all = u64::MAX >> (TREES - count);
        debug_assert_eq!((controls[0] ^ controls[1]) & all, all);
    }
}

/// Corrections such that off the path both parties have the same node, and on it nodes that differ in their control bits: of seeds and
/// left control bits into `corrections`; of right ones a bit a tree, which says whether it is another. `kept` and `controls` become
/// the corrected nodes on the path, and their control bits.
fn correct(
    [left0, right0, left1, right1]: &[Halves; 4],
    sides: u64,
    controls: &mut [u64; 2],
    corrections: &mut Halves,
    kept: &mut [Halves],
) -> u64 {
    let [kept0, kept1] = kept else { return 0 };
    let [set0, set1] = *controls;
    let mut flips = [0; 2 * TREES];
    widest(
        #[inline(always)]
        || {
            for i in 0..2 * TREES {
                // A bit of each tree over both halves of its block, and the lowest bit of a block, in its first half.
                let all = |bits: u64| (bits >> (i / 2) & 1).wrapping_neg();
                let low = (i as u64 & 1) ^ 1;
                let (left, right, side) = (left0[i] ^ left1[i], right0[i] ^ right1[i], all(sides));
                let lost = left & side | right & !side;
                let flip_left = (left ^ side ^ 1) & low;
                let flip = flip_left ^ (right ^ side) & low;
                let correction = lost & !low | flip_left;
                corrections[i] = correction;
                flips[i] = flip;
                let correction = correction ^ flip & side;
                let keep = |left: u64, right: u64| left & !side | right & side;
                kept0[i] = keep(left0[i], right0[i]) ^ correction & all(set0);
                kept1[i] = keep(left1[i], right1[i]) ^ correction & all(set1);
            }
        },
    );
    *controls = [low_bits(kept0), low_bits(kept1)];
    low_bits(&flips)
}

/// The lowest bit of each block.
fn low_bits(halves: &Halves) -> u64 {
    widest(
        #[inline(always)]
        || {
            let pairs = halves.as_chunks::<2>().0;
            let mut bits = 0;
            for (i, pair) in pairs.iter().enumerate() {
                bits |= (pair[0] & 1) << i;
            }
            bits
        },
    )
}

/// The first two become the differences of both parties' left leaves and right ones, with the bit of the point.
fn add_leaf([left0, right0, left1, right1]: &mut [Halves; 4], points: &[u64], sides: u64) {
    for (sum, other) in [(&mut *left0, &*left1), (&mut *right0, &*right1)] {
        for (sum, other) in sum.iter_mut().zip(other) {
            *sum ^= other;
        }
    }
    for (i, point) in points.iter().enumerate() {
        let half = 2 * i + (point >> 6 & 1) as usize;
        let (bit, side) = (1 << (point & 63), (sides >> i & 1).wrapping_neg());
        left0[half] ^= bit & !side;
        right0[half] ^= bit & side;
    }
}

/// Blocks as words.
fn read(blocks: &[Block], halves: &mut Halves) {
    let words = blocks.as_flattened().as_chunks::<8>().0;
    for (half, word) in halves.iter_mut().zip(words) {
        *half = u64::from_le_bytes(*word);
    }
}

/// As many words as there is room for.
fn write(halves: &Halves, out: &mut [u8]) {
    for (half, out) in halves.iter().zip(out.as_chunks_mut::<8>().0) {
        *out = half.to_le_bytes();
    }
}

/// Writes `count` bits from bit `first` on.
fn put_bits(out: &mut [u8], first: usize, count: usize, bits: u64) {
    if count == TREES {
        out[first / 8..][..8].copy_from_slice(&bits.to_le_bytes());
        return;
    }
    for i in 0..count {
        out[(first + i) / 8] |= (bits >> i & 1) as u8 * (1 << ((first + i) % 8));
    }
}

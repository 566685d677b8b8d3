//! P0's part: keys for points that it knows.

use super::{Keys, Of, control};
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
/// they look uniform to it (Boyle, Gilboa and Ishai 2016, theorem 3.3). P2 receives its roots besides, from a stream that
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
    let blocks = blocks.as_chunks_mut::<BLOCK>().0;
    let mut nodes = roots.map(Wiped::copied);
    for (second, first) in nodes[1].iter_mut().zip(roots[0]) {
        // One of the two control bits is set at the root.
        second[0] = second[0] & !1 | (first[0] & 1 ^ 1);
    }
    own.copy_from_slice(nodes[1].as_flattened());
    let mut children = [(); 4].map(|()| Wiped::<Block>::zeros(count));
    for level in 0..levels {
        let [left0, right0, left1, right1] = &mut children;
        doubling.children(&nodes[0], left0, right0);
        doubling.children(&nodes[1], left1, right1);
        let last = level + 1 == levels;
        for (i, point) in points.iter().enumerate() {
            let side = point >> (keys.bits - 1 - level as u32) & 1;
            let [left0, right0, left1, right1] =
                [&left0[i], &right0[i], &left1[i], &right1[i]].map(|b| u128::from_le_bytes(*b));
            let (left, right) = (left0 ^ left1, right0 ^ right1);
            if last {
                let bit = 1u128 << (point & 127);
                let on = |here: u64| bit & u128::from(here).wrapping_neg();
                blocks[level * count + i] = (left ^ on(side ^ 1)).to_le_bytes();
                blocks[(level + 1) * count + i] = (right ^ on(side)).to_le_bytes();
                continue;
            }
            let side = u128::from(side);
            let onto = side.wrapping_neg();
            let lost = left & onto | right & !onto;
            let (flip_left, flip_right) = (left & 1 ^ side ^ 1, right & 1 ^ side);
            let correction = lost & !1 | flip_left;
            let flip = flip_left ^ flip_right;
            blocks[level * count + i] = correction.to_le_bytes();
            let at = level * count + i;
            flips[at / 8] |= (flip as u8) << (at % 8);
            let correction = correction ^ (flip & side);
            let kept = [(left0, right0), (left1, right1)].map(|(l, r)| l & !onto | r & onto);
            for (nodes, kept) in nodes.iter_mut().zip(kept) {
                let set = u128::from(nodes[i][0] & 1).wrapping_neg();
                nodes[i] = (kept ^ (correction & set)).to_le_bytes();
            }
        }
        debug_assert!(
            last || control(&nodes[0]) ^ control(&nodes[1]) == u64::MAX >> (TREES - count)
        );
    }
}

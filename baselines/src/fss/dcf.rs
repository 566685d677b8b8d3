//! Distributed comparison functions (Boyle et al., Function Secret Sharing for Mixed-Mode and Fixed-Point Secure Computation,
//! EUROCRYPT 2021): for a secret point a of b bits, keys from which two parties compute additive shares of
//! `[v < a]` in a ring of l bits, for any v.
//!
//! Two to three times the size and work of a comparison by [`super::dpf`], whose outcome is a shared bit: for what is rare and
//! needs a ring element at once. Key size: `128 + b (129 + l) + l` bits; P1's root comes out of its generator.

use super::dpf::CHUNK;
use qbench_protocols::kernel::pack;
use qbench_protocols::material::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::prg::doubling::Doubling;
use qbench_protocols::prg::{BLOCK, Block};
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};
use std::fmt;

/// So many keys, for points of `bits` bits and outcomes in a ring.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Keys {
    bits: u32,
    ring: Ring,
    count: usize,
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, bits, out) = (self.count, self.bits, self.ring.bits());
        write!(
            f,
            "{count} keys of {bits} bits for comparisons to {out} bits"
        )
    }
}

impl Keys {
    fn levels(self) -> usize {
        self.bits as usize
    }

    /// Bytes that both parties have: corrections of seeds, of values (level by level and at the leaf), and of control bits (right
    /// against left).
    fn common_bytes(self) -> usize {
        self.levels() * self.count * BLOCK + self.values_bytes() + self.flips_bytes()
    }

    fn values_bytes(self) -> usize {
        self.ring.wire_bytes((self.levels() + 1) * self.count)
    }

    fn flips_bytes(self) -> usize {
        (self.levels() * self.count).div_ceil(8)
    }

    fn bytes(self, holder: Party) -> usize {
        let roots = if holder == Party::P2 {
            BLOCK * self.count
        } else {
            0
        };
        roots + self.common_bytes()
    }
}

/// Shares of `[value < point]` in the ring, for `values.len() / count` values a key, one key's after the other's: `points` are
/// P0's, `values` P1's and P2's, all modulo 2^bits.
///
/// Cost: offline the keys; online nothing is sent, and there are two AES blocks a level and value.
///
/// # Security
/// As [`super::dpf`]: corrections hide behind the seeds that a party lacks (ibid.).
///
/// # Errors
/// More keys than one message should hold, or keys that were dealt for something else; the network's.
pub fn below(
    runtime: &mut Runtime<'_>,
    bits: u32,
    ring: Ring,
    count: usize,
    points: &[u64],
    values: &[u64],
) -> Result<Option<Wiped<u64>>> {
    let keys = Keys { bits, ring, count };
    runtime.ensure(count <= CHUNK, || format!("{keys}, at most {CHUNK}"))?;
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => {
            runtime.declare_key(keys);
            for holder in [Party::P1, Party::P2] {
                runtime.declare_dealt(holder, keys.bytes(holder));
            }
        }
        (Phase::Offline, Some(Party::P0)) => deal(runtime, keys, points)?,
        (Phase::Offline, Some(me)) => {
            let session = runtime.session()?;
            let stream = match me {
                Party::P1 => Some(Box::new(session.shared_stream(Party::P0))),
                _ => None,
            };
            let bytes = Some(session.receive(Party::P0, keys.bytes(me))?);
            runtime.put(keys, Dealt { stream, bytes })?;
        }
        (Phase::Online, Some(me @ (Party::P1 | Party::P2))) => {
            return evaluate(runtime, keys, me, values).map(Some);
        }
        _ => {}
    }
    Ok(None)
}

/// The children of a node and the values on their edges.
#[derive(Clone, Copy)]
struct Children {
    /// Left and right.
    nodes: [u128; 2],
    values: [u64; 2],
}

/// `H(s xor c)` for c = 0 to 3: seeds and control bits of both children, then their values.
fn children(doubling: &Doubling, node: u128) -> Children {
    let seed = node & !1;
    let mut blocks = [0u128, 1, 2, 3].map(|c| (seed ^ c).to_le_bytes());
    doubling.one_way(&mut blocks);
    let [left, right, left_value, right_value] = blocks.map(u128::from_le_bytes);
    Children {
        nodes: [left, right],
        values: [left_value, right_value].map(convert),
    }
}

/// A block as a ring element (cut by the caller): bits that are no part of a seed's lowest.
fn convert(block: u128) -> u64 {
    (block >> 64) as u64
}

fn deal(runtime: &mut Runtime<'_>, keys: Keys, points: &[u64]) -> Result<()> {
    if points.len() != keys.count {
        return Err(Error::Internal(format!(
            "{} points for {keys}",
            points.len()
        )));
    }
    let session = runtime.session()?;
    let mut roots = [(); 2].map(|()| Wiped::<Block>::zeros(keys.count));
    let [first, second] = &mut roots;
    session
        .shared_stream(Party::P1)
        .fill_bytes(0, first.as_flattened_mut());
    session
        .private_stream()
        .fill_bytes(0, second.as_flattened_mut());
    for (second, first) in second.iter_mut().zip(first.iter()) {
        second[0] = second[0] & !1 | (first[0] & 1 ^ 1);
    }
    let (levels, count) = (keys.levels(), keys.count);
    let dealt = session.threads().map(count, |i| {
        let roots = [&roots[0][i], &roots[1][i]].map(|root| u128::from_le_bytes(*root));
        Key::deal(keys, points[i], roots)
    });
    let mut common = Vec::with_capacity(keys.common_bytes());
    for level in 0..levels {
        for key in &dealt {
            common.extend_from_slice(&key.seeds[level].to_le_bytes());
        }
    }
    let all = (0..=levels).flat_map(|level| dealt.iter().map(move |key| key.values[level]));
    let values: Wiped<u64> = all.collect();
    pack::pack(keys.ring, &values, &mut common);
    let all =
        (0..levels).flat_map(|level| dealt.iter().map(move |key| (key.flips >> level) as u8 & 1));
    let flips: Wiped<u8> = all.collect();
    pack::pack(Ring::new(1), &flips, &mut common);
    let own = Wiped::joined(keys.bytes(Party::P2), [roots[1].as_flattened(), &common]);
    session.send(Party::P1, common)?;
    session.send(Party::P2, own.into_vec())
}

/// What both parties have of one key.
struct Key {
    seeds: Wiped<u128>,
    values: Wiped<u64>,
    /// A bit a level.
    flips: u64,
}

impl Key {
    fn deal(keys: Keys, point: u64, mut nodes: [u128; 2]) -> Self {
        let doubling = Doubling::default();
        let (ring, levels) = (keys.ring, keys.levels());
        let mut key = Self {
            seeds: Wiped::zeros(levels),
            values: Wiped::zeros(levels + 1),
            flips: 0,
        };
        // What the parties' values on the path so far add up to.
        let mut sum = 0u64;
        let signed = |nodes: [u128; 2], value: u64| match nodes[1] & 1 {
            0 => value,
            _ => value.wrapping_neg(),
        };
        for level in 0..levels {
            let side = (point >> (levels - 1 - level) & 1) as usize;
            let [first, second] = nodes.map(|node| children(&doubling, node));
            let lost = 1 - side;
            let seed = (first.nodes[lost] ^ second.nodes[lost]) & !1;
            // Left of the path values are below the point.
            let below = u64::from(side == 1);
            let value = second.values[lost]
                .wrapping_sub(first.values[lost])
                .wrapping_sub(sum)
                .wrapping_add(below);
            let value = signed(nodes, value);
            let flip = |child: usize, on: u128| (first.nodes[child] ^ second.nodes[child]) & 1 ^ on;
            let flips = [flip(0, side as u128 ^ 1), flip(1, side as u128)];
            sum = sum
                .wrapping_sub(second.values[side])
                .wrapping_add(first.values[side])
                .wrapping_add(signed(nodes, value));
            let correction = seed | flips[side];
            let kept = [first.nodes[side], second.nodes[side]];
            for (node, kept) in nodes.iter_mut().zip(kept) {
                *node = kept ^ (correction & (*node & 1).wrapping_neg());
            }
            key.seeds[level] = seed | flips[0];
            key.values[level] = ring.reduce(value);
            key.flips |= ((flips[0] ^ flips[1]) as u64) << level;
        }
        let leaf = convert(nodes[1])
            .wrapping_sub(convert(nodes[0]))
            .wrapping_sub(sum);
        key.values[levels] = ring.reduce(signed(nodes, leaf));
        key
    }
}

fn evaluate(
    runtime: &mut Runtime<'_>,
    keys: Keys,
    me: Party,
    values: &[u64],
) -> Result<Wiped<u64>> {
    let (count, levels) = (keys.count, keys.levels());
    let fits = values.len().is_multiple_of(count.max(1));
    runtime.ensure(fits, || format!("{} values for {keys}", values.len()))?;
    let dealt = runtime.take(&keys)?;
    let bytes = dealt.bytes.unwrap_or_default();
    let mut roots = Wiped::<Block>::zeros(count);
    let mut common = &bytes[..];
    match dealt.stream {
        Some(stream) => stream.fill_bytes(0, roots.as_flattened_mut()),
        None => {
            let (own, rest) = bytes.split_at(BLOCK * count);
            roots.as_flattened_mut().copy_from_slice(own);
            common = rest;
        }
    }
    let (seeds, mut rest) = common.split_at(levels * count * BLOCK);
    let seeds = seeds.as_chunks::<BLOCK>().0;
    let corrections: Wiped<u64> = pack::unpack_next(keys.ring, &mut rest, (levels + 1) * count);
    let flips: Wiped<u8> = pack::unpack_next(Ring::new(1), &mut rest, levels * count);
    let each = values.len() / count.max(1);
    let doubling = Doubling::default();
    let one = |i: usize| {
        let value = values[i];
        let key = i / each;
        let mut node = u128::from_le_bytes(roots[key]);
        let mut sum = 0u64;
        let corrected = |node: u128, correction: u64| correction & (node as u64 & 1).wrapping_neg();
        for level in 0..levels {
            let at = level * count + key;
            let side = value >> (levels - 1 - level) & 1;
            let seed = (node & !1) ^ u128::from(side);
            let mut blocks = [seed, seed ^ 2].map(u128::to_le_bytes);
            doubling.one_way(&mut blocks);
            let [child, edge] = blocks.map(u128::from_le_bytes);
            sum = sum
                .wrapping_add(convert(edge))
                .wrapping_add(corrected(node, corrections[at]));
            let correction = u128::from_le_bytes(seeds[at]) ^ u128::from(flips[at] as u64 & side);
            node = child ^ (correction & (node & 1).wrapping_neg());
        }
        sum = sum
            .wrapping_add(convert(node))
            .wrapping_add(corrected(node, corrections[levels * count + key]));
        let share = if me == Party::P1 {
            sum
        } else {
            sum.wrapping_neg()
        };
        keys.ring.reduce(share)
    };
    let mut out = Wiped::zeros(values.len());
    let threads = runtime.session()?.threads();
    threads.chunks_mut(&mut out, each.max(1), |first, part| {
        for (i, out) in part.iter_mut().enumerate() {
            *out = one(first + i);
        }
    });
    Ok(out)
}

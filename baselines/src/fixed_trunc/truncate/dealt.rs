//! `dealer`: opened under a mask that P0 dealt, with its truncation.

use super::super::products::{Factors, sharing_of_zero};
use super::super::{RING, Share, shares};
use qbench_protocols::material::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::prg::Stream;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};
use std::fmt;

/// Pairs `r` and `r >> bits`: r as a sum of P1's and P2's part, which their seeds with P0 give; the shifted one replicated, with component
/// 0 zero, negated.
#[derive(PartialEq)]
struct Pairs {
    count: usize,
    bits: u32,
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} truncation pairs of {} bits", self.count, self.bits)
    }
}

/// A party's part of pairs.
struct Held {
    /// Its part of r; nothing at P0.
    mask: Wiped<u64>,
    /// Previous and next component of the shifted mask, negated.
    shifted: [Wiped<u64>; 2],
}

/// Deals pairs offline.
///
/// Cost: 8 bytes an element from P0 to P2.
///
/// # Security
/// P1 holds generator output. P2's component is masked by component 2, which it does not know.
fn deal(runtime: &mut Runtime<'_>, count: usize, bits: u32) -> Result<()> {
    runtime.declare_dealt(Party::P2, RING.wire_bytes(count));
    let Some(me) = runtime.me() else {
        return Ok(());
    };
    let kind = || Pairs { count, bits };
    let session = runtime.session()?;
    match me {
        Party::P0 => {
            let (one, two) = (
                session.shared_stream(Party::P1),
                session.shared_stream(Party::P2),
            );
            let [first, _] = owner(&one, &two, count, bits);
            session.send_elements(Party::P2, RING, &first)?;
            // P0 makes its components again when they are used: two keys wait instead.
            runtime.put(kind(), Dealt::stream(one))?;
            runtime.put(kind(), Dealt::stream(two))
        }
        Party::P1 => {
            let stream = session.shared_stream(Party::P0);
            runtime.put(kind(), Dealt::stream(stream))
        }
        Party::P2 => {
            let stream = session.shared_stream(Party::P0);
            let first = session.receive(Party::P0, RING.wire_bytes(count))?;
            runtime.put(
                kind(),
                Dealt {
                    stream: Some(Box::new(stream)),
                    bytes: Some(first),
                },
            )
        }
    }
}

/// Part `index` of a stream, in vectors of `count`.
fn part(stream: &Stream, index: usize, count: usize) -> Wiped<u64> {
    let mut out = Wiped::zeros(count);
    stream.fill(RING, (index * count) as u64, &mut out);
    out
}

/// P0's components 1 and 2 of the negated shifted masks. Of P1's stream the first vector is its part of r, the second component 2; of
/// P2's the first is its part of r.
fn owner(one: &Stream, two: &Stream, count: usize, bits: u32) -> [Wiped<u64>; 2] {
    let second = part(one, 1, count);
    let masks = part(one, 0, count);
    let others = part(two, 0, count);
    let pairs = masks.iter().zip(others.iter()).zip(second.iter());
    let first = pairs.map(|((a, b), second)| {
        let shifted = (a.wrapping_add(*b) as i64) >> bits;
        (shifted as u64).wrapping_neg().wrapping_sub(*second)
    });
    [first.collect(), second]
}

/// Takes pairs out of the store.
fn take(runtime: &mut Runtime<'_>, me: Party, count: usize, bits: u32) -> Result<Held> {
    let kind = Pairs { count, bits };
    let lost = || Error::Internal("truncation pairs without their stream".into());
    let dealt = runtime.take(&kind)?;
    let stream = dealt.stream.ok_or_else(lost)?;
    Ok(match me {
        Party::P0 => {
            let two = runtime.take(&kind)?.stream.ok_or_else(lost)?;
            let [first, second] = owner(&stream, &two, count, bits);
            Held {
                mask: Wiped::default(),
                shifted: [second, first],
            }
        }
        Party::P1 => Held {
            mask: part(&stream, 0, count),
            shifted: [Wiped::zeros(count), part(&stream, 1, count)],
        },
        Party::P2 => {
            let bytes = dealt.bytes.ok_or_else(lost)?;
            let mut first = Wiped::zeros(count);
            qbench_protocols::ring::Word::read_le(&bytes, &mut first);
            Held {
                mask: part(&stream, 0, count),
                shifted: [first, Wiped::zeros(count)],
            }
        }
    })
}

/// Puts the result together: `(c >> bits) - (r >> bits)`, the first known to P1 and P2, who hold component 0.
fn result(me: Party, opened: &[u64], mut held: Held, bits: u32) -> Share {
    let zeroth = match me {
        Party::P0 => None,
        Party::P1 => Some(0),
        Party::P2 => Some(1),
    };
    if let Some(zeroth) = zeroth {
        held.shifted[zeroth] = opened
            .iter()
            .map(|c| ((*c as i64) >> bits) as u64)
            .collect();
    }
    let [previous, next] = held.shifted;
    Share {
        ring: RING,
        len: next.len(),
        previous,
        next,
    }
}

/// Truncates what all three hold: P1 and P2 open it to each other under the mask.
///
/// The mask is any element, so that the sum wraps with probability `|x| / 2^64`: the result is then off by `2^(64 - bits)`.
///
/// Cost: 16 bytes an element and one round; 8 bytes offline.
///
/// # Security
/// What is opened is masked by r, of which P1 and P2 know a part each. Pairs are used once: they are taken out of the store.
pub(super) fn truncate(runtime: &mut Runtime<'_>, x: &Share, bits: u32) -> Result<Share> {
    if runtime.phase() == Phase::Offline {
        deal(runtime, x.len, bits)?;
    }
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(x.len));
    }
    runtime.declare_exchange(RING.wire_bytes(x.len));
    let Some(me) = runtime.me() else {
        return Ok(shares::absent(x.len));
    };
    let held = take(runtime, me, x.len, bits)?;
    if me == Party::P0 {
        return Ok(result(me, &[], held, bits));
    }
    // The component that the other lacks, masked.
    let (lacked, other) = match me {
        Party::P1 => (&x.next, Party::P2),
        _ => (&x.previous, Party::P1),
    };
    let mut own = Wiped::copied(lacked);
    RING.add_to(&mut own, &held.mask);
    let session = runtime.session()?;
    session.send_elements(other, RING, &own)?;
    let mut opened: Wiped<u64> = session.receive_elements(other, RING, x.len)?;
    RING.add_to(&mut opened, &own);
    RING.add_to(
        &mut opened,
        if me == Party::P1 {
            &x.previous
        } else {
            &x.next
        },
    );
    Ok(result(me, &opened, held, bits))
}

/// A product and its truncation in one round: the parties' summands are opened to P1 and P2 under the mask.
///
/// Cost: 32 bytes an element and one round; 8 bytes offline.
///
/// # Security
/// Summands go out with fresh elements of a sharing of zero; P1's and P2's also with their part of r. What P1 (or P2) receives sums to
/// the product plus the other's part of r, which it does not know; either message alone is masked by an element that it does not know.
///
/// # Errors
/// The network's.
pub(in super::super) fn dealt_product(
    runtime: &mut Runtime<'_>,
    factors: &Factors<'_>,
    bits: u32,
) -> Result<Share> {
    let len = factors.len();
    if runtime.phase() == Phase::Offline {
        deal(runtime, len, bits)?;
    }
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(len));
    }
    let bytes = RING.wire_bytes(len);
    runtime.declare_simultaneous(&[
        (Party::P0, Party::P1, bytes),
        (Party::P0, Party::P2, bytes),
        (Party::P1, Party::P2, bytes),
        (Party::P2, Party::P1, bytes),
    ]);
    let (Some(me), Some(threads)) = (runtime.me(), runtime.threads()) else {
        return Ok(shares::absent(len));
    };
    let mut own = factors.summand(threads);
    let zero = sharing_of_zero(runtime, len)?;
    RING.add_to(&mut own, &zero);
    let held = take(runtime, me, len, bits)?;
    RING.add_to(&mut own, &held.mask);
    let session = runtime.session()?;
    if me == Party::P0 {
        session.send_elements(Party::P1, RING, &own)?;
        session.send_elements(Party::P2, RING, &own)?;
        return Ok(result(me, &[], held, bits));
    }
    let other = match me {
        Party::P1 => Party::P2,
        _ => Party::P1,
    };
    session.send_elements(other, RING, &own)?;
    let theirs: Wiped<u64> = session.receive_elements(other, RING, len)?;
    let owners: Wiped<u64> = session.receive_elements(Party::P0, RING, len)?;
    RING.add_to(&mut own, &theirs);
    RING.add_to(&mut own, &owners);
    Ok(result(me, &own, held, bits))
}

//! `pr`: opened under a mask.

use super::super::turns::{Turn, declare, joined};
use super::super::{RING, Share, shares};
use super::{RESHARING, reshare};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::wipe::Wiped;

/// Roles 0 and 1 open `c = x + 2^62 + r`, whose parts of r they share with role 2; role 2 deals them the highest bit of r and the rest
/// shifted. Where the highest bits of c and r differ, their rests wrapped once.
///
/// Cost: 64 bytes an element, 16 of which a seed would save (SPU deals both parts in full, and so do we), and two rounds.
///
/// # Security
/// c is masked by r, of which role 0 and role 1 know a part each; what role 2 deals is masked by its own generator. The halves are
/// shared again by [`reshare`].
pub(super) fn truncate(runtime: &mut Runtime<'_>, x: &Share, bits: u32) -> Result<Share> {
    declare(
        runtime,
        x.len,
        &[(0, 1, 8), (1, 0, 8), (2, 0, 16), (2, 1, 16)],
    );
    declare(runtime, x.len, &RESHARING);
    let Some(me) = runtime.me() else {
        return Ok(shares::absent(x.len));
    };
    let session = runtime.session()?;
    let turns = Turn::all(x.len);
    let mut parts = Vec::with_capacity(turns.len());
    for turn in &turns {
        parts.push(mask(session, *turn, turn.of(x), bits)?);
    }
    let mut halves = Vec::with_capacity(turns.len());
    for (turn, own) in turns.iter().zip(parts) {
        let computes = turn.role(me) != 2;
        halves.push(if computes {
            Some(shift(session, *turn, own, bits)?)
        } else {
            None
        });
    }
    let thirds = reshare(session, &turns, halves)?;
    Ok(joined(x.len, &thirds))
}

/// Half of the values' range: added, it makes them positive.
const HALF: u64 = 1 << 62;

/// The first stage: roles 0 and 1 send their part of c, which they keep; role 2 deals.
fn mask(
    session: &mut Session,
    turn: Turn,
    [previous, next]: [&[u64]; 2],
    bits: u32,
) -> Result<Wiped<u64>> {
    let len = turn.len();
    let role = turn.role(session.me());
    if role == 2 {
        let parts: [Wiped<u64>; 2] = [0, 1].map(|role| session.draw(turn.party(role), RING, len));
        // Role 0's: as many highest bits, then as many rests.
        let mut dealt: Wiped<u64> = Wiped::zeros(2 * len);
        session.private_stream().fill(RING, 0, &mut dealt);
        let masks = parts[0].iter().zip(parts[1].iter());
        let mut other: Wiped<u64> = dealt.iter().map(|v| v.wrapping_neg()).collect();
        for (i, (a, b)) in masks.enumerate() {
            let r = a.wrapping_add(*b);
            other[i] = other[i].wrapping_add(r >> 63);
            other[len + i] = other[len + i].wrapping_add((r << 1) >> (1 + bits));
        }
        session.send_elements(turn.party(0), RING, &dealt)?;
        session.send_elements(turn.party(1), RING, &other)?;
        return Ok(Wiped::default());
    }
    let mut own: Wiped<u64> = session.draw(turn.party(2), RING, len);
    if role == 0 {
        for (own, (a, b)) in own.iter_mut().zip(previous.iter().zip(next)) {
            *own = own.wrapping_add(a.wrapping_add(*b)).wrapping_add(HALF);
        }
    } else {
        RING.add_to(&mut own, previous);
    }
    session.send_elements(turn.party(1 - role), RING, &own)?;
    Ok(own)
}

/// Role 0's or 1's half of the shifted values.
fn shift(session: &mut Session, turn: Turn, own: Wiped<u64>, bits: u32) -> Result<Wiped<u64>> {
    let len = turn.len();
    let role = turn.role(session.me());
    let theirs: Wiped<u64> = session.receive_elements(turn.party(1 - role), RING, len)?;
    let dealt: Wiped<u64> = session.receive_elements(turn.party(2), RING, 2 * len)?;
    let (highest, rests) = dealt.split_at(len);
    let opened = own
        .iter()
        .zip(theirs.iter())
        .map(|(a, b)| a.wrapping_add(*b));
    let halves = opened
        .zip(highest.iter().zip(rests))
        .map(|(c, (highest, rest))| {
            let top = c >> 63;
            // Whether the highest bits differ, as a share: one of them is public.
            let differs = highest.wrapping_sub((2 * top).wrapping_mul(*highest));
            let shifted = (differs << (63 - bits)).wrapping_sub(*rest);
            match role {
                0 => shifted
                    .wrapping_add(top << (63 - bits))
                    .wrapping_add((c << 1) >> (1 + bits))
                    .wrapping_sub(HALF >> bits),
                _ => shifted,
            }
        });
    Ok(halves.collect())
}

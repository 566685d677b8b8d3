//! `aby3-local`: shares are shifted where they are.

use super::super::turns::{Turn, declare, joined};
use super::super::{RING, Share, shares};
use super::shifted_up_signed;
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;

/// x is a + b, where roles 1 and 2 hold a, and role 0 the two components of b: a is shifted down, b up, and b's half is shared again.
///
/// With a and b read as signed integers, `a + b` is x or `x +- 2^64`: the latter with probability `|x| / 2^64`, and the result is then
/// off by `2^(64 - bits)`. (ABY3 bounds it by `2^(l_x + 1 - 64)` for |x| below `2^l_x`.)
///
/// Cost: 8 bytes an element and one round.
///
/// # Security
/// Role 0 sends its half less an element that role 2 does not know.
pub(super) fn truncate(runtime: &mut Runtime<'_>, x: &Share, bits: u32) -> Result<Share> {
    declare(runtime, x.len, &[(0, 2, 8)]);
    let Some(me) = runtime.me() else {
        return Ok(shares::absent(x.len));
    };
    let session = runtime.session()?;
    let turns = Turn::all(x.len);
    // What this party has before anything is received: previous and next; role 2 waits for its previous one.
    let mut halves = Vec::with_capacity(turns.len());
    for turn in &turns {
        let [previous, next] = turn.of(x);
        let down =
            |x: &[u64]| -> Wiped<u64> { x.iter().map(|x| ((*x as i64) >> bits) as u64).collect() };
        halves.push(match turn.role(me) {
            0 => {
                let common: Wiped<u64> = session.draw(turn.party(1), RING, turn.len());
                let pairs = previous.iter().zip(next).zip(common.iter());
                let other: Wiped<u64> = pairs
                    .map(|((a, b), common)| {
                        shifted_up_signed(a.wrapping_add(*b), bits).wrapping_sub(*common)
                    })
                    .collect();
                session.send_elements(turn.party(2), RING, &other)?;
                // Component of role 2, which role 1 holds too, and of role 1.
                [common, other]
            }
            1 => [
                down(previous),
                session.draw(turn.party(0), RING, turn.len()),
            ],
            _ => [Wiped::default(), down(next)],
        });
    }
    for (turn, half) in turns.iter().zip(&mut halves) {
        if turn.role(me) == 2 {
            half[0] = session.receive_elements(turn.party(0), RING, turn.len())?;
        }
    }
    Ok(joined(x.len, &halves))
}

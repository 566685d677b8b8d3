//! Truncation: from 2 f fractional bits to f, four ways.
//!
//! All round to one of the two neighbours, the nearer the likelier, and keep whole numbers as they are: the half that is rounded
//! down and the half that is rounded up share one carry. They differ in what they cost, and in how large a value may be.
//!
//! | protocol | bytes a value | rounds | fails |
//! |---|---|---|---|
//! | `aby3-local` | 8 | 1 | by chance: `|x| / 2^64` |
//! | `pr` | 64 | 2 | never, for `|x| < 2^62` |
//! | `pr2` | 28 | 2 | never, for `|x| < 2^62` |
//! | `dealer` | 16 and 8 offline; with the product before it 32 instead of 24 + 16 | 1 | by chance: `|x| / 2^64` |

mod dealt;
mod local;
mod masked;
mod wraps;

pub(super) use dealt::dealt_product;

use super::turns::Turn;
use super::{Choices, RING, Share, shares};
use qbench_protocols::Result;
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::wipe::Wiped;

/// How fractional bits are taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Truncation {
    /// Each half of the value is shifted where it is (ABY3, section 5.1, "share truncation 1"; SecureML's with three parties).
    Aby3Local,
    /// Opened under a mask whose highest bit says whether it wrapped (Dalskov et al., PETS 2020, section 3.2.2; SPU's `trunc_a_pr`
    /// where the sign is not known).
    Pr,
    /// Shifted where it is, with the number of wraps multiplied out (Guo et al., "Improved secure two-party computation from a geometric
    /// perspective", algorithms 2 and 4; SPU's `trunc_a_pr2`, its default).
    Pr2,
    /// Opened under a mask that P0 dealt with its truncation (ABY3, section 5.1, "share truncation 2", with a dealer).
    Dealer,
}

/// Takes the lowest `bits` bits of the integers that x shares away.
///
/// Cost: see the table at [`self`].
///
/// # Security
/// Each protocol's.
///
/// # Errors
/// The network's.
pub fn truncate(
    runtime: &mut Runtime<'_>,
    choices: &Choices,
    x: &Share,
    bits: u32,
) -> Result<Share> {
    if choices.truncation == Truncation::Dealer {
        return dealt::truncate(runtime, x, bits);
    }
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(x.len));
    }
    match choices.truncation {
        Truncation::Aby3Local => local::truncate(runtime, x, bits),
        Truncation::Pr => masked::truncate(runtime, x, bits),
        Truncation::Pr2 | Truncation::Dealer => wraps::truncate(runtime, x, bits),
    }
}

/// The next integer from `x / 2^bits` upwards, of a number without a sign.
#[inline(always)]
fn shifted_up(x: u64, bits: u32) -> u64 {
    (x >> bits) + u64::from(x & ((1 << bits) - 1) != 0)
}

/// The same of a number with a sign.
#[inline(always)]
fn shifted_up_signed(x: u64, bits: u32) -> u64 {
    ((x as i64).wrapping_neg() >> bits).wrapping_neg() as u64
}

/// Messages of [`reshare`]: from role, to role, bytes an element.
const RESHARING: [(usize, usize, usize); 2] = [(0, 1, 8), (1, 0, 8)];

/// How roles 0 and 1 get from a sum of what they hold to three components: the component of role 2 is what both tell each other, less one
/// that role 0 shares with role 2 and one that role 1 does. Role 2 has no half. Everything is sent before anything is received.
///
/// Cost: 8 bytes an element from role 0 to role 1 and as many back.
///
/// # Security
/// Each sends its half less an element that the other does not know.
fn reshare(
    session: &mut Session,
    turns: &[Turn],
    halves: Vec<Option<Wiped<u64>>>,
) -> Result<Vec<[Wiped<u64>; 2]>> {
    let me = session.me();
    let mut thirds = Vec::with_capacity(turns.len());
    for (turn, half) in turns.iter().zip(halves) {
        let mut draw = |role| -> Wiped<u64> { session.draw(turn.party(role), RING, turn.len()) };
        thirds.push(match half {
            // The components of role 1, shared with role 0, and of role 0.
            None => [draw(0), draw(1)],
            Some(mut half) => {
                let kept = draw(2);
                for (half, kept) in half.iter_mut().zip(kept.iter()) {
                    *half = half.wrapping_sub(*kept);
                }
                session.send_elements(turn.party(1 - turn.role(me)), RING, &half)?;
                // Role 0 holds the components of roles 2 and 1, role 1 those of roles 0 and 2.
                match turn.role(me) {
                    0 => [half, kept],
                    _ => [kept, half],
                }
            }
        });
    }
    for (turn, third) in turns.iter().zip(&mut thirds) {
        let role = turn.role(me);
        if role != 2 {
            let other = turn.party(1 - role);
            let theirs: Wiped<u64> = session.receive_elements(other, RING, turn.len())?;
            RING.add_to(&mut third[role], &theirs);
        }
    }
    Ok(thirds)
}

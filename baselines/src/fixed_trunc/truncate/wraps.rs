//! `pr2`: shifted where it is, with the wraps multiplied out.

use super::super::turns::{Turn, declare, joined};
use super::super::{RING, Share, shares};
use super::{RESHARING, reshare, shifted_up};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::wipe::Wiped;

/// Wraps are counted modulo 2^32: enough where no more than 32 bits are taken away, as in SPU's smallest type.
const COUNT: Ring = Ring::new(32);
/// A quarter of the ring: |x| is smaller.
const QUARTER: u64 = 1 << 62;

/// Roles 0 and 1 hold x as two parts without sign, `x0 + x1 = x + w 2^64`. Of w, 0 to 2, role 0 knows a part; the rest is a product of a
/// bit of each, by one of Beaver's triples that role 2 deals.
///
/// Cost: 28 bytes an element and two rounds: 12 for the product of bits, 16 for [`reshare`].
///
/// # Security
/// Bits go out masked by what role 2 dealt, and the receiver does not know; the triple's last part is masked by role 2's and role 1's
/// seed.
pub(super) fn truncate(runtime: &mut Runtime<'_>, x: &Share, bits: u32) -> Result<Share> {
    declare(runtime, x.len, &[(0, 1, 4), (1, 0, 4), (2, 1, 4)]);
    declare(runtime, x.len, &RESHARING);
    let Some(me) = runtime.me() else {
        return Ok(shares::absent(x.len));
    };
    let session = runtime.session()?;
    let turns = Turn::all(x.len);
    let mut begun = Vec::with_capacity(turns.len());
    for turn in &turns {
        begun.push(Begun::new(session, *turn, turn.of(x))?);
    }
    let mut halves = Vec::with_capacity(turns.len());
    for (turn, own) in turns.iter().zip(begun) {
        let computes = turn.role(me) != 2;
        halves.push(if computes {
            Some(own.shift(session, *turn, bits)?)
        } else {
            None
        });
    }
    let thirds = reshare(session, &turns, halves)?;
    Ok(joined(x.len, &thirds))
}

/// What role 0 or 1 keeps from the first stage.
struct Begun {
    /// Its part of x.
    part: Wiped<u64>,
    /// Its mask, a or b, and its part of their product.
    triple: [Wiped<u32>; 2],
}

impl Begun {
    /// The first stage: roles 0 and 1 send their bits, masked; role 2 deals.
    fn new(session: &mut Session, turn: Turn, [previous, next]: [&[u64]; 2]) -> Result<Self> {
        let len = turn.len();
        let role = turn.role(session.me());
        let mut draw = |with: usize| -> [Wiped<u32>; 2] {
            let party = turn.party(with);
            [
                session.draw(party, COUNT, len),
                session.draw(party, COUNT, len),
            ]
        };
        if role == 2 {
            let ([a, c0], [b, mut c1]) = (draw(0), draw(1));
            for (i, c1) in c1.iter_mut().enumerate() {
                *c1 = a[i]
                    .wrapping_mul(b[i])
                    .wrapping_sub(c0[i])
                    .wrapping_sub(*c1);
            }
            session.send_elements(turn.party(1), COUNT, &c1)?;
            return Ok(Self {
                part: Wiped::default(),
                triple: [Wiped::default(), Wiped::default()],
            });
        }
        let triple = draw(2);
        let mut part = Wiped::copied(previous);
        if role == 0 {
            RING.add_to(&mut part, next);
        }
        let pairs = part.iter().zip(triple[0].iter());
        let masked: Wiped<u32> = pairs
            .map(|(x, mask)| u32::from(bit(role, *x)).wrapping_add(*mask))
            .collect();
        session.send_elements(turn.party(1 - role), COUNT, &masked)?;
        Ok(Self { part, triple })
    }

    /// Role 0's or 1's half of the shifted values.
    fn shift(self, session: &mut Session, turn: Turn, bits: u32) -> Result<Wiped<u64>> {
        let len = turn.len();
        let role = turn.role(session.me());
        let theirs: Wiped<u32> = session.receive_elements(turn.party(1 - role), COUNT, len)?;
        let [mask, mut product] = self.triple;
        if role == 1 {
            let dealt: Wiped<u32> = session.receive_elements(turn.party(2), COUNT, len)?;
            COUNT.add_to(&mut product, &dealt);
        }
        let halves = self.part.iter().enumerate().map(|(i, x)| {
            let (wraps, shifted) = if role == 0 {
                // u (v + b) + c0, and the wrap that role 0 knows of.
                let known = u32::from(*x >= QUARTER);
                let own = theirs[i].wrapping_mul(u32::from(bit(0, *x)));
                (own.wrapping_add(product[i]).wrapping_add(known), x >> bits)
            } else {
                // c1 - b (u + a)
                let own = mask[i].wrapping_mul(theirs[i]);
                (product[i].wrapping_sub(own), shifted_up(*x, bits))
            };
            shifted.wrapping_sub(u64::from(wraps) << (64 - bits))
        });
        Ok(halves.collect())
    }
}

/// The factors of the wraps that neither knows of: whether role 0's part is near a border, and whether role 1's is in the upper half.
#[inline(always)]
fn bit(role: usize, x: u64) -> bool {
    match role {
        0 => x.wrapping_sub(QUARTER) >= 2 * QUARTER,
        _ => x >= 2 * QUARTER,
    }
}

//! The last step of every replicated product: from three local summands to `[z]` between P1 and P2.

use super::Additive;
use crate::Result;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::session::Session;
use crate::threads::GRAIN;
use crate::wipe::Wiped;

/// Gathers the three parties' summands of `len` products into an additive sharing.
///
/// P0 sends its summand to P1 (paper Alg. 3). `local` computes this party's summand and is called only where there is one.
///
/// Cost: l bits an element from P0 to P1 online. As long as P0 has received nothing online, its message waits for nobody
/// and lengthens no chain of dependent messages: the paper's "one round" is off the critical path. After a radix sort, in
/// which P0 takes part, it may lie on it.
///
/// # Security
/// Correction to the paper: as printed, the summand goes out unmasked and gives P1 a linear relation of P0's shares. Here
/// P0 adds, and P2 subtracts, a fresh element of the P0-P2 seed, so that P1 sees a uniform value and the outcome is a fresh
/// sharing.
///
/// # Errors
/// The network's.
///
/// # Panics
/// If `local` gives another number of summands than `len`.
pub fn gather_product<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
    local: impl FnOnce(&mut Session) -> Wiped<W>,
) -> Result<Additive<W>> {
    if runtime.phase() != Phase::Online {
        return Ok(Additive::absent(ring, len));
    }
    runtime.declare_message(Party::P0, Party::P1, ring.wire_bytes(len));
    let Some(me) = runtime.me() else {
        return Ok(Additive::absent(ring, len));
    };
    let session = runtime.session()?;
    let mut summand = local(session);
    assert_eq!(summand.len(), len, "summand of a product");
    match me {
        Party::P0 => {
            mask(session, Party::P2, ring, &mut summand, W::add);
            session.send_elements(Party::P1, ring, &summand)?;
            Ok(Additive::absent(ring, len))
        }
        Party::P1 => {
            let theirs: Wiped<W> = session.receive_elements(Party::P0, ring, len)?;
            ring.add_to(&mut summand, &theirs);
            Ok(Additive::held(ring, summand))
        }
        Party::P2 => {
            mask(session, Party::P0, ring, &mut summand, W::sub);
            Ok(Additive::held(ring, summand))
        }
    }
}

/// Adds or subtracts fresh elements of the seed shared with `peer`.
fn mask<W: Word>(
    session: &mut Session,
    peer: Party,
    ring: Ring,
    summand: &mut [W],
    apply: impl Fn(W, W) -> W + Sync,
) {
    let stream = session.shared_stream(peer);
    session.threads().chunks_mut(summand, GRAIN, |first, part| {
        let mut masks = Wiped::zeros(part.len());
        stream.fill(ring, first as u64, &mut masks);
        for (value, mask) in part.iter_mut().zip(masks.iter()) {
            *value = ring.reduce(apply(*value, *mask));
        }
    });
}

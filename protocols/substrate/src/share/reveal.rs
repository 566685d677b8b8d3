//! Opening: a replicated vector to all three parties, an additive one to P1 and P2, or to P1 alone.

use super::{Additive, Replicated};
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::Word;
use crate::runtime::Runtime;
use crate::wipe::Wiped;

/// Opens `<x>^l` to everybody: each party sends the party before it the component that one lacks. Empty where no party
/// computes.
///
/// Cost: `3 l` bits an element and one round online; nothing offline.
///
/// # Security
/// All parties learn x, so x must be public by the protocol's design or uniform and independent of every secret. The
/// component a party receives is x less the two that it holds: no more than x.
///
/// # Errors
/// The network's.
pub fn reveal<W: Word>(runtime: &mut Runtime<'_>, x: &Replicated<W>) -> Result<Wiped<W>> {
    if runtime.phase() != Phase::Online {
        return Ok(Wiped::default());
    }
    let bytes = x.ring.wire_bytes(x.len);
    runtime.declare_simultaneous(&Party::ALL.map(|from| (from, from.previous(), bytes)));
    let Some(me) = runtime.me() else {
        return Ok(Wiped::default());
    };
    let session = runtime.session()?;
    session.send_elements(me.previous(), x.ring, &x.previous)?;
    let mut opened: Wiped<W> = session.receive_elements(me.next(), x.ring, x.len)?;
    for (sum, (a, b)) in opened.iter_mut().zip(x.previous.iter().zip(x.next.iter())) {
        *sum = x.ring.reduce(sum.add(*a).add(*b));
    }
    Ok(opened)
}

/// Opens `[x]^l` to P1 and P2. Empty where no party computes.
///
/// Cost: l bits an element each way and one round online; nothing offline.
///
/// # Security
/// Both learn x, so x must be an output that both may learn, or masked by something that neither knows. Each receives the
/// other's share, which is x less its own: no more than x.
///
/// # Errors
/// The network's.
pub fn reveal_to_both<W: Word>(runtime: &mut Runtime<'_>, x: &Additive<W>) -> Result<Wiped<W>> {
    if runtime.phase() == Phase::Online {
        runtime.declare_exchange(x.ring().wire_bytes(x.len()));
    }
    if runtime.computing_peer().is_none() {
        return Ok(Wiped::default());
    }
    let mut payload = Vec::with_capacity(x.ring().wire_bytes(x.len()));
    pack::pack(x.ring(), x.values(), &mut payload);
    let received = runtime.exchange(payload)?;
    let mut opened = pack::unpack_next(x.ring(), &mut &received[..], x.len());
    x.ring().add_to(&mut opened, x.values());
    Ok(opened)
}

/// Opens `[x]^l` to P1: `Some` at P1 online.
///
/// Cost: l bits an element from P2 to P1 and one round online; nothing offline.
///
/// # Security
/// P1 learns x, so x must be P1's output; it receives x less its own share. P2 learns nothing.
///
/// # Errors
/// The network's.
pub fn reveal_to_p1<W: Word>(
    runtime: &mut Runtime<'_>,
    x: &Additive<W>,
) -> Result<Option<Wiped<W>>> {
    if runtime.phase() != Phase::Online {
        return Ok(None);
    }
    let ring = x.ring();
    runtime.declare_message(Party::P2, Party::P1, ring.wire_bytes(x.len()));
    match runtime.me() {
        Some(Party::P1) => {
            let mut opened = runtime
                .session()?
                .receive_elements(Party::P2, ring, x.len())?;
            ring.add_to(&mut opened, x.values());
            Ok(Some(opened))
        }
        Some(Party::P2) => {
            runtime
                .session()?
                .send_elements(Party::P1, ring, x.values())?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

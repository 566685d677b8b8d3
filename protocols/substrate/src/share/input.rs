//! Sharing what one party has.

use super::Additive;
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::threads::GRAIN;
use crate::wipe::Wiped;

/// Shares P1's `values` without a message: P2's share is drawn from the P1-P2 seed. `values` are read at P1 online alone;
/// the share is absent offline, at P0 and in the cost walk.
///
/// Cost: nothing.
///
/// # Security
/// P2's share is generator output that does not depend on the values; P1's is the values less it.
///
/// # Errors
/// P1 without `len` values.
pub fn share_from_p1<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    values: Option<&[W]>,
    len: usize,
) -> Result<Additive<W>> {
    let Some(peer) = runtime.computing_peer() else {
        return Ok(Additive::absent(ring, len));
    };
    let mut share: Wiped<W> = runtime.session()?.draw(peer, ring, len);
    if peer == Party::P2 {
        let values = values.unwrap_or_default();
        runtime.ensure(values.len() == len, || {
            format!("P1 needs {len} input values, has {}", values.len())
        })?;
        for (share, value) in share.iter_mut().zip(values) {
            *share = ring.reduce(value.sub(*share));
        }
    }
    Ok(Additive::held(ring, share))
}

/// Shares P0's values between P1 and P2: P1's share is drawn from the P0-P1 seed, P2 is sent the difference. In any phase
/// of the session; the share is absent at P0 and in the cost walk. `values` is called at P0 alone
/// and fills in part of them from an index on.
///
/// Cost: l bits an element from P0 to P2.
///
/// # Security
/// P1 holds generator output. P2 holds the values masked by a stream that it does not know.
///
/// # Errors
/// The network's.
pub fn share_from_p0<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
    values: impl Fn(usize, &mut [W]) + Sync,
) -> Result<Additive<W>> {
    runtime.declare_message(Party::P0, Party::P2, ring.wire_bytes(len));
    let Some(me) = runtime.me() else {
        return Ok(Additive::absent(ring, len));
    };
    let session = runtime.session()?;
    match me {
        Party::P0 => {
            let mut share: Wiped<W> = session.draw(Party::P1, ring, len);
            session
                .threads()
                .chunks_mut(&mut share, GRAIN, |first, part| {
                    let mut clear = Wiped::zeros(part.len());
                    values(first, &mut clear);
                    for (share, clear) in part.iter_mut().zip(clear.iter()) {
                        *share = ring.reduce(clear.sub(*share));
                    }
                });
            let mut payload = Vec::with_capacity(ring.wire_bytes(len));
            pack::pack(ring, &share, &mut payload);
            drop(share);
            session.send(Party::P2, payload)?;
            Ok(Additive::absent(ring, len))
        }
        Party::P1 => Ok(Additive::held(ring, session.draw(Party::P0, ring, len))),
        Party::P2 => {
            let share = session.receive_elements(Party::P0, ring, len)?;
            Ok(Additive::held(ring, share))
        }
    }
}

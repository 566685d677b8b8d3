//! Elements that P0 deals as additive shares.

use super::Additive;
use crate::kernel::pack;
use crate::material::Dealt;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::threads::GRAIN;
use crate::wipe::Wiped;
use crate::{Error, Result};
use std::fmt;

/// Shares of ring elements, as the store keeps them.
#[derive(PartialEq)]
struct Words {
    ring: Ring,
    len: usize,
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words of {} bits", self.len, self.ring.bits())
    }
}

/// Deals elements that P0 computes (`secret` runs at P0 alone, offline): `[v]^l`, which P1 and P2 hold online.
///
/// Cost: l bits an element from P0 to P2 offline, which P2 holds; nothing for P1, who draws from the seed that it has with P0.
///
/// # Security
/// P2 receives the elements less generator output that it does not know and that nothing else uses.
///
/// # Errors
/// Words that were dealt for something else; the network's.
pub fn dealt<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
    secret: impl FnOnce() -> Wiped<W>,
) -> Result<Additive<W>> {
    let kind = Words { ring, len };
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => {
            runtime.declare_key(&kind);
            runtime.declare_dealt(Party::P2, ring.wire_bytes(len));
        }
        (Phase::Offline, Some(Party::P0)) => {
            let mut second = secret();
            if second.len() != len {
                return Err(Error::Internal(format!(
                    "{} elements for {kind}",
                    second.len()
                )));
            }
            let session = runtime.session()?;
            let first: Wiped<W> = session.draw(Party::P1, ring, len);
            let threads = session.threads();
            threads.chunks_mut(&mut second, GRAIN, |at, part| {
                for (second, first) in part.iter_mut().zip(&first[at..]) {
                    *second = ring.reduce(second.sub(*first));
                }
            });
            session.send_elements(Party::P2, ring, &second)?;
        }
        (Phase::Offline, Some(Party::P1)) => {
            let stream = runtime.session()?.shared_stream(Party::P0);
            runtime.put(kind, Dealt::stream(stream))?;
        }
        (Phase::Offline, Some(Party::P2)) => {
            let bytes = runtime
                .session()?
                .receive(Party::P0, ring.wire_bytes(len))?;
            runtime.put(kind, Dealt::bytes(bytes))?;
        }
        (Phase::Online, Some(Party::P1 | Party::P2)) => {
            let dealt = runtime.take(&kind)?;
            let mut share = Wiped::zeros(len);
            match (dealt.bytes, dealt.stream) {
                (Some(bytes), _) => pack::unpack(ring, &bytes, &mut share),
                (None, Some(stream)) => {
                    let threads = runtime.session()?.threads();
                    threads.chunks_mut(&mut share, GRAIN, |first, part| {
                        stream.fill(ring, first as u64, part);
                    });
                }
                (None, None) => return Err(Error::Internal("words without a share".into())),
            }
            return Ok(Additive::held(ring, share));
        }
        _ => {}
    }
    Ok(Additive::absent(ring, len))
}

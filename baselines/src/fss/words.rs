//! Ring elements that P0 deals as additive shares, and the masks that it draws for what a gate puts out.

use qbench_protocols::material::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Covered;
use qbench_protocols::threads::GRAIN;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result, kernel::pack};
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

/// Deals elements that P0 computes (`secret` runs at P0 alone, offline), and gives P1 and P2 their shares online.
///
/// Cost: l bits an element from P0 to P2 offline, which P2 holds; nothing for P1, who draws from the seed that it has with P0.
///
/// # Security
/// P2 receives the elements less generator output that it does not know and that nothing else uses.
///
/// # Errors
/// Words that were dealt for something else; the network's.
pub fn words<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
    secret: impl FnOnce() -> Wiped<W>,
) -> Result<Option<Wiped<W>>> {
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
            return Ok(Some(share));
        }
        _ => {}
    }
    Ok(None)
}

/// Masks for what a gate puts out: fresh elements that P0 alone knows, offline; nothing elsewhere.
///
/// # Errors
/// None but internal ones.
pub fn fresh_masks<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
) -> Result<Option<Wiped<W>>> {
    if (runtime.phase(), runtime.me()) != (Phase::Offline, Some(Party::P0)) {
        return Ok(None);
    }
    let session = runtime.session()?;
    let stream = session.private_stream();
    let mut masks = Wiped::zeros(len);
    session
        .threads()
        .chunks_mut(&mut masks, GRAIN, |first, part| {
            stream.fill(ring, first as u64, part);
        });
    Ok(Some(masks))
}

/// What a gate puts out: masks at P0 offline, a share at P1 and P2 online, its shape everywhere.
pub fn covered<W: Word>(
    ring: Ring,
    len: usize,
    masks: Option<Wiped<W>>,
    share: Option<Wiped<W>>,
) -> Covered<W> {
    match (masks, share) {
        (Some(masks), _) => Covered::dealt(ring, masks),
        (None, Some(share)) => Covered::held(ring, share),
        (None, None) => Covered::absent(ring, len),
    }
}

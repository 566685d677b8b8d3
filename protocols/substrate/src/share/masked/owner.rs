//! Masked vectors that one party knows: P0's weights, P1's input, and an output that P1 may learn.

use super::open::Masks;
use super::{Held, Masked};
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

/// P0's values as a masked vector, which may be used in many inferences: `m = w + r` is drawn from the P0-P1 seed and sent
/// to P2, and P0 keeps `r = m - w`. `values` is called at P0 alone and fills in part of them from an index on.
///
/// Cost: l bits an element from P0 to P2, in the phase under way.
///
/// # Security
/// m is generator output that does not depend on w. A product with it shows P1 and P2 nothing but m, whatever it is used
/// for.
///
/// # Errors
/// The network's.
pub fn masked_from_p0<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
    values: impl Fn(usize, &mut [W]) + Sync,
) -> Result<Masked<W>> {
    runtime.declare_message(Party::P0, Party::P2, ring.wire_bytes(len));
    let Some(me) = runtime.me() else {
        return Ok(Masked::absent(ring, len));
    };
    let session = runtime.session()?;
    let held = match me {
        Party::P0 => {
            let mut masked: Wiped<W> = session.draw(Party::P1, ring, len);
            session.send_elements(Party::P2, ring, &masked)?;
            session
                .threads()
                .chunks_mut(&mut masked, GRAIN, |first, part| {
                    let mut clear = Wiped::zeros(part.len());
                    values(first, &mut clear);
                    for (mask, clear) in part.iter_mut().zip(clear.iter()) {
                        *mask = ring.reduce(mask.sub(*clear));
                    }
                });
            Held::Masks(masked)
        }
        Party::P1 => Held::Values(session.draw(Party::P0, ring, len)),
        Party::P2 => Held::Values(session.receive_elements(Party::P0, ring, len)?),
    };
    Ok(Masked::of(ring, len, held))
}

/// The mask of an input, as P1's store keeps it.
#[derive(PartialEq)]
struct InputMask(Masks);

impl fmt::Display for InputMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for an input", self.0)
    }
}

/// P1's values as a masked vector: P0 and P1 draw r from their seed, and P1 sends `x + r` to P2. `values` is P1's alone, and online.
///
/// Cost: l bits an element from P1 to P2 and one round online; nothing offline.
///
/// # Security
/// P2 receives x under a mask that it does not know and that masks nothing else. That P1 knows r tells it nothing: x is its own.
///
/// # Errors
/// P1 without as many values; the network's.
pub fn masked_from_p1<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    values: Option<&[W]>,
    len: usize,
) -> Result<Masked<W>> {
    let kind = InputMask(Masks { ring, len });
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, Some(Party::P0)) => {
            let masks = runtime.session()?.draw(Party::P1, ring, len);
            return Ok(Masked::of(ring, len, Held::Masks(masks)));
        }
        (Phase::Offline, Some(Party::P1)) => {
            let stream = runtime.session()?.shared_stream(Party::P0);
            runtime.put(kind, Dealt::stream(stream))?;
        }
        (Phase::Online, None) => {
            runtime.declare_message(Party::P1, Party::P2, ring.wire_bytes(len));
        }
        (Phase::Online, Some(Party::P1)) => {
            let stream = runtime.take(&kind)?.stream;
            let stream =
                stream.ok_or_else(|| Error::Internal("masks without their stream".into()))?;
            let values = values.filter(|values| values.len() == len);
            let values = values.ok_or_else(|| Error::Internal("P1 without its input".into()))?;
            let mut masked = Wiped::zeros(len);
            stream.fill(ring, 0, &mut masked);
            ring.add_to(&mut masked, values);
            runtime.session()?.send_elements(Party::P2, ring, &masked)?;
            return Ok(Masked::of(ring, len, Held::Values(masked)));
        }
        (Phase::Online, Some(Party::P2)) => {
            let masked = runtime.session()?.receive_elements(Party::P1, ring, len)?;
            return Ok(Masked::of(ring, len, Held::Values(masked)));
        }
        _ => {}
    }
    Ok(Masked::absent(ring, len))
}

/// The mask of an output, as P1's store keeps it.
#[derive(PartialEq)]
struct OutputMask(Masks);

impl fmt::Display for OutputMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for an output", self.0)
    }
}

/// Opens `(x)` to P1 by sending it r beforehand: `Some` at P1 online.
///
/// Cost: l bits an element from P0 to P1 offline; nothing online.
///
/// # Security
/// P1 learns x, so x must be P1's output, and r must mask nothing else: x comes straight out of an
/// opening such as [`super::open_masked`].
///
/// # Errors
/// A mask that was dealt for something else; the network's.
pub fn unmask_to_p1<W: Word>(runtime: &mut Runtime<'_>, x: &Masked<W>) -> Result<Option<Wiped<W>>> {
    let (ring, len) = (x.ring, x.len);
    let kind = OutputMask(Masks { ring, len });
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => runtime.declare_dealt(Party::P1, ring.wire_bytes(len)),
        (Phase::Offline, Some(Party::P0)) => {
            runtime
                .session()?
                .send_elements(Party::P1, ring, x.masks())?
        }
        (Phase::Offline, Some(Party::P1)) => {
            let masks = runtime
                .session()?
                .receive(Party::P0, ring.wire_bytes(len))?;
            runtime.put(kind, Dealt::bytes(masks))?;
        }
        (Phase::Online, Some(Party::P1)) => {
            let masks = runtime.take(&kind)?.bytes.unwrap_or_default();
            let masks: Wiped<W> = pack::unpack_next(ring, &mut &masks[..], len);
            return Ok(Some(ring.subtract(x.values(), &masks)));
        }
        _ => {}
    }
    Ok(None)
}

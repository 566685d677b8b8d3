//! Ring elements that P0 deals for a gate's key, and the masks that it draws for what a gate puts out.

use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, dealt};
use qbench_protocols::threads::GRAIN;
use qbench_protocols::wipe::Wiped;

/// Deals elements that P0 computes (`secret` runs at P0 alone, offline), and gives P1 and P2 their shares online.
///
/// Cost, security and errors as [`dealt`].
pub fn words<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
    secret: impl FnOnce() -> Wiped<W>,
) -> Result<Option<Wiped<W>>> {
    let share = dealt(runtime, ring, len, secret)?;
    Ok(runtime.computing_peer().map(|_| share.into_values()))
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

//! From additive to replicated sharing (second half of the paper's precision conversion).

use super::{Additive, Replicated};
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::Word;
use crate::runtime::Runtime;
use crate::wipe::Wiped;

/// `[y]^l` to `<y>^l` for several vectors at once.
///
/// Component 2 is drawn from the P0-P1 seed, component 1 from the P0-P2 seed; P1 and P2 exchange `y1 - component 2` and
/// `y2 - component 1`, whose sum is component 0.
///
/// Cost: l bits each way between P1 and P2 and one round online; nothing offline.
///
/// # Security
/// P2 sees `y1 - component 2`, and component 2 is fresh and unknown to P2; likewise P1. P0 sees nothing. Component 0 is
/// uniform to each of its holders, since each lacks one of the masks.
///
/// # Errors
/// The network's.
pub fn reshare<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[&Additive<W>],
) -> Result<Vec<Replicated<W>>> {
    let absent = || {
        inputs
            .iter()
            .map(|y| Replicated::absent(y.ring(), y.len()))
            .collect()
    };
    if runtime.phase() != Phase::Online {
        return Ok(absent());
    }
    let total = inputs.iter().map(|y| y.ring().wire_bytes(y.len())).sum();
    runtime.declare_exchange(total);
    let Some(me) = runtime.me() else {
        return Ok(absent());
    };
    let session = runtime.session()?;
    let mut draw = |peer: Party| -> Vec<Wiped<W>> {
        inputs
            .iter()
            .map(|y| session.draw(peer, y.ring(), y.len()))
            .collect()
    };
    if me == Party::P0 {
        let (second, first) = (draw(Party::P1), draw(Party::P2));
        return Ok(Replicated::join(
            inputs.iter().map(|y| (y.ring(), y.len())),
            second,
            first,
        ));
    }
    let drawn = draw(Party::P0);
    let mut payload = Vec::with_capacity(total);
    let mut zeroth: Vec<Wiped<W>> = Vec::with_capacity(inputs.len());
    for (y, component) in inputs.iter().zip(&drawn) {
        let masked = y.ring().subtract(y.values(), component);
        pack::pack(y.ring(), &masked, &mut payload);
        zeroth.push(masked);
    }
    let received = runtime.exchange(payload)?;
    let mut rest = &received[..];
    for (y, zeroth) in inputs.iter().zip(&mut zeroth) {
        let theirs = pack::unpack_next(y.ring(), &mut rest, y.len());
        y.ring().add_to(zeroth, &theirs);
    }
    let shapes = inputs.iter().map(|y| (y.ring(), y.len()));
    Ok(match me {
        Party::P1 => Replicated::join(shapes, zeroth, drawn),
        _ => Replicated::join(shapes, drawn, zeroth),
    })
}

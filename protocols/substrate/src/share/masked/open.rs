//! Opening an additive sharing under masks that the parties draw from seeds.

use super::{Held, Masked};
use crate::kernel::pack;
use crate::material::Dealt;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::Additive;
use crate::threads::GRAIN;
use crate::wipe::Wiped;
use crate::{Error, Result};
use std::fmt;

/// Masks of an opening, as the store keeps them.
#[derive(PartialEq)]
pub(super) struct Masks {
    pub(super) ring: Ring,
    pub(super) len: usize,
}

impl Masks {
    fn of<W: Word>(x: &Additive<W>) -> Self {
        Self {
            ring: x.ring(),
            len: x.len(),
        }
    }
}

impl fmt::Display for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} masks in {:?}", self.len, self.ring)
    }
}

/// Opens `[x]` under a fresh mask.
///
/// Cost, security and errors as [`open_masked_all`].
pub fn open_masked<W: Word>(runtime: &mut Runtime<'_>, x: &Additive<W>) -> Result<Masked<W>> {
    let mut opened = open_masked_all(runtime, &[x])?;
    Ok(opened.remove(0))
}

/// Opens several vectors in one round, each under a fresh mask `r = r1 + r2`: P1 draws r1 and P2 draws r2 from their seeds
/// with P0, who knows both.
///
/// Cost: l bits an element each way between P1 and P2 and one round online; nothing offline.
///
/// # Security
/// P1 receives P2's share plus r2, which it does not know and which nothing else uses, and P2 likewise: `x + r` is uniform
/// to both and independent of x. P0 receives nothing.
///
/// # Errors
/// Masks that were dealt for something else; the network's.
pub fn open_masked_all<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[&Additive<W>],
) -> Result<Vec<Masked<W>>> {
    let total = inputs.iter().map(|x| x.ring().wire_bytes(x.len())).sum();
    let absent = |x: &&Additive<W>| Masked::absent(x.ring(), x.len());
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, Some(Party::P0)) => {
            let session = runtime.session()?;
            let mut masks_of = |x: &&Additive<W>| {
                let (ring, len) = (x.ring(), x.len());
                let mut masks: Wiped<W> = session.draw(Party::P1, ring, len);
                let second: Wiped<W> = session.draw(Party::P2, ring, len);
                ring.add_to(&mut masks, &second);
                Masked::of(ring, len, Held::Masks(masks))
            };
            return Ok(inputs.iter().map(&mut masks_of).collect());
        }
        (Phase::Offline, Some(_)) => {
            for x in inputs {
                let stream = runtime.session()?.shared_stream(Party::P0);
                runtime.put(Masks::of(x), Dealt::stream(stream))?;
            }
        }
        (Phase::Online, None) => {
            let shapes: Vec<_> = inputs.iter().map(|x| (x.ring(), x.len())).collect();
            runtime.declare_opening(&shapes);
        }
        (Phase::Online, Some(Party::P1 | Party::P2)) => {
            return exchange(runtime, inputs, total, |_| ());
        }
        _ => {}
    }
    Ok(inputs.iter().map(absent).collect())
}

/// Opens `[x]` under a fresh mask, and keeps the mask's shares too: what a product with another wire needs.
///
/// Cost, security and errors as [`open_masked_all`]: each keeps the share of the mask that it drew.
pub fn open_operand<W: Word>(
    runtime: &mut Runtime<'_>,
    x: &Additive<W>,
) -> Result<(Masked<W>, Additive<W>)> {
    let (ring, len) = (x.ring(), x.len());
    if runtime.computing_peer().is_none() {
        return Ok((open_masked(runtime, x)?, Additive::absent(ring, len)));
    }
    let mut masks = Wiped::default();
    let keep = |drawn: &Wiped<W>| masks = drawn.clone();
    let mut opened = exchange(runtime, &[x], ring.wire_bytes(len), keep)?;
    Ok((opened.remove(0), Additive::held(ring, masks)))
}

/// P1 and P2 online: each sends its shares plus its masks. `drawn` is shown each vector's masks of this party.
fn exchange<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[&Additive<W>],
    total: usize,
    mut drawn: impl FnMut(&Wiped<W>),
) -> Result<Vec<Masked<W>>> {
    let mut payload = Vec::with_capacity(total);
    let mut opened = Vec::with_capacity(inputs.len());
    for x in inputs {
        let (ring, len) = (x.ring(), x.len());
        let dealt = runtime.take(&Masks::of(x))?;
        let stream = dealt
            .stream
            .ok_or_else(|| Error::Internal("masks without their stream".into()))?;
        let mut mine = Wiped::zeros(len);
        let threads = runtime.session()?.threads();
        threads.chunks_mut(&mut mine, GRAIN, |first, part| {
            stream.fill(ring, first as u64, part);
        });
        drawn(&mine);
        let threads = runtime.session()?.threads();
        threads.chunks_mut(&mut mine, GRAIN, |first, part| {
            ring.add_to(part, &x.values()[first..]);
        });
        pack::pack(ring, &mine, &mut payload);
        opened.push(mine);
    }
    let received = runtime.exchange(payload)?;
    let mut rest = &received[..];
    let sums = inputs.iter().zip(opened).map(|(x, mut mine)| {
        let (ring, len) = (x.ring(), x.len());
        let theirs: Wiped<W> = pack::unpack_next(ring, &mut rest, len);
        ring.add_to(&mut mine, &theirs);
        Masked::of(ring, len, Held::Values(mine))
    });
    Ok(sums.collect())
}

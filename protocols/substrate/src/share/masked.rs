//! Masked wires: P1 and P2 both know `x + r`, and P0, who deals, knows r. Function secret sharing works on such wires, and
//! Beaver's products with a dealer do (where only the difference to the usual form is that the opening is kept).

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

/// What a party has of a masked vector.
#[derive(Clone, PartialEq, Eq)]
enum Held<W> {
    Nothing,
    /// P0 in setup and offline: r.
    Masks(Wiped<W>),
    /// P1 and P2 in setup and online: `x + r`.
    Values(Wiped<W>),
}

/// `(x)^l`: P1 and P2 know `x + r` (online), P0 knows r (offline). A vector knows its ring and length everywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked<W> {
    ring: Ring,
    len: usize,
    held: Held<W>,
}

/// Shows the shape; neither values nor masks.
impl<W> fmt::Debug for Masked<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({:?} x {})", self.ring, self.len)
    }
}

impl<W: Word> Masked<W> {
    /// A vector of which this party has nothing.
    pub fn absent(ring: Ring, len: usize) -> Self {
        Self {
            ring,
            len,
            held: Held::Nothing,
        }
    }

    fn of(ring: Ring, len: usize, held: Held<W>) -> Self {
        Self { ring, len, held }
    }

    /// The ring.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `x + r`, at P1 and P2; empty elsewhere.
    pub fn values(&self) -> &[W] {
        match &self.held {
            Held::Values(values) => values,
            _ => &[],
        }
    }

    /// r, at P0; empty elsewhere.
    pub fn masks(&self) -> &[W] {
        match &self.held {
            Held::Masks(masks) => masks,
            _ => &[],
        }
    }

    /// The same linear map on values and masks.
    pub fn map_to<V: Word>(
        &self,
        ring: Ring,
        len: usize,
        linear: impl FnOnce(&[W]) -> Wiped<V>,
    ) -> Masked<V> {
        let held = match &self.held {
            Held::Nothing => Held::Nothing,
            Held::Masks(masks) => Held::Masks(linear(masks)),
            Held::Values(values) => Held::Values(linear(values)),
        };
        Masked { ring, len, held }
    }

    /// `(x + y)`: local.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn plus(mut self, other: &Self) -> Self {
        assert_eq!(
            (self.ring, self.len),
            (other.ring, other.len),
            "shapes of a local sum"
        );
        match (&mut self.held, &other.held) {
            (Held::Masks(a), Held::Masks(b)) | (Held::Values(a), Held::Values(b)) => {
                self.ring.add_to(a, b)
            }
            // P0 online keeps the masks of its model alone: of a sum with what it does not have, it has nothing.
            (held, _) => *held = Held::Nothing,
        }
        self
    }

    /// `(x + c)` for a public c: local, and the mask stays.
    pub fn plus_public(mut self, constant: W) -> Self {
        if let Held::Values(values) = &mut self.held {
            for value in values.iter_mut() {
                *value = self.ring.reduce(value.add(constant));
            }
        }
        self
    }

    /// `(c x)` for a public c: local.
    pub fn times_public(self, factor: W) -> Self {
        let ring = self.ring;
        self.map_to(ring, self.len, |x| {
            x.iter().map(|x| ring.reduce(x.mul(factor))).collect()
        })
    }
}

/// Masks of an opening, as the store keeps them.
#[derive(PartialEq)]
struct Masks {
    ring: Ring,
    len: usize,
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
        (Phase::Online, None) => runtime.declare_exchange(total),
        (Phase::Online, Some(Party::P1 | Party::P2)) => return exchange(runtime, inputs, total),
        _ => {}
    }
    Ok(inputs.iter().map(absent).collect())
}

/// P1 and P2 online: each sends its shares plus its masks.
fn exchange<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[&Additive<W>],
    total: usize,
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
/// P1 learns x, so x must be P1's output, and r must mask nothing else: x comes straight out of [`open_masked`].
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

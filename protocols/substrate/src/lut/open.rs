//! Opening an input against its offset: `d = x - D`, b bits each way between P1 and P2.

use crate::kernel::pack;
use crate::material::Dealt;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::{Additive, Masked};
use crate::wipe::Wiped;
use crate::{Error, Result};
use std::fmt;

/// A vector opened against offsets: P1 and P2 know `d = x - D` (online), P0 knows D (offline).
///
/// It can be looked up in any number of tables, each dealt for these offsets.
pub struct Opened {
    ring: Ring,
    len: usize,
    /// `d` at P1 and P2 online; `D` at P0 offline; else empty.
    pub(super) elements: Wiped<u16>,
}

impl Opened {
    /// From elements that are known: `d` at P1 and P2, or `D` at P0.
    pub fn from_elements(ring: Ring, elements: impl Into<Wiped<u16>>) -> Self {
        let elements = elements.into();
        Self {
            ring,
            len: elements.len(),
            elements,
        }
    }

    /// The ring of the input.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// `d` at P1 and P2 online; `D`, a secret, at P0 offline; else empty.
    pub fn elements(&self) -> &[u16] {
        &self.elements
    }

    /// What a wire has open: its masks are the offsets, less than nothing.
    ///
    /// # Panics
    /// If the wire has more than 16 bits.
    pub fn of_masked<W: Word>(x: &Masked<W>) -> Self {
        let ring = x.ring();
        assert!(ring.bits() <= 16, "table inputs have at most 16 bits");
        let values = x.values().iter().map(|d| d.to_u64() as u16);
        let offsets = x
            .masks()
            .iter()
            .map(|r| ring.reduce((r.to_u64() as u16).wrapping_neg()));
        Self {
            ring,
            len: x.len(),
            elements: values.chain(offsets).collect(),
        }
    }

    /// `x - m` for one m a row of `row` elements: local, under the difference of both offsets.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn minus_rows(&self, per_row: &Self, row: usize) -> Self {
        let ring = self.ring;
        assert_eq!(
            (ring, self.len),
            (per_row.ring, per_row.len * row),
            "an element a row"
        );
        let rows = self.elements.chunks_exact(row).zip(per_row.elements.iter());
        let differences = rows.flat_map(|(x, m)| x.iter().map(|x| ring.reduce(x.wrapping_sub(*m))));
        Self {
            ring,
            len: self.len,
            elements: differences.collect(),
        }
    }

    /// The elements at these places.
    pub fn select(&self, places: &[usize]) -> Self {
        let elements = match self.elements.is_empty() {
            true => Wiped::default(),
            false => places.iter().map(|place| self.elements[*place]).collect(),
        };
        Self {
            ring: self.ring,
            len: places.len(),
            elements,
        }
    }

    /// Vectors of one ring behind each other.
    ///
    /// # Panics
    /// If there is none.
    pub fn join(parts: &[Self]) -> Self {
        let elements = parts.iter().flat_map(|part| part.elements.iter().copied());
        Self {
            ring: parts[0].ring,
            len: parts.iter().map(|part| part.len).sum(),
            elements: elements.collect(),
        }
    }

    /// The low bits of each element, in a smaller ring: local, under the low bits of its offset.
    pub fn reduce_to(&self, ring: Ring) -> Self {
        Self {
            ring,
            len: self.len,
            elements: self.elements.iter().map(|x| ring.reduce(*x)).collect(),
        }
    }

    /// A part of the vector.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let len = range.len();
        let elements = match self.elements.is_empty() {
            true => Wiped::default(),
            false => Wiped::copied(&self.elements[range]),
        };
        Self {
            ring: self.ring,
            len,
            elements,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Opens one input.
///
/// Cost, security and errors as [`open_all`].
pub fn open<W: Word>(runtime: &mut Runtime<'_>, x: &Additive<W>) -> Result<Opened> {
    let mut opened = open_all(runtime, &[x])?;
    Ok(opened.remove(0))
}

/// Opens several inputs in one round.
///
/// Cost: b bits an element each way between P1 and P2 and one round online; b bits an element from P0 to P2 offline (P1's
/// share of the offset comes from the P0-P1 seed).
///
/// # Security
/// `x - D` is sent in shares and learned by both; D is uniform, known to P0 alone, and used for this opening only, so `d` is
/// uniform and independent of x.
///
/// # Errors
/// Offsets that were dealt for something else; the network's.
///
/// # Panics
/// If an input has more than 16 bits.
pub fn open_all<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[&Additive<W>],
) -> Result<Vec<Opened>> {
    assert!(
        inputs.iter().all(|x| x.ring().bits() <= 16),
        "table inputs have at most 16 bits"
    );
    let total = inputs.iter().map(|x| x.ring().wire_bytes(x.len())).sum();
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => runtime.declare_dealt(Party::P2, total),
        (Phase::Online, None) => runtime.declare_exchange(total),
        (Phase::Offline, Some(me)) => return deal_offsets(runtime, me, inputs, total),
        (Phase::Online, Some(Party::P1 | Party::P2)) => {
            return exchange_differences(runtime, inputs, total);
        }
        _ => {}
    }
    Ok(inputs.iter().map(|x| shape(x)).collect())
}

/// What the store keeps of an opening.
#[derive(PartialEq)]
struct Offsets {
    ring: Ring,
    count: usize,
}

impl Offsets {
    fn of<W: Word>(x: &Additive<W>) -> Self {
        Self {
            ring: x.ring(),
            count: x.len(),
        }
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offsets in {:?}", self.count, self.ring)
    }
}

fn deal_offsets<W: Word>(
    runtime: &mut Runtime<'_>,
    me: Party,
    inputs: &[&Additive<W>],
    total: usize,
) -> Result<Vec<Opened>> {
    let mut opened = Vec::with_capacity(inputs.len());
    match me {
        Party::P0 => {
            let session = runtime.session()?;
            let mut payload = Vec::with_capacity(total);
            for x in inputs {
                let (ring, len) = (x.ring(), x.len());
                let mut offsets = Wiped::zeros(len);
                session.private_stream().fill(ring, 0, &mut offsets);
                // P1 draws the same words: a stream's layout depends on the word.
                let theirs: Wiped<W> = session.draw(Party::P1, ring, len);
                pack::pack(ring, &ring.subtract(&offsets, &theirs), &mut payload);
                let elements = offsets.iter().map(|d| d.to_u64() as u16).collect();
                opened.push(Opened {
                    ring,
                    len,
                    elements,
                });
            }
            session.send(Party::P2, payload)?;
        }
        Party::P1 => {
            for x in inputs {
                let stream = runtime.session()?.shared_stream(Party::P0);
                runtime.put(Offsets::of(x), Dealt::stream(stream))?;
                opened.push(shape(x));
            }
        }
        Party::P2 => {
            let payload = runtime.session()?.receive(Party::P0, total)?;
            let mut rest = &payload[..];
            for x in inputs {
                let (mine, tail) = rest.split_at(x.ring().wire_bytes(x.len()));
                rest = tail;
                runtime.put(Offsets::of(x), Dealt::bytes(Wiped::copied(mine)))?;
                opened.push(shape(x));
            }
        }
    }
    Ok(opened)
}

fn exchange_differences<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[&Additive<W>],
    total: usize,
) -> Result<Vec<Opened>> {
    let mut payload = Vec::with_capacity(total);
    let mut mine = Vec::with_capacity(inputs.len());
    for x in inputs {
        let (ring, len) = (x.ring(), x.len());
        let dealt = runtime.take(&Offsets::of(x))?;
        let share: Wiped<W> = match (&dealt.bytes, &dealt.stream) {
            (Some(bytes), _) => pack::unpack_next(ring, &mut &bytes[..], len),
            (None, Some(stream)) => {
                let mut share = Wiped::zeros(len);
                stream.fill(ring, 0, &mut share);
                share
            }
            (None, None) => return Err(Error::Internal("offsets without their shares".into())),
        };
        let difference = ring.subtract(x.values(), &share);
        pack::pack(ring, &difference, &mut payload);
        mine.push(difference);
    }
    let received = runtime.exchange(payload)?;
    let mut rest = &received[..];
    let mut opened = Vec::with_capacity(inputs.len());
    for (x, mine) in inputs.iter().zip(mine) {
        let (ring, len) = (x.ring(), x.len());
        let theirs: Wiped<W> = pack::unpack_next(ring, &mut rest, len);
        let elements = mine
            .iter()
            .zip(theirs.iter())
            .map(|(a, b)| ring.reduce(a.add(*b)).to_u64() as u16)
            .collect();
        opened.push(Opened {
            ring,
            len,
            elements,
        });
    }
    Ok(opened)
}

fn shape<W: Word>(x: &Additive<W>) -> Opened {
    Opened {
        ring: x.ring(),
        len: x.len(),
        elements: Wiped::default(),
    }
}

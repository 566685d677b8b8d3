//! Opening an input against its offset: `d = x - D`, b bits each way between P1 and P2.

use super::store::{Dealt, Kind, Material};
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::session::Session;
use crate::share::Additive;
use crate::system::Phase;

/// A vector opened against offsets: P1 and P2 know `d = x - D` (online), P0 knows D (offline).
///
/// It can be looked up in any number of tables, each dealt for these offsets.
pub struct Opened {
    ring: Ring,
    len: usize,
    /// `d` at P1 and P2 online; `D` at P0 offline; else empty.
    pub(super) elements: Vec<u16>,
}

impl Opened {
    /// From elements that are known: `d` at P1 and P2, or `D` at P0.
    pub fn from_elements(ring: Ring, elements: Vec<u16>) -> Self {
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

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Runtime<'_> {
    /// Opens one input.
    pub fn open<W: Word>(&mut self, x: &Additive<W>) -> Result<Opened> {
        let mut opened = self.open_all(&[x])?;
        Ok(opened.remove(0))
    }

    /// Opens several inputs in one round.
    ///
    /// Cost: b bits an element each way between P1 and P2 and one round online; b bits an element from
    /// P0 to P2 offline (P1's share of the offset comes from the P0-P1 seed).
    ///
    /// # Security
    /// `x - D` is sent in shares and learned by both; D is uniform, known to P0 alone, and used for this
    /// opening only, so `d` is uniform and independent of x.
    pub fn open_all<W: Word>(&mut self, inputs: &[&Additive<W>]) -> Result<Vec<Opened>> {
        debug_assert!(
            inputs.iter().all(|x| x.ring().bits() <= 16),
            "table inputs have at most 16 bits"
        );
        let bytes = |x: &&Additive<W>| x.ring().wire_bytes(x.len());
        let total: usize = inputs.iter().map(bytes).sum();
        match (self.phase(), self.me()) {
            (Phase::Offline, None) => {
                self.declare_message(Party::P0, Party::P2, total);
                self.dealt_bytes[Party::P2.index()] += total as u64;
            }
            (Phase::Online, None) => self.declare_exchange(total),
            (Phase::Offline, Some(me)) => return self.deal_offsets(me, inputs, total),
            (Phase::Online, Some(me @ (Party::P1 | Party::P2))) => {
                return self.exchange_differences(me, inputs, total);
            }
            _ => {}
        }
        Ok(inputs.iter().map(|x| shape(x)).collect())
    }

    fn deal_offsets<W: Word>(
        &mut self,
        me: Party,
        inputs: &[&Additive<W>],
        total: usize,
    ) -> Result<Vec<Opened>> {
        let zero = self.draws_zero_offsets();
        let (session, store) = self.session_and_store()?;
        let mut opened = Vec::with_capacity(inputs.len());
        match me {
            Party::P0 => {
                let mut payload = Vec::with_capacity(total);
                for x in inputs {
                    let (ring, len) = (x.ring(), x.len());
                    let mut offsets: Vec<W> = filled(&session.private_stream(), ring, len);
                    if zero {
                        offsets.fill(W::default());
                    }
                    // P1 draws the same words: a stream's layout depends on the word.
                    let theirs: Vec<W> = filled(&session.shared_stream(Party::P1), ring, len);
                    let correction: Vec<W> = offsets
                        .iter()
                        .zip(theirs)
                        .map(|(d, s)| ring.reduce(d.sub(s)))
                        .collect();
                    pack::pack(ring, &correction, &mut payload);
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
                    let dealt = Dealt::Stream(Box::new(session.shared_stream(Party::P0)));
                    store.put(offsets(session, x, dealt));
                    opened.push(shape(x));
                }
            }
            Party::P2 => {
                let payload = session.receive(Party::P0, total)?;
                let mut rest = payload.as_slice();
                for x in inputs {
                    let (mine, tail) = rest.split_at(x.ring().wire_bytes(x.len()));
                    rest = tail;
                    store.put(offsets(session, x, Dealt::Packed(mine.to_vec())));
                    opened.push(shape(x));
                }
            }
        }
        Ok(opened)
    }

    fn exchange_differences<W: Word>(
        &mut self,
        me: Party,
        inputs: &[&Additive<W>],
        total: usize,
    ) -> Result<Vec<Opened>> {
        let (session, store) = self.session_and_store()?;
        let mut payload = Vec::with_capacity(total);
        let mut mine = Vec::with_capacity(inputs.len());
        for x in inputs {
            let (ring, len) = (x.ring(), x.len());
            let share: Vec<W> = match store.take(session.label(), Kind::Offsets, ring, len)? {
                Dealt::Stream(stream) => filled(&stream, ring, len),
                Dealt::Packed(bytes) => {
                    let mut share = vec![W::default(); len];
                    pack::unpack(ring, &bytes, &mut share);
                    share
                }
            };
            let difference: Vec<W> = x
                .values()
                .iter()
                .zip(share)
                .map(|(x, d)| ring.reduce(x.sub(d)))
                .collect();
            pack::pack(ring, &difference, &mut payload);
            mine.push(difference);
        }
        let peer = if me == Party::P1 {
            Party::P2
        } else {
            Party::P1
        };
        session.send(peer, payload)?;
        let received = session.receive(peer, total)?;
        let mut rest = received.as_slice();
        let mut opened = Vec::with_capacity(inputs.len());
        for (x, mine) in inputs.iter().zip(mine) {
            let (ring, len) = (x.ring(), x.len());
            let (bytes, tail) = rest.split_at(ring.wire_bytes(len));
            rest = tail;
            let mut theirs = vec![W::default(); len];
            pack::unpack(ring, bytes, &mut theirs);
            let elements = mine
                .iter()
                .zip(theirs)
                .map(|(a, b)| ring.reduce(a.add(b)).to_u64() as u16)
                .collect();
            opened.push(Opened {
                ring,
                len,
                elements,
            });
        }
        Ok(opened)
    }
}

fn shape<W: Word>(x: &Additive<W>) -> Opened {
    Opened {
        ring: x.ring(),
        len: x.len(),
        elements: Vec::new(),
    }
}

fn filled<W: Word>(stream: &crate::prg::Stream, ring: Ring, len: usize) -> Vec<W> {
    let mut out = vec![W::default(); len];
    stream.fill(ring, 0, &mut out);
    out
}

fn offsets<W: Word>(session: &Session, x: &Additive<W>, dealt: Dealt) -> Material {
    Material {
        step: session.label().to_owned(),
        kind: Kind::Offsets,
        ring: x.ring(),
        count: x.len(),
        dealt,
    }
}

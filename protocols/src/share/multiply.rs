//! A product of two replicated vectors that ends replicated, and the way back to additive sharing.

use super::{Additive, Replicated};
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::session::Session;
use crate::system::Phase;

impl Runtime<'_> {
    /// `<a b>^l`, element by element: the parties' local summands, made fresh by a sharing of zero, are
    /// the product's components; each goes to one more party.
    ///
    /// Cost: `3 l` bits an element (each party sends l to the party before it) and one round online;
    /// nothing offline.
    ///
    /// # Security
    /// Party i's summand goes out with a fresh element of the seed of i and i + 1, which its receiver
    /// i - 1 does not know, so the receiver sees a uniform value.
    pub(crate) fn multiply<W: Word>(
        &mut self,
        a: &Replicated<W>,
        b: &Replicated<W>,
    ) -> Result<Replicated<W>> {
        assert_eq!((a.ring, a.len), (b.ring, b.len), "shapes of a product");
        let (ring, len) = (a.ring, a.len);
        if self.phase() != Phase::Online {
            return Ok(Replicated::absent(ring, len));
        }
        let bytes = ring.wire_bytes(len);
        self.declare_simultaneous(&Party::ALL.map(|from| (from, from.previous(), bytes)));
        let Some(me) = self.me() else {
            return Ok(Replicated::absent(ring, len));
        };
        let session = self.session()?;
        let with_next = draw::<W>(session, me.next(), ring, len);
        let with_previous = draw::<W>(session, me.previous(), ring, len);
        let next: Vec<W> = (0..len)
            .map(|i| {
                let own = a.previous[i].mul(b.previous[i].add(b.next[i]));
                let summand = own.add(a.next[i].mul(b.previous[i]));
                ring.reduce(summand.add(with_next[i]).sub(with_previous[i]))
            })
            .collect();
        let mut payload = Vec::with_capacity(bytes);
        pack::pack(ring, &next, &mut payload);
        session.send(me.previous(), payload)?;
        let received = session.receive(me.next(), bytes)?;
        let mut previous = vec![W::default(); len];
        pack::unpack(ring, &received, &mut previous);
        Ok(Replicated {
            ring,
            len,
            previous,
            next,
        })
    }

    /// `<x>^l` to `[x]^l`, without communication: P1 holds components 0 and 2, P2 component 1.
    ///
    /// # Security
    /// Local. P1 adds and P2 subtracts a fresh element of the P1-P2 seed, so that the outcome is
    /// independent of the components that P0 holds.
    pub(crate) fn additive_from<W: Word>(&mut self, x: &Replicated<W>) -> Result<Additive<W>> {
        let (ring, len) = (x.ring, x.len);
        let peer = match (self.phase(), self.me()) {
            (Phase::Online, Some(Party::P1)) => Party::P2,
            (Phase::Online, Some(Party::P2)) => Party::P1,
            _ => return Ok(Additive::absent(ring, len)),
        };
        let fresh = draw::<W>(self.session()?, peer, ring, len);
        let values = (0..len)
            .map(|i| {
                ring.reduce(match peer {
                    Party::P2 => x.previous[i].add(x.next[i]).add(fresh[i]),
                    _ => x.previous[i].sub(fresh[i]),
                })
            })
            .collect();
        Ok(Additive::held(ring, values))
    }
}

/// Fresh elements of the seed shared with `peer`.
pub(super) fn draw<W: Word>(session: &mut Session, peer: Party, ring: Ring, len: usize) -> Vec<W> {
    let stream = session.shared_stream(peer);
    let mut out = vec![W::default(); len];
    session.threads().chunks_mut(&mut out, 64, |first, part| {
        stream.fill(ring, first as u64, part);
    });
    out
}

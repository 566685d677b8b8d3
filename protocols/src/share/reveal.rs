//! Opening a replicated vector to all three parties.

use super::Replicated;
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::Word;
use crate::runtime::Runtime;
use crate::system::Phase;

impl Runtime<'_> {
    /// Opens `<x>^l` to everybody: each party sends the party before it the component that one lacks.
    /// Empty where no party computes.
    ///
    /// Cost: `3 l` bits an element and one round online; nothing offline.
    ///
    /// # Security
    /// All parties learn x, so x must be public by the protocol's design or uniform and independent of
    /// every secret. The component a party receives is x less the two that it holds: no more than x.
    pub(crate) fn reveal<W: Word>(&mut self, x: &Replicated<W>) -> Result<Vec<W>> {
        if self.phase() != Phase::Online {
            return Ok(Vec::new());
        }
        let bytes = x.ring.wire_bytes(x.len);
        self.declare_simultaneous(&Party::ALL.map(|from| (from, from.previous(), bytes)));
        let Some(me) = self.me() else {
            return Ok(Vec::new());
        };
        let session = self.session()?;
        let mut payload = Vec::with_capacity(bytes);
        pack::pack(x.ring, &x.previous, &mut payload);
        session.send(me.previous(), payload)?;
        let received = session.receive(me.next(), bytes)?;
        let mut opened = vec![W::default(); x.len];
        pack::unpack(x.ring, &received, &mut opened);
        for (sum, (a, b)) in opened.iter_mut().zip(x.previous.iter().zip(&x.next)) {
            *sum = x.ring.reduce(sum.add(*a).add(*b));
        }
        Ok(opened)
    }
}

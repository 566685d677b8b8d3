//! The last step of every replicated product: from three local summands to `[z]` between P1 and P2.

use super::Additive;
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::system::Phase;

impl Runtime<'_> {
    /// Gathers the three parties' summands of `len` products into an additive sharing.
    ///
    /// P0 sends its summand to P1 (paper Alg. 3). `local` computes this party's summand and is called
    /// only where there is one.
    ///
    /// Cost: l bits an element from P0 to P1 online. As long as P0 has received nothing
    /// online, its message waits for nobody and lengthens no chain of dependent messages: the paper's "one
    /// round" is off the critical path. After a radix sort, in which P0 takes part, it may lie on it.
    ///
    /// # Security
    /// Correction to the paper: as printed, the summand goes out unmasked and gives P1 a linear relation
    /// of P0's shares. Here P0 adds, and P2 subtracts, a fresh element of the P0-P2 seed, so that P1 sees
    /// a uniform value and the outcome is a fresh sharing.
    pub fn gather_product<W: Word>(
        &mut self,
        ring: Ring,
        len: usize,
        local: impl FnOnce(&mut crate::session::Session) -> Vec<W>,
    ) -> Result<Additive<W>> {
        if self.phase() != Phase::Online {
            return Ok(Additive::absent(ring, len));
        }
        let bytes = ring.wire_bytes(len);
        self.declare_message(Party::P0, Party::P1, bytes);
        let Some(me) = self.me() else {
            return Ok(Additive::absent(ring, len));
        };
        let unmasked = self.sends_unmasked_summands();
        let session = self.session()?;
        let mut summand = local(session);
        assert_eq!(summand.len(), len, "summand of a product");
        let mask =
            |session: &mut crate::session::Session, peer, summand: &mut [W], negate: bool| {
                let stream = session.shared_stream(peer);
                session.threads().chunks_mut(summand, 64, |first, part| {
                    let mut zero = vec![W::default(); part.len()];
                    stream.fill(ring, first as u64, &mut zero);
                    for (value, mask) in part.iter_mut().zip(zero) {
                        let sum = if negate {
                            value.sub(mask)
                        } else {
                            value.add(mask)
                        };
                        *value = ring.reduce(sum);
                    }
                });
            };
        match me {
            Party::P0 => {
                if !unmasked {
                    mask(session, Party::P2, &mut summand, false);
                }
                let mut payload = Vec::with_capacity(bytes);
                pack::pack(ring, &summand, &mut payload);
                session.send(Party::P1, payload)?;
                Ok(Additive::absent(ring, len))
            }
            Party::P1 => {
                let payload = session.receive(Party::P0, bytes)?;
                let mut theirs = vec![W::default(); len];
                pack::unpack(ring, &payload, &mut theirs);
                for (a, b) in summand.iter_mut().zip(theirs) {
                    *a = ring.reduce(a.add(b));
                }
                Ok(Additive::held(ring, summand))
            }
            Party::P2 => {
                if !unmasked {
                    mask(session, Party::P0, &mut summand, true);
                }
                for value in &mut summand {
                    *value = ring.reduce(*value);
                }
                Ok(Additive::held(ring, summand))
            }
        }
    }
}

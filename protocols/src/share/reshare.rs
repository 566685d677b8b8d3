//! From additive to replicated sharing (second half of the paper's precision conversion).

use super::{Additive, Replicated};
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::Word;
use crate::runtime::Runtime;
use crate::system::Phase;

impl Runtime<'_> {
    /// `[y]^l` to `<y>^l` for several vectors at once.
    ///
    /// Component 2 is drawn from the P0-P1 seed, component 1 from the P0-P2 seed; P1 and P2 exchange
    /// `y1 - component 2` and `y2 - component 1`, whose sum is component 0.
    ///
    /// Cost: l bits each way between P1 and P2 and one round online; nothing offline.
    ///
    /// # Security
    /// P2 sees `y1 - component 2`, and component 2 is fresh and unknown to P2; likewise P1. P0 sees
    /// nothing. Component 0 is uniform to each of its holders, since each lacks one of the masks.
    pub fn reshare<W: Word>(&mut self, inputs: &[&Additive<W>]) -> Result<Vec<Replicated<W>>> {
        let absent = || {
            inputs
                .iter()
                .map(|y| Replicated::absent(y.ring(), y.len()))
                .collect()
        };
        if self.phase() != Phase::Online {
            return Ok(absent());
        }
        let bytes: Vec<usize> = inputs
            .iter()
            .map(|y| y.ring().wire_bytes(y.len()))
            .collect();
        let total = bytes.iter().sum();
        self.declare_exchange(total);
        let Some(me) = self.me() else {
            return Ok(absent());
        };
        let session = self.session()?;
        let draw = |session: &mut crate::session::Session, peer: Party| {
            let mut components = Vec::with_capacity(inputs.len());
            for y in inputs {
                let stream = session.shared_stream(peer);
                let mut component = vec![W::default(); y.len()];
                session
                    .threads()
                    .chunks_mut(&mut component, 64, |first, part| {
                        stream.fill(y.ring(), first as u64, part);
                    });
                components.push(component);
            }
            components
        };
        if me == Party::P0 {
            let (second, first) = (draw(session, Party::P1), draw(session, Party::P2));
            return Ok(inputs
                .iter()
                .zip(second.into_iter().zip(first))
                .map(|(y, (previous, next))| Replicated {
                    ring: y.ring(),
                    len: y.len(),
                    previous,
                    next,
                })
                .collect());
        }
        let peer = if me == Party::P1 {
            Party::P2
        } else {
            Party::P1
        };
        let drawn = draw(session, Party::P0);
        let mut payload = Vec::with_capacity(total);
        let mut masked: Vec<Vec<W>> = Vec::with_capacity(inputs.len());
        for (y, component) in inputs.iter().zip(&drawn) {
            let ring = y.ring();
            let difference: Vec<W> = y
                .values()
                .iter()
                .zip(component)
                .map(|(a, b)| ring.reduce(a.sub(*b)))
                .collect();
            pack::pack(ring, &difference, &mut payload);
            masked.push(difference);
        }
        session.send(peer, payload)?;
        let received = session.receive(peer, total)?;
        let mut rest = received.as_slice();
        let mut out = Vec::with_capacity(inputs.len());
        for (((y, drawn), mut zeroth), bytes) in inputs.iter().zip(drawn).zip(masked).zip(bytes) {
            let ring = y.ring();
            let (mine, tail) = rest.split_at(bytes);
            rest = tail;
            let mut theirs = vec![W::default(); y.len()];
            pack::unpack(ring, mine, &mut theirs);
            for (a, b) in zeroth.iter_mut().zip(theirs) {
                *a = ring.reduce(a.add(b));
            }
            let (previous, next) = match me {
                Party::P1 => (zeroth, drawn),
                _ => (drawn, zeroth),
            };
            out.push(Replicated {
                ring,
                len: y.len(),
                previous,
                next,
            });
        }
        Ok(out)
    }
}

//! What a protocol step runs in: a party's session, or the cost walk's book. The same step code deals
//! offline, computes online, and declares its cost; this is what keeps the three from drifting apart.

use crate::cost::CostBook;
use crate::evidence::Evidence;
use crate::lut::store::Store;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::session::Session;
use crate::share::Additive;
use crate::system::Phase;
use crate::threads::Threads;
use crate::{Error, Result};

/// Where the messages go.
enum World<'a> {
    /// Nowhere: they are added up.
    Declared(&'a mut CostBook, Phase),
    /// To the peers.
    Party(&'a mut Session),
}

/// The context that protocol steps run in.
pub struct Runtime<'a> {
    world: World<'a>,
    store: Option<&'a mut Store>,
    evidence: Option<&'a mut Evidence>,
    /// What the cost walk found to be dealt, by holder: bytes of correlated randomness.
    pub(crate) dealt_bytes: [u64; 3],
    #[cfg(test)]
    pub(crate) unmask_summands: bool,
    #[cfg(test)]
    pub(crate) zero_offsets: bool,
}

impl<'a> Runtime<'a> {
    /// A walk that only declares cost.
    pub fn declared(book: &'a mut CostBook, phase: Phase) -> Self {
        Self {
            world: World::Declared(book, phase),
            store: None,
            evidence: None,
            dealt_bytes: [0; 3],
            #[cfg(test)]
            unmask_summands: false,
            #[cfg(test)]
            zero_offsets: false,
        }
    }

    /// A party's walk in the session's current phase. `evidence` is given only where a run is to be
    /// verified by somebody who may see both computing parties' records.
    pub fn party(
        session: &'a mut Session,
        store: &'a mut Store,
        evidence: Option<&'a mut Evidence>,
    ) -> Self {
        Self {
            world: World::Party(session),
            store: Some(store),
            evidence,
            dealt_bytes: [0; 3],
            #[cfg(test)]
            unmask_summands: false,
            #[cfg(test)]
            zero_offsets: false,
        }
    }

    /// A party's walk of a protocol that keeps its correlated randomness elsewhere and leaves no
    /// evidence: steps that look up tables or cut have nothing to work with here.
    pub fn in_session(session: &'a mut Session) -> Self {
        Self {
            world: World::Party(session),
            store: None,
            evidence: None,
            dealt_bytes: [0; 3],
            #[cfg(test)]
            unmask_summands: false,
            #[cfg(test)]
            zero_offsets: false,
        }
    }

    /// The phase under way.
    pub fn phase(&self) -> Phase {
        match &self.world {
            World::Declared(_, phase) => *phase,
            World::Party(session) => session.phase(),
        }
    }

    /// Which party this is; nobody in the cost walk.
    pub fn me(&self) -> Option<Party> {
        match &self.world {
            World::Declared(..) => None,
            World::Party(session) => Some(session.me()),
        }
    }

    /// The party's session.
    ///
    /// # Errors
    /// In the cost walk there is none; steps ask [`Runtime::me`] first.
    pub fn session(&mut self) -> Result<&mut Session> {
        match &mut self.world {
            World::Party(session) => Ok(session),
            World::Declared(..) => Err(Error::Unsupported(
                "the cost walk has no session to send in".into(),
            )),
        }
    }

    /// The party's threads; nothing in the cost walk.
    pub fn threads(&self) -> Option<&Threads> {
        match &self.world {
            World::Declared(..) => None,
            World::Party(session) => Some(session.threads()),
        }
    }

    /// Session and store together.
    pub(crate) fn session_and_store(&mut self) -> Result<(&mut Session, &mut Store)> {
        match (&mut self.world, &mut self.store) {
            (World::Party(session), Some(store)) => Ok((session, store)),
            _ => Err(Error::Unsupported(
                "the cost walk holds no correlated randomness".into(),
            )),
        }
    }

    /// The current step label.
    pub fn label(&self) -> &str {
        match &self.world {
            World::Declared(book, _) => book.path.label(),
            World::Party(session) => session.label(),
        }
    }

    /// Opens a step inside the current one.
    pub fn enter(&mut self, name: &str) {
        match &mut self.world {
            World::Declared(book, _) => book.path.enter(name),
            World::Party(session) => session.enter(name),
        }
    }

    /// Closes the innermost step.
    pub fn leave(&mut self) {
        match &mut self.world {
            World::Declared(book, _) => book.path.leave(),
            World::Party(session) => session.leave(),
        }
    }

    /// Runs `body` inside step `name`.
    pub fn step<T>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.enter(name);
        let value = body(self)?;
        self.leave();
        Ok(value)
    }

    /// Declares one message. Does nothing at a party, where the network counts what is really sent.
    pub fn declare_message(&mut self, from: Party, to: Party, bytes: usize) {
        if let World::Declared(book, _) = &mut self.world {
            book.message(from, to, bytes);
        }
    }

    /// Declares messages sent at the same time, none depending on another.
    pub fn declare_simultaneous(&mut self, messages: &[(Party, Party, usize)]) {
        if let World::Declared(book, _) = &mut self.world {
            book.simultaneous(messages);
        }
    }

    /// Declares an exchange between P1 and P2 of `bytes` each way.
    pub fn declare_exchange(&mut self, bytes: usize) {
        self.declare_simultaneous(&[(Party::P1, Party::P2, bytes), (Party::P2, Party::P1, bytes)]);
    }

    /// A fault for the privacy tests, which must catch it; never true outside of tests.
    pub(crate) fn sends_unmasked_summands(&self) -> bool {
        #[cfg(test)]
        return self.unmask_summands;
        #[cfg(not(test))]
        false
    }

    /// Another fault for the privacy tests; never true outside of tests.
    pub(crate) fn draws_zero_offsets(&self) -> bool {
        #[cfg(test)]
        return self.zero_offsets;
        #[cfg(not(test))]
        false
    }

    /// Keeps the top `bits` bits of both shares: from Z_{2^l} to Z_{2^bits}, without communication
    /// (paper Alg. 3, last line; no truncation protocol).
    ///
    /// With `unit = 2^(l - bits)` and `y = f * unit`, the result is `floor(f)` with probability
    /// `1 - frac(f)` and `floor(f) + 1` otherwise: unbiased, and exact where f is an integer.
    /// Correction to the paper: it cuts without the constant `unit - 1` that P1 adds first here, and so
    /// comes out half a unit too low on average.
    ///
    /// # Security
    /// Local. The rounding depends on the shares: in the ideal world the functionality takes the
    /// corrupted party's low bits as its coin. Where a run is verified the low bits go into the evidence,
    /// which both computing parties hand to the verifier after the online phase; the verifier learns the
    /// low bits of intermediate values. A run on a real input is verified only where all three parties
    /// are one person's.
    pub fn cut<W: Word, V: Word>(&mut self, y: &Additive<W>, bits: u32) -> Additive<V> {
        let (ring, out) = (y.ring(), Ring::new(bits));
        let dropped = ring.bits() - bits;
        if y.values().is_empty() || self.phase() != Phase::Online {
            return Additive::absent(out, y.len());
        }
        let low = if dropped == 0 {
            0
        } else {
            Ring::new(dropped).mask()
        };
        let constant = if self.me() == Some(Party::P1) { low } else { 0 };
        if let Some(evidence) = &mut self.evidence {
            let label = match &self.world {
                World::Declared(book, _) => book.path.label(),
                World::Party(session) => session.label(),
            };
            let lows = y
                .values()
                .iter()
                .map(|v| v.to_u64().wrapping_add(constant) & low);
            evidence.record_cut(label, dropped, lows);
        }
        y.map_to(out, y.len(), |values| {
            values
                .iter()
                .map(|v| {
                    let shifted = v.to_u64().wrapping_add(constant) & ring.mask();
                    V::from_u64(shifted >> dropped)
                })
                .collect()
        })
    }
}

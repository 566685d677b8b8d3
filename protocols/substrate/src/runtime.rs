//! What a protocol step runs in: a party's session and its correlated randomness, or the cost walk's book. The same step
//! code deals offline, computes online, and declares its cost; this is what keeps the three from drifting apart.
//!
//! A step is a function `(runtime, inputs) -> Result<outputs>`, in any crate. It asks [`Runtime::phase`] and
//! [`Runtime::me`] what is to be done: nobody (`me` is `None`) declares, a party offline deals or puts what it is dealt into
//! its store, a party online takes it out and computes.

use crate::cost::CostBook;
use crate::material::{Dealt, Kind, Store};
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::Ring;
use crate::session::Session;
use crate::threads::Threads;
use crate::wipe::Wiped;
use crate::{Error, Result};

/// Where the messages go.
enum World<'a> {
    /// Nowhere: they are added up.
    Declared(&'a mut CostBook, Phase),
    /// To the peers.
    Party(&'a mut Session, &'a mut Store),
}

/// The context that protocol steps run in.
pub struct Runtime<'a> {
    world: World<'a>,
    /// Memory of the last message received, for the next one sent.
    buffer: Wiped<u8>,
}

impl<'a> Runtime<'a> {
    /// A walk that only declares cost.
    pub fn declared(book: &'a mut CostBook, phase: Phase) -> Self {
        Self {
            world: World::Declared(book, phase),
            buffer: Wiped::default(),
        }
    }

    /// A party's walk in the session's current phase.
    pub fn party(session: &'a mut Session, store: &'a mut Store) -> Self {
        Self {
            world: World::Party(session, store),
            buffer: Wiped::default(),
        }
    }

    /// The same context, lent for part of a walk: an engine owns the one that it runs in.
    pub fn lend(&mut self) -> Runtime<'_> {
        let world = match &mut self.world {
            World::Declared(book, phase) => World::Declared(book, *phase),
            World::Party(session, store) => World::Party(session, store),
        };
        Runtime {
            world,
            buffer: std::mem::take(&mut self.buffer),
        }
    }

    /// The phase under way.
    pub fn phase(&self) -> Phase {
        match &self.world {
            World::Declared(_, phase) => *phase,
            World::Party(session, _) => session.phase(),
        }
    }

    /// Which party this is; nobody in the cost walk.
    pub fn me(&self) -> Option<Party> {
        match &self.world {
            World::Declared(..) => None,
            World::Party(session, _) => Some(session.me()),
        }
    }

    /// The other computing party, where this is P1 or P2 and the phase is online: where shares are held.
    pub fn computing_peer(&self) -> Option<Party> {
        match (self.phase(), self.me()) {
            (Phase::Online, Some(Party::P1)) => Some(Party::P2),
            (Phase::Online, Some(Party::P2)) => Some(Party::P1),
            _ => None,
        }
    }

    /// The party's session.
    ///
    /// # Errors
    /// In the cost walk there is none; steps ask [`Runtime::me`] first.
    pub fn session(&mut self) -> Result<&mut Session> {
        match &mut self.world {
            World::Party(session, _) => Ok(session),
            World::Declared(..) => Err(Error::Internal(
                "the cost walk has no session to send in".into(),
            )),
        }
    }

    /// The party's threads; nothing in the cost walk.
    pub fn threads(&self) -> Option<&Threads> {
        match &self.world {
            World::Declared(..) => None,
            World::Party(session, _) => Some(session.threads()),
        }
    }

    /// The current step label.
    pub fn label(&self) -> &str {
        match &self.world {
            World::Declared(book, _) => book.path.label(),
            World::Party(session, _) => session.label(),
        }
    }

    /// Opens a step inside the current one. [`Runtime::step`] also closes it.
    pub fn enter(&mut self, name: &str) {
        match &mut self.world {
            World::Declared(book, _) => book.path.enter(name),
            World::Party(session, _) => session.enter(name),
        }
    }

    /// Closes the innermost step.
    pub fn leave(&mut self) {
        match &mut self.world {
            World::Declared(book, _) => book.path.leave(),
            World::Party(session, _) => session.leave(),
        }
    }

    /// Runs `body` inside step `name`. After an error the step stays open: its label says where it happened.
    ///
    /// # Errors
    /// The body's.
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

    /// Declares that P1 and P2 open vectors to each other in one exchange.
    pub fn declare_opening(&mut self, parts: &[(Ring, usize)]) {
        if let World::Declared(book, _) = &mut self.world {
            book.opening(parts);
        }
    }

    /// Notes in the cost walk what is dealt here, in the words of its kind.
    pub fn declare_key(&mut self, kind: impl std::fmt::Display) {
        if let World::Declared(book, _) = &mut self.world {
            book.key(kind.to_string());
        }
    }

    /// Declares correlated randomness that P0 sends to `holder`, who holds it until it is used: to P2 mostly, since P1's part
    /// comes out of a generator.
    pub fn declare_dealt(&mut self, holder: Party, bytes: usize) {
        if let World::Declared(book, _) = &mut self.world {
            book.deal(Party::P0, holder, bytes);
        }
    }

    /// Puts what was dealt for this step into the party's store.
    ///
    /// # Errors
    /// The store's; in the cost walk there is none.
    pub fn put<K: Kind + Send>(&mut self, kind: K, dealt: Dealt) -> Result<()> {
        match &mut self.world {
            World::Party(session, store) => store.put(session.label(), kind, dealt),
            World::Declared(..) => Err(no_store()),
        }
    }

    /// Takes what was dealt for this step out of the party's store: it is gone from there.
    ///
    /// # Errors
    /// [`Error::Material`] where something else, or nothing, was dealt; in the cost walk there is no store.
    pub fn take<K: Kind>(&mut self, kind: &K) -> Result<Dealt> {
        match &mut self.world {
            World::Party(session, store) => store.take(session.label(), kind),
            World::Declared(..) => Err(no_store()),
        }
    }

    /// Memory for a message of `bytes` bytes: that of the last one received where it is enough, so that a chain of exchanges
    /// asks the system for no more.
    pub fn buffer(&mut self, bytes: usize) -> Vec<u8> {
        Wiped::reused(std::mem::take(&mut self.buffer), bytes).into_vec()
    }

    /// Gives a received message's memory back for [`Runtime::buffer`].
    pub fn recycle(&mut self, message: Wiped<u8>) {
        self.buffer = message;
    }

    /// At P1 or P2: sends `opening` to the other and receives as much. Between them it is one round.
    ///
    /// # Security
    /// The caller has masked everything in `opening`, or it is an output that the other may learn.
    ///
    /// # Errors
    /// The network's.
    pub fn exchange(&mut self, opening: Vec<u8>) -> Result<Wiped<u8>> {
        let session = self.session()?;
        let peer = match session.me() {
            Party::P1 => Party::P2,
            Party::P2 => Party::P1,
            Party::P0 => {
                return Err(Error::Internal(
                    "P0 takes no part in exchanges of P1 and P2".into(),
                ));
            }
        };
        let bytes = opening.len();
        session.send(peer, opening)?;
        session.receive(peer, bytes)
    }

    /// Refuses operands that do not fit.
    ///
    /// # Errors
    /// [`Error::Shape`] with `what`, where not `fits`.
    pub fn ensure(&self, fits: bool, what: impl FnOnce() -> String) -> Result<()> {
        if fits {
            return Ok(());
        }
        Err(Error::Shape {
            step: self.label().to_owned(),
            what: what(),
        })
    }
}

fn no_store() -> Error {
    Error::Internal("the cost walk holds no correlated randomness".into())
}

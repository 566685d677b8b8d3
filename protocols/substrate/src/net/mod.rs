//! Messages between the three parties: one small blocking [`Network`], metered where it sends.
//!
//! | module | what it holds |
//! |---|---|
//! | [`local`] | three ends in one process, for tests |
//! | [`tcp`] | one end of a mesh of TCP connections |
//! | [`shape`] | the bandwidth and the delay of a link, imposed inside the transport |
//! | [`probe`] | round trip and bandwidth of the links as they are |
//! | [`trace`] | a wrapper that writes down when what was sent and received, for replay |
//!
//! [`End`] is what the transports have in common: checks, meter, depth, shaping. What arrives waits in memory, up to a bound far above what a
//! step of a protocol sends before it receives: so a send does not depend on the peer's receive, and two ends that both send first cannot
//! deadlock. Nothing that a peer claims is obeyed beyond that: lengths, depths and due times have bounds of their own.

mod end;
mod frame;
mod hello;
mod inbox;
pub mod local;
pub mod probe;
pub mod shape;
pub mod tcp;
pub mod trace;

pub use end::{End, LABEL_LIMIT_BYTES};
pub use local::{LocalNetwork, local_trio, local_trio_shaped};
pub use shape::LinkShape;
pub use tcp::{Listener, Mesh, RunId, TcpNetwork};

use std::net::SocketAddr;
use std::time::Duration;

/// What a peer said, as an error may show it: its beginning, on one line.
pub(crate) fn claim(said: &[u8]) -> String {
    const SHOWN: usize = 100;
    let text = String::from_utf8_lossy(said);
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { ".." } else { "" };
    let safe = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    shown.chars().map(safe).chain([more.to_owned()]).collect()
}

/// One of the three parties: P0 is the model owner and dealer, P1 the data owner, P2 the assistant.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// Model owner; deals tables; third party of the replicated products.
    P0,
    /// Data owner; computing party.
    P1,
    /// Computing assistant.
    P2,
}

impl Party {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::P0, Self::P1, Self::P2];
    /// 0, 1 or 2.
    pub const fn index(self) -> usize {
        self as usize
    }
    /// The party of an index.
    pub const fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::P0),
            1 => Some(Self::P1),
            2 => Some(Self::P2),
            _ => None,
        }
    }
    /// The party after this one: P0, P1, P2, and round again.
    pub const fn next(self) -> Self {
        match self {
            Self::P0 => Self::P1,
            Self::P1 => Self::P2,
            Self::P2 => Self::P0,
        }
    }
    /// The party before this one, in the same order.
    pub const fn previous(self) -> Self {
        self.next().next()
    }
    /// The other two, in order.
    pub const fn others(self) -> [Self; 2] {
        match self {
            Self::P0 => [Self::P1, Self::P2],
            Self::P1 => [Self::P0, Self::P2],
            Self::P2 => [Self::P0, Self::P1],
        }
    }
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "P{}", self.index())
    }
}

/// What went wrong between parties.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The connection ended.
    #[error("{peer} is gone: connection closed while {me} was at step `{step}` ({cause})")]
    PeerGone {
        /// Who noticed.
        me: Party,
        /// Who is gone.
        peer: Party,
        /// Where the noticing party was.
        step: String,
        /// The operating system's word.
        cause: String,
    },
    /// Nothing came in time.
    #[error("{peer} is silent: {me} waited {waited:?} at step `{step}`")]
    Timeout {
        /// Who waited.
        me: Party,
        /// For whom.
        peer: Party,
        /// Where.
        step: String,
        /// How long.
        waited: Duration,
    },
    /// A message of another step or length than expected.
    #[error("{peer} sent {actual} where {me} expected {expected} at step `{step}`")]
    OutOfStep {
        /// Who received.
        me: Party,
        /// Who sent.
        peer: Party,
        /// Where the receiver was.
        step: String,
        /// What should have come.
        expected: String,
        /// What came.
        actual: String,
    },
    /// A message with a claim about the link or the protocol that cannot be.
    #[error("{peer} sent {actual}, which {me} does not obey, at step `{step}`")]
    Refused {
        /// Who received.
        me: Party,
        /// Who sent.
        peer: Party,
        /// Where the receiver was.
        step: String,
        /// What was claimed.
        actual: String,
    },
    /// The address to listen on cannot be had.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why not, and what to do about it.
        cause: String,
    },
    /// The connections between the parties did not come about in time.
    #[error("{me} found no connection with {peer} ({place}) within {waited:?}: {cause}")]
    Connect {
        /// Who tried.
        me: Party,
        /// With whom.
        peer: Party,
        /// Who calls whom, and at which address.
        place: String,
        /// How long it tried.
        waited: Duration,
        /// What went wrong last.
        cause: String,
    },
    /// A link that cannot be: the bandwidth is not a positive number.
    #[error("link to {to}: a bandwidth of {bits_per_second} bit/s is not a positive number")]
    Bandwidth {
        /// The receiving end of the link.
        to: Party,
        /// What was asked for.
        bits_per_second: f64,
    },
}

/// What one party has sent so far, to each party by index, and the longest chain of dependent
/// messages that ends at this party. The difference of two readings gives a step or a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Meter {
    /// Payload bytes sent to each party, as the program sent them.
    pub sent_bytes: [u64; 3],
    /// Messages sent to each party.
    pub sent_messages: [u64; 3],
    /// Depth of this party's clock: 0 at the start of a phase; a message carries the sender's depth
    /// plus one, and receiving it lifts the receiver to at least that.
    pub depth: u64,
}

/// A blocking network between three parties, of which this end is one.
///
/// `send` never waits for the peer to receive: both ends of an exchange may send first. It may wait
/// for the link (a full backlog on a shaped link), never for another message.
pub trait Network: Send {
    /// Which party this end is.
    fn me(&self) -> Party;
    /// Sends one message, labelled with the step that both ends must be at.
    fn send(&mut self, to: Party, step: &str, payload: Vec<u8>) -> Result<(), NetError>;
    /// Receives the next message of `from`, which must carry the same step label and be
    /// `expected_bytes` long.
    fn receive(
        &mut self,
        from: Party,
        step: &str,
        expected_bytes: usize,
    ) -> Result<Vec<u8>, NetError>;
    /// What was sent so far.
    fn meter(&self) -> Meter;
    /// Starts a phase: the depth returns to 0. Called at a point where no message is under way.
    fn restart_depth(&mut self);
}

impl<N: Network + ?Sized> Network for Box<N> {
    fn me(&self) -> Party {
        (**self).me()
    }
    fn send(&mut self, to: Party, step: &str, payload: Vec<u8>) -> Result<(), NetError> {
        (**self).send(to, step, payload)
    }
    fn receive(
        &mut self,
        from: Party,
        step: &str,
        expected_bytes: usize,
    ) -> Result<Vec<u8>, NetError> {
        (**self).receive(from, step, expected_bytes)
    }
    fn meter(&self) -> Meter {
        (**self).meter()
    }
    fn restart_depth(&mut self) {
        (**self).restart_depth();
    }
}

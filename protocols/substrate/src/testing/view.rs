//! What a party saw, by place: messages unpacked to the elements that they carry, and what an exchange opens.

use super::functionality::Ran;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::share::Additive;
use std::collections::BTreeMap;

/// How two parties' shares make a value, and so what the difference of two values under one mask is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// By their sum.
    Additive,
    /// Bit by bit, by exclusive or.
    Binary,
}

impl Sharing {
    fn join(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Additive => a.wrapping_add(b),
            Self::Binary => a ^ b,
        }
    }

    fn part(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Additive => a.wrapping_sub(b),
            Self::Binary => a ^ b,
        }
    }
}

/// What a party saw at one place of the protocol.
pub struct Seen {
    /// The ring of its elements.
    pub ring: Ring,
    /// What they are shares of.
    pub sharing: Sharing,
    /// Elements, for each session and each inference of it.
    pub sessions: Vec<Vec<Vec<u64>>>,
}

impl Seen {
    /// Additive shares in a ring.
    pub fn additive(ring: Ring, sessions: Vec<Vec<Vec<u64>>>) -> Self {
        Self {
            ring,
            sharing: Sharing::Additive,
            sessions,
        }
    }

    /// Every inference of every session.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Vec<u64>> {
        self.sessions.iter().flatten()
    }

    /// Whether every run has as many elements of the same kind.
    pub(super) fn same_shape(&self, other: &Self) -> bool {
        let lengths = self.runs().map(Vec::len);
        let kinds = [self, other].map(|seen| (seen.ring, seen.sharing));
        kinds[0] == kinds[1] && lengths.eq(other.runs().map(Vec::len))
    }

    /// Element by element, the differences of two vectors.
    pub(super) fn differences(&self, a: &[u64], b: &[u64]) -> Vec<u64> {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| self.sharing.part(*a, *b)).collect()
    }
}

/// All that a party saw, by place: phase, step, number of the message in the step, sender.
pub type View = BTreeMap<String, Seen>;

/// The elements of a message that is packed to the bit: as many as fit.
pub fn unpack(ring: Ring, message: &[u8]) -> Vec<u64> {
    let count = message.len() * 8 / ring.bits() as usize;
    let bits = (0..count).map(|i| ring.wire_bits(i));
    bits.map(|bit| pack::read_at(ring, message, bit)).collect()
}

/// What P1 and P2 send each other in one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Shares of elements, packed to the bit.
    Elements(Ring, Sharing),
    /// Binary shares of single bits, each in a 64-bit word.
    Bits,
}

impl Opening {
    fn kind(self) -> (Ring, Sharing) {
        match self {
            Self::Elements(ring, sharing) => (ring, sharing),
            Self::Bits => (Ring::new(1), Sharing::Binary),
        }
    }

    fn read(self, message: &[u8]) -> Vec<u64> {
        let (ring, _) = self.kind();
        let words = match self {
            Self::Elements(..) => unpack(ring, message),
            Self::Bits => unpack(Ring::new(64), message),
        };
        assert!(words.iter().all(|word| *word <= ring.mask()), "{ring:?}");
        words
    }
}

/// What P1 and P2 see of each exchange of `online`: either one's message, and what the two open together. Each run counts as
/// one inference of the same session.
///
/// # Panics
/// If P1 or P2 receive anything else than these exchanges.
pub fn openings<T>(inferences: &[Ran<T>], exchanges: &[Opening]) -> View {
    let mut view = View::new();
    for (number, opening) in exchanges.iter().enumerate() {
        let (ring, sharing) = opening.kind();
        let mut add = |place: &str, runs: Vec<Vec<u64>>| {
            let seen = Seen {
                ring,
                sharing,
                sessions: vec![runs],
            };
            view.insert(format!("#{number} {place}"), seen);
        };
        let sent = |by: Party, to: Party| -> Vec<Vec<u64>> {
            let messages = inferences.iter().map(|ran| {
                let received = &ran.received[1][to.index()];
                assert_eq!(received.len(), exchanges.len(), "exchanges");
                assert_eq!(received[number].from, by);
                opening.read(&received[number].payload)
            });
            messages.collect()
        };
        let (one, two) = (sent(Party::P1, Party::P2), sent(Party::P2, Party::P1));
        let opened = one.iter().zip(&two).map(|(one, two)| {
            let pairs = one.iter().zip(two);
            pairs.map(|(a, b)| sharing.join(*a, *b)).collect()
        });
        add("opened", opened.collect());
        add("from P1", one);
        add("from P2", two);
    }
    view
}

/// What P1 and P2 make of their one exchange when each adds its own share of what is opened, which is what was put out: the
/// value under the other's mask alone. Each run counts as one inference of the same session.
///
/// # Panics
/// If P1 or P2 receive anything else than one message of as many elements.
pub fn under_the_others_mask<W: Word>(inferences: &[Ran<Additive<W>>]) -> View {
    let seen = [Party::P1, Party::P2].map(|party| {
        let runs = inferences.iter().map(|ran| {
            let own = &ran.outputs[party.index()];
            let [message] = &ran.received[1][party.index()][..] else {
                panic!("one message of the other's");
            };
            let theirs = unpack(own.ring(), &message.payload);
            assert_eq!(theirs.len(), own.len(), "elements that fill their bytes");
            let sums = theirs.into_iter().zip(own.values());
            sums.map(|(theirs, own)| theirs.wrapping_add(own.to_u64()))
                .collect()
        });
        let ring = inferences[0].outputs[0].ring();
        let seen = Seen::additive(ring, vec![runs.collect()]);
        (party.to_string(), seen)
    });
    View::from(seen)
}

//! What the provider deals: masks of the openings and shares of what the masks give.

use super::Share;
use super::arithmetic::Arithmetic;
use super::bilinear::Bilinear;
use super::fixed::RING;
use super::gate::Gate;
use super::triples::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::system::Phase;
use qbench_protocols::{Error, Result};
use std::fmt;

/// Bytes of one word on the wire.
pub(super) const WORD: usize = 8;

/// One piece of correlated randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Correlation {
    /// `count` instances of an element-wise gate.
    Gates(Gate, usize),
    /// One triple of whole vectors.
    Triple(Bilinear),
}

impl Correlation {
    /// Words that each computing party opens, which are also the masks it draws.
    pub fn opened(self) -> usize {
        match self {
            Self::Gates(gate, count) => gate.masks() * count,
            Self::Triple(bilinear) => bilinear.lengths()[..2].iter().sum(),
        }
    }

    /// Words that P0 sends to P2.
    pub fn corrected(self) -> usize {
        match self {
            Self::Gates(gate, count) => gate.products() * count,
            Self::Triple(bilinear) => bilinear.lengths()[2],
        }
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gates(gate, count) => write!(f, "{count} correlations of kind {gate:?}"),
            Self::Triple(bilinear) => write!(f, "a triple for {bilinear:?}"),
        }
    }
}

impl Arithmetic<'_> {
    /// Declares, deals or takes one correlation. `Some` at P1 and P2 online, who then open
    /// [`Correlation::opened`] words each; elsewhere there is nothing more to do.
    ///
    /// Cost: `opened` words each way between P1 and P2 and one round online; `corrected` words from P0
    /// to P2 offline. P1's part, and P2's masks, come from seeds.
    pub(super) fn correlated(&mut self, correlation: Correlation) -> Result<Option<Dealt>> {
        let (opened, corrected) = (correlation.opened() * WORD, correlation.corrected() * WORD);
        match (self.runtime.phase(), self.runtime.me()) {
            (Phase::Offline, None) => {
                self.runtime
                    .declare_message(Party::P0, Party::P2, corrected);
                self.dealt_bytes[Party::P2.index()] += corrected as u64;
            }
            (Phase::Online, None) => self.runtime.declare_exchange(opened),
            (Phase::Offline, Some(me)) => self.deal(me, correlation)?,
            (Phase::Online, Some(Party::P1 | Party::P2)) => {
                let label = self.runtime.label();
                let Some(triples) = &mut self.triples else {
                    return Err(no_store());
                };
                return triples.take(label, correlation).map(Some);
            }
            _ => {}
        }
        Ok(None)
    }

    /// P0 draws both parties' masks and P1's products from the pairwise seeds and sends P2 what is
    /// left of the products; P1 and P2 keep their seeds' streams.
    ///
    /// # Security
    /// P2's correction is a product less P1's share of it, which is generator output that P2 does not
    /// have and that nothing else uses: uniform. Every correlation has streams of its own.
    fn deal(&mut self, me: Party, correlation: Correlation) -> Result<()> {
        let session = self.runtime.session()?;
        let (stream, correction) = match me {
            Party::P0 => {
                let one = session.shared_stream(Party::P1);
                let two = session.shared_stream(Party::P2);
                let threads = session.threads();
                let payload = match correlation {
                    Correlation::Gates(gate, count) => gate.corrections(count, threads, &one, &two),
                    Correlation::Triple(bilinear) => bilinear.correction(threads, &one, &two),
                };
                session.send(Party::P2, payload)?;
                return Ok(());
            }
            Party::P1 => (session.shared_stream(Party::P0), None),
            Party::P2 => {
                let stream = session.shared_stream(Party::P0);
                let bytes = correlation.corrected() * WORD;
                (stream, Some(session.receive(Party::P0, bytes)?))
            }
        };
        let Some(triples) = &mut self.triples else {
            return Err(no_store());
        };
        triples.put(
            self.runtime.label(),
            correlation,
            Dealt { stream, correction },
        );
        Ok(())
    }

    /// Memory for an opening of `words` words: that of the last message received where it is enough,
    /// so that a chain of operations asks the system for no more.
    pub(super) fn opening_buffer(&mut self, words: usize) -> Vec<u8> {
        let bytes = words * WORD;
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() < bytes {
            return vec![0; bytes];
        }
        buffer.resize(bytes, 0);
        buffer
    }

    /// Sends `opening` to the other computing party and receives as much.
    ///
    /// # Security
    /// The caller has masked every word of `opening` by a mask of its own.
    pub(super) fn exchange(&mut self, opening: Vec<u8>) -> Result<Vec<u8>> {
        let session = self.runtime.session()?;
        let peer = match session.me() {
            Party::P1 => Party::P2,
            _ => Party::P1,
        };
        let bytes = opening.len();
        session.send(peer, opening)?;
        session.receive(peer, bytes)
    }

    /// A vector of which this party holds nothing.
    pub(super) fn absent(len: usize) -> Share {
        Share::absent(RING, len)
    }

    /// Refuses operands that do not fit.
    pub(super) fn expect(&self, fits: bool, what: impl FnOnce() -> String) -> Result<()> {
        if fits {
            return Ok(());
        }
        Err(Error::Shape {
            step: self.runtime.label().to_owned(),
            what: what(),
        })
    }
}

fn no_store() -> Error {
    Error::Unsupported("a party needs a store of correlated randomness".into())
}

//! What the provider deals: masks of the openings and shares of what the masks give.

use super::bilinear::correction;
use super::gate::Gate;
use crate::fixed_point::bilinear::Bilinear;
use qbench_protocols::material::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::prg::Stream;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
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
    /// One triple of whole vectors of which the right one is a weight's reused mask.
    Reusing(Bilinear),
}

impl Correlation {
    /// Words that each computing party opens, which are also the masks it draws.
    pub fn opened(self) -> usize {
        match self {
            Self::Gates(gate, count) => gate.masks() * count,
            Self::Triple(bilinear) => bilinear.lengths()[..2].iter().sum(),
            Self::Reusing(bilinear) => bilinear.lengths()[0],
        }
    }

    /// Words that P0 sends to P2.
    pub fn corrected(self) -> usize {
        match self {
            Self::Gates(gate, count) => gate.products() * count,
            Self::Triple(bilinear) | Self::Reusing(bilinear) => bilinear.lengths()[2],
        }
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gates(gate, count) => write!(f, "{count} correlations of kind {gate:?}"),
            Self::Triple(bilinear) => write!(f, "a triple for {bilinear:?}"),
            Self::Reusing(bilinear) => write!(f, "a triple with a weight's mask for {bilinear:?}"),
        }
    }
}

/// Declares, deals or takes one correlation; `weight` is what P0 knows of a reused mask. `Some` at P1 and P2 online, who then open [`Correlation::opened`] words each;
/// elsewhere there is nothing more to do.
///
/// Cost: `opened` words each way between P1 and P2 and one round online; `corrected` words from P0 to P2 offline. P1's part,
/// and P2's masks, come from seeds.
pub(super) fn correlated(
    runtime: &mut Runtime<'_>,
    correlation: Correlation,
    weight: Option<&[Stream; 2]>,
) -> Result<Option<Part>> {
    let (opened, corrected) = (correlation.opened() * WORD, correlation.corrected() * WORD);
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => runtime.declare_dealt(Party::P2, corrected),
        (Phase::Online, None) => runtime.declare_exchange(opened),
        (Phase::Offline, Some(me)) => deal(runtime, me, correlation, weight)?,
        (Phase::Online, Some(Party::P1 | Party::P2)) => {
            let dealt = runtime.take(&correlation)?;
            return Part::of(dealt).map(Some);
        }
        _ => {}
    }
    Ok(None)
}

/// P0 draws both parties' masks and P1's products from the pairwise seeds and sends P2 what is left of the products; P1 and
/// P2 keep their seeds' streams.
///
/// # Security
/// P2's correction is a product less P1's share of it, which is generator output that P2 does not have and that nothing else
/// uses: uniform. Every correlation has streams of its own.
fn deal(
    runtime: &mut Runtime<'_>,
    me: Party,
    correlation: Correlation,
    weight: Option<&[Stream; 2]>,
) -> Result<()> {
    let session = runtime.session()?;
    let dealt = match me {
        Party::P0 => {
            let one = session.shared_stream(Party::P1);
            let two = session.shared_stream(Party::P2);
            let threads = session.threads();
            let payload = match correlation {
                Correlation::Gates(gate, count) => gate.corrections(count, threads, &one, &two),
                Correlation::Triple(bilinear) | Correlation::Reusing(bilinear) => {
                    correction(bilinear, threads, [&one, &two], weight)
                }
            };
            return session.send(Party::P2, payload);
        }
        Party::P1 => Dealt::stream(session.shared_stream(Party::P0)),
        Party::P2 => {
            let stream = Dealt::stream(session.shared_stream(Party::P0));
            let bytes = session.receive(Party::P0, correlation.corrected() * WORD)?;
            Dealt {
                bytes: Some(bytes),
                ..stream
            }
        }
    };
    runtime.put(correlation, dealt)
}

/// A computing party's part of one correlation.
pub(super) struct Part {
    /// The generator shared with P0: this party's masks and, at P1, also its share of the products.
    pub stream: Box<Stream>,
    /// P2: its share of the products, as P0 sent it. P1: nothing.
    pub correction: Option<Wiped<u8>>,
}

impl Part {
    fn of(dealt: Dealt) -> Result<Self> {
        let stream = dealt.stream;
        Ok(Self {
            stream: stream
                .ok_or_else(|| Error::Internal("a correlation without its stream".into()))?,
            correction: dealt.bytes,
        })
    }
}

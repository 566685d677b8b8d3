//! Sharing of the float weights, once a model (phase `setup`).

use super::Share;
use super::fixed::{RING, encode};
use qbench_protocols::cost::CostBook;
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::walk::{Linear, Norm};
use qbench_protocols::net::Party;
use qbench_protocols::ring::Word;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::system::Phase;
use qbench_protocols::{Error, Result};
use std::collections::HashMap;

/// Elements that a thread draws or encodes at a time.
const GRAIN: usize = 4096;

/// A part of the model with parameters of its own: a layer or a LayerNorm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Part {
    Linear(Linear),
    Norm(Norm),
}

impl Part {
    /// Every part, in the order in which they are shared.
    fn all(config: &ModelConfig) -> Vec<Self> {
        let linears = Linear::all(config).into_iter().map(Self::Linear);
        let norms = (0..config.layers).flat_map(|l| [Norm::Attention(l), Norm::FeedForward(l)]);
        linears.chain(norms.map(Self::Norm)).collect()
    }

    fn label(self) -> String {
        match self {
            Self::Linear(linear) => linear.to_string(),
            Self::Norm(norm) => norm.to_string(),
        }
    }

    /// Elements of its two tensors: weights `[out][in]` and bias, or gamma and beta.
    fn lengths(self, config: &ModelConfig) -> [usize; 2] {
        match self {
            Self::Linear(linear) => {
                let (outputs, inputs) = linear.shape(config);
                [outputs * inputs, outputs]
            }
            Self::Norm(_) => [config.hidden; 2],
        }
    }
}

/// This party's shares of one part's two tensors.
struct Tensors {
    first: Share,
    second: Share,
}

/// This party's shares of the model.
pub struct SharedWeights {
    parts: HashMap<Part, Tensors>,
}

impl SharedWeights {
    /// What a party has that holds no share: the shapes alone. For P0, for `offline` and for the cost walk.
    pub fn absent(config: &ModelConfig) -> Self {
        let parts = Part::all(config).into_iter().map(|part| {
            let [first, second] = part.lengths(config).map(|len| Share::absent(RING, len));
            (part, Tensors { first, second })
        });
        Self {
            parts: parts.collect(),
        }
    }

    /// Weights `[out][in]` and bias of a layer.
    pub fn linear(&self, linear: Linear) -> Result<(&Share, &Share)> {
        self.part(Part::Linear(linear))
    }

    /// Gamma and beta of a LayerNorm.
    pub fn norm(&self, norm: Norm) -> Result<(&Share, &Share)> {
        self.part(Part::Norm(norm))
    }

    fn part(&self, part: Part) -> Result<(&Share, &Share)> {
        match self.parts.get(&part) {
            Some(tensors) => Ok((&tensors.first, &tensors.second)),
            None => Err(Error::Material {
                step: part.label(),
                expected: "weights shared at setup".into(),
                actual: "none".into(),
            }),
        }
    }

    /// P0 shares its parameters between P1 and P2, encoded with 16 fractional bits; it keeps nothing. P1's share comes
    /// from its common seed with P0, P2 is sent the difference.
    ///
    /// Cost: 8 bytes a parameter from P0 to P2.
    ///
    /// # Security
    /// P1 holds generator output. P2 holds the parameters masked by a stream that it does not know.
    pub fn share(
        session: &mut Session,
        config: &ModelConfig,
        owned: Option<&impl Parameters>,
    ) -> Result<Self> {
        let mut parts = HashMap::new();
        session.enter("weights");
        for part in Part::all(config) {
            session.enter(&part.label());
            let lengths = part.lengths(config);
            let values = match (session.me(), owned) {
                (Party::P0, Some(owned)) => {
                    deal(session, part, lengths, owned)?;
                    None
                }
                (Party::P0, None) => {
                    return Err(Error::Unsupported("P0 has no model to share".into()));
                }
                (Party::P1, _) => Some(draw(session, Party::P0, lengths.iter().sum())),
                (Party::P2, _) => {
                    let mut values = vec![0; lengths.iter().sum()];
                    let payload = session.receive(Party::P0, RING.wire_bytes(values.len()))?;
                    u64::read_le(&payload, &mut values);
                    Some(values)
                }
            };
            if let Some(mut first) = values {
                let second = Share::held(RING, first.split_off(lengths[0]));
                first.shrink_to_fit();
                let first = Share::held(RING, first);
                parts.insert(part, Tensors { first, second });
            }
            session.leave();
        }
        session.leave();
        Ok(Self { parts })
    }

    /// Declared messages of [`SharedWeights::share`].
    pub fn declare(config: &ModelConfig, book: &mut CostBook) {
        let mut runtime = Runtime::declared(book, Phase::Setup);
        runtime.enter("weights");
        for part in Part::all(config) {
            runtime.enter(&part.label());
            let count = part.lengths(config).iter().sum();
            runtime.declare_message(Party::P0, Party::P2, RING.wire_bytes(count));
            runtime.leave();
        }
        runtime.leave();
    }
}

/// P1's share of a part, as P1 and P0 draw it.
fn draw(session: &mut Session, peer: Party, count: usize) -> Vec<u64> {
    let stream = session.shared_stream(peer);
    let mut values = vec![0; count];
    session
        .threads()
        .chunks_mut(&mut values, GRAIN, |first, part| {
            stream.fill(RING, first as u64, part);
        });
    values
}

/// P0: sends P2 its share of a part.
fn deal(
    session: &mut Session,
    part: Part,
    lengths: [usize; 2],
    owned: &impl Parameters,
) -> Result<()> {
    let mut share = draw(session, Party::P1, lengths.iter().sum());
    let threads = session.threads();
    let mut hide = |first: &[f32], second: &[f32]| {
        if [first.len(), second.len()] != lengths {
            return Err(Error::Shape {
                step: part.label(),
                what: format!(
                    "expected {lengths:?} parameters, the model has {:?}",
                    [first.len(), second.len()]
                ),
            });
        }
        let (head, tail) = share.split_at_mut(lengths[0]);
        for (share, clear) in [(head, first), (tail, second)] {
            threads.chunks_mut(share, GRAIN, |at, share| {
                for (share, clear) in share.iter_mut().zip(&clear[at..]) {
                    *share = encode(f64::from(*clear)).wrapping_sub(*share);
                }
            });
        }
        Ok(())
    };
    match part {
        Part::Linear(linear) => {
            let layer = owned.linear(linear)?;
            hide(&layer.weights, &layer.bias)?;
        }
        Part::Norm(norm) => {
            let (gamma, beta) = owned.norm(norm)?;
            hide(gamma, beta)?;
        }
    }
    let mut payload = Vec::with_capacity(RING.wire_bytes(share.len()));
    u64::write_le(&share, &mut payload);
    drop(share);
    session.send(Party::P2, payload)
}

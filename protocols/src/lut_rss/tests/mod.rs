//! Each operation of the engine alone, and what the parties see of a whole run.

mod attention;
mod fully_connected;
mod functions;
mod privacy;

use super::{Activation, Knowledge, LutRss, Plan};
use crate::Result;
use crate::lut::store::Store;
use crate::model::config::{ActivationFunction, Head, ModelConfig};
use crate::model::quantized::QuantizedModel;
use crate::model::synthetic::synthetic;
use crate::net::Party;
use crate::quantized::carries::Carries;
use crate::quantized::evidence::Evidence;
use crate::quantized::integer::IntegerModel;
use crate::quantized::reference::{Clear, IntegerReference};
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::{Additive, Replicated};
use crate::system::{MaxProtocol, Phase, VarianceProtocol};
use crate::trio;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

fn config(hidden: usize, heads: usize, activation: ActivationFunction) -> ModelConfig {
    ModelConfig {
        name: "test".into(),
        layers: 1,
        hidden,
        heads,
        feed_forward: 2 * hidden,
        max_positions: 64,
        activation,
        head: Head::Classifier { labels: 3 },
        layer_norm_epsilon: 1e-12,
    }
}

fn plan(config: ModelConfig, seq_len: usize, index_bits: u32) -> Plan {
    Plan {
        config,
        seq_len,
        index_bits,
        max_protocol: MaxProtocol::Tournament,
        variance_protocol: VarianceProtocol::SquareTable,
    }
}

/// Uniform elements of a ring.
fn elements<W: Word>(ring: Ring, len: usize, seed: u64) -> Vec<W> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..len)
        .map(|_| ring.reduce(W::from_u64(random.next_u64())))
        .collect()
}

/// A sharing of known values; P2's share is drawn from `seed`.
fn share<W: Word>(runtime: &Runtime<'_>, ring: Ring, clear: &[W], seed: u64) -> Additive<W> {
    let second: Vec<W> = elements(ring, clear.len(), seed ^ 0x5ec0_7d00);
    match (runtime.phase(), runtime.me()) {
        (Phase::Online, Some(Party::P1)) => {
            let first = clear.iter().zip(second).map(|(x, s)| ring.reduce(x.sub(s)));
            Additive::held(ring, first.collect())
        }
        (Phase::Online, Some(Party::P2)) => Additive::held(ring, second),
        _ => Additive::absent(ring, clear.len()),
    }
}

/// What an operation leaves at one party.
#[derive(Clone, Default)]
struct Left {
    product: Vec<u16>,
    index: Vec<u8>,
    lifted: Option<Replicated<u16>>,
}

impl From<Activation> for Left {
    fn from(x: Activation) -> Self {
        Self {
            product: x.product.map_or_else(Vec::new, |x| x.values().to_vec()),
            index: x.index.map_or_else(Vec::new, |x| x.values().to_vec()),
            lifted: x.lifted,
        }
    }
}

/// An operation's result, put together.
struct Output {
    /// Elements of Z_{2^16} of a product, of an index's ring, or of levels: one of them is there.
    product: Vec<u16>,
    index: Vec<u8>,
    levels: Vec<u16>,
    /// What the cuts on the way carried.
    carries: Carries,
}

/// Runs an operation at three parties, offline and online, and puts its result together.
fn run(
    plan: &Plan,
    source: &QuantizedModel,
    operation: impl Fn(&mut LutRss<'_>) -> Result<Activation> + Sync,
) -> Output {
    let parties = trio::run(1, |session| {
        let model = match session.me() {
            Party::P0 => Some(IntegerModel::new(source, plan.index_bits, plan.seq_len)?),
            _ => None,
        };
        let weights = super::SharedWeights::share(session, plan, model.as_ref())?;
        let known = Knowledge {
            model: model.as_ref(),
            weights: Some(&weights),
            input: None,
        };
        let (mut store, mut evidence) = (Store::default(), Evidence::default());
        session.begin_phase(Phase::Offline);
        let runtime = Runtime::party(session, &mut store, None);
        operation(&mut LutRss::new(runtime, plan, known))?;
        session.begin_phase(Phase::Online);
        let runtime = Runtime::party(session, &mut store, Some(&mut evidence));
        let left = operation(&mut LutRss::new(runtime, plan, known))?;
        store.expect_empty()?;
        Ok((Left::from(left), evidence))
    })
    .unwrap();
    let [(p0, _), (p1, one), (p2, two)] = parties;
    assert!(p0.product.is_empty() && p0.index.is_empty());
    let ring = plan.index_ring();
    let index = p1.index.iter().zip(&p2.index);
    let product = p1.product.iter().zip(&p2.product);
    Output {
        product: product.map(|(a, b)| a.wrapping_add(*b)).collect(),
        index: index
            .map(|(a, b)| ring.reduce(a.wrapping_add(*b)))
            .collect(),
        levels: match (p0.lifted, p1.lifted) {
            (Some(p0), Some(p1)) if p0.is_held() => (0..p0.len)
                // Components 2 and 1 of P0, component 0 of P1.
                .map(|i| {
                    p0.previous[i]
                        .wrapping_add(p0.next[i])
                        .wrapping_add(p1.previous[i])
                })
                .collect(),
            _ => Vec::new(),
        },
        carries: Carries::recorded(Evidence::low_sums(&one, &two).unwrap()),
    }
}

/// What the integer reference makes of the same operation with the same carries.
fn reference(
    plan: &Plan,
    source: &QuantizedModel,
    carries: Carries,
    operation: impl Fn(&mut IntegerReference<'_>) -> Result<Clear>,
) -> Clear {
    let model = IntegerModel::new(source, plan.index_bits, plan.seq_len).unwrap();
    let mut reference = IntegerReference::new(&model, plan.seq_len, Vec::new(), carries);
    let out = operation(&mut reference).unwrap();
    reference.expect_all_used().unwrap();
    out
}

fn signed<W: Word>(ring: Ring, elements: &[W]) -> Vec<i64> {
    elements.iter().map(|x| ring.signed(*x)).collect()
}

fn encoded<W: Word>(ring: Ring, values: &[i64]) -> Vec<W> {
    values.iter().map(|x| ring.encode(*x)).collect()
}

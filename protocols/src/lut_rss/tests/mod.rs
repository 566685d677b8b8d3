//! Each operation of the engine alone, and what the parties see of a whole run.

mod attention;
mod fully_connected;
mod functions;
mod privacy;

use super::plan::{MaxProtocol, Plan, VarianceProtocol};
use super::weights::SharedWeights;
use super::{Activation, Knowledge, LutRss};
use crate::Result;
use crate::model::config::{ActivationFunction, Head, ModelConfig};
use crate::model::quantized::QuantizedModel;
use crate::model::synthetic::synthetic;
use crate::model::walk::Engine;
use crate::net::Party;
use crate::quantized::carries::Carries;
use crate::quantized::evidence::Evidence;
use crate::quantized::integer::IntegerModel;
use crate::quantized::reference::{Clear, IntegerReference};
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::testing::functionality::{self, components, elements, reconstruct, share};

pub(super) fn config(hidden: usize, heads: usize, activation: ActivationFunction) -> ModelConfig {
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
        relative_positions: false,
        bit_plan: None,
    }
}

pub(super) fn plan(config: ModelConfig, seq_len: usize, index_bits: u32) -> Plan {
    Plan {
        config,
        seq_len,
        index_bits,
        max_protocol: MaxProtocol::Tournament,
        variance_protocol: VarianceProtocol::SquareTable,
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

/// Runs an operation at three parties, offline and online, at its declared cost, and puts its result together.
fn run(
    plan: &Plan,
    source: &QuantizedModel,
    operation: impl Fn(&mut LutRss<'_>) -> Result<Activation> + Sync,
) -> Output {
    let ran = functionality::run(1, |runtime| {
        let model = match runtime.me() {
            Some(Party::P0) => Some(IntegerModel::new(source, plan.index_bits, plan.seq_len)?),
            _ => None,
        };
        let weights = SharedWeights::share(runtime, plan, model.as_ref())?;
        let known = Knowledge {
            model: model.as_ref(),
            weights: Some(&weights),
            input: None,
            record: true,
        };
        let mut engine = LutRss::new(runtime.lend(), plan, known);
        Ok((operation(&mut engine)?, engine.evidence))
    });
    let [(p0, _), (p1, one), (p2, two)] = ran.outputs;
    fn all<T>(p0: Option<T>, p1: Option<T>, p2: Option<T>) -> Option<[T; 3]> {
        Some([p0?, p1?, p2?])
    }
    let product = all(p0.product, p1.product, p2.product);
    let index = all(p0.index, p1.index, p2.index);
    let lifted = all(p0.lifted, p1.lifted, p2.lifted);
    Output {
        product: product.map_or_else(Vec::new, |shares| reconstruct(&shares)),
        index: index.map_or_else(Vec::new, |shares| reconstruct(&shares)),
        levels: lifted.map_or_else(Vec::new, |shares| components(&shares).sum()),
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
    // Carries are recorded by step.
    reference.enter(functionality::STEP).unwrap();
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

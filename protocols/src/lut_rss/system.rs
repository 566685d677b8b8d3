//! `lut-rss` as a system under comparison.

use super::plan::{INDEX_BITS, MAX_PROTOCOL, Plan, VARIANCE_PROTOCOL};
use super::weights::SharedWeights;
use super::{Knowledge, LutRss, memory, verify};
use crate::Result;
use crate::model::config::ActivationFunction;
use crate::model::quantized::QuantizedModel;
use crate::model::walk::walk;
use crate::quantized::evidence::Evidence;
use crate::quantized::integer::IntegerModel;
use crate::runtime::Runtime;
use crate::system::load::Loaded;
use crate::system::{Known, Setting, Verified, WalkedSystem, Workload};
use crate::wipe::Wiped;

/// The proposed system.
#[derive(Clone, Copy)]
pub struct LutRssSystem;

/// What only one party has.
#[derive(Default)]
pub enum Secret {
    /// P0: the model.
    Model(Box<QuantizedModel>),
    /// P1: its embedded tokens as indices.
    Input(Wiped<u8>),
    /// P2: nothing.
    #[default]
    Nothing,
}

impl Secret {
    /// What a party makes of what it has read from the model folder.
    pub fn new(plan: &Plan, loaded: Loaded) -> Self {
        match loaded {
            Loaded::Model(model) => Self::Model(model),
            Loaded::Input(range, values) => Self::Input(IntegerModel::quantize_input(
                range,
                plan.index_bits,
                &values,
            )),
            Loaded::Nothing => Self::Nothing,
        }
    }

    /// P1's input, for P1.
    pub fn input(&self) -> Option<&[u8]> {
        match self {
            Self::Input(input) => Some(input),
            _ => None,
        }
    }

    /// P0's model in integers, for P0.
    ///
    /// # Errors
    /// As [`IntegerModel::new`].
    pub fn integer_model(&self, plan: &Plan) -> Result<Option<IntegerModel<'_>>> {
        match self {
            Self::Model(model) => IntegerModel::new(model, plan.index_bits, plan.seq_len).map(Some),
            _ => Ok(None),
        }
    }
}

impl WalkedSystem for LutRssSystem {
    type Plan = Plan;
    type Secret = Secret;
    type Weights = SharedWeights;
    type Evidence = Evidence;

    fn id(&self) -> &'static str {
        "lut-rss"
    }

    fn about(&self) -> &'static str {
        "1-bit weights, 4-bit activations; replicated products, lookup tables for the rest; no truncation"
    }

    fn source(&self) -> &'static str {
        "Lu et al., Privacy-Preserving Inference for Quantized BERT Models, arXiv 2508.01636"
    }

    fn settings(&self) -> &'static [Setting] {
        &[INDEX_BITS, MAX_PROTOCOL, VARIANCE_PROTOCOL]
    }

    /// The paper's choice. GELU costs the same: either is one table.
    fn default_activation(&self) -> ActivationFunction {
        ActivationFunction::Relu
    }

    fn adds_score_bias(&self) -> bool {
        true
    }

    fn plan(&self, workload: &Workload) -> Result<Plan> {
        Plan::new(workload)
    }

    fn secret(&self, plan: &Plan, loaded: Loaded) -> Result<Secret> {
        Ok(Secret::new(plan, loaded))
    }

    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        plan: &Plan,
        secret: &mut Secret,
    ) -> Result<SharedWeights> {
        SharedWeights::share(runtime, plan, secret.integer_model(plan)?.as_ref())
    }

    fn walk(&self, runtime: Runtime<'_>, plan: &Plan, known: Known<'_, Self>) -> Result<Evidence> {
        let model = known.secret.integer_model(plan)?;
        let knowledge = Knowledge {
            model: model.as_ref(),
            weights: Some(known.weights),
            input: known.secret.input(),
            record: known.record,
        };
        let mut engine = LutRss::new(runtime, plan, knowledge);
        walk(&mut engine, &plan.config)?;
        Ok(engine.evidence)
    }

    fn memory_bytes(&self, plan: &Plan, material: [u64; 3], record: bool) -> [u64; 3] {
        memory::memory_bytes(plan, material, record)
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        verify::verify(workload, evidence)
    }

    fn ideal(&self, workload: &Workload, seed: u64) -> Result<Option<Vec<f32>>> {
        verify::ideal(workload, seed).map(Some)
    }
}

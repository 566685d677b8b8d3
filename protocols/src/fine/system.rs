//! Profile `fine` as a system under comparison.

use super::engine::{Fine, Knowledge};
use super::integer::{FineModel, quantize_input};
use super::plan::{ACTIVATION_TABLE, FinePlan, ROW_MAXIMUM};
use super::verify;
use super::weights::FineWeights;
use crate::Result;
use crate::model::quantized::QuantizedModel;
use crate::model::walk::{Linear, walk};
use crate::phase::Phase;
use crate::quantized::evidence::Evidence;
use crate::runtime::Runtime;
use crate::system::load::Loaded;
use crate::system::{Known, PROCESS_BYTES, Setting, Verified, WalkedSystem, Workload};
use crate::wipe::Wiped;

/// The proposed system at other widths.
#[derive(Clone, Copy)]
pub struct FineSystem;

/// What only one party has.
#[derive(Default)]
pub enum Secret {
    /// P0: the model.
    Model(Box<QuantizedModel>),
    /// P1: its embedded tokens, as elements of the product ring.
    Input(Wiped<u16>),
    /// P2: nothing.
    #[default]
    Nothing,
}

impl Secret {
    /// What a party makes of what it has read from the model folder.
    pub fn new(plan: &FinePlan, loaded: Loaded) -> Self {
        match loaded {
            Loaded::Model(model) => Self::Model(model),
            Loaded::Input(range, values) => {
                let widths = plan.widths.first();
                let (ring, integers) = (widths.product(), quantize_input(range, &widths, &values));
                Self::Input(integers.iter().map(|x| ring.encode(*x)).collect())
            }
            Loaded::Nothing => Self::Nothing,
        }
    }

    fn model(&self, plan: &FinePlan) -> Result<Option<FineModel<'_>>> {
        match self {
            Self::Model(model) => {
                FineModel::new(model, plan.widths.clone(), plan.choices, plan.seq_len).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl WalkedSystem for FineSystem {
    type Plan = FinePlan;
    type Secret = Secret;
    type Weights = FineWeights;
    type Evidence = Evidence;

    fn id(&self) -> &'static str {
        "lut-fine"
    }

    fn about(&self) -> &'static str {
        "lut-rss with wide linear paths and narrow tables, for unmodified checkpoints; no truncation"
    }

    fn source(&self) -> &'static str {
        "profile of Lu et al., Privacy-Preserving Inference for Quantized BERT Models, arXiv 2508.01636"
    }

    fn settings(&self) -> &'static [Setting] {
        &[ACTIVATION_TABLE, ROW_MAXIMUM]
    }

    fn adds_score_bias(&self) -> bool {
        true
    }

    fn plan(&self, workload: &Workload) -> Result<FinePlan> {
        FinePlan::new(workload)
    }

    fn secret(&self, plan: &FinePlan, loaded: Loaded) -> Result<Secret> {
        Ok(Secret::new(plan, loaded))
    }

    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        plan: &FinePlan,
        secret: &mut Secret,
    ) -> Result<FineWeights> {
        FineWeights::share(runtime, plan, secret.model(plan)?.as_ref())
    }

    fn walk(
        &self,
        runtime: Runtime<'_>,
        plan: &FinePlan,
        known: Known<'_, Self>,
    ) -> Result<Evidence> {
        // Online P0 takes no part.
        let model = match runtime.phase() {
            Phase::Online => None,
            _ => known.secret.model(plan)?,
        };
        let knowledge = Knowledge {
            model: model.as_ref(),
            weights: known.weights,
            input: match known.secret {
                Secret::Input(input) => Some(input),
                _ => None,
            },
            record: known.record,
        };
        let mut engine = Fine::new(runtime, plan, knowledge);
        walk(&mut engine, &plan.config)?;
        Ok(engine.evidence)
    }

    /// Weights are held packed, with one matrix at a time unpacked; the widest activation in shares, in what was dealt for it and in
    /// messages; a verified run keeps four bytes for every value that it cuts, and eight for what it widens.
    fn memory_bytes(&self, plan: &FinePlan, material: [u64; 3], record: bool) -> [u64; 3] {
        let config = &plan.config;
        let sizes = Linear::all(config)
            .into_iter()
            .map(|linear| plan.shape(linear));
        let elements: u64 = sizes
            .map(|(outputs, inputs)| (outputs * inputs) as u64)
            .sum();
        let tokens = plan.seq_len as u64;
        let (hidden, inner) = (config.hidden as u64, config.feed_forward as u64);
        let scores = config.heads as u64 * tokens * tokens;
        let widest = (tokens * (12 * hidden + inner)).max(6 * scores + tokens * hidden);
        let working = PROCESS_BYTES + widest * 24 + 16 * hidden * inner;
        let values = config.layers as u64 * (tokens * (9 * hidden + 2 * inner) + scores);
        let record = if record { 2 * 8 * values } else { 0 };
        [
            // The model as it was read, eight planes of it at most, and once more while it is being read.
            working + 2 * elements + 2 * elements,
            working + 2 * elements + record + material[1],
            working + 2 * elements + record + material[2] + material[2] / 32,
        ]
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        verify::verify(workload, evidence)
    }

    fn ideal(&self, workload: &Workload, seed: u64) -> Result<Option<Vec<f32>>> {
        verify::ideal(workload, seed).map(Some)
    }
}

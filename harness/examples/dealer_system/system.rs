//! What the harness asks of the system.

use super::engine::{Dealer, Weights};
use super::functions::InTheClear;
use super::gates::FIXED;
use qbench_baselines::fixed_point::check::{Check, Output};
use qbench_baselines::fixed_point::sizes::Sizes;
use qbench_baselines::fixed_point::weights::SharedWeights;
use qbench_baselines::fixed_point::{RING64, Secret};
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::reference_float::relative_error;
use qbench_protocols::model::walk::walk;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{masked_from_p0, share_from_p0};
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Known, PROCESS_BYTES, Verified, WalkedSystem, Workload};
use qbench_protocols::{Error, Result};

/// Masked wires, P0 as dealer.
#[derive(Clone, Copy)]
pub struct DealerSystem;

/// What a workload comes to.
#[derive(Clone)]
pub struct Plan {
    pub config: ModelConfig,
    pub seq_len: usize,
}

const CHECK: Check<InTheClear> = Check {
    approximations: InTheClear,
    fixed: FIXED,
    distance: relative_error,
    tolerance: 0.05,
    holds: 0.5,
    needs: "polynomials need values within 3, the softmax scores within about 3, LayerNorm a variance of 0.1 to 700",
};

impl WalkedSystem for DealerSystem {
    type Plan = Plan;
    type Secret = Secret;
    type Weights = Weights;
    type Evidence = Output;

    fn id(&self) -> &'static str {
        "dealer"
    }

    fn about(&self) -> &'static str {
        "masked wires in 64-bit fixed point, P0 deals; polynomials for the functions: a template for baselines"
    }

    fn source(&self) -> &'static str {
        "harness/examples/dealer_system"
    }

    fn plan(&self, workload: &Workload) -> Result<Plan> {
        if workload.model.activation != ActivationFunction::Gelu {
            return Err(Error::Unsupported(
                "`dealer` has no comparison, and so no ReLU".into(),
            ));
        }
        Ok(Plan {
            config: workload.model.clone(),
            seq_len: workload.seq_len,
        })
    }

    fn secret(&self, _: &Plan, loaded: Loaded) -> Result<Secret> {
        Ok(Secret::new(FIXED, loaded))
    }

    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        plan: &Plan,
        secret: &mut Secret,
    ) -> Result<Weights> {
        let model = secret.take_model();
        SharedWeights::share(
            runtime,
            &plan.config,
            FIXED,
            model.as_deref(),
            |runtime, factor, values| masked_from_p0(runtime, RING64, factor.elements(), values),
            |runtime, len, values| share_from_p0(runtime, RING64, len, values),
        )
    }

    fn walk(&self, runtime: Runtime<'_>, plan: &Plan, known: Known<'_, Self>) -> Result<Output> {
        let mut engine = Dealer {
            runtime,
            plan,
            weights: known.weights,
            input: known.secret.words(),
            output: Output::default(),
        };
        walk(&mut engine, &plan.config)?;
        Ok(engine.output)
    }

    /// Weights in words, what was dealt, and the widest activation and the largest matrix several times.
    fn memory_bytes(&self, plan: &Plan, material: [u64; 3], _: bool) -> [u64; 3] {
        let sizes = Sizes::of(&plan.config, plan.seq_len);
        let working = PROCESS_BYTES + 64 * sizes.largest + 128 * sizes.widest;
        material.map(|bytes| working + 8 * sizes.weights + bytes)
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        CHECK.verify(workload, evidence)
    }
}

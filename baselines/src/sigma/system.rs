//! `sigma` as a system under comparison.

use super::clear::SigmaApproximations;
use super::engine::{Plan, Sigma, Weights};
use super::{Choices, memory, settings};
use crate::fixed_point::Secret;
use crate::fixed_point::check::{Check, Output};
use crate::fixed_point::weights::{Elements, SharedWeights};
use qbench_protocols::Result;
use qbench_protocols::model::walk::walk;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::masked_from_p0;
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Known, Setting, Verified, WalkedSystem, Workload};

/// The baseline `sigma`.
#[derive(Clone, Copy)]
pub struct SigmaSystem;

/// The original's own largest distances from the model: 0.010 for a layer, 0.024 for twelve.
fn tolerance(layers: usize) -> f64 {
    0.010 + 0.014 * (layers.max(1) - 1) as f64 / 11.0
}

/// How the output of a run is checked.
///
/// # Errors
/// A value that a setting does not have.
pub fn check(workload: &Workload) -> Result<Check<SigmaApproximations>> {
    let choices = Choices::of(&workload.settings)?;
    Ok(Check {
        approximations: SigmaApproximations {
            mean: choices.mean,
        },
        fixed: choices.fixed,
        tolerance: tolerance(workload.model.layers),
        holds: 0.5,
        needs: "the mean is 6 % too little in a LayerNorm as the original's is, unless the setting `mean` is `exact`",
    })
}

impl WalkedSystem for SigmaSystem {
    type Plan = Plan;
    type Secret = Secret;
    type Weights = Weights;
    type Evidence = Output;

    fn id(&self) -> &'static str {
        "sigma"
    }

    fn about(&self) -> &'static str {
        "float weights in 50-bit fixed point; function secret sharing: P0 deals keys for comparisons and tables"
    }

    fn source(&self) -> &'static str {
        "Gupta et al., SIGMA: Secure GPT Inference with Function Secret Sharing, PETS 2024"
    }

    fn settings(&self) -> &'static [Setting] {
        settings::ALL
    }

    fn plan(&self, workload: &Workload) -> Result<Plan> {
        Ok(Plan {
            config: workload.model.clone(),
            seq_len: workload.seq_len,
            choices: Choices::of(&workload.settings)?,
        })
    }

    fn secret(&self, plan: &Plan, loaded: Loaded) -> Result<Secret> {
        Ok(Secret::new(plan.choices.fixed, loaded))
    }

    /// Weights and biases as wires. P0 needs the model no longer than this: it deals keys from the masks.
    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        plan: &Plan,
        secret: &mut Secret,
    ) -> Result<Weights> {
        let model = secret.take_model();
        let ring = plan.choices.ring();
        let wire = |runtime: &mut Runtime<'_>, len, values: Elements<'_>| {
            masked_from_p0(runtime, ring, len, values)
        };
        let fixed = plan.choices.fixed;
        SharedWeights::share(runtime, &plan.config, fixed, model.as_deref(), wire, wire)
    }

    fn walk(&self, runtime: Runtime<'_>, plan: &Plan, known: Known<'_, Self>) -> Result<Output> {
        let mut engine = Sigma::new(runtime, plan, known.weights, known.secret.words());
        walk(&mut engine, &plan.config)?;
        Ok(engine.output)
    }

    fn memory_bytes(&self, plan: &Plan, material: [u64; 3], _: bool) -> [u64; 3] {
        memory::memory_bytes(plan, material)
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        check(workload)?.verify(workload, evidence)
    }
}

//! `fixed-trunc` as a system under comparison.

use super::clear::Polynomials;
use super::engine::{FixedTrunc, Plan, Weights};
use super::weight::{Weight, from_p0};
use super::{Choices, memory, settings};
use crate::fixed_point::Secret;
use crate::fixed_point::check::{Check, Output};
use crate::fixed_point::weights::SharedWeights;
use qbench_protocols::Result;
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::reference_float::relative_error;
use qbench_protocols::model::walk::walk;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::load::{self, Loaded};
use qbench_protocols::system::{Known, Setting, Verified, WalkedSystem, Workload};

/// The baseline `fixed-trunc`.
#[derive(Clone, Copy)]
pub struct FixedTruncSystem;

/// Checks what P1 learned against the float model with the same approximations.
///
/// Where truncation fails by chance ([`super::truncate`]) and a value is off by `2^(64 - f)`, the output does not pass, as it would be
/// worth nothing in the original.
///
/// # Errors
/// A setting that is none; an output that is not within tolerance; a model on which the approximations do not hold.
pub fn check(
    workload: &Workload,
    parameters: &impl Parameters,
    input: &[f32],
    evidence: &[u8],
) -> Result<Verified> {
    let choices = Choices::of(&workload.settings)?;
    let check = Check {
        approximations: Polynomials {
            squarings: choices.squarings,
        },
        fixed: choices.fixed,
        distance: relative_error,
        tolerance: tolerance(&choices),
        holds: 0.5,
        needs: "PUMA's softmax and GELU hold for any value that the ring can hold; LayerNorm needs a variance of 2^-f to 2^(f - 1)",
    };
    check.check(parameters, input, evidence)
}

/// Runs of BERT-base with 12 layers are within a fifth of this: rounding grows as fractional bits fall.
fn tolerance(choices: &Choices) -> f64 {
    0.05 * 2f64.powi(18 - choices.fraction_bits() as i32).max(1.0)
}

impl WalkedSystem for FixedTruncSystem {
    type Plan = Plan;
    type Secret = Secret;
    type Weights = Weights;
    type Evidence = Output;

    fn id(&self) -> &'static str {
        "fixed-trunc"
    }

    fn about(&self) -> &'static str {
        "float weights in 64-bit fixed point; three-party replicated products, each followed by a truncation protocol"
    }

    fn source(&self) -> &'static str {
        "Mohassel and Rindal, ABY3, CCS 2018; Ma et al., SecretFlow-SPU, USENIX ATC 2023; Dong et al., PUMA, arXiv 2307.12533"
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

    /// P0 needs the model no longer than this.
    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        plan: &Plan,
        secret: &mut Secret,
    ) -> Result<Weights> {
        let model = secret.take_model();
        let fixed = plan.choices.fixed;
        let (multiplied, added) = (Weight::share, from_p0);
        SharedWeights::share(
            runtime,
            &plan.config,
            fixed,
            model.as_deref(),
            multiplied,
            added,
        )
    }

    fn walk(&self, runtime: Runtime<'_>, plan: &Plan, known: Known<'_, Self>) -> Result<Output> {
        let mut engine = FixedTrunc::new(runtime, plan, known.weights, known.secret.words());
        walk(&mut engine, &plan.config)?;
        Ok(engine.output)
    }

    fn memory_bytes(&self, plan: &Plan, material: [u64; 3], _: bool) -> [u64; 3] {
        memory::memory_bytes(plan, material)
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        let model = load::model(workload)?;
        let (_, input) = load::input(workload)?;
        check(workload, &model, &input, &evidence[1])
    }
}

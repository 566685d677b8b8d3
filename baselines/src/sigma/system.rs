//! `sigma` as a system under comparison.

use super::clear::{self, SigmaApproximations};
use super::engine::{Plan, Sigma, Weights};
use super::functions::mean_factor;
use super::{Choices, memory, settings};
use crate::fixed_point::Secret;
use crate::fixed_point::check::{Check, Output};
use crate::fixed_point::weights::{Elements, Factor, SharedWeights};
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::reference_float::relative_rms_error;
use qbench_protocols::model::walk::walk;
use qbench_protocols::ring::Word;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::masked_from_p0;
use qbench_protocols::system::load::{self, Loaded};
use qbench_protocols::system::{Known, Setting, Verified, WalkedSystem, Workload};
use qbench_protocols::{Error, Result};

/// The baseline `sigma`.
#[derive(Clone, Copy)]
pub struct SigmaSystem;

/// How far an output of so many values may be from the model. The original's own distances, root mean square over hidden states, are
/// 0.010 for a layer and 0.024 for twelve; that of k values scatters about it by `1 / sqrt(2 k)` of itself, and four times that is
/// let pass: of two logits it says less than of a thousand states.
fn tolerance(layers: usize, outputs: usize) -> f64 {
    let original = 0.010 + 0.014 * (layers.max(1) - 1) as f64 / 11.0;
    let scatter = 1.0 / (2.0 * outputs.max(1) as f64).sqrt();
    // To a tenth of a percent, as it is shown.
    (original * (1.0 + 4.0 * scatter) * 1000.0).round() / 1000.0
}

/// Checks what P1 learned: it must be what the same fixed-point arithmetic gives in the clear, bit for bit, and that must be near the
/// float model with SIGMA's means and tables, as near as the original's is.
///
/// # Errors
/// A setting that is none; an output that is not that of the model; a model on which the arithmetic does not hold.
pub fn check(
    workload: &Workload,
    parameters: &impl Parameters,
    input: &[f32],
    evidence: &[u8],
) -> Result<Verified> {
    let plan = WalkedSystem::plan(&SigmaSystem, workload)?;
    let expected = clear::run(&plan, parameters, input)?;
    let mut bytes = Vec::with_capacity(evidence.len());
    u64::write_le(&expected, &mut bytes);
    if bytes.len() != evidence.len() {
        return Err(Error::Verification(format!(
            "P1 learned {} bytes, the model puts out {}",
            evidence.len(),
            bytes.len()
        )));
    }
    let differ = |(a, b): &(&[u8], &[u8])| a != b;
    let words = evidence.chunks(8).zip(bytes.chunks(8));
    let wrong = words.filter(differ).count();
    if wrong > 0 {
        return Err(Error::Verification(format!(
            "{wrong} of {} values are not what SIGMA's fixed-point arithmetic gives in the clear; if it is no fault, a value has \
             left its range, for which the setting `ring_bits` is too small",
            expected.len()
        )));
    }
    let near = Check {
        approximations: SigmaApproximations {
            mean: plan.choices.mean,
        },
        fixed: plan.choices.fixed,
        distance: relative_rms_error,
        tolerance: tolerance(plan.config.layers, expected.len()),
        holds: 0.5,
        needs: "SIGMA's mean is some percent too little unless the setting `mean` is `exact`",
    };
    let verified = near.check(parameters, input, evidence)?;
    Ok(Verified {
        how: format!(
            "bit-exact: equal to SIGMA's fixed-point arithmetic in the clear, and {}",
            verified.how
        ),
        ..verified
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
        let (config, choices) = (&workload.model, Choices::of(&workload.settings)?);
        if mean_factor(choices.mean, config.hidden).0 == 0 {
            return Err(Error::Unsupported(format!(
                "the original's mean of {} elements is zero: floor(2^12 / {0}) is; set mean = \"exact\"",
                config.hidden
            )));
        }
        Ok(Plan {
            config: config.clone(),
            seq_len: workload.seq_len,
            choices,
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
        let wire = |runtime: &mut Runtime<'_>, len: usize, values: Elements<'_>| {
            masked_from_p0(runtime, ring, len, values)
        };
        let multiplied = |runtime: &mut Runtime<'_>, factor: Factor, values: Elements<'_>| {
            wire(runtime, factor.elements(), values)
        };
        let fixed = plan.choices.fixed;
        SharedWeights::share(
            runtime,
            &plan.config,
            fixed,
            model.as_deref(),
            multiplied,
            wire,
        )
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
        let model = load::model(workload)?;
        let (_, input) = load::input(workload)?;
        check(workload, &model, &input, &evidence[1])
    }
}

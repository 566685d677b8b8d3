//! `lut-trunc` as a system under comparison.

use super::engine::{LutTrunc, Weights};
use crate::fixed_point::sizes::Sizes;
use crate::fixed_point::weights::Factor;
use crate::fixed_trunc::settings::TRUNCATION;
use crate::fixed_trunc::weight::{Weight, from_p0};
use crate::fixed_trunc::{Choices, RING};
use qbench_protocols::lut_rss::plan::{INDEX_BITS, MAX_PROTOCOL, Plan};
use qbench_protocols::lut_rss::system::Secret;
use qbench_protocols::lut_rss::{Knowledge, LutRss, verify};
use qbench_protocols::model::config::ActivationFunction;
use qbench_protocols::model::walk::{Linear, walk};
use qbench_protocols::quantized::evidence::Evidence;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Known, PROCESS_BYTES, Setting, Verified, WalkedSystem, Workload};
use qbench_protocols::{Error, Result};

/// The ablation `lut-trunc`.
#[derive(Clone, Copy)]
pub struct LutTruncSystem;

impl WalkedSystem for LutTruncSystem {
    type Plan = (Plan, Choices);
    type Secret = Secret;
    type Weights = Weights;
    type Evidence = Evidence;

    fn id(&self) -> &'static str {
        "lut-trunc"
    }

    fn about(&self) -> &'static str {
        "ablation: lut-rss's model and tables, with truncation protocols in Z_2^64 in place of cuts and conversions"
    }

    fn source(&self) -> &'static str {
        "Lu et al., arXiv 2508.01636, with the truncation of ABY3 (CCS 2018) or SPU (USENIX ATC 2023)"
    }

    fn settings(&self) -> &'static [Setting] {
        &[TRUNCATION, INDEX_BITS, MAX_PROTOCOL]
    }

    fn default_activation(&self) -> ActivationFunction {
        ActivationFunction::Relu
    }

    fn plan(&self, workload: &Workload) -> Result<(Plan, Choices)> {
        let plan = Plan::new(workload)?;
        if plan.index_bits != 4 {
            return Err(Error::Unsupported(format!(
                "lut-trunc has numbers between products and no indices: index_bits must be 4, not {}",
                plan.index_bits
            )));
        }
        Ok((plan, Choices::of(&workload.settings)?))
    }

    fn secret(&self, (plan, _): &(Plan, Choices), loaded: Loaded) -> Result<Secret> {
        Ok(Secret::new(plan, loaded))
    }

    fn share_weights(
        &self,
        runtime: &mut Runtime<'_>,
        (plan, _): &(Plan, Choices),
        secret: &mut Secret,
    ) -> Result<Weights> {
        let model = secret.integer_model(plan)?;
        let mut weights = Weights::new();
        for linear in Linear::all(&plan.config) {
            let (outputs, inputs) = linear.shape(&plan.config);
            let clear = model
                .as_ref()
                .map(|model| model.scaled_linear(linear))
                .transpose()?;
            let shared = runtime.step(&linear.to_string(), |runtime| {
                let factor = Factor::Matrix { outputs, inputs };
                let weight = Weight::share(runtime, factor, &|first, out| {
                    if let Some(clear) = &clear {
                        let (rows, last) = (first / inputs, first + out.len());
                        for output in rows..last.div_ceil(inputs) {
                            let of_codes = clear.of_codes(output);
                            let codes = clear.source.codes(output);
                            for (i, code) in (output * inputs..).zip(codes) {
                                if (first..last).contains(&i) {
                                    out[i - first] = RING.encode(of_codes[usize::from(code)]);
                                }
                            }
                        }
                    }
                })?;
                let bias = from_p0(runtime, outputs, &|first, out| {
                    if let Some(clear) = &clear {
                        for (out, bias) in out.iter_mut().zip(&clear.bias[first..]) {
                            *out = RING.encode(*bias);
                        }
                    }
                })?;
                Ok((weight, bias))
            })?;
            weights.insert(linear, shared);
        }
        Ok(weights)
    }

    fn walk(
        &self,
        runtime: Runtime<'_>,
        (plan, choices): &(Plan, Choices),
        known: Known<'_, Self>,
    ) -> Result<Evidence> {
        let model = known.secret.integer_model(plan)?;
        let knowledge = Knowledge {
            model: model.as_ref(),
            weights: None,
            input: known.secret.input(),
            record: known.record,
        };
        let inner = LutRss::new(runtime, plan, knowledge);
        let mut engine = LutTrunc::new(inner, choices, known.weights);
        walk(&mut engine, &plan.config)?;
        Ok(engine.inner.evidence)
    }

    /// Weights as in `fixed-trunc`, and what `lut-rss` keeps for the verifier.
    fn memory_bytes(
        &self,
        (plan, _): &(Plan, Choices),
        material: [u64; 3],
        record: bool,
    ) -> [u64; 3] {
        let sizes = Sizes::of(&plan.config, plan.seq_len);
        let (weights, matrix, widest) = (sizes.weights, 8 * sizes.largest, 8 * sizes.widest);
        let tokens = plan.seq_len as u64;
        let (hidden, inner) = (plan.config.hidden as u64, plan.config.feed_forward as u64);
        let scores = plan.config.heads as u64 * tokens * tokens;
        let cuts = plan.config.layers as u64 * (tokens * (6 * hidden + inner) + scores);
        let record = if record { 2 * 4 * cuts } else { 0 };
        let working = PROCESS_BYTES + 8 * matrix + 24 * widest;
        [
            working + 16 * weights + weights / 4,
            working + 8 * weights + record + material[1],
            working + 8 * weights + record + material[2] + material[2] / 32,
        ]
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        verify::verify_in_a_wide_ring(workload, evidence)
    }

    /// The weights of values carry a factor that depends on the number of probabilities that they meet
    /// (`IntegerModel::scaled_linear`).
    fn sets_up_for_one_length(&self) -> bool {
        true
    }

    fn ideal(&self, workload: &Workload, seed: u64) -> Result<Option<Vec<f32>>> {
        verify::ideal_in_a_wide_ring(workload, seed).map(Some)
    }
}

//! `lut-mul` as a system under comparison.

use super::engine::LutMul;
use super::{memory, plan};
use qbench_protocols::Result;
use qbench_protocols::lut_rss::plan::Plan;
use qbench_protocols::lut_rss::system::Secret;
use qbench_protocols::lut_rss::{Knowledge, verify};
use qbench_protocols::model::config::ActivationFunction;
use qbench_protocols::model::walk::walk;
use qbench_protocols::quantized::evidence::Evidence;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Known, Setting, Verified, WalkedSystem, Workload};

/// The baseline `lut-mul`.
#[derive(Clone, Copy)]
pub struct LutMulSystem;

impl WalkedSystem for LutMulSystem {
    type Plan = Plan;
    type Secret = Secret;
    type Weights = ();
    type Evidence = Evidence;

    fn id(&self) -> &'static str {
        "lut-mul"
    }

    fn about(&self) -> &'static str {
        "1-bit weights, 4-bit activations; lookup tables for everything, multiplications too; no truncation"
    }

    fn source(&self) -> &'static str {
        "after Lu et al., A New PPML Paradigm for Quantized Models, NDSS 2025 (eprint 2024/1132), from its abstract"
    }

    fn settings(&self) -> &'static [Setting] {
        plan::ALL
    }

    /// As `lut-rss`. Either function costs the same: it is in the tables of the next layer.
    fn default_activation(&self) -> ActivationFunction {
        ActivationFunction::Relu
    }

    fn plan(&self, workload: &Workload) -> Result<Plan> {
        plan::plan(workload)
    }

    fn secret(&self, plan: &Plan, loaded: Loaded) -> Result<Secret> {
        Ok(Secret::new(plan, loaded))
    }

    /// Nothing is shared: weights are in the tables of every inference anew.
    fn share_weights(&self, _: &mut Runtime<'_>, _: &Plan, _: &mut Secret) -> Result<()> {
        Ok(())
    }

    fn walk(&self, runtime: Runtime<'_>, plan: &Plan, known: Known<'_, Self>) -> Result<Evidence> {
        let model = known.secret.integer_model(plan)?;
        let knowledge = Knowledge {
            model: model.as_ref(),
            weights: None,
            input: known.secret.input(),
            record: known.record,
        };
        let mut engine = LutMul::new(runtime, plan, knowledge);
        walk(&mut engine, &plan.config)?;
        Ok(engine.evidence())
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

//! The check of a run against the references in the clear.

use super::integer::{FineModel, quantize_input};
use super::plan::FinePlan;
use super::reference::FineReference;
use crate::model::quantized::{QuantizedModel, Range};
use crate::model::reference_float::{FloatReference, relative_error};
use crate::model::walk::walk;
use crate::quantized::carries::Carries;
use crate::quantized::evidence::Evidence;
use crate::system::load;
use crate::system::{Verified, Workload};
use crate::{Error, Result};

/// Checks a run bit for bit against the integer reference with the run's carries, measures how far the result is from the same weights
/// in floating point, and counts the values that wrapped or were beyond their bits.
pub fn verify(workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
    let source = load::model(workload)?;
    let (range, values) = load::input(workload)?;
    check(workload, &source, range, &values, evidence)
}

/// [`verify`] with model and input at hand.
pub fn check(
    workload: &Workload,
    source: &QuantizedModel,
    range: Range,
    values: &[f32],
    evidence: &[Vec<u8>; 3],
) -> Result<Verified> {
    let (p1, p2) = (
        Evidence::from_bytes(&evidence[1])?,
        Evidence::from_bytes(&evidence[2])?,
    );
    let plan = FinePlan::new(workload)?;
    let input = quantize_input(range, &plan.widths.first(), values);
    let model = FineModel::new(source, plan.widths, plan.choices, workload.seq_len)?;
    let carries = Carries::recorded(Evidence::low_sums(&p1, &p2)?);
    let mut reference = FineReference::new(&model, workload.seq_len, input, carries);
    walk(&mut reference, &workload.model)?;
    reference.expect_all_used()?;
    let expected = reference
        .output
        .iter()
        .map(|x| model.output_ring().encode::<u32>(*x));
    let differing = p1
        .output
        .iter()
        .zip(expected)
        .filter(|(a, b)| *a != b)
        .count();
    if differing > 0 || p1.output.len() != reference.output.len() {
        return Err(Error::Verification(format!(
            "{differing} of {} output values differ from the integer reference with the same carries, which has {}",
            p1.output.len(),
            reference.output.len()
        )));
    }
    let output = to_real(&model, &reference.output);
    let float = FloatReference::run(source, &[values.to_vec()])?;
    let float = float.first().map(|matrix| matrix.data.as_slice());
    Ok(Verified {
        how: "bit-exact: equal to the quantized model with the run's roundings".into(),
        float_error: relative_error(&output, float.unwrap_or_default()),
        sites: reference.sites.into_inner(),
        output,
    })
}

/// See [`System::ideal`](crate::system::System::ideal).
///
/// # Errors
/// A model folder that cannot be read.
pub fn ideal(workload: &Workload, seed: u64) -> Result<Vec<f32>> {
    let source = load::model(workload)?;
    let (range, values) = load::input(workload)?;
    let plan = FinePlan::new(workload)?;
    let input = quantize_input(range, &plan.widths.first(), &values);
    let model = FineModel::new(&source, plan.widths, plan.choices, workload.seq_len)?;
    let carries = Carries::random(seed);
    let mut reference = FineReference::new(&model, workload.seq_len, input, carries);
    walk(&mut reference, &workload.model)?;
    Ok(to_real(&model, &reference.output))
}

fn to_real(model: &FineModel<'_>, output: &[i64]) -> Vec<f32> {
    output
        .iter()
        .map(|x| (*x as f64 * model.output_unit) as f32)
        .collect()
}

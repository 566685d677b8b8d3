//! The check of a run against the references in the clear.

use super::plan::Plan;
use crate::model::config::Head;
use crate::model::quantized::{QuantizedModel, Range};
use crate::model::reference_float::{FloatReference, relative_error};
use crate::model::walk::walk;
use crate::quantized::carries::Carries;
use crate::quantized::evidence::Evidence;
use crate::quantized::integer::{IntegerModel, PRODUCT, output_unit};
use crate::quantized::reference::IntegerReference;
use crate::ring::Ring;
use crate::system::load;
use crate::system::{Verified, Workload};
use crate::{Error, Result};

/// Checks a run bit for bit against the integer reference with the run's carries, measures how far the quantized result is
/// from the same weights without quantized activations, and counts the values that wrapped.
pub fn verify(workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
    let source = load::model(workload)?;
    let (range, values) = load::input(workload)?;
    check(workload, &source, range, &values, evidence)
}

/// [`verify`] for a run with truncation protocols in a wide ring in place of cuts.
pub fn verify_in_a_wide_ring(workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
    let source = load::model(workload)?;
    let (range, values) = load::input(workload)?;
    check_in_a_wide_ring(workload, &source, range, &values, evidence)
}

/// [`verify`] with model and input at hand.
pub fn check(
    workload: &Workload,
    source: &QuantizedModel,
    input_range: Range,
    input: &[f32],
    evidence: &[Vec<u8>; 3],
) -> Result<Verified> {
    checked(workload, source, input_range, input, evidence, false)
}

/// [`verify_in_a_wide_ring`] with model and input at hand.
pub fn check_in_a_wide_ring(
    workload: &Workload,
    source: &QuantizedModel,
    input_range: Range,
    input: &[f32],
    evidence: &[Vec<u8>; 3],
) -> Result<Verified> {
    checked(workload, source, input_range, input, evidence, true)
}

fn checked(
    workload: &Workload,
    source: &QuantizedModel,
    input_range: Range,
    input: &[f32],
    evidence: &[Vec<u8>; 3],
    wide: bool,
) -> Result<Verified> {
    let p1 = Evidence::from_bytes(&evidence[1])?;
    let p2 = Evidence::from_bytes(&evidence[2])?;
    let plan = Plan::new(workload)?;
    let model = IntegerModel::new(source, plan.index_bits, plan.seq_len)?;
    let indices = IntegerModel::quantize_input(input_range, plan.index_bits, input);
    let sums = Evidence::low_sums(&p1, &p2)?;
    let of = |carries| IntegerReference::new(&model, workload.seq_len, indices.into_vec(), carries);
    let mut reference = match wide {
        true => of(Carries::outputs(sums)).in_a_wide_ring(),
        false => of(Carries::recorded(sums)),
    };
    walk(&mut reference, &workload.model)?;
    reference.expect_all_used()?;
    compare(&p1.output, &reference.output)?;

    let output = to_real(&model, &p1.output)?;
    let float = FloatReference::run(source, &[input.to_vec()])?;
    let float = float
        .first()
        .map(|matrix| matrix.data.as_slice())
        .unwrap_or_default();
    Ok(Verified {
        how: "bit-exact: equal to the quantized model with the run's roundings".into(),
        float_error: relative_error(&output, float),
        sites: reference.sites.into_inner(),
        output,
    })
}

/// See [`System::ideal`](crate::system::System::ideal).
///
/// # Errors
/// A model folder that cannot be read.
pub fn ideal(workload: &Workload, seed: u64) -> Result<Vec<f32>> {
    drawn(workload, seed, false)
}

/// [`ideal`] with truncation protocols in a wide ring in place of cuts.
///
/// # Errors
/// As [`ideal`].
pub fn ideal_in_a_wide_ring(workload: &Workload, seed: u64) -> Result<Vec<f32>> {
    drawn(workload, seed, true)
}

fn drawn(workload: &Workload, seed: u64, wide: bool) -> Result<Vec<f32>> {
    let source = load::model(workload)?;
    let (range, values) = load::input(workload)?;
    let plan = Plan::new(workload)?;
    let model = IntegerModel::new(&source, plan.index_bits, plan.seq_len)?;
    let indices = IntegerModel::quantize_input(range, plan.index_bits, &values);
    let carries = Carries::random(seed);
    let mut reference =
        IntegerReference::new(&model, workload.seq_len, indices.into_vec(), carries);
    if wide {
        reference = reference.in_a_wide_ring();
    }
    walk(&mut reference, &workload.model)?;
    let output: Vec<u32> = reference.output.iter().map(|v| u32::from(*v)).collect();
    to_real(&model, &output)
}

/// The output ring's elements as real numbers.
fn to_real(model: &IntegerModel<'_>, output: &[u32]) -> Result<Vec<f32>> {
    let head = model.source.config.head;
    let ring = match head {
        Head::Classifier { .. } => PRODUCT,
        Head::Hidden => Ring::new(model.index_bits),
    };
    let unit = output_unit(head, model.source.output_range()?, model.index_bits);
    Ok(output
        .iter()
        .map(|v| (ring.signed(*v) as f64 * unit) as f32)
        .collect())
}

fn compare(secure: &[u32], reference: &[u16]) -> Result<()> {
    if secure.len() != reference.len() {
        return Err(Error::Verification(format!(
            "P1 learned {} values, the reference has {}",
            secure.len(),
            reference.len()
        )));
    }
    let pairs = secure.iter().zip(reference);
    let differing = pairs.filter(|(a, b)| **a != u32::from(**b)).count();
    if differing > 0 {
        return Err(Error::Verification(format!(
            "{differing} of {} output values differ from the integer reference with the same carries",
            secure.len()
        )));
    }
    Ok(())
}

//! The check of a run against the references in the clear.

use super::clear;
use super::fixed::decode;
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::load;
use qbench_protocols::model::reference_float::{FloatReference, relative_error};
use qbench_protocols::ring::Word;
use qbench_protocols::system::{Verified, Workload};
use qbench_protocols::{Error, Result};

/// Largest difference that rounding may make between a run and [`clear::run`], relative to the root mean square of the
/// output. Runs of BERT-base with 12 layers and 8 to 128 tokens were within 0.005.
///
/// The original's local truncation fails with probability |x| / 2^32 for a product x, and is then off by 2^32. Of BERT-base
/// with 128 tokens about one run in a hundred therefore comes out wrong, as it would there; it does not pass.
pub const TOLERANCE: f64 = 0.05;

/// Farther than this from the model itself, CrypTen's approximations compute something else, and so wildly that rounding
/// and overflow decide what. Synthetic models stay below 0.02.
const HOLDS: f64 = 0.5;

/// Checks P1's output against the model with CrypTen's approximations, and measures how far it is from
/// the model as defined.
pub fn verify(workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
    let model = load::model(workload)?;
    let (_, input) = load::input(workload)?;
    check(&model, &input, &evidence[1])
}

/// [`verify`] with model and input at hand.
pub fn check(parameters: &impl Parameters, input: &[f32], evidence: &[u8]) -> Result<Verified> {
    let mut elements = vec![0u64; evidence.len() / 8];
    u64::read_le(&evidence[..8 * elements.len()], &mut elements);
    let output: Vec<f32> = elements.iter().map(|v| decode(*v) as f32).collect();
    let approximated = clear::run(parameters, input)?;
    if output.len() != approximated.len() {
        return Err(Error::Verification(format!(
            "P1 learned {} values, the reference has {}",
            output.len(),
            approximated.len()
        )));
    }
    let exact = FloatReference::run(parameters, &[input.to_vec()])?;
    let exact: Vec<f32> = exact.into_iter().flat_map(|matrix| matrix.data).collect();
    let departure = relative_error(&approximated, &exact);
    if departure.is_nan() || departure > HOLDS {
        return Err(Error::Verification(format!(
            "the original's approximations do not hold on this model: in the clear they already end {departure:.3} times \
             the root mean square from the model itself (GELU's series needs values within about 3, LayerNorm a variance \
             of 0.1 to 200); no run can be checked"
        )));
    }
    let error = relative_error(&output, &approximated);
    if error.is_nan() || error > TOLERANCE {
        return Err(Error::Verification(format!(
            "the output is {error:.3} times its root mean square from the reference with the same approximations, more \
             than the {TOLERANCE} that rounding explains"
        )));
    }
    Ok(Verified {
        how: format!(
            "within {TOLERANCE} of the root mean square of the float reference with the same approximations"
        ),
        float_error: relative_error(&output, &exact),
        output,
    })
}

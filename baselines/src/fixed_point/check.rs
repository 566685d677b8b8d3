//! The check of a run against the references in the clear.

use super::Fixed;
use super::clear::{self, Approximations};
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::reference_float::{FloatReference, Site, relative_error};
use qbench_protocols::ring::Word;
use qbench_protocols::system::{Sites, Verified, Workload, load};
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};

/// What P1 learned: encoded logits or last hidden states. Empty elsewhere.
#[derive(Clone, Default)]
pub struct Output(pub Wiped<u64>);

impl From<Output> for Vec<u8> {
    fn from(output: Output) -> Self {
        let mut bytes = Self::new();
        u64::write_le(&output.0, &mut bytes);
        bytes
    }
}

/// How a system's output is checked.
pub struct Check<A> {
    /// What it computes in place of the model's functions.
    pub approximations: A,
    /// How its output is encoded.
    pub fixed: Fixed,
    /// How far an output is from a reference, relative to the root mean square of the reference.
    pub distance: fn(&[f32], &[f32]) -> f64,
    /// The largest such distance that rounding may make.
    pub tolerance: f64,
    /// Farther than this from the model itself, the approximations compute something else, and so wildly that rounding and
    /// overflow decide what: nothing can be checked then.
    pub holds: f64,
    /// What the approximations need of a model, for the message that says so.
    pub needs: &'static str,
}

impl<A: Approximations> Check<A> {
    /// Checks P1's output against the model with the system's approximations, and measures how far it is from the model as
    /// defined. Counts the values of the model's own tensors (not those inside of the approximations) whose product before truncation
    /// the ring cannot hold; a truncation that fails by chance is seen in the output alone.
    ///
    /// # Errors
    /// An output that is not within tolerance; a model on which the approximations do not hold.
    pub fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        let model = load::model(workload)?;
        let (_, input) = load::input(workload)?;
        self.check(&model, &input, &evidence[1])
    }

    /// [`Check::verify`] with model and input at hand.
    ///
    /// # Errors
    /// As there.
    pub fn check(
        &self,
        parameters: &impl Parameters,
        input: &[f32],
        evidence: &[u8],
    ) -> Result<Verified> {
        if !evidence.len().is_multiple_of(8) {
            let bytes = evidence.len();
            let what = format!("P1 learned {bytes} bytes, which are no words");
            return Err(Error::Verification(what));
        }
        let mut elements = vec![0u64; evidence.len() / 8];
        u64::read_le(evidence, &mut elements);
        let decoded = elements.iter().map(|v| self.fixed.decode(*v) as f32);
        let output: Vec<f32> = decoded.collect();
        let mut sites = Sites::default();
        let approximated = clear::run(&self.approximations, parameters, input, |site, x| {
            if site == Site::Input {
                return;
            }
            let values = || x.iter().flat_map(|x| &x.data);
            let wraps = |value: &&f32| self.fixed.product_wraps(f64::from(**value));
            sites.add(
                &site.to_string(),
                values().count(),
                values().filter(wraps).count(),
            );
        })?;
        if output.len() != approximated.len() {
            return Err(Error::Verification(format!(
                "P1 learned {} values, the reference has {}",
                output.len(),
                approximated.len()
            )));
        }
        let exact = FloatReference::run(parameters, &[input.to_vec()])?;
        let exact: Vec<f32> = exact.into_iter().flat_map(|matrix| matrix.data).collect();
        let departure = (self.distance)(&approximated, &exact);
        if departure.is_nan() || departure > self.holds {
            return Err(Error::Verification(format!(
                "the system's approximations do not hold on this model: in the clear they already end {departure:.3} times \
                 the root mean square from the model itself ({}); no run can be checked",
                self.needs
            )));
        }
        let error = (self.distance)(&output, &approximated);
        let tolerance = self.tolerance;
        if error.is_nan() || error > tolerance {
            return Err(Error::Verification(format!(
                "the output is {error:.3} times its root mean square from the reference with the same approximations, more \
                 than the {tolerance} that rounding explains"
            )));
        }
        Ok(Verified {
            how: format!(
                "within {tolerance} of the root mean square of the float model with the system's approximations"
            ),
            float_error: relative_error(&output, &exact),
            sites: sites.into_inner(),
            output,
        })
    }
}

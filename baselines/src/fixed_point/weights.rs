//! Sharing of the float parameters, once a model (phase `setup`), for any kind of sharing.

use super::Fixed;
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::walk::{Linear, Norm};
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::{Error, Result};
use std::collections::HashMap;

/// A part of the model with parameters of its own: a layer or a LayerNorm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Part {
    Linear(Linear),
    Norm(Norm),
}

impl Part {
    /// Every part, in the order in which they are shared.
    fn all(config: &ModelConfig) -> Vec<Self> {
        let linears = Linear::all(config).into_iter().map(Self::Linear);
        let norms = (0..config.layers).flat_map(|l| [Norm::Attention(l), Norm::FeedForward(l)]);
        linears.chain(norms.map(Self::Norm)).collect()
    }

    fn label(self) -> String {
        match self {
            Self::Linear(linear) => linear.to_string(),
            Self::Norm(norm) => norm.to_string(),
        }
    }

    /// What activations are multiplied by, and how many elements what is added has: a bias, or beta.
    fn shapes(self, config: &ModelConfig) -> (Factor, usize) {
        match self {
            Self::Linear(linear) => {
                let (outputs, inputs) = linear.shape(config);
                (Factor::Matrix { outputs, inputs }, outputs)
            }
            Self::Norm(_) => (Factor::Gain(config.hidden), config.hidden),
        }
    }
}

/// Shape of a tensor that activations are multiplied by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Factor {
    /// Weights, `[out][in]`.
    Matrix {
        /// Rows.
        outputs: usize,
        /// Columns.
        inputs: usize,
    },
    /// Gamma, one an element of a row.
    Gain(usize),
}

impl Factor {
    /// Elements.
    pub fn elements(self) -> usize {
        match self {
            Self::Matrix { outputs, inputs } => outputs * inputs,
            Self::Gain(width) => width,
        }
    }
}

/// This party's shares of a model: `M` of a tensor that activations are multiplied by (weights, gamma), `A` of one that is
/// added to them (bias, beta).
pub struct SharedWeights<M, A = M> {
    parts: HashMap<Part, (M, A)>,
}

/// Encodes part of a tensor, from an index on.
fn encoded(fixed: Fixed, clear: &[f32]) -> impl Fn(usize, &mut [u64]) + Sync {
    move |at, out| {
        for (out, clear) in out.iter_mut().zip(&clear[at..]) {
            *out = fixed.encode(f64::from(*clear));
        }
    }
}

/// Fills in part of a tensor's encoded elements, from an index on; called at P0 alone.
pub type Elements<'a> = &'a (dyn Fn(usize, &mut [u64]) + Sync);

impl<M, A> SharedWeights<M, A> {
    /// P0 shares its parameters, encoded; `multiplied` and `added` share one tensor of such a shape, or of so many elements, as
    /// [`qbench_protocols::share::share_from_p0`], and give shapes alone in the cost walk.
    ///
    /// Cost and security: theirs.
    ///
    /// # Errors
    /// P0 without a model, or with one of other shapes; theirs.
    pub fn share(
        runtime: &mut Runtime<'_>,
        config: &ModelConfig,
        fixed: Fixed,
        owned: Option<&impl Parameters>,
        mut multiplied: impl FnMut(&mut Runtime<'_>, Factor, Elements<'_>) -> Result<M>,
        mut added: impl FnMut(&mut Runtime<'_>, usize, Elements<'_>) -> Result<A>,
    ) -> Result<Self> {
        if runtime.me() == Some(Party::P0) && owned.is_none() {
            return Err(Error::Internal("P0 has no model to share".into()));
        }
        let mut parts = HashMap::new();
        for part in Part::all(config) {
            let (factor, addend) = part.shapes(config);
            let lengths = [factor.elements(), addend];
            let tensors = runtime.step(&part.label(), |runtime| {
                let mut tensors = |first: &[f32], second: &[f32]| -> Result<(M, A)> {
                    let met = [first.len(), second.len()];
                    let fits = runtime.me() != Some(Party::P0) || met == lengths;
                    runtime.ensure(fits, || {
                        format!("expected {lengths:?} parameters, the model has {met:?}")
                    })?;
                    let first = multiplied(runtime, factor, &encoded(fixed, first))?;
                    let second = added(runtime, addend, &encoded(fixed, second))?;
                    Ok((first, second))
                };
                match (owned, part) {
                    (None, _) => tensors(&[], &[]),
                    (Some(owned), Part::Linear(linear)) => {
                        let layer = owned.linear(linear)?;
                        tensors(&layer.weights, &layer.bias)
                    }
                    (Some(owned), Part::Norm(norm)) => {
                        let (gamma, beta) = owned.norm(norm)?;
                        tensors(gamma, beta)
                    }
                }
            })?;
            parts.insert(part, tensors);
        }
        Ok(Self { parts })
    }

    /// Weights `[out][in]` and bias of a layer.
    ///
    /// # Errors
    /// A layer that the model does not have.
    pub fn linear(&self, linear: Linear) -> Result<&(M, A)> {
        self.part(Part::Linear(linear))
    }

    /// Gamma and beta of a LayerNorm.
    ///
    /// # Errors
    /// A norm that the model does not have.
    pub fn norm(&self, norm: Norm) -> Result<&(M, A)> {
        self.part(Part::Norm(norm))
    }

    fn part(&self, part: Part) -> Result<&(M, A)> {
        self.parts.get(&part).ok_or_else(|| Error::Material {
            step: part.label(),
            expected: "weights shared at setup".into(),
            actual: "none".into(),
        })
    }
}

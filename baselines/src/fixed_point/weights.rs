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

    /// Elements of its two tensors: weights `[out][in]` and bias, or gamma and beta.
    fn lengths(self, config: &ModelConfig) -> [usize; 2] {
        match self {
            Self::Linear(linear) => {
                let (outputs, inputs) = linear.shape(config);
                [outputs * inputs, outputs]
            }
            Self::Norm(_) => [config.hidden; 2],
        }
    }
}

/// This party's shares of a model, where `T` is its share of one tensor.
pub struct SharedWeights<T> {
    parts: HashMap<Part, [T; 2]>,
}

/// Fills in part of a tensor's encoded elements, from an index on; called at P0 alone.
pub type Elements<'a> = &'a (dyn Fn(usize, &mut [u64]) + Sync);

impl<T> SharedWeights<T> {
    /// P0 shares its parameters, encoded; `share` shares one tensor of so many elements, such as
    /// [`qbench_protocols::share::share_from_p0`], and gives shapes alone in the cost walk.
    ///
    /// Cost and security: those of `share`.
    ///
    /// # Errors
    /// P0 without a model, or with one of other shapes; those of `share`.
    pub fn share(
        runtime: &mut Runtime<'_>,
        config: &ModelConfig,
        fixed: Fixed,
        owned: Option<&impl Parameters>,
        mut share: impl FnMut(&mut Runtime<'_>, usize, Elements<'_>) -> Result<T>,
    ) -> Result<Self> {
        if runtime.me() == Some(Party::P0) && owned.is_none() {
            return Err(Error::Internal("P0 has no model to share".into()));
        }
        let mut parts = HashMap::new();
        for part in Part::all(config) {
            let lengths = part.lengths(config);
            let tensors = runtime.step(&part.label(), |runtime| {
                let mut tensors = |first: &[f32], second: &[f32]| -> Result<[T; 2]> {
                    let fits =
                        runtime.me() != Some(Party::P0) || [first.len(), second.len()] == lengths;
                    runtime.expect(fits, || {
                        let met = [first.len(), second.len()];
                        format!("expected {lengths:?} parameters, the model has {met:?}")
                    })?;
                    let mut one = |clear: &[f32], len| {
                        share(runtime, len, &|at, out| {
                            for (out, clear) in out.iter_mut().zip(&clear[at..]) {
                                *out = fixed.encode(f64::from(*clear));
                            }
                        })
                    };
                    Ok([one(first, lengths[0])?, one(second, lengths[1])?])
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
    pub fn linear(&self, linear: Linear) -> Result<&[T; 2]> {
        self.part(Part::Linear(linear))
    }

    /// Gamma and beta of a LayerNorm.
    ///
    /// # Errors
    /// A norm that the model does not have.
    pub fn norm(&self, norm: Norm) -> Result<&[T; 2]> {
        self.part(Part::Norm(norm))
    }

    fn part(&self, part: Part) -> Result<&[T; 2]> {
        self.parts.get(&part).ok_or_else(|| Error::Material {
            step: part.label(),
            expected: "weights shared at setup".into(),
            actual: "none".into(),
        })
    }
}

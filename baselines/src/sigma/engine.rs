//! The walk over BERT on wires.

use super::functions::{add_per_column, gelu, layer_norm, softmax, tanh};
use super::gates::{Wire, faithful_shift, product, products, relu};
use super::{Choices, FRACTION_BITS};
use crate::fixed_point::bilinear::{Bilinear, MatmulShape};
use crate::fixed_point::check::Output;
use crate::fixed_point::heads;
use crate::fixed_point::weights::SharedWeights;
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{masked_from_p1, uncover, unmask_to_p1};
use qbench_protocols::{Error, Result};

/// What a workload comes to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The architecture.
    pub config: ModelConfig,
    /// Tokens.
    pub seq_len: usize,
    /// Settings.
    pub choices: Choices,
}

/// Weights and biases as wires.
pub type Weights = SharedWeights<Wire>;

/// `sigma` on the walk, in any phase and in the cost walk.
pub struct Sigma<'a> {
    runtime: Runtime<'a>,
    plan: &'a Plan,
    weights: &'a Weights,
    /// P1's embedded tokens, encoded; online only.
    input: Option<&'a [u64]>,
    /// What P1 learned: encoded logits or last hidden states. Empty elsewhere.
    pub output: Output,
}

impl<'a> Sigma<'a> {
    /// An engine that runs in `runtime`; `input` at P1.
    pub fn new(
        runtime: Runtime<'a>,
        plan: &'a Plan,
        weights: &'a Weights,
        input: Option<&'a [u64]>,
    ) -> Self {
        Self {
            runtime,
            plan,
            weights,
            input,
            output: Output::default(),
        }
    }

    /// Layers on one input, opened together: the outputs one after the other.
    fn layers(&mut self, linears: &[Linear], x: &Wire) -> Result<Wire> {
        let mut factors = Vec::with_capacity(linears.len());
        let mut biases = Vec::with_capacity(linears.len());
        for linear in linears {
            let (weights, bias) = self.weights.linear(*linear)?;
            let shape = MatmulShape::of_layer(&self.plan.config, *linear, x.len());
            factors.push((Bilinear::Matmul(shape), weights));
            biases.push((shape.rows * shape.columns, bias));
        }
        let product = products(&mut self.runtime, x, &factors)?;
        let product = uncover(&mut self.runtime, product)?;
        // The product has twice the fractional bits.
        let mut first = 0;
        let sums = biases.into_iter().map(|(len, bias)| {
            let bias = bias.clone().times_public(1 << FRACTION_BITS);
            let part = product.slice(first..first + len);
            first += len;
            add_per_column(&part, &bias)
        });
        let sums = Wire::join(&sums.collect::<Vec<_>>());
        faithful_shift(&mut self.runtime, &sums, FRACTION_BITS)
    }

    /// A product of each head's matrices, shifted.
    fn per_head(&mut self, shape: MatmulShape, x: &Wire, y: &Wire, shift: u32) -> Result<Wire> {
        let product = product(&mut self.runtime, Bilinear::Matmul(shape), x, y)?;
        let product = uncover(&mut self.runtime, product)?;
        faithful_shift(&mut self.runtime, &product, shift)
    }

    fn split(&self, x: &Wire) -> Wire {
        x.map_to(x.ring(), x.len(), |x| heads::split(&self.plan.config, x))
    }
}

impl Engine for Sigma<'_> {
    type Activation = Wire;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.runtime.enter(step);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.runtime.leave();
        Ok(())
    }

    fn input(&mut self) -> Result<Wire> {
        let len = self.plan.seq_len * self.plan.config.hidden;
        masked_from_p1(&mut self.runtime, self.plan.choices.ring(), self.input, len)
    }

    fn linear(&mut self, linear: Linear, x: &mut Wire) -> Result<Wire> {
        self.layers(&[linear], x)
    }

    fn project_qkv(&mut self, layer: usize, x: &mut Wire) -> Result<[Wire; 3]> {
        let layers = [
            Linear::Query(layer),
            Linear::Key(layer),
            Linear::Value(layer),
        ];
        self.runtime.enter("query-key-value");
        let all = self.layers(&layers, x)?;
        self.runtime.leave();
        let part = |i: usize| all.slice(i * x.len()..(i + 1) * x.len());
        Ok([part(0), part(1), part(2)])
    }

    /// `1 / sqrt(width)` is part of the shift where it is a power of two, else a public factor with a shift of its own.
    fn scores(&mut self, _: usize, q: Wire, k: Wire) -> Result<Wire> {
        let config = &self.plan.config;
        let width = config.head_width();
        let shape = MatmulShape::of_scores(&self.plan.config, self.plan.seq_len);
        let (q, k) = (self.split(&q), self.split(&k));
        if width.is_power_of_two() && width.ilog2().is_multiple_of(2) {
            return self.per_head(shape, &q, &k, FRACTION_BITS + width.ilog2() / 2);
        }
        let scores = self.per_head(shape, &q, &k, FRACTION_BITS)?;
        let factor = self.plan.choices.fixed.encode(1.0 / (width as f64).sqrt());
        self.runtime.step("scale", |runtime| {
            faithful_shift(runtime, &scores.times_public(factor), FRACTION_BITS)
        })
    }

    fn softmax(&mut self, _: usize, scores: Wire) -> Result<Wire> {
        let plan = self.plan;
        softmax(&mut self.runtime, &plan.choices, &scores, plan.seq_len)
    }

    fn context(&mut self, _: usize, p: Wire, v: Wire) -> Result<Wire> {
        let config = &self.plan.config;
        let shape = MatmulShape::of_context(&self.plan.config, self.plan.seq_len);
        let v = self.split(&v);
        let context = self.per_head(shape, &p, &v, FRACTION_BITS)?;
        Ok(context.map_to(context.ring(), context.len(), |x| heads::join(config, x)))
    }

    fn add_and_norm(&mut self, norm: Norm, branch: Wire, residual: Wire) -> Result<Wire> {
        let (plan, (gamma, beta)) = (self.plan, self.weights.norm(norm)?);
        let sum = branch.plus(&residual);
        let epsilon = f64::from(plan.config.layer_norm_epsilon);
        layer_norm(&mut self.runtime, &plan.choices, &sum, gamma, beta, epsilon)
    }

    fn activate(&mut self, function: Nonlinearity, x: Wire) -> Result<Wire> {
        let (runtime, choices) = (&mut self.runtime, &self.plan.choices);
        match (function, self.plan.config.activation) {
            (Nonlinearity::Pooler, _) => tanh(runtime, choices, &x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Gelu) => gelu(runtime, choices, &x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Relu) => {
                relu(runtime, &x, choices.value_bits())
            }
        }
    }

    fn first_token(&mut self, x: Wire) -> Result<Wire> {
        Ok(x.slice(0..self.plan.config.hidden))
    }

    fn output(&mut self, x: Wire) -> Result<()> {
        let learned = unmask_to_p1(&mut self.runtime, &x)?;
        self.output = Output(learned.unwrap_or_default());
        Ok(())
    }
}

//! The walk over BERT on replicated numbers.

use super::functions::{gelu, layer_norm, relu, softmax, tanh};
use super::products::{Factors, truncated};
use super::truncate::truncate;
use super::weight::{Weight, from_p1, to_p1};
use super::{Choices, Share, shares};
use crate::fixed_point::bilinear::{Bilinear, MatmulShape};
use crate::fixed_point::check::Output;
use crate::fixed_point::heads;
use crate::fixed_point::weights::SharedWeights;
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm};
use qbench_protocols::runtime::Runtime;
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

/// Weights and gammas, biases and betas.
pub type Weights = SharedWeights<Weight, Share>;

/// `fixed-trunc` on the walk, in any phase and in the cost walk.
pub struct FixedTrunc<'a> {
    runtime: Runtime<'a>,
    plan: &'a Plan,
    weights: &'a Weights,
    /// P1's embedded tokens, encoded; online only.
    input: Option<&'a [u64]>,
    /// What P1 learned: encoded logits or last hidden states. Empty elsewhere.
    pub output: Output,
}

impl<'a> FixedTrunc<'a> {
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

    /// Layers on one input, in as many rounds as one of them.
    fn layers<const N: usize>(&mut self, linears: [Linear; N], x: &Share) -> Result<[Share; N]> {
        let choices = &self.plan.choices;
        let mut factors = Vec::with_capacity(N);
        let mut biases = Vec::with_capacity(N);
        for linear in linears {
            let (weight, bias) = self.weights.linear(linear)?;
            factors.push(Factors::weights(x, weight));
            biases.push(bias);
        }
        let factors = Factors::join(factors);
        let product = truncated(
            &mut self.runtime,
            choices,
            &factors,
            choices.fraction_bits(),
        )?;
        let mut first = 0;
        let rows = product.len / biases.iter().map(|bias| bias.len).sum::<usize>().max(1);
        Ok(std::array::from_fn(|i| {
            let len = rows * biases[i].len;
            let part = shares::slice(&product, first..first + len);
            first += len;
            shares::add_columns(&self.runtime, part, biases[i])
        }))
    }

    fn split(&self, x: &Share) -> Share {
        shares::map(x, x.len, |x| heads::split(&self.plan.config, x))
    }
}

impl Engine for FixedTrunc<'_> {
    type Activation = Share;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.runtime.enter(step);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.runtime.leave();
        Ok(())
    }

    fn input(&mut self) -> Result<Share> {
        let len = self.plan.seq_len * self.plan.config.hidden;
        from_p1(&mut self.runtime, len, self.input)
    }

    fn linear(&mut self, linear: Linear, x: &mut Share) -> Result<Share> {
        let [y] = self.layers([linear], x)?;
        Ok(y)
    }

    fn project_qkv(&mut self, layer: usize, x: &mut Share) -> Result<[Share; 3]> {
        let layers = [
            Linear::Query(layer),
            Linear::Key(layer),
            Linear::Value(layer),
        ];
        self.runtime.enter("query-key-value");
        let all = self.layers(layers, x)?;
        self.runtime.leave();
        Ok(all)
    }

    /// `1 / sqrt(width)` is part of the truncation where it is a power of two, else a public factor with a truncation of its own.
    fn scores(&mut self, _: usize, q: Share, k: Share) -> Result<Share> {
        let (choices, width) = (&self.plan.choices, self.plan.config.head_width());
        let shape = MatmulShape::of_scores(&self.plan.config, self.plan.seq_len);
        let (q, k) = (self.split(&q), self.split(&k));
        let factors = Factors::bilinear(Bilinear::Matmul(shape), &q, &k);
        let bits = choices.fraction_bits();
        if width.is_power_of_two() && width.ilog2().is_multiple_of(2) {
            return truncated(
                &mut self.runtime,
                choices,
                &factors,
                bits + width.ilog2() / 2,
            );
        }
        let scores = truncated(&mut self.runtime, choices, &factors, bits)?;
        let factor = choices.encode(1.0 / (width as f64).sqrt());
        self.runtime.step("scale", |runtime| {
            let scaled = shares::times(runtime, scores, factor as i64);
            truncate(runtime, choices, &scaled, bits)
        })
    }

    fn softmax(&mut self, _: usize, scores: Share) -> Result<Share> {
        let plan = self.plan;
        softmax(&mut self.runtime, &plan.choices, &scores, plan.seq_len)
    }

    fn context(&mut self, _: usize, p: Share, v: Share) -> Result<Share> {
        let plan = self.plan;
        let shape = MatmulShape::of_context(&plan.config, plan.seq_len);
        let v = self.split(&v);
        let factors = Factors::bilinear(Bilinear::Matmul(shape), &p, &v);
        let bits = plan.choices.fraction_bits();
        let context = truncated(&mut self.runtime, &plan.choices, &factors, bits)?;
        Ok(shares::map(&context, context.len, |x| {
            heads::join(&plan.config, x)
        }))
    }

    fn add_and_norm(&mut self, norm: Norm, branch: Share, residual: Share) -> Result<Share> {
        let (plan, (gamma, beta)) = (self.plan, self.weights.norm(norm)?);
        let sum = shares::add(&self.runtime, branch, &residual);
        let epsilon = f64::from(plan.config.layer_norm_epsilon);
        let gamma = gamma.gain()?;
        layer_norm(&mut self.runtime, &plan.choices, &sum, gamma, beta, epsilon)
    }

    fn activate(&mut self, function: Nonlinearity, x: Share) -> Result<Share> {
        let (runtime, choices) = (&mut self.runtime, &self.plan.choices);
        match (function, self.plan.config.activation) {
            (Nonlinearity::Pooler, _) => tanh(runtime, choices, &x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Gelu) => gelu(runtime, choices, &x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Relu) => relu(runtime, choices, &x),
        }
    }

    fn first_token(&mut self, x: Share) -> Result<Share> {
        Ok(shares::slice(&x, 0..self.plan.config.hidden))
    }

    fn output(&mut self, x: Share) -> Result<()> {
        let learned = to_p1(&mut self.runtime, &x)?;
        self.output = Output(learned.unwrap_or_default());
        Ok(())
    }
}

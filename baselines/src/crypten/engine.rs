//! The walk over BERT in CrypTen's arithmetic.

use super::{
    MatmulShape, RING, Share, Weight, WeightMasks, add, add_columns, gelu, layer_norm, matmul,
    matmul_by_weight, relu, scale_public, softmax_rows, tanh,
};
use crate::fixed_point::check::Output;
use crate::fixed_point::heads;
use crate::fixed_point::weights::SharedWeights;
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{reveal_to_p1, share_from_p1};
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};

/// What a workload comes to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The architecture.
    pub config: ModelConfig,
    /// Tokens.
    pub seq_len: usize,
    /// How often the weights are opened.
    pub weight_masks: WeightMasks,
}

/// `crypten` on the walk, in any phase and in the cost walk.
///
/// As in the original a matrix is opened anew for every product that it enters: x three times for query, key and value,
/// and the weights in every inference unless the setting says otherwise.
pub struct CrypTen<'a> {
    runtime: Runtime<'a>,
    plan: &'a Plan,
    weights: &'a SharedWeights<Weight, Share>,
    /// P1's embedded tokens, encoded; online only.
    input: Option<&'a [u64]>,
    /// What P1 learned: encoded logits or last hidden states. Empty elsewhere.
    pub output: Output,
}

impl<'a> CrypTen<'a> {
    /// An engine that runs in `runtime`; `input` at P1.
    pub fn new(
        runtime: Runtime<'a>,
        plan: &'a Plan,
        weights: &'a SharedWeights<Weight, Share>,
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
}

impl Engine for CrypTen<'_> {
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
        let count = self.plan.seq_len * self.plan.config.hidden;
        share_from_p1(&mut self.runtime, RING, self.input, count)
    }

    fn linear(&mut self, linear: Linear, x: &mut Share) -> Result<Share> {
        let (weights, bias) = self.weights.linear(linear)?;
        let shape = MatmulShape::of_layer(&self.plan.config, linear, x.len());
        let product = matmul_by_weight(&mut self.runtime, shape, x, weights)?;
        Ok(add_columns(&self.runtime, product, bias))
    }

    fn scores(&mut self, _layer: usize, q: Share, k: Share) -> Result<Share> {
        let config = &self.plan.config;
        let shape = MatmulShape::of_scores(&self.plan.config, self.plan.seq_len);
        let split = |x: &Share| x.map_to(RING, x.len(), |x| heads::split(config, x));
        let scores = matmul(&mut self.runtime, shape, &split(&q), &split(&k))?;
        let factor = 1.0 / (config.head_width() as f64).sqrt();
        Ok(scale_public(&self.runtime, scores, factor))
    }

    fn softmax(&mut self, _layer: usize, scores: Share) -> Result<Share> {
        softmax_rows(&mut self.runtime, &scores, self.plan.seq_len)
    }

    fn context(&mut self, _layer: usize, p: Share, v: Share) -> Result<Share> {
        let config = &self.plan.config;
        let shape = MatmulShape::of_context(&self.plan.config, self.plan.seq_len);
        let v = v.map_to(RING, v.len(), |v| heads::split(config, v));
        let context = matmul(&mut self.runtime, shape, &p, &v)?;
        Ok(context.map_to(RING, context.len(), |x| heads::join(config, x)))
    }

    fn add_and_norm(&mut self, norm: Norm, branch: Share, residual: Share) -> Result<Share> {
        let config = &self.plan.config;
        let (gamma, beta) = self.weights.norm(norm)?;
        let sum = add(&self.runtime, branch, &residual);
        let epsilon = f64::from(config.layer_norm_epsilon);
        layer_norm(&mut self.runtime, &sum, config.hidden, gamma, beta, epsilon)
    }

    fn activate(&mut self, function: Nonlinearity, x: Share) -> Result<Share> {
        let runtime = &mut self.runtime;
        match (function, self.plan.config.activation) {
            (Nonlinearity::Pooler, _) => tanh(runtime, &x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Gelu) => gelu(runtime, &x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Relu) => relu(runtime, &x),
        }
    }

    fn first_token(&mut self, x: Share) -> Result<Share> {
        let hidden = self.plan.config.hidden;
        Ok(x.map_to(RING, hidden, |values| Wiped::copied(&values[..hidden])))
    }

    fn output(&mut self, x: Share) -> Result<()> {
        let learned = reveal_to_p1(&mut self.runtime, &x)?;
        self.output = Output(learned.unwrap_or_default());
        Ok(())
    }
}

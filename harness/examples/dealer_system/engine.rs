//! The walk over BERT.

use super::functions::{gelu, normalize, softmax, tanh};
use super::gates::{Wire, product, scale};
use super::system::Plan;
use qbench_baselines::fixed_point::bilinear::{Bilinear, MatmulShape};
use qbench_baselines::fixed_point::check::Output;
use qbench_baselines::fixed_point::local::{add, add_columns};
use qbench_baselines::fixed_point::weights::SharedWeights;
use qbench_baselines::fixed_point::{RING64, Share, heads};
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{open_masked, open_masked_all, reveal_to_p1, share_from_p1};
use qbench_protocols::{Error, Result};

/// Weights and gamma as wires, bias and beta as shares.
pub type Weights = SharedWeights<Wire, Share>;

/// A share, and the wire that it has been opened to, if it has.
pub struct Activation {
    share: Share,
    wire: Option<Wire>,
}

impl From<Share> for Activation {
    fn from(share: Share) -> Self {
        Self { share, wire: None }
    }
}

/// The engine.
pub struct Dealer<'a> {
    pub runtime: Runtime<'a>,
    pub plan: &'a Plan,
    pub weights: &'a Weights,
    /// P1's embedded tokens, encoded.
    pub input: Option<&'a [u64]>,
    pub output: Output,
}

impl Dealer<'_> {
    /// A product of each head's matrices.
    fn per_head(&mut self, shape: MatmulShape, x: &Share, y: &Share) -> Result<Share> {
        let wires = open_masked_all(&mut self.runtime, &[x, y])?;
        product(
            &mut self.runtime,
            Bilinear::Matmul(shape),
            &wires[0],
            &wires[1],
        )
    }

    fn split(&self, x: &Share) -> Share {
        x.map_to(RING64, x.len(), |x| heads::split(&self.plan.config, x))
    }
}

impl Engine for Dealer<'_> {
    type Activation = Activation;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.runtime.enter(step);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.runtime.leave();
        Ok(())
    }

    fn input(&mut self) -> Result<Activation> {
        let len = self.plan.seq_len * self.plan.config.hidden;
        Ok(share_from_p1(&mut self.runtime, RING64, self.input, len)?.into())
    }

    /// The input is opened once for all layers that take it, and weights never: they were masked at setup.
    fn linear(&mut self, linear: Linear, x: &mut Activation) -> Result<Activation> {
        let (weights, bias) = self.weights.linear(linear)?;
        let shape = MatmulShape::of_layer(&self.plan.config, linear, x.share.len());
        let wire = match x.wire.take() {
            Some(wire) => wire,
            None => open_masked(&mut self.runtime, &x.share)?,
        };
        let y = product(&mut self.runtime, Bilinear::Matmul(shape), &wire, weights)?;
        x.wire = Some(wire);
        Ok(add_columns(&self.runtime, y, bias).into())
    }

    fn scores(&mut self, _: usize, q: Activation, k: Activation) -> Result<Activation> {
        let width = self.plan.config.head_width();
        let (q, k) = (self.split(&q.share), self.split(&k.share));
        let shape = MatmulShape::of_scores(&self.plan.config, self.plan.seq_len);
        let scores = self.per_head(shape, &q, &k)?;
        Ok(scale(&self.runtime, scores, 1.0 / (width as f64).sqrt()).into())
    }

    fn softmax(&mut self, _: usize, scores: Activation) -> Result<Activation> {
        Ok(softmax(&mut self.runtime, &scores.share, self.plan.seq_len)?.into())
    }

    fn context(&mut self, _: usize, p: Activation, v: Activation) -> Result<Activation> {
        let config = &self.plan.config;
        let shape = MatmulShape::of_context(&self.plan.config, self.plan.seq_len);
        let v = self.split(&v.share);
        let context = self.per_head(shape, &p.share, &v)?;
        Ok(context
            .map_to(RING64, context.len(), |x| heads::join(config, x))
            .into())
    }

    fn add_and_norm(
        &mut self,
        norm: Norm,
        branch: Activation,
        residual: Activation,
    ) -> Result<Activation> {
        let config = &self.plan.config;
        let (gamma, beta) = self.weights.norm(norm)?;
        let sum = add(&self.runtime, branch.share, &residual.share);
        let epsilon = f64::from(config.layer_norm_epsilon);
        let normal = normalize(&mut self.runtime, &sum, config.hidden, epsilon)?;
        let map = Bilinear::Columns {
            rows: self.plan.seq_len,
            width: config.hidden,
        };
        let normal = open_masked(&mut self.runtime, &normal)?;
        let scaled = product(&mut self.runtime, map, &normal, gamma)?;
        Ok(add_columns(&self.runtime, scaled, beta).into())
    }

    fn activate(&mut self, function: Nonlinearity, x: Activation) -> Result<Activation> {
        let activated = match function {
            Nonlinearity::FeedForward(_) => gelu(&mut self.runtime, &x.share)?,
            Nonlinearity::Pooler => tanh(&mut self.runtime, &x.share)?,
        };
        Ok(activated.into())
    }

    fn first_token(&mut self, x: Activation) -> Result<Activation> {
        Ok(x.share.slice(0..self.plan.config.hidden).into())
    }

    fn output(&mut self, x: Activation) -> Result<()> {
        let learned = reveal_to_p1(&mut self.runtime, &x.share)?;
        self.output = Output(learned.unwrap_or_default());
        Ok(())
    }
}

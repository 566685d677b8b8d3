//! The walk over BERT in CrypTen's arithmetic.

use super::fixed::RING;
use super::weights::SharedWeights;
use super::{Arithmetic, MatmulShape, Share};
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm};
use qbench_protocols::{Error, Result};

/// The public settings of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The architecture.
    pub config: ModelConfig,
    /// Tokens.
    pub seq_len: usize,
}

/// `crypten` on the walk, in any phase and in the cost walk.
///
/// As in the original a matrix is opened anew for every product that it enters: x three times for query, key and value,
/// and the weights in every inference.
pub struct CrypTen<'a> {
    pub(super) arithmetic: Arithmetic<'a>,
    settings: &'a Settings,
    weights: &'a SharedWeights,
    /// P1's embedded tokens, encoded; online only.
    input: Option<&'a [u64]>,
    /// What P1 learned: encoded logits or last hidden states. Empty elsewhere.
    pub output: Vec<u64>,
}

impl<'a> CrypTen<'a> {
    /// An engine that computes in `arithmetic`. `weights` without shares in every phase but `online`; `input` at P1
    /// online.
    pub fn new(
        arithmetic: Arithmetic<'a>,
        settings: &'a Settings,
        weights: &'a SharedWeights,
        input: Option<&'a [u64]>,
    ) -> Self {
        Self {
            arithmetic,
            settings,
            weights,
            input,
            output: Vec::new(),
        }
    }

    /// `[n, hidden]` to `[heads, n, width]`.
    fn split_heads(&self, x: &Share) -> Share {
        let config = &self.settings.config;
        let (hidden, width) = (config.hidden, config.head_width());
        x.map_to(RING, x.len(), |values| {
            let mut out = Vec::with_capacity(values.len());
            for head in 0..config.heads {
                for row in values.chunks_exact(hidden) {
                    out.extend_from_slice(&row[head * width..][..width]);
                }
            }
            out
        })
    }

    /// `[heads, n, width]` to `[n, hidden]`.
    fn join_heads(&self, x: &Share) -> Share {
        let (tokens, width) = (self.settings.seq_len, self.settings.config.head_width());
        x.map_to(RING, x.len(), |values| {
            let mut out = Vec::with_capacity(values.len());
            for token in 0..tokens {
                for head in values.chunks_exact(tokens * width) {
                    out.extend_from_slice(&head[token * width..][..width]);
                }
            }
            out
        })
    }
}

impl Engine for CrypTen<'_> {
    type Activation = Share;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.arithmetic.runtime.enter(step);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.arithmetic.runtime.leave();
        Ok(())
    }

    fn input(&mut self) -> Result<Share> {
        let count = self.settings.seq_len * self.settings.config.hidden;
        self.arithmetic.share_from_p1(self.input, count)
    }

    fn linear(&mut self, linear: Linear, x: &mut Share) -> Result<Share> {
        let (outputs, inputs) = linear.shape(&self.settings.config);
        let (weights, bias) = self.weights.linear(linear)?;
        let shape = MatmulShape {
            batch: 1,
            rows: x.len() / inputs,
            inner: inputs,
            columns: outputs,
            right_is_transposed: true,
        };
        let product = self.arithmetic.matmul(shape, x, weights)?;
        Ok(self.arithmetic.add_columns(product, bias))
    }

    fn scores(&mut self, _layer: usize, q: Share, k: Share) -> Result<Share> {
        let config = &self.settings.config;
        let shape = MatmulShape {
            batch: config.heads,
            rows: self.settings.seq_len,
            inner: config.head_width(),
            columns: self.settings.seq_len,
            right_is_transposed: true,
        };
        let (q, k) = (self.split_heads(&q), self.split_heads(&k));
        let scores = self.arithmetic.matmul(shape, &q, &k)?;
        let factor = 1.0 / (config.head_width() as f64).sqrt();
        Ok(self.arithmetic.scale_public(scores, factor))
    }

    fn softmax(&mut self, _layer: usize, scores: Share) -> Result<Share> {
        self.arithmetic.softmax_rows(&scores, self.settings.seq_len)
    }

    fn context(&mut self, _layer: usize, p: Share, v: Share) -> Result<Share> {
        let config = &self.settings.config;
        let shape = MatmulShape {
            batch: config.heads,
            rows: self.settings.seq_len,
            inner: self.settings.seq_len,
            columns: config.head_width(),
            right_is_transposed: false,
        };
        let v = self.split_heads(&v);
        let context = self.arithmetic.matmul(shape, &p, &v)?;
        Ok(self.join_heads(&context))
    }

    fn add_and_norm(&mut self, norm: Norm, branch: Share, residual: Share) -> Result<Share> {
        let config = &self.settings.config;
        let (gamma, beta) = self.weights.norm(norm)?;
        let sum = self.arithmetic.add(branch, &residual);
        let epsilon = f64::from(config.layer_norm_epsilon);
        self.arithmetic
            .layer_norm(&sum, config.hidden, gamma, beta, epsilon)
    }

    fn activate(&mut self, function: Nonlinearity, x: Share) -> Result<Share> {
        match (function, self.settings.config.activation) {
            (Nonlinearity::Pooler, _) => self.arithmetic.tanh(&x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Gelu) => self.arithmetic.gelu(&x),
            (Nonlinearity::FeedForward(_), ActivationFunction::Relu) => self.arithmetic.relu(&x),
        }
    }

    fn first_token(&mut self, x: Share) -> Result<Share> {
        let hidden = self.settings.config.hidden;
        Ok(x.map_to(RING, hidden, |values| values[..hidden].to_vec()))
    }

    fn output(&mut self, x: Share) -> Result<()> {
        self.output = self.arithmetic.reveal_to_p1(&x)?.unwrap_or_default();
        Ok(())
    }
}

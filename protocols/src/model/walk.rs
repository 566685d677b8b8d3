//! The one walk over BERT. Every engine goes this way: the clear float reference, the clear integer
//! reference, `lut-rss` in each of its phases, the cost walk, the baselines, and later systems.

use super::config::{Head, ModelConfig};
use std::fmt;

/// A fully connected layer of the model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Linear {
    /// Query projection of a layer.
    Query(usize),
    /// Key projection of a layer.
    Key(usize),
    /// Value projection of a layer.
    Value(usize),
    /// Projection of the attention context of a layer.
    AttentionOutput(usize),
    /// First feed-forward layer of a layer.
    FeedForwardIn(usize),
    /// Second feed-forward layer of a layer.
    FeedForwardOut(usize),
    /// Dense layer on the first token.
    Pooler,
    /// Logits.
    Classifier,
}

impl Linear {
    /// (outputs, inputs).
    pub fn shape(self, config: &ModelConfig) -> (usize, usize) {
        let (hidden, ffn) = (config.hidden, config.feed_forward);
        match self {
            Self::Query(_) | Self::Key(_) | Self::Value(_) | Self::AttentionOutput(_) => {
                (hidden, hidden)
            }
            Self::FeedForwardIn(_) => (ffn, hidden),
            Self::FeedForwardOut(_) => (hidden, ffn),
            Self::Pooler => (hidden, hidden),
            Self::Classifier => match config.head {
                Head::Classifier { labels } => (labels, hidden),
                Head::Hidden => (0, hidden),
            },
        }
    }

    /// Every linear layer of a model, in the order of the walk.
    pub fn all(config: &ModelConfig) -> Vec<Self> {
        let mut all: Vec<Self> = (0..config.layers)
            .flat_map(|l| {
                [
                    Self::Query(l),
                    Self::Key(l),
                    Self::Value(l),
                    Self::AttentionOutput(l),
                    Self::FeedForwardIn(l),
                    Self::FeedForwardOut(l),
                ]
            })
            .collect();
        if matches!(config.head, Head::Classifier { .. }) {
            all.extend([Self::Pooler, Self::Classifier]);
        }
        all
    }
}

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(l) => write!(f, "layer{l}/attention/query"),
            Self::Key(l) => write!(f, "layer{l}/attention/key"),
            Self::Value(l) => write!(f, "layer{l}/attention/value"),
            Self::AttentionOutput(l) => write!(f, "layer{l}/attention/output"),
            Self::FeedForwardIn(l) => write!(f, "layer{l}/feed-forward/in"),
            Self::FeedForwardOut(l) => write!(f, "layer{l}/feed-forward/out"),
            Self::Pooler => write!(f, "head/pooler"),
            Self::Classifier => write!(f, "head/classifier"),
        }
    }
}

/// A residual connection with its LayerNorm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Norm {
    /// After attention.
    Attention(usize),
    /// After the feed-forward layers.
    FeedForward(usize),
}

impl Norm {
    /// The layer that it is in.
    pub const fn layer(self) -> usize {
        match self {
            Self::Attention(layer) | Self::FeedForward(layer) => layer,
        }
    }
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attention(l) => write!(f, "layer{l}/attention/add-and-norm"),
            Self::FeedForward(l) => write!(f, "layer{l}/feed-forward/add-and-norm"),
        }
    }
}

/// A table-like non-linearity on every element.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Nonlinearity {
    /// GELU or ReLU between the feed-forward layers of a layer.
    FeedForward(usize),
    /// The pooler's tanh.
    Pooler,
}

/// The operations that a system provides on its own type of activation.
///
/// An engine may do work later than it is asked to (a cut may wait until the next step knows what it
/// adds), as long as the whole walk computes the model. Activations that the walk uses more than once
/// are passed as `&mut`, so that an engine can keep what it has opened or converted.
pub trait Engine {
    /// An activation matrix: rows are tokens; for scores and probabilities, (head, query) x key.
    type Activation;
    /// The engine's error.
    type Error;

    /// Enters a step; names nest, joined by `/`. Everything until the matching [`Engine::leave`]
    /// belongs to it.
    fn enter(&mut self, step: &str) -> Result<(), Self::Error>;
    /// Leaves the innermost step.
    fn leave(&mut self) -> Result<(), Self::Error>;

    /// The embedded tokens, `seq_len` x `hidden`.
    fn input(&mut self) -> Result<Self::Activation, Self::Error>;
    /// `x W^T + b`.
    fn linear(
        &mut self,
        linear: Linear,
        x: &mut Self::Activation,
    ) -> Result<Self::Activation, Self::Error>;
    /// Query, key and value of a layer: three layers on one input, in steps `query`, `key` and `value`. A system that can
    /// open them in one round does so here.
    fn project_qkv(
        &mut self,
        layer: usize,
        x: &mut Self::Activation,
    ) -> Result<[Self::Activation; 3], Self::Error> {
        let q = step(self, "query", |engine| {
            engine.linear(Linear::Query(layer), x)
        })?;
        let k = step(self, "key", |engine| engine.linear(Linear::Key(layer), x))?;
        let v = step(self, "value", |engine| {
            engine.linear(Linear::Value(layer), x)
        })?;
        Ok([q, k, v])
    }
    /// Per head, `q k^T / sqrt(head width)`.
    fn scores(
        &mut self,
        layer: usize,
        q: Self::Activation,
        k: Self::Activation,
    ) -> Result<Self::Activation, Self::Error>;
    /// Softmax over keys.
    fn softmax(
        &mut self,
        layer: usize,
        scores: Self::Activation,
    ) -> Result<Self::Activation, Self::Error>;
    /// Per head, `p v`; heads side by side again.
    fn context(
        &mut self,
        layer: usize,
        p: Self::Activation,
        v: Self::Activation,
    ) -> Result<Self::Activation, Self::Error>;
    /// LayerNorm(branch + residual).
    fn add_and_norm(
        &mut self,
        norm: Norm,
        branch: Self::Activation,
        residual: Self::Activation,
    ) -> Result<Self::Activation, Self::Error>;
    /// The non-linearity on every element.
    fn activate(
        &mut self,
        function: Nonlinearity,
        x: Self::Activation,
    ) -> Result<Self::Activation, Self::Error>;
    /// The first token's row.
    fn first_token(&mut self, x: Self::Activation) -> Result<Self::Activation, Self::Error>;
    /// Opens the result to P1: logits, or every token's last hidden state.
    fn output(&mut self, x: Self::Activation) -> Result<(), Self::Error>;
}

/// Runs `body` inside step `name`. After an error the step stays open: its label says where it happened.
///
/// # Errors
/// The body's.
pub fn step<E: Engine + ?Sized, T>(
    engine: &mut E,
    name: &str,
    body: impl FnOnce(&mut E) -> Result<T, E::Error>,
) -> Result<T, E::Error> {
    engine.enter(name)?;
    let value = body(engine)?;
    engine.leave()?;
    Ok(value)
}

/// Walks the encoder once, from P1's embedded tokens to the output.
pub fn walk<E: Engine>(engine: &mut E, config: &ModelConfig) -> Result<(), E::Error> {
    let mut x = step(engine, "input", E::input)?;
    for layer in 0..config.layers {
        x = step(engine, &format!("layer{layer}"), |engine| {
            let x = step(engine, "attention", |engine| attention(engine, layer, x))?;
            step(engine, "feed-forward", |engine| {
                feed_forward(engine, layer, x)
            })
        })?;
    }
    step(engine, "head", |engine| {
        if matches!(config.head, Head::Classifier { .. }) {
            let mut x = engine.first_token(x)?;
            let pooled = step(engine, "pooler", |engine| {
                engine.linear(Linear::Pooler, &mut x)
            })?;
            let mut pooled = step(engine, "tanh", |engine| {
                engine.activate(Nonlinearity::Pooler, pooled)
            })?;
            let logits = step(engine, "classifier", |engine| {
                engine.linear(Linear::Classifier, &mut pooled)
            })?;
            step(engine, "output", |engine| engine.output(logits))
        } else {
            step(engine, "output", |engine| engine.output(x))
        }
    })
}

fn attention<E: Engine>(
    engine: &mut E,
    layer: usize,
    mut x: E::Activation,
) -> Result<E::Activation, E::Error> {
    let [q, k, v] = engine.project_qkv(layer, &mut x)?;
    let scores = step(engine, "scores", |engine| engine.scores(layer, q, k))?;
    let p = step(engine, "softmax", |engine| engine.softmax(layer, scores))?;
    let mut context = step(engine, "context", |engine| engine.context(layer, p, v))?;
    let branch = step(engine, "output", |engine| {
        engine.linear(Linear::AttentionOutput(layer), &mut context)
    })?;
    step(engine, "add-and-norm", |engine| {
        engine.add_and_norm(Norm::Attention(layer), branch, x)
    })
}

fn feed_forward<E: Engine>(
    engine: &mut E,
    layer: usize,
    mut x: E::Activation,
) -> Result<E::Activation, E::Error> {
    let inner = step(engine, "in", |engine| {
        engine.linear(Linear::FeedForwardIn(layer), &mut x)
    })?;
    let mut inner = step(engine, "activation", |engine| {
        engine.activate(Nonlinearity::FeedForward(layer), inner)
    })?;
    let branch = step(engine, "out", |engine| {
        engine.linear(Linear::FeedForwardOut(layer), &mut inner)
    })?;
    step(engine, "add-and-norm", |engine| {
        engine.add_and_norm(Norm::FeedForward(layer), branch, x)
    })
}

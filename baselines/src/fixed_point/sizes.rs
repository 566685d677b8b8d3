//! What predictions of memory are made of.

use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::walk::Linear;

/// Elements of a model's tensors.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Weights of all layers.
    pub weights: u64,
    /// Weights of the largest layer.
    pub largest: u64,
    /// The widest activation: between the feed-forward layers, or the scores.
    pub widest: u64,
}

impl Sizes {
    /// Of a model on so many tokens.
    pub fn of(config: &ModelConfig, seq_len: usize) -> Self {
        let counts = Linear::all(config).into_iter().map(|linear| {
            let (outputs, inputs) = linear.shape(config);
            (outputs * inputs) as u64
        });
        let tokens = seq_len as u64;
        let scores = config.heads as u64 * tokens * tokens;
        Self {
            weights: counts.clone().sum(),
            largest: counts.max().unwrap_or(0),
            widest: (tokens * config.feed_forward as u64).max(scores),
        }
    }
}

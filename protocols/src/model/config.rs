//! The public architecture of a BERT encoder.

use super::bit_plan::BitPlan;
use serde::{Deserialize, Serialize};

/// The non-linearity between the feed-forward layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivationFunction {
    /// x * Phi(x), with the exact error function.
    Gelu,
    /// max(0, x): the paper's choice.
    Relu,
}

/// What stands after the last layer, and so what P1 learns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Pooler (dense and tanh on the first token) and classifier: P1 learns `labels` logits.
    Classifier {
        /// Number of logits.
        labels: usize,
    },
    /// No head: P1 learns the last layer's output for every token (sentence embeddings).
    Hidden,
}

/// Everything about a model that is public.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ModelConfig {
    /// A name for people.
    pub name: String,
    /// Encoder layers.
    pub layers: usize,
    /// Width of a token's hidden state.
    pub hidden: usize,
    /// Attention heads; divides `hidden`.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Longest sequence that the position table holds.
    pub max_positions: usize,
    /// The feed-forward non-linearity.
    pub activation: ActivationFunction,
    /// The head.
    pub head: Head,
    /// Epsilon of LayerNorm.
    pub layer_norm_epsilon: f32,
    /// Whether scores have a bias by the distance of their tokens ([`super::score_bias`]).
    #[serde(default, skip_serializing_if = "is_false")]
    pub relative_positions: bool,
    /// Bits of every site, for systems that take a plan; the default where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bit_plan: Option<BitPlan>,
}

/// What most models have is not written: their names and hashes are what they were.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl ModelConfig {
    /// `bert-tiny`, `bert-mini`, `bert-base` or `bert-large`: synthetic presets with the paper's ReLU
    /// and a two-label classifier.
    pub fn preset(name: &str) -> Option<Self> {
        let (layers, hidden, heads) = match name {
            "bert-tiny" => (2, 128, 2),
            "bert-mini" => (4, 256, 4),
            "bert-base" => (12, 768, 12),
            "bert-large" => (24, 1024, 16),
            _ => return None,
        };
        Some(Self {
            name: name.to_owned(),
            layers,
            hidden,
            heads,
            feed_forward: 4 * hidden,
            max_positions: 512,
            activation: ActivationFunction::Relu,
            head: Head::Classifier { labels: 2 },
            layer_norm_epsilon: 1e-12,
            relative_positions: false,
            bit_plan: None,
        })
    }

    /// The preset names, for messages and completion.
    pub const PRESETS: [&'static str; 4] = ["bert-tiny", "bert-mini", "bert-base", "bert-large"];

    /// Width of one attention head.
    pub const fn head_width(&self) -> usize {
        self.hidden / self.heads
    }

    /// Says what is impossible about this configuration, if anything.
    pub fn check(&self) -> std::result::Result<(), String> {
        if self.layers == 0 || self.hidden == 0 || self.heads == 0 || self.feed_forward == 0 {
            return Err("layers, hidden, heads and feed_forward must all be at least 1".into());
        }
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(format!(
                "hidden = {} is not a multiple of heads = {}",
                self.hidden, self.heads
            ));
        }
        if let Head::Classifier { labels: 0 } = self.head {
            return Err("a classifier needs at least 1 label".into());
        }
        self.bit_plan
            .as_ref()
            .map_or(Ok(()), |plan| plan.check(self))
    }
}

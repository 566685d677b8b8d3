//! The public shapes of a run.

use crate::model::bit_plan::BitPlan;
use crate::model::config::{Head, ModelConfig};
use crate::model::walk::Linear;

/// What a workload comes to.
#[derive(Clone, Debug)]
pub struct FinePlan {
    /// The architecture.
    pub config: ModelConfig,
    /// Tokens.
    pub seq_len: usize,
    /// The widths.
    pub widths: BitPlan,
}

impl FinePlan {
    /// (outputs, inputs) of a layer: one before a residual connection also puts out the mean.
    pub fn shape(&self, linear: Linear) -> (usize, usize) {
        let (outputs, inputs) = linear.shape(&self.config);
        let mean = matches!(
            linear,
            Linear::AttentionOutput(_) | Linear::FeedForwardOut(_)
        );
        (outputs + usize::from(mean), inputs)
    }

    /// Whether P1 learns hidden states.
    pub fn shows_states(&self) -> bool {
        self.config.head == Head::Hidden
    }
}

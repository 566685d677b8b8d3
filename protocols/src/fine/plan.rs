//! The public shapes of a run.

use crate::model::bit_plan::{BitPlan, Widths};
use crate::model::config::{Head, ModelConfig};
use crate::model::walk::Linear;
use crate::system::Workload;
use crate::system::settings::{Setting, Values};
use crate::{Error, Result};

/// What the table of an activation function gives.
pub const ACTIVATION_TABLE: Setting = Setting {
    key: "activation_table",
    values: Values::Names(&["widened", "direct"]),
    default: "widened",
    default_of_infer: None,
    auto: true,
    label: "table of the activation function",
    help: "Narrow entries that are widened, or entries of the product ring: a round less, and more correlated randomness",
};

/// What a workload comes to.
#[derive(Clone, Debug)]
pub struct FinePlan {
    /// The architecture.
    pub config: ModelConfig,
    /// Tokens.
    pub seq_len: usize,
    /// The widths.
    pub widths: BitPlan,
    /// Whether the table of an activation function gives elements of the product ring, which are not widened.
    pub direct_activation: bool,
}

impl FinePlan {
    /// Of a workload.
    ///
    /// # Errors
    /// A setting with a value that it does not have; more tokens than the widths allow.
    pub fn new(workload: &Workload) -> Result<Self> {
        let (widths, seq_len) = (BitPlan::of(&workload.model), workload.seq_len);
        let longest = widths.layers.iter().map(Widths::longest_row).min();
        let longest = longest.unwrap_or(0);
        if seq_len > longest {
            return Err(Error::Unsupported(format!(
                "lut-fine takes at most {longest} tokens, whose exponentials' sum a table can take, not {seq_len}"
            )));
        }
        Ok(Self {
            config: workload.model.clone(),
            seq_len,
            widths,
            direct_activation: ACTIVATION_TABLE.place(&workload.settings)? == 1,
        })
    }

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

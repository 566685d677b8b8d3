//! The public shapes of a run.

use crate::model::bit_plan::{BitPlan, Widths};
use crate::model::config::{Head, ModelConfig};
use crate::model::walk::Linear;
use crate::system::Workload;
use crate::system::settings::{Setting, Settings, Values};
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

/// How the maxima of the softmax are found.
pub const ROW_MAXIMUM: Setting = Setting {
    key: "row_maximum",
    values: Values::Names(&["histogram", "differences"]),
    default: "histogram",
    default_of_infer: None,
    auto: true,
    label: "maximum of a row",
    help: "How the maxima of the softmax are found: 2 rounds at any length, or log2 n rounds, less material, and scores at half their range",
};

/// The least bits of an inverse of a row's sum of exponentials.
const INVERSE_BITS: u32 = 3;

/// What trades rounds for bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Choices {
    /// Whether the table of an activation function gives elements of the product ring, which are not widened.
    pub direct_activation: bool,
    /// Whether maxima are found by differences, for which scores have a spare bit.
    pub maximum_by_differences: bool,
}

impl Choices {
    /// Of a workload's settings.
    ///
    /// # Errors
    /// A setting with a value that it does not have.
    pub fn new(settings: &Settings) -> Result<Self> {
        Ok(Self {
            direct_activation: ACTIVATION_TABLE.place(settings)? == 1,
            maximum_by_differences: ROW_MAXIMUM.place(settings)? == 1,
        })
    }

    /// Spare bits of a score.
    pub fn spare_of_scores(self) -> u32 {
        u32::from(self.maximum_by_differences)
    }
}

/// What a workload comes to.
#[derive(Clone, Debug)]
pub struct FinePlan {
    /// The architecture.
    pub config: ModelConfig,
    /// Tokens.
    pub seq_len: usize,
    /// The widths.
    pub widths: BitPlan,
    /// What trades rounds for bytes.
    pub choices: Choices,
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
        let choices = Choices::new(&workload.settings)?;
        let fits = |widths: &Widths| widths.scores + choices.spare_of_scores() <= 8;
        if let Some(layer) = widths.layers.iter().position(|widths| !fits(widths)) {
            return Err(Error::Unsupported(format!(
                "{} = differences needs a spare bit: scores have at most 7 bits then, and the bit plan of layer {layer} has {}",
                ROW_MAXIMUM.key,
                widths.layer(layer).scores
            )));
        }
        for (layer, widths) in widths.layers.iter().enumerate() {
            let needed = widths.index + 1 + widths.row_sum(seq_len).bits() + INVERSE_BITS;
            if widths.weighted < needed {
                return Err(Error::Unsupported(format!(
                    "the bit plan of layer {layer}: `weighted` of {} bits is too narrow for the inverses of rows of {seq_len} tokens: it needs \
                     {needed}",
                    widths.weighted
                )));
            }
        }
        Ok(Self {
            config: workload.model.clone(),
            seq_len,
            widths,
            choices,
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

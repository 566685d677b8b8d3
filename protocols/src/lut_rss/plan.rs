//! The public settings of a run.

use crate::Result;
use crate::model::config::ModelConfig;
use crate::ring::Ring;
use crate::system::Workload;
use crate::system::settings::{Setting, Values};

/// Width of the cut, bits.
pub const INDEX_BITS: Setting = Setting {
    key: "index_bits",
    values: Values::Whole(4, 8),
    default: "4",
    // Unmodified checkpoints need more than the paper's 4 bits to be of any use.
    default_of_infer: Some("8"),
    auto: false,
    label: "width of the cut [bits]",
    help: "Width of the cut, bits: of the indices that tables take",
};

/// How the maximum of a softmax row is found.
pub const MAX_PROTOCOL: Setting = Setting {
    key: "max_protocol",
    values: Values::Names(&["tournament", "radix-sort", "histogram"]),
    default: "tournament",
    default_of_infer: None,
    auto: true,
    label: "maximum protocol",
    help: "How the maxima of the softmax are found; radix-sort is the paper's, histogram takes 2 rounds at any length",
};

/// How the variance of a LayerNorm row is found.
pub const VARIANCE_PROTOCOL: Setting = Setting {
    key: "variance_protocol",
    values: Values::Names(&["square-table", "inner-product"]),
    default: "square-table",
    default_of_infer: None,
    auto: false,
    label: "variance protocol",
    help: "How LayerNorm's variance is found; inner-product is the paper's",
};

/// The paper's choices, where the defaults are others.
pub const AS_PUBLISHED: [(&str, &str); 2] = [
    (MAX_PROTOCOL.key, "radix-sort"),
    (VARIANCE_PROTOCOL.key, "inner-product"),
];

/// How the maximum of a softmax row is found; in the order of [`MAX_PROTOCOL`]'s names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MaxProtocol {
    /// Pairwise maxima by two-input tables, ceil(log2 n) levels.
    #[default]
    Tournament,
    /// The paper's choice: three-party radix sort (Asharov et al., CCS 2022).
    RadixSort,
    /// By counting how many reach each threshold: 2 rounds at any length.
    Histogram,
}

/// How the variance of a LayerNorm row is found; in the order of [`VARIANCE_PROTOCOL`]'s names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum VarianceProtocol {
    /// A table of squares that shares the opening of the affine table: no product, no resharing.
    #[default]
    SquareTable,
    /// The paper's choice: a replicated inner product of two lifts.
    InnerProduct,
}

/// What a workload comes to.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The architecture.
    pub config: ModelConfig,
    /// Tokens.
    pub seq_len: usize,
    /// Width of the cut.
    pub index_bits: u32,
    /// How maxima are found.
    pub max_protocol: MaxProtocol,
    /// How variances are found.
    pub variance_protocol: VarianceProtocol,
}

impl Plan {
    /// Of a workload.
    ///
    /// # Errors
    /// A setting with a value that it does not have.
    pub fn new(workload: &Workload) -> Result<Self> {
        let settings = &workload.settings;
        let max = [
            MaxProtocol::Tournament,
            MaxProtocol::RadixSort,
            MaxProtocol::Histogram,
        ];
        let variance = [
            VarianceProtocol::SquareTable,
            VarianceProtocol::InnerProduct,
        ];
        Ok(Self {
            config: workload.model.clone(),
            seq_len: workload.seq_len,
            index_bits: INDEX_BITS.whole(settings)? as u32,
            max_protocol: max[MAX_PROTOCOL.place(settings)?],
            variance_protocol: variance[VARIANCE_PROTOCOL.place(settings)?],
        })
    }

    /// The ring of indices.
    pub fn index_ring(&self) -> Ring {
        Ring::new(self.index_bits)
    }
}

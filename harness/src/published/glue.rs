//! Table 1 of arXiv 2508.01636: scores on GLUE.

use anyhow::{Context, Result};
use serde::Deserialize;

const TABLE1: &str = include_str!("../../../results/published/lu2025qbert_table1_glue.csv");

/// One score as printed, in hundredths.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct GlueScore {
    /// The model, or the system that quantizes it.
    pub model: String,
    /// Bits of a weight.
    pub weight_bits: u32,
    /// Bits of an activation.
    pub activation_bits: u32,
    /// The task, such as `sst-2`.
    pub task: String,
    /// In hundredths: accuracy, F1 or a correlation, as the task has it.
    pub score: f64,
}

/// All of them.
///
/// # Errors
/// A file that is no such table.
pub fn scores() -> Result<Vec<GlueScore>> {
    let mut reader = csv::Reader::from_reader(TABLE1.as_bytes());
    let scores = reader.deserialize().collect::<Result<_, _>>();
    scores.context("results/published/lu2025qbert_table1_glue.csv")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_table_is_read() {
        let scores = super::scores().unwrap();
        let of = |bits| {
            let mut found = scores.iter();
            found
                .find(|s| s.task == "sst-2" && s.weight_bits == bits)
                .map(|s| s.score)
        };
        assert_eq!((of(32), of(1)), (Some(93.2), Some(91.3)));
    }
}

//! `lut-rss` as a system under comparison.

use super::declare::declare;
use super::party::LutRssParty;
use super::{Settings, verify};
use crate::model::config::ActivationFunction;
use crate::net::Party;
use crate::system::{Declared, PartyProgram, Setting, System, Verified, Workload};
use crate::{Error, Result};

/// The proposed system.
pub struct LutRssSystem;

impl System for LutRssSystem {
    fn id(&self) -> &'static str {
        "lut-rss"
    }

    fn about(&self) -> &'static str {
        "1-bit weights, 4-bit activations; replicated products, lookup tables for the rest; no truncation"
    }

    fn source(&self) -> &'static str {
        "Lu et al., Privacy-Preserving Inference for Quantized BERT Models, arXiv 2508.01636"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting::IndexBits,
            Setting::MaxProtocol,
            Setting::VarianceProtocol,
        ]
    }

    /// The paper's choice. GELU costs the same: either is one table.
    fn default_activation(&self) -> ActivationFunction {
        ActivationFunction::Relu
    }

    fn check(&self, workload: &Workload) -> Result<()> {
        workload.model.check().map_err(Error::Unsupported)?;
        if !(4..=8).contains(&workload.index_bits) {
            return Err(Error::Unsupported(format!(
                "index_bits must be 4 to 8, not {}",
                workload.index_bits
            )));
        }
        if workload.seq_len == 0 || workload.seq_len > workload.model.max_positions {
            return Err(Error::Unsupported(format!(
                "seq_len must be 1 to {}, the positions that model `{}` has, not {}",
                workload.model.max_positions, workload.model.name, workload.seq_len
            )));
        }
        Ok(())
    }

    fn cost(&self, workload: &Workload) -> Result<Declared> {
        self.check(workload)?;
        declare(&Settings::from(workload), workload.verify)
    }

    fn party(&self, workload: &Workload, party: Party) -> Result<Box<dyn PartyProgram>> {
        self.check(workload)?;
        Ok(Box::new(LutRssParty::load(workload, party)?))
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        verify::verify(workload, evidence)
    }
}

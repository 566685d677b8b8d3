//! `crypten` as a system under comparison.

use super::declare::declare;
use super::engine::Settings;
use super::party::CrypTenParty;
use super::verify;
use qbench_protocols::net::Party;
use qbench_protocols::system::{Declared, PartyProgram, System, Verified, Workload};
use qbench_protocols::{Error, Result};

/// The baseline `crypten`.
pub struct CrypTenSystem;

impl System for CrypTenSystem {
    fn id(&self) -> &'static str {
        "crypten"
    }

    fn about(&self) -> &'static str {
        "float weights in 64-bit fixed point; two-party Beaver products, local truncation; P0 deals the triples"
    }

    fn source(&self) -> &'static str {
        "Knott et al., CrypTen: Secure Multi-Party Computation Meets Machine Learning, NeurIPS 2021"
    }

    fn check(&self, workload: &Workload) -> Result<()> {
        workload.model.check().map_err(Error::Unsupported)?;
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
        declare(&Settings {
            config: workload.model.clone(),
            seq_len: workload.seq_len,
        })
    }

    fn party(&self, workload: &Workload, party: Party) -> Result<Box<dyn PartyProgram>> {
        self.check(workload)?;
        Ok(Box::new(CrypTenParty::load(workload, party)?))
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        verify::verify(workload, evidence)
    }
}

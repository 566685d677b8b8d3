//! What the harness asks of a system under comparison: its declared cost, its memory, three party
//! programs with phases, and a check of what they put out. Most systems are [`WalkedSystem`]s: an engine on the walk.

pub mod load;
mod path_bytes;
pub mod settings;
pub mod sites;
pub mod walked;
mod workload;

pub use crate::cost::{DeclaredPhase, DeclaredStep};
pub use settings::{Setting, Settings};
pub use sites::{Site, Sites};
pub use walked::{Known, WalkedParty, WalkedSystem};
pub use workload::Workload;

use crate::Result;
use crate::model::config::ActivationFunction;
use crate::net::Party;
use crate::session::Session;

/// What a party's process holds before it has a model: the program, its threads' stacks, what allocators keep. Between 15 and 24 MB
/// where it was measured; machines differ by some megabytes, so predictions count more.
pub const PROCESS_BYTES: u64 = 32 << 20;

/// Declared cost of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Declared {
    /// Sharing of the weights.
    pub setup: DeclaredPhase,
    /// Correlated randomness.
    pub offline: DeclaredPhase,
    /// The inference.
    pub online: DeclaredPhase,
    /// Bytes of correlated randomness each party holds between offline and online.
    pub material_bytes: [u64; 3],
    /// Predicted peak memory of each party's process.
    pub memory_bytes: [u64; 3],
    /// Predicted disk space of each party: the material, where it waits in a file.
    pub disk_bytes: [u64; 3],
}

/// Result of checking a run against the references in the clear.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Verified {
    /// What the output was found to be equal to, such as `bit-exact: equal to the quantized model with the run's roundings`: that the run computed what
    /// the system computes, not that this is near the model in floating point. How near that is, the next field says.
    pub how: String,
    /// Largest absolute difference to the float reference (the same weights, nothing else quantized or approximated), relative
    /// to the root mean square of its output.
    pub float_error: f64,
    /// Values that wrapped, by site; none where the system counts none.
    pub sites: Vec<Site>,
    /// The output that P1 learned, as real numbers.
    pub output: Vec<f32>,
}

/// One party's part of a system: built once, then `setup`, then `offline` and `online` in turn.
pub trait PartyProgram {
    /// Shares the weights. P0 reads its private model here.
    fn setup(&mut self, session: &mut Session) -> Result<()>;
    /// Deals or receives correlated randomness.
    fn offline(&mut self, session: &mut Session) -> Result<()>;
    /// Takes another input of the same model and settings, of any length, after an inference: the weights stay shared. `workload` is this
    /// party's part of it, as [`System::party`] got it.
    ///
    /// # Errors
    /// A program that runs one input a session, which this is unless it says otherwise; a workload that it refuses.
    fn next(&mut self, workload: &Workload, party: Party) -> Result<()> {
        let _ = (workload, party);
        Err(crate::Error::Unsupported(
            "the system runs one input after a set-up".into(),
        ))
    }
    /// Computes. At the end the store of correlated randomness must be empty, else it is an error.
    fn online(&mut self, session: &mut Session) -> Result<()>;
    /// Bytes of correlated randomness held now, and where (`memory` or a path).
    fn material(&self) -> (u64, String);
    /// What this party contributes to verification of the last online phase: opaque bytes.
    fn evidence(&mut self) -> Vec<u8>;
}

/// One system under comparison.
pub trait System: Sync {
    /// The name in scenarios and tables, such as `lut-rss`.
    fn id(&self) -> &'static str;
    /// One line for `qbench list`.
    fn about(&self) -> &'static str;
    /// Paper and section.
    fn source(&self) -> &'static str;
    /// The choices that change what this system does. A sweep over any other does not multiply its cells. A key that two
    /// systems have means the same in both.
    fn settings(&self) -> &'static [Setting] {
        &[]
    }
    /// The non-linearity between the feed-forward layers that the system evaluates on a synthetic model unless the
    /// scenario names one: BERT's own, unless the system's authors chose otherwise.
    fn default_activation(&self) -> ActivationFunction {
        ActivationFunction::Gelu
    }
    /// Refuses what cannot run, with one clear sentence.
    fn check(&self, workload: &Workload) -> Result<()>;
    /// Declared bytes, rounds and memory: a walk that runs nothing and needs no model on disk.
    fn cost(&self, workload: &Workload) -> Result<Declared>;
    /// One party's program.
    fn party(&self, workload: &Workload, party: Party) -> Result<Box<dyn PartyProgram>>;
    /// Checks the three parties' evidence (indexed by party) against the references.
    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified>;
    /// Whether what the set-up shares is of one sequence length, so that inferences of others need a set-up of their own.
    fn sets_up_for_one_length(&self) -> bool {
        false
    }
    /// What P1 would learn of the ideal functionality: the integer model in the clear with roundings of its own, drawn with `seed`.
    /// `None` of a system that has none.
    ///
    /// # Errors
    /// A model folder that cannot be read.
    fn ideal(&self, _workload: &Workload, _seed: u64) -> Result<Option<Vec<f32>>> {
        Ok(None)
    }
}

//! What the harness asks of a system under comparison: its declared cost, its memory, three party
//! programs with phases, and a check of what they put out.

use crate::Result;
use crate::model::config::{ActivationFunction, ModelConfig};
use crate::net::Party;
use crate::session::Session;
use std::path::PathBuf;

/// The phases of a run, each timed and counted apart.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Connect, agree on seeds, share the weights: once a model.
    Setup,
    /// Correlated randomness: independent of the input and before it is known.
    Offline,
    /// From P1's tokens to the output.
    Online,
}

impl Phase {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Setup, Self::Offline, Self::Online];
    /// `setup`, `offline` or `online`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Offline => "offline",
            Self::Online => "online",
        }
    }
}

/// How the maximum of a softmax row is found.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum MaxProtocol {
    /// Pairwise maxima by two-input tables, ceil(log2 n) levels.
    #[default]
    Tournament,
    /// The paper's choice: three-party radix sort (Asharov et al., CCS 2022).
    RadixSort,
}

/// How the variance of a LayerNorm row is found.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum VarianceProtocol {
    /// A table of squares that shares the opening of the affine table: no product, no resharing.
    #[default]
    SquareTable,
    /// The paper's choice: a replicated inner product of two lifts.
    InnerProduct,
}

/// A choice that a scenario can make and that only some systems have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Setting {
    /// [`Workload::index_bits`].
    IndexBits,
    /// [`Workload::max_protocol`].
    MaxProtocol,
    /// [`Workload::variance_protocol`].
    VarianceProtocol,
}

/// One inference to run: everything that all parties know.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Workload {
    /// The public architecture.
    pub model: ModelConfig,
    /// Folder with `public.safetensors` and `private.safetensors`; P0 reads the private part, P1 the
    /// public part, P2 neither. Cost and memory do not need it.
    pub model_dir: PathBuf,
    /// Tokens in the sequence.
    pub seq_len: usize,
    /// Seed of P1's synthetic input, where no tokens are given.
    pub input_seed: u64,
    /// Token ids of a real input; only P1's copy has them.
    pub tokens: Option<Vec<u32>>,
    /// Width of the cut, 4..=8 bits; like the next two only where the system has the setting.
    pub index_bits: u32,
    /// How maxima are found.
    pub max_protocol: MaxProtocol,
    /// How variances are found.
    pub variance_protocol: VarianceProtocol,
    /// Whether the parties record what verification needs (the low bits that each cut dropped).
    pub verify: bool,
}

/// Declared traffic of one step, from the cost walk: no party ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeclaredStep {
    /// Step label, such as `layer3/attention/softmax/max`.
    pub step: String,
    /// Payload bytes from party (first index) to party (second).
    pub bytes: [[u64; 3]; 3],
    /// Growth of the longest chain of dependent messages over all parties.
    pub rounds: u64,
}

/// Declared cost of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeclaredPhase {
    /// Every step that was walked, in order.
    pub steps: Vec<DeclaredStep>,
}

impl DeclaredPhase {
    /// Bytes from each party to each other, over all steps.
    pub fn bytes(&self) -> [[u64; 3]; 3] {
        let mut sum = [[0; 3]; 3];
        for step in &self.steps {
            for (total, more) in sum.iter_mut().flatten().zip(step.bytes.iter().flatten()) {
                *total += more;
            }
        }
        sum
    }
    /// Bytes over all parties.
    pub fn total_bytes(&self) -> u64 {
        self.bytes().iter().flatten().sum()
    }
    /// Rounds over all steps.
    pub fn rounds(&self) -> u64 {
        self.steps.iter().map(|step| step.rounds).sum()
    }
}

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
}

/// Result of checking a run against the references in the clear.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Verified {
    /// How it was checked, such as `bit-exact against the integer reference with the same carries`.
    pub how: String,
    /// Largest absolute difference to the unquantized float reference, relative to its root mean square.
    pub float_error: f64,
    /// The output that P1 learned, as real numbers.
    pub output: Vec<f32>,
}

/// One party's part of a system: built once, then `setup`, then `offline` and `online` in turn.
pub trait PartyProgram {
    /// Shares the weights. P0 reads its private model here.
    fn setup(&mut self, session: &mut Session) -> Result<()>;
    /// Deals or receives correlated randomness.
    fn offline(&mut self, session: &mut Session) -> Result<()>;
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
    /// The choices that change what this system does. A sweep over any other does not multiply its cells.
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
}

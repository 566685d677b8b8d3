//! Cells that are too large to run whole: fewer layers are measured, and stand for all.

use crate::record::runs::RunRow;
use qbench_protocols::system::Declared;

/// A system of which fewer layers are measured than the model has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extrapolation {
    /// System id.
    pub system: String,
    /// Layers that run.
    pub layers: usize,
    /// Names of the links on which it is so; empty for all.
    pub links: Vec<String>,
    /// Sequences from this length on.
    pub from_seq_len: usize,
}

impl Extrapolation {
    /// Whether it is of such a cell.
    pub fn covers(&self, system: &str, link: &str, seq_len: usize) -> bool {
        let link = self.links.is_empty() || self.links.iter().any(|name| name == link);
        self.system == system && link && seq_len >= self.from_seq_len
    }
}

/// Makes a row of which `measured` layers ran stand for all that it names. Bytes, rounds and correlated randomness are those that the
/// system declares for the whole model. Of each phase's time the part within layers is multiplied: the largest that any
/// party's steps have (`shares` by phase and party); of each party's processor time, its own part. Memory and outputs stay what they were.
pub fn extrapolate(row: &mut RunRow, measured: usize, shares: [[f64; 3]; 3], whole: &Declared) {
    let more = row.layers as f64 / measured.max(1) as f64 - 1.0;
    let grown = |value: Option<u64>, share: f64| {
        value.map(|value| (value as f64 * (1.0 + more * share)).round() as u64)
    };
    let declared = [&whole.setup, &whole.offline, &whole.online];
    for ((phase, declared), shares) in row.phases.iter_mut().zip(declared).zip(shares) {
        let largest = shares.into_iter().fold(0.0, f64::max);
        phase.wall_ns = grown(phase.wall_ns, largest);
        for (cpu, share) in phase.cpu_ns.iter_mut().zip(shares) {
            *cpu = grown(*cpu, share);
        }
        phase.bytes = declared.bytes().map(|to| to.map(Some));
        phase.rounds = Some(declared.rounds());
    }
    row.material_bytes = whole.material_bytes.map(Some);
    row.extrapolated_from_layers = Some(measured);
}

/// How many times a row counts what was measured of a step: more than once within layers, where few ran for all.
pub fn stands_for(row: &RunRow, step: &str) -> f64 {
    match row.extrapolated_from_layers {
        Some(few) if is_of_a_layer(step) => row.layers as f64 / few.max(1) as f64,
        _ => 1.0,
    }
}

/// Whether a step is one of a layer's.
pub fn is_of_a_layer(step: &str) -> bool {
    step.split('/').any(|part| part.starts_with("layer"))
}

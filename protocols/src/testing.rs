//! For tests, and for trying a system out before the harness runs it as three processes. Beside what the substrate has for
//! single steps, a system's program taken through its phases.

pub use qbench_substrate::testing::*;

use crate::Result;
use crate::phase::Phase;
use crate::session::{PhaseRecord, Session};
use crate::system::PartyProgram;

/// What a party's program took and left behind.
pub struct Outcome {
    /// setup, offline, online.
    pub phases: [PhaseRecord; 3],
    /// For the verifier.
    pub evidence: Vec<u8>,
    /// Bytes of correlated randomness held after `offline`.
    pub material_bytes: u64,
}

/// Takes one program through its three phases.
pub fn run_program(session: &mut Session, program: &mut dyn PartyProgram) -> Result<Outcome> {
    program.setup(session)?;
    let setup = session.end_phase();
    session.begin_phase(Phase::Offline);
    program.offline(session)?;
    let offline = session.end_phase();
    let (material_bytes, _) = program.material();
    session.begin_phase(Phase::Online);
    program.online(session)?;
    let online = session.end_phase();
    Ok(Outcome {
        phases: [setup, offline, online],
        evidence: program.evidence(),
        material_bytes,
    })
}

//! `qbench` with systems that go wrong in one way each, for the tests of the runner.

#[path = "../../examples/own_system/system.rs"]
mod system;

use qbench_protocols::net::Party;
use qbench_protocols::session::Session;
use qbench_protocols::system::{Declared, PartyProgram, System, Verified, Workload};
use qbench_protocols::{Error, Result};
use std::time::Duration;
use system::OwnSystem;

/// The sound system, but for one fault.
struct Faulty(&'static str);

impl System for Faulty {
    fn id(&self) -> &'static str {
        self.0
    }
    fn about(&self) -> &'static str {
        "goes wrong"
    }
    fn source(&self) -> &'static str {
        "tests"
    }
    fn check(&self, workload: &Workload) -> Result<()> {
        OwnSystem.check(workload)
    }
    fn cost(&self, workload: &Workload) -> Result<Declared> {
        let mut declared = OwnSystem.cost(workload)?;
        match self.0 {
            "wrong-declaration" => {
                for step in declared
                    .online
                    .steps
                    .iter_mut()
                    .filter(|step| step.step == "output")
                {
                    step.bytes[2][1] += 1;
                }
            }
            // A petabyte a token of disk, where material waits there.
            "greedy" => {
                declared.disk_bytes = declared
                    .disk_bytes
                    .map(|bytes| bytes.min(1) * ((workload.seq_len as u64) << 50));
            }
            // A gigabyte a token.
            "hungry" => declared.memory_bytes = [(workload.seq_len as u64) << 30; 3],
            _ => {}
        }
        Ok(declared)
    }
    fn party(&self, workload: &Workload, party: Party) -> Result<Box<dyn PartyProgram>> {
        Ok(Box::new(FaultyParty {
            fault: self.0,
            inner: OwnSystem.party(workload, party)?,
        }))
    }
    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        OwnSystem.verify(workload, evidence)
    }
}

struct FaultyParty {
    fault: &'static str,
    inner: Box<dyn PartyProgram>,
}

impl FaultyParty {
    /// Takes its time, so that a test can meet it in a phase.
    fn linger(&self) {
        if self.fault == "slow" {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

impl PartyProgram for FaultyParty {
    fn setup(&mut self, session: &mut Session) -> Result<()> {
        self.linger();
        self.inner.setup(session)
    }
    fn offline(&mut self, session: &mut Session) -> Result<()> {
        self.linger();
        if self.fault == "failing" && session.me() == Party::P0 {
            session.enter("count");
            session.enter("draw");
            return Err(Error::Unsupported("P0 has run out of luck".into()));
        }
        self.inner.offline(session)
    }
    fn online(&mut self, session: &mut Session) -> Result<()> {
        self.linger();
        if self.fault == "silent" && session.me() == Party::P2 {
            std::thread::sleep(Duration::from_secs(600));
        }
        self.inner.online(session)
    }
    fn next(&mut self, workload: &Workload, party: Party) -> Result<()> {
        self.inner.next(workload, party)
    }
    fn material(&self) -> (u64, String) {
        self.inner.material()
    }
    fn evidence(&mut self) -> Vec<u8> {
        let mut evidence = self.inner.evidence();
        if let ("wrong-output", Some(byte)) = (self.fault, evidence.first_mut()) {
            *byte ^= 1;
        }
        evidence
    }
}

fn main() -> std::process::ExitCode {
    qbench::main(&[
        &OwnSystem,
        &Faulty("wrong-output"),
        &Faulty("wrong-declaration"),
        &Faulty("hungry"),
        &Faulty("greedy"),
        &Faulty("failing"),
        &Faulty("silent"),
        &Faulty("slow"),
    ])
}

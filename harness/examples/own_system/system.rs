//! The smallest useful system: P0 has a byte vector w, P1 has x, and P1 learns w + x mod 256. It reads no
//! model; its length is the workload's sequence length.

use qbench_protocols::net::Party;
use qbench_protocols::session::Session;
use qbench_protocols::system::{
    Declared, DeclaredPhase, DeclaredStep, PartyProgram, System, Verified, Workload,
};
use qbench_protocols::{Error, Result};

/// Adds two private vectors by additive shares.
pub struct OwnSystem;

/// w or x: bytes drawn from the workload's seed, so that the check can draw them again.
fn vector(workload: &Workload, salt: u64) -> Vec<u8> {
    (0..workload.seq_len as u64)
        .map(|i| ((workload.input_seed + salt + i) % 251) as u8)
        .collect()
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b)).collect()
}

fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a.wrapping_sub(*b)).collect()
}

/// A phase of one step in which `from` sends one byte an element to `to`.
fn one_message(step: &str, from: usize, to: usize, bytes: usize, rounds: u64) -> DeclaredPhase {
    let mut declared = DeclaredStep {
        step: step.to_owned(),
        rounds,
        ..DeclaredStep::default()
    };
    declared.bytes[from][to] = bytes as u64;
    DeclaredPhase {
        steps: vec![declared],
    }
}

impl System for OwnSystem {
    fn id(&self) -> &'static str {
        "own"
    }

    fn about(&self) -> &'static str {
        "adds two private byte vectors: a template for systems of your own"
    }

    fn source(&self) -> &'static str {
        "harness/examples/own_system"
    }

    fn check(&self, _: &Workload) -> Result<()> {
        Ok(())
    }

    fn cost(&self, workload: &Workload) -> Result<Declared> {
        let n = workload.seq_len;
        Ok(Declared {
            // P0 waits for no seed when the session begins, so this message is no deeper in the chain
            // of messages than the seeds that P2 has just received: the longest chain does not grow.
            setup: one_message("weights", 0, 2, n, 0),
            offline: one_message("masks", 0, 2, n, 1),
            online: one_message("open", 2, 1, n, 1),
            material_bytes: [0, n as u64, n as u64],
            memory_bytes: [20 << 20; 3],
        })
    }

    fn party(&self, workload: &Workload, _: Party) -> Result<Box<dyn PartyProgram>> {
        Ok(Box::new(OwnParty {
            workload: workload.clone(),
            weights: Vec::new(),
            mask: Vec::new(),
            output: Vec::new(),
        }))
    }

    fn verify(&self, workload: &Workload, evidence: &[Vec<u8>; 3]) -> Result<Verified> {
        let expected = add(&vector(workload, 0), &vector(workload, 7));
        if evidence[1] != expected {
            return Err(Error::Verification("P1 did not learn w + x".into()));
        }
        Ok(Verified {
            how: "equal to w + x in the clear".into(),
            float_error: 0.0,
            output: expected.into_iter().map(f32::from).collect(),
        })
    }
}

/// What one party holds.
struct OwnParty {
    workload: Workload,
    /// P1: r; P2: w - r.
    weights: Vec<u8>,
    /// P1: z; P2: -z. Used once.
    mask: Vec<u8>,
    /// P1: w + x.
    output: Vec<u8>,
}

impl OwnParty {
    /// P0 and P1 draw r from their common seed and P0 sends `secret - r` to P2: a sharing of `secret` between
    /// P1 and P2. Returns the own share.
    fn deal(&self, session: &mut Session, secret: &[u8]) -> Result<Vec<u8>> {
        let n = self.workload.seq_len;
        let mut share = vec![0; n];
        match session.me() {
            Party::P0 => {
                session.shared_stream(Party::P1).fill_bytes(0, &mut share);
                session.send(Party::P2, subtract(secret, &share))?;
                Ok(Vec::new())
            }
            Party::P1 => {
                session.shared_stream(Party::P0).fill_bytes(0, &mut share);
                Ok(share)
            }
            Party::P2 => session.receive(Party::P0, n),
        }
    }
}

impl PartyProgram for OwnParty {
    fn setup(&mut self, session: &mut Session) -> Result<()> {
        session.enter("weights");
        self.weights = self.deal(session, &vector(&self.workload, 0))?;
        session.leave();
        Ok(())
    }

    fn offline(&mut self, session: &mut Session) -> Result<()> {
        session.enter("masks");
        self.mask = self.deal(session, &vec![0; self.workload.seq_len])?;
        session.leave();
        Ok(())
    }

    fn online(&mut self, session: &mut Session) -> Result<()> {
        session.enter("open");
        let n = self.workload.seq_len;
        // A mask is used once: taking it leaves nothing for a second inference.
        let share = add(&self.weights, &std::mem::take(&mut self.mask));
        match session.me() {
            Party::P0 => {}
            Party::P1 => {
                let theirs = session.receive(Party::P2, n)?;
                let weights = add(&share, &theirs);
                self.output = add(&weights, &vector(&self.workload, 7));
            }
            Party::P2 => session.send(Party::P1, share)?,
        }
        session.leave();
        Ok(())
    }

    fn material(&self) -> (u64, String) {
        (self.mask.len() as u64, "memory".into())
    }

    fn evidence(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }
}

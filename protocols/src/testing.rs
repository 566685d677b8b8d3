//! For tests, and for trying a system out before the harness runs it as three processes. Beside what the substrate has for
//! single steps, a system's program taken through its phases, and its cost held to what it declares.

pub use qbench_substrate::testing::*;

use crate::Result;
use crate::net::Party;
use crate::phase::Phase;
use crate::session::{PhaseRecord, Session};
use crate::steps::StepRecord;
use crate::system::{Declared, DeclaredPhase, PartyProgram, WalkedParty, WalkedSystem, Workload};
use std::collections::BTreeMap;

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

/// Runs a walked system's three parties, each with what `secret` gives it.
///
/// # Errors
/// A party's.
///
/// # Panics
/// If a party still counts material when it has used up all.
pub fn run_parties<S: WalkedSystem>(
    system: &S,
    workload: &Workload,
    threads: usize,
    secret: impl Fn(Party) -> S::Secret + Sync,
) -> Result<[Outcome; 3]> {
    trio::run(threads, |session| {
        let mut party = WalkedParty::new(system, workload, secret(session.me()), 0)?;
        let outcome = run_program(session, &mut party)?;
        assert_eq!(party.material().0, 0, "material left over");
        Ok(outcome)
    })
}

/// Holds a run to what its system declares: bytes from each party to each other and rounds of every step, and material.
///
/// Of `setup` bytes alone, without the step `connect`: the agreement that goes before makes its chains longer, and is not
/// declared.
///
/// # Panics
/// If anything differs.
pub fn assert_declared(declared: &Declared, outcomes: &[Outcome; 3]) {
    let phases = [&declared.setup, &declared.offline, &declared.online];
    for (phase, declared) in phases.into_iter().enumerate() {
        let records = outcomes.each_ref().map(|outcome| &outcome.phases[phase]);
        let mut counted = counted(records.map(|record| record.steps.as_slice()));
        let mut expected = steps(declared);
        if phase == 0 {
            for steps in [&mut counted, &mut expected] {
                steps.remove("connect");
                steps.values_mut().for_each(|(_, rounds)| *rounds = 0);
            }
        } else {
            let longest = records.map(|record| record.rounds).into_iter().max();
            assert_eq!(longest, Some(declared.rounds()), "rounds of phase {phase}");
        }
        assert_eq!(counted, expected, "counted and declared, phase {phase}");
    }
    let held = outcomes.each_ref().map(|outcome| outcome.material_bytes);
    assert_eq!(held, declared.material_bytes, "held and declared material");
}

/// By step in which anything is sent: bytes from party to party, and rounds.
type Steps<'a> = BTreeMap<&'a str, ([[u64; 3]; 3], u64)>;

fn steps(phase: &DeclaredPhase) -> Steps<'_> {
    let steps = phase.steps.iter();
    let steps = steps.map(|step| (step.step.as_str(), (step.bytes, step.rounds)));
    steps
        .filter(|(_, cost)| *cost != Default::default())
        .collect()
}

/// Rounds as counted at the parties are the growth of the longest chain over all parties. A party that joins late catches
/// up on many messages in one step, so one party's own growth says less.
fn counted(records: [&[StepRecord]; 3]) -> Steps<'_> {
    let labels = records.map(|steps| steps.iter().map(|step| &step.step).collect::<Vec<_>>());
    assert!(
        labels.iter().all(|of_party| *of_party == labels[0]),
        "all parties take the same walk: {labels:?}"
    );
    let mut depth = [0; 3];
    let mut counted = Steps::new();
    for (i, step) in records[0].iter().enumerate() {
        let of_step = records.map(|steps| &steps[i]);
        let longest = depth.into_iter().max();
        for (depth, record) in depth.iter_mut().zip(of_step) {
            *depth += record.rounds;
        }
        let rounds = depth.into_iter().max().zip(longest);
        let rounds = rounds.map_or(0, |(after, before)| after - before);
        let cost = (of_step.map(|record| record.sent_bytes), rounds);
        if cost != Default::default() {
            counted.insert(&step.step, cost);
        }
    }
    counted
}

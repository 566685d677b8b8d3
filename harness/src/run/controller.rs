//! One repetition of one cell: three parties, phases from a common start, evidence, verification. Whatever
//! goes wrong comes back as one line that names the party, the phase and the step.

use super::agree;
use super::control::{FromParty, PhaseReport, ToParty};
use super::host;
use super::trio::Event;
use super::watch::Watch;
use crate::link::Link;
use crate::link::probe::{self, Probed};
use crate::link::rig::Rig;
use crate::record::runs::{PhaseTotals, RunRow};
use crate::record::steps::StepRow;
use anyhow::{Context, Result};
use qbench_protocols::net::trace::PhaseTrace;
use qbench_protocols::system::{Declared, Phase, System, Verified, Workload};
use std::time::Duration;

/// What one repetition needs beside the system.
pub struct Order<'a> {
    /// What all parties know; `model_dir` and `tokens` are taken out where a party must not have them.
    pub workload: Workload,
    /// Threads of each party.
    pub threads: usize,
    /// The link between each two parties.
    pub link: &'a Link,
    /// Longest silence of a party, and longest phase.
    pub timeout: Duration,
    /// Whether the parties write down what they send and receive when.
    pub trace: bool,
    /// First of three fixed ports.
    pub port: Option<u16>,
    /// What the parties must agree on: the cell or the request.
    pub cell: &'a str,
    /// The model's identity.
    pub model_id: &'a str,
}

/// What is known of the links of a repetition, also of one that failed.
#[derive(Clone, Debug, Default)]
pub struct LinkProof {
    /// What they were found to be.
    pub probe: Probed,
    /// Frames that a full queue has dropped, where there is such a queue.
    pub dropped_frames: Option<u64>,
    /// CPU time of the relay, where there is one.
    pub relay_cpu_ns: Option<u64>,
    /// Bytes that the relay carried by sender and receiver, headers and the probe included.
    pub carried: Option<[[u64; 3]; 3]>,
    /// Payload of the probe by sender and receiver, bytes.
    pub probe_bytes: [[u64; 3]; 3],
    /// Of the parties' TCP connections.
    pub congestion_control: String,
}

impl LinkProof {
    /// Fills in what is known.
    pub fn fill(self, row: &mut RunRow) {
        row.probe = self.probe;
        row.dropped_frames = self.dropped_frames;
        row.relay_cpu_ns = self.relay_cpu_ns;
        row.congestion_control = self.congestion_control;
    }
}

/// What a repetition gave.
#[derive(Debug)]
pub struct Measured {
    /// Totals of each phase over the trio.
    pub phases: [PhaseTotals; 3],
    /// Reports by phase and party.
    pub reports: [[PhaseReport; 3]; 3],
    /// The check of the output, where one was asked for.
    pub verified: Option<Verified>,
    /// The first difference between declared and counted traffic.
    pub difference: Option<String>,
}

/// From the order to begin a phase to its common start.
const LEAD_NS: u64 = 10_000_000;

/// Runs one repetition.
///
/// # Errors
/// One line that names who failed, in which phase, at which step and why; [`super::interrupt::Interrupted`] by the user.
pub fn repetition(
    system: &dyn System,
    order: &Order<'_>,
    proof: &mut LinkProof,
) -> Result<Measured> {
    let declared = system.cost(&order.workload)?;
    with_links(order.link, proof, |rig, proof| {
        over_links(system, order, &declared, rig, proof)
    })
}

/// Makes the links of a repetition, does the work over them, and writes down what passed.
///
/// # Errors
/// Links that cannot be had or broke; the work's.
pub fn with_links<T>(
    link: &Link,
    proof: &mut LinkProof,
    work: impl FnOnce(Option<&Rig>, &mut LinkProof) -> Result<T>,
) -> Result<T> {
    let namespaces = link.mode.in_namespaces();
    let mut rig = namespaces.then(|| Rig::start(link)).transpose()?;
    proof.congestion_control = match &rig {
        Some(rig) => rig.tcp().congestion_control.clone(),
        None => host::congestion_control(),
    };
    let outcome = work(rig.as_ref(), proof);
    match (outcome, &mut rig) {
        (Ok(done), Some(rig)) => {
            let report = rig.finish()?;
            proof.dropped_frames = Some(report.dropped_frames());
            proof.carried = report.carried();
            proof.relay_cpu_ns = report.relay.map(|relay| relay.cpu_ns);
            Ok(done)
        }
        (outcome, _) => outcome,
    }
}

/// Starts the parties, connects them and probes the links between them.
///
/// # Errors
/// The root cause, as one line; links that are not what was asked for.
pub fn connected(
    system: Option<&str>,
    order: &Order<'_>,
    rig: Option<&Rig>,
    proof: &mut LinkProof,
) -> Result<Watch> {
    let mut watch = Watch::start(system, order, rig)?;
    let addresses = watch.each(Phase::Setup, |event| match event {
        Event::Said(FromParty::Listening(address)) => Ok(address),
        other => Err(other),
    })?;
    watch.tell(&ToParty::Connect(addresses));
    watch.each(Phase::Setup, |event| match event {
        Event::Said(FromParty::Connected) => Ok(()),
        other => Err(other),
    })?;
    probe_links(&mut watch, order.link, proof)?;
    Ok(watch)
}

/// One repetition over links that are there.
fn over_links(
    system: &dyn System,
    order: &Order<'_>,
    declared: &Declared,
    rig: Option<&Rig>,
    proof: &mut LinkProof,
) -> Result<Measured> {
    let mut watch = connected(Some(system.id()), order, rig, proof)?;
    let mut reports = Vec::new();
    let mut phases = Vec::new();
    for phase in Phase::ALL {
        let at_ns = host::monotonic_ns()? + LEAD_NS;
        watch.tell(&ToParty::Start(phase, at_ns));
        let done = watch.each(phase, |event| match event {
            Event::Said(FromParty::Done(report)) => Ok(*report),
            other => Err(other),
        })?;
        phases.push(totals(&done, at_ns));
        reports.push(done);
    }
    watch.tell(&ToParty::Evidence);
    let evidence = watch.each(Phase::Online, |event| match event {
        Event::Blob(evidence) => Ok(evidence),
        other => Err(other),
    })?;
    watch.finish();

    let reports: [[PhaseReport; 3]; 3] = exactly(reports)?;
    let difference = Phase::ALL.into_iter().find_map(|phase| {
        let of_phase = match phase {
            Phase::Setup => &declared.setup,
            Phase::Offline => &declared.offline,
            Phase::Online => &declared.online,
        };
        let counted = reports[phase as usize].each_ref().map(|r| &r.record);
        agree::difference(of_phase, &counted).map(|d| format!("{}: {d}", phase.name()))
    });
    let verified = if order.workload.verify {
        Some(
            system
                .verify(&order.workload, &evidence)
                .context("the output is wrong")?,
        )
    } else {
        None
    };
    Ok(Measured {
        phases: exactly(phases)?,
        reports,
        verified,
        difference,
    })
}

/// Probes until the links are what was asked for, or so often that they will not be.
fn probe_links(watch: &mut Watch, link: &Link, proof: &mut LinkProof) -> Result<()> {
    let probed = &mut proof.probe;
    for attempt in 0..probe::ATTEMPTS {
        let plan = probe::plan(link, attempt);
        let sent = plan
            .warm_bytes
            .iter()
            .flatten()
            .zip(plan.bulk_bytes.iter().flatten());
        for (total, (warm, bulk)) in proof.probe_bytes.iter_mut().flatten().zip(sent) {
            *total += (warm + bulk) as u64;
        }
        watch.tell(&ToParty::Probe(plan));
        let views = watch.each(Phase::Setup, |event| match event {
            Event::Said(FromParty::Probed(view)) => Ok(view),
            other => Err(other),
        })?;
        *probed = probe::joined(&views, attempt + 1);
        if probe::judge(link, probed).is_ok() {
            break;
        }
    }
    probe::judge(link, probed)
}

/// Exactly three of something.
fn exactly<T>(items: Vec<T>) -> Result<[T; 3]> {
    items
        .try_into()
        .map_err(|_| anyhow::anyhow!("expected three of a kind"))
}

/// Adds up a phase over the trio.
fn totals(reports: &[PhaseReport; 3], at_ns: u64) -> PhaseTotals {
    PhaseTotals {
        wall_ns: reports.iter().map(|r| r.end_ns.saturating_sub(at_ns)).max(),
        bytes: reports.each_ref().map(|r| r.record.sent_bytes.map(Some)),
        rounds: reports.iter().map(|r| r.record.rounds).max(),
        cpu_ns: reports.each_ref().map(|r| Some(r.cpu_ns)),
    }
}

impl Measured {
    /// Fills in what was measured.
    pub fn fill(&self, row: &mut RunRow) {
        row.phases = self.phases.clone();
        let (offline, online) = (&self.reports[1], &self.reports[2]);
        row.peak_memory_bytes = online.each_ref().map(|r| Some(r.peak_memory_bytes));
        row.material_bytes = offline.each_ref().map(|r| Some(r.material.0));
        row.material_place = offline.each_ref().map(|r| r.material.1.clone());
        row.verified = match &self.verified {
            Some(verified) => verified.how.clone(),
            None => "not checked".into(),
        };
        row.float_error = self.verified.as_ref().map(|v| v.float_error);
        row.declared_equals_counted = Some(self.difference.is_none());
        if let Some(difference) = &self.difference {
            row.error = format!("declared and counted traffic differ: {difference}");
        }
    }

    /// The parties' traces by phase and party, where they were asked for.
    pub fn traces(&self) -> Option<[[PhaseTrace; 3]; 3]> {
        let all = self.reports.iter().flatten();
        all.clone().all(|report| report.trace.is_some()).then(|| {
            self.reports.each_ref().map(|phase| {
                phase
                    .each_ref()
                    .map(|r| r.trace.clone().unwrap_or_default())
            })
        })
    }

    /// The rows of `steps.csv`.
    pub fn steps(&self, cell: &str, repetition: usize) -> Vec<StepRow> {
        let mut rows = Vec::new();
        for (phase, reports) in Phase::ALL.into_iter().zip(&self.reports) {
            for (party, report) in reports.iter().enumerate() {
                rows.extend(report.record.steps.iter().map(|step| StepRow {
                    cell: cell.to_owned(),
                    repetition,
                    phase: phase.name().to_owned(),
                    step: step.step.clone(),
                    party,
                    wall_ns: step.wall_ns,
                    sent_bytes: step.sent_bytes,
                    rounds: step.rounds,
                }));
            }
        }
        rows
    }
}

//! One repetition of one cell: three parties, phases from a common start, evidence, verification. Whatever
//! goes wrong comes back as one line that names the party, the phase and the step.

use super::agree;
use super::agreement;
use super::control::{FromParty, PhaseReport, ToParty};
use super::links::{LinkProof, connected, with_links};
use super::order::Order;
use super::start::Start;
use super::steady::Span;
use super::trio::Event;
use super::watch::Watch;
use crate::record::runs::{PhaseTotals, RunRow};
use crate::record::steps::StepRow;
use crate::scenario::extrapolated::is_of_a_layer;
use anyhow::{Context, Result, bail};
use qbench_protocols::net::trace::PhaseTrace;
use qbench_protocols::phase::Phase;
use qbench_protocols::system::{Declared, Site, System, Verified, Workload};

/// What a repetition gave.
#[derive(Debug)]
pub struct Measured {
    /// Totals of each phase over the trio.
    pub phases: [PhaseTotals; 3],
    /// The same phases in time.
    pub spans: [Span; 3],
    /// Reports by phase and party.
    pub reports: [[PhaseReport; 3]; 3],
    /// The check of the output, where one was asked for.
    pub verified: Option<Verified>,
    /// The first difference between declared and counted traffic.
    pub difference: Option<String>,
}

/// Runs one repetition.
///
/// # Errors
/// One line that names who failed, in which phase, at which step and why; [`crate::interrupt::Interrupted`] by the user.
pub fn repetition(
    system: &dyn System,
    order: &Order<'_>,
    proof: &mut LinkProof,
) -> Result<Measured> {
    let mut measured = None;
    session(system, order, &[], proof, |_, one| {
        measured = Some(one);
        Ok(())
    })?;
    measured.context("the session measured nothing")
}

/// Runs one inference after another, each of its own length, after one set-up: the order's workload, then `more` of the same model and
/// settings. `done` gets each as it comes; what it says of the set-up is the same for all.
///
/// # Errors
/// As [`repetition`], and what `done` returns: no further input is run then.
pub fn session(
    system: &dyn System,
    order: &Order<'_>,
    more: &[Workload],
    proof: &mut LinkProof,
    mut done: impl FnMut(usize, Measured) -> Result<()>,
) -> Result<()> {
    let workloads: Vec<&Workload> = std::iter::once(&order.workload).chain(more).collect();
    let length = order.workload.seq_len;
    if system.sets_up_for_one_length()
        && let Some(other) = more.iter().find(|workload| workload.seq_len != length)
    {
        bail!(
            "what `{}` shares at its set-up is of one length: it takes no sequence of {} tokens after one of {length}; run them one by one",
            system.id(),
            other.seq_len
        );
    }
    let mut declared = Vec::with_capacity(workloads.len());
    for workload in &workloads {
        declared.push(system.cost(workload)?);
    }
    let spans = with_links(order.link, proof, |rig, proof| {
        let mut watch = connected(Some(system.id()), order, rig, proof)?;
        let setup = phase(&mut watch, Phase::Setup)?;
        opened(&setup.reports, order)?;
        let mut spans = vec![setup.span];
        for (number, (workload, declared)) in workloads.iter().zip(&declared).enumerate() {
            if number > 0 {
                watch.next(workload)?;
            }
            let inference = [
                phase(&mut watch, Phase::Offline)?,
                phase(&mut watch, Phase::Online)?,
            ];
            spans.extend(inference.each_ref().map(|done| done.span));
            let more = number + 1 < workloads.len();
            watch.tell(&ToParty::Evidence { more })?;
            let evidence = watch.each(Phase::Online, |event| match event {
                Event::Blob(evidence) => Ok(evidence),
                other => Err(other),
            })?;
            if !more {
                watch.finish();
            }
            let [offline, online] = inference;
            let phases = [setup.clone(), offline, online];
            done(
                number,
                judged(system, workload, declared, phases, &evidence)?,
            )?;
        }
        Ok(spans)
    })?;
    proof.steady(&spans)
}

/// One phase of all three parties.
#[derive(Clone)]
struct Done {
    span: Span,
    reports: [PhaseReport; 3],
}

/// Runs one phase from a common start.
fn phase(watch: &mut Watch, phase: Phase) -> Result<Done> {
    let start = Start::soon()?;
    watch.tell(&ToParty::Start(phase, start))?;
    let reports = watch.each(phase, |event| match event {
        Event::Said(FromParty::Done(report)) => Ok(*report),
        other => Err(other),
    })?;
    let slowest_ns = reports.iter().map(|report| report.wall_ns).max();
    let slowest_ns = slowest_ns.unwrap_or(0);
    let span = Span {
        phase,
        from_ns: start.at_ns(),
        to_ns: start.at_ns() + slowest_ns,
        measured_ns: slowest_ns,
    };
    for (party, report) in reports.iter().enumerate() {
        span.judge(&format!("P{party}"), &report.stalls)?;
    }
    Ok(Done { span, reports })
}

/// Whether P0's commitment, as the others have it, is to the private file that is there.
fn opened([owner, others @ ..]: &[PhaseReport; 3], order: &Order<'_>) -> Result<()> {
    let opening = owner.opening.as_ref();
    let opening = opening.context("P0 did not open its commitment")?;
    let received = others.each_ref().map(|report| report.commitment);
    agreement::opened(opening, received, &order.workload.model_dir)
}

/// What an inference gave, its traffic compared with what was declared, and its output checked where that is asked for.
fn judged(
    system: &dyn System,
    workload: &Workload,
    declared: &Declared,
    phases: [Done; 3],
    evidence: &[Vec<u8>; 3],
) -> Result<Measured> {
    let difference = Phase::ALL.into_iter().find_map(|phase| {
        let of_phase = match phase {
            Phase::Setup => &declared.setup,
            Phase::Offline => &declared.offline,
            Phase::Online => &declared.online,
        };
        let counted = phases[phase as usize].reports.each_ref().map(|r| &r.record);
        agree::difference(of_phase, &counted).map(|d| format!("{}: {d}", phase.name()))
    });
    let verified = workload.verify.then(|| {
        system
            .verify(workload, evidence)
            .context("the output is wrong")
    });
    Ok(Measured {
        phases: phases.each_ref().map(|done| totals(&done.reports)),
        spans: phases.each_ref().map(|done| done.span),
        verified: verified.transpose()?,
        reports: phases.map(|done| done.reports),
        difference,
    })
}

/// Adds up a phase over the trio.
fn totals(reports: &[PhaseReport; 3]) -> PhaseTotals {
    PhaseTotals {
        wall_ns: reports.iter().map(|r| r.wall_ns).max(),
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
        if let Some(verified) = &self.verified {
            row.float_error = Some(verified.float_error);
            let sites = &verified.sites;
            let sum =
                |of: fn(&Site) -> u64| (!sites.is_empty()).then(|| sites.iter().map(of).sum());
            row.wrapped_values = sum(|site| site.wrapped);
            row.ring_values = sum(|site| site.values);
            let wrapped = sites.iter().filter(|site| site.wrapped > 0);
            let texts: Vec<String> = wrapped.map(Site::to_string).collect();
            row.wrapped_sites = texts.join("; ");
        }
        row.declared_equals_counted = Some(self.difference.is_none());
        if let Some(difference) = &self.difference {
            row.error = format!("declared and counted traffic differ: {difference}");
        }
    }

    /// By phase and party, the part of the time that is within layers.
    pub fn layer_shares(&self) -> [[f64; 3]; 3] {
        let share = |report: &PhaseReport| {
            let steps = &report.record.steps;
            let all: u64 = steps.iter().map(|step| step.wall_ns).sum();
            let layers = steps.iter().filter(|step| is_of_a_layer(&step.step));
            layers.map(|step| step.wall_ns).sum::<u64>() as f64 / all.max(1) as f64
        };
        self.reports
            .each_ref()
            .map(|phase| phase.each_ref().map(share))
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

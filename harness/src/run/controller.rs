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
use crate::link::rig::Rig;
use crate::record::runs::{PhaseTotals, RunRow};
use crate::record::steps::StepRow;
use crate::scenario::extrapolated::is_of_a_layer;
use anyhow::{Context, Result};
use qbench_protocols::net::trace::PhaseTrace;
use qbench_protocols::phase::Phase;
use qbench_protocols::system::{Declared, Site, System, Verified};

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
    let declared = system.cost(&order.workload)?;
    let measured = with_links(order.link, proof, |rig, proof| {
        over_links(system, order, &declared, rig, proof)
    })?;
    proof.steady(&measured.spans)?;
    Ok(measured)
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
    let mut spans = Vec::new();
    for phase in Phase::ALL {
        let start = Start::soon()?;
        watch.tell(&ToParty::Start(phase, start))?;
        let done = watch.each(phase, |event| match event {
            Event::Said(FromParty::Done(report)) => Ok(*report),
            other => Err(other),
        })?;
        let slowest_ns = done.iter().map(|report| report.wall_ns).max().unwrap_or(0);
        spans.push(Span {
            phase,
            from_ns: start.at_ns(),
            to_ns: start.at_ns() + slowest_ns,
            measured_ns: slowest_ns,
        });
        phases.push(totals(&done));
        reports.push(done);
    }
    watch.tell(&ToParty::Evidence)?;
    let evidence = watch.each(Phase::Online, |event| match event {
        Event::Blob(evidence) => Ok(evidence),
        other => Err(other),
    })?;
    watch.finish();

    let reports: [[PhaseReport; 3]; 3] = exactly(reports)?;
    for (span, reports) in spans.iter().zip(&reports) {
        for (party, report) in reports.iter().enumerate() {
            span.judge(&format!("P{party}"), &report.stalls)?;
        }
    }
    let [owner, others @ ..] = &reports[Phase::Setup as usize];
    let opening = owner
        .opening
        .as_ref()
        .context("P0 did not open its commitment")?;
    let received = others.each_ref().map(|report| report.commitment);
    agreement::opened(opening, received, &order.workload.model_dir)?;
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
        spans: exactly(spans)?,
        reports,
        verified,
        difference,
    })
}

/// Exactly three of something.
fn exactly<T>(items: Vec<T>) -> Result<[T; 3]> {
    items
        .try_into()
        .map_err(|_| anyhow::anyhow!("expected three of a kind"))
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

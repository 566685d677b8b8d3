//! The links of a repetition: made, probed by the parties that are connected over them, and accounted for.

use super::control::{FromParty, ToParty};
use super::order::Order;
use super::steady::Span;
use super::trio::Event;
use super::watch::Watch;
use crate::host;
use crate::link::Link;
use crate::link::probe::{self, Probed};
use crate::link::rig::Rig;
use crate::record::runs::RunRow;
use crate::stalls::Stall;
use anyhow::Result;
use qbench_protocols::phase::Phase;

/// What is known of the links of a repetition, also of one that failed.
#[derive(Clone, Debug, Default)]
pub struct LinkProof {
    /// What they were found to be.
    pub probe: Probed,
    /// Frames that a full queue has dropped, where there is such a queue.
    pub dropped_frames: Option<u64>,
    /// CPU time of the relay, where there is one.
    pub relay_cpu_ns: Option<u64>,
    /// When something that was due waited in the relay.
    pub stalls: Vec<Stall>,
    /// The longest of these waits within what was measured; `None` without a relay.
    pub relay_lateness_ns: Option<u64>,
    /// Bytes that the relay carried by sender and receiver, headers and the probe included.
    pub carried: Option<[[u64; 3]; 3]>,
    /// Payload of the probe by sender and receiver, bytes.
    pub probe_bytes: [[u64; 3]; 3],
    /// Of the parties' TCP connections.
    pub congestion_control: String,
}

impl LinkProof {
    /// Whether the relay handed over what was due during what was measured; keeps by how much it was late at most.
    ///
    /// # Errors
    /// [`Span::judge`]'s.
    pub fn steady(&mut self, spans: &[Span]) -> Result<()> {
        if self.relay_cpu_ns.is_none() {
            return Ok(());
        }
        let longest = spans.iter().map(|span| span.longest_ns(&self.stalls));
        self.relay_lateness_ns = Some(longest.max().unwrap_or(0));
        let judged = spans
            .iter()
            .map(|span| span.judge("the relay of the link", &self.stalls));
        judged.collect()
    }

    /// Fills in what is known.
    pub fn fill(self, row: &mut RunRow) {
        row.probe = self.probe;
        row.dropped_frames = self.dropped_frames;
        row.relay_cpu_ns = self.relay_cpu_ns;
        row.relay_lateness_ns = self.relay_lateness_ns;
        row.congestion_control = self.congestion_control;
    }
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
            if let Some(relay) = report.relay {
                proof.relay_cpu_ns = Some(relay.cpu_ns);
                proof.stalls = relay.stalls;
            }
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
    watch.tell(&ToParty::Connect(addresses))?;
    watch.each(Phase::Setup, |event| match event {
        Event::Said(FromParty::Connected) => Ok(()),
        other => Err(other),
    })?;
    probe_links(&mut watch, order.link, proof)?;
    Ok(watch)
}

/// Probes the links with parties that do nothing else and end before this returns.
///
/// # Errors
/// The root cause, as one line; links that are not what was asked for.
pub fn probed(order: &Order<'_>, rig: Option<&Rig>, proof: &mut LinkProof) -> Result<()> {
    let mut watch = connected(None, order, rig, proof)?;
    watch.tell(&ToParty::Evidence { more: false })?;
    watch.finish();
    Ok(())
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
        watch.tell(&ToParty::Probe(plan))?;
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

//! One repetition of a cell of an external system: the links are probed by our own parties, then the program runs
//! at each of its parties, and their answers become one row.

use super::programs::{Left, Programs};
use super::words::{Answer, Places};
use crate::host;
use crate::link::LinkMode;
use crate::link::rig::Rig;
use crate::record::runs::{PhaseTotals, RunRow};
use crate::run::links::{LinkProof, probed, with_links};
use crate::run::order::Order;
use crate::run::steady::Span;
use crate::scenario::External;
use crate::units::bytes_text;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::phase::Phase;
use std::net::{IpAddr, Ipv4Addr, TcpListener};

/// First of the three ports inside a rig, where nothing else listens, unless the scenario names one.
const FIRST_PORT: u16 = 29_500;

/// What a repetition gave.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    phases: [PhaseTotals; 3],
    peak_memory_bytes: [Option<u64>; 3],
    verified: Option<String>,
    float_error: Option<f64>,
}

/// Runs one repetition.
///
/// # Errors
/// One line that names the party and says what went wrong; [`crate::interrupt::Interrupted`] by the user.
pub fn repetition(
    external: &External,
    order: &Order<'_>,
    proof: &mut LinkProof,
) -> Result<Measured> {
    external.check_link(order.link)?;
    let (measured, span) = with_links(order.link, proof, |rig, proof| {
        if order.link.mode != LinkMode::None {
            // Parties of ours, which end before the program starts.
            probed(order, rig, proof)?;
        }
        let places = places(order, rig)?;
        let from_ns = host::monotonic_ns()?;
        let programs = Programs::start(external, order, &places, rig)?;
        let measured = combine(external, &programs.finish(order.timeout)?)?;
        // When its phases were is not known: whatever stood still may have been in the one that counts most.
        let span = Span {
            phase: Phase::Online,
            from_ns,
            to_ns: host::monotonic_ns()?,
            measured_ns: measured.phases[Phase::Online as usize].wall_ns.unwrap_or(0),
        };
        Ok((measured, span))
    })?;
    proof.steady(&[span])?;
    crossed(external, &measured, proof)?;
    Ok(measured)
}

fn places(order: &Order<'_>, rig: Option<&Rig>) -> Result<Places> {
    let fixed = |first: u16| [first, first + 1, first + 2];
    Ok(match rig {
        Some(rig) => Places {
            addresses: [0, 1, 2].map(|party| rig.seat(party).address),
            ports: fixed(order.port.unwrap_or(FIRST_PORT)),
            interfaces: [0, 1, 2].map(Rig::interface),
        },
        None => Places {
            addresses: [IpAddr::V4(Ipv4Addr::LOCALHOST); 3],
            ports: match order.port {
                Some(first) => fixed(first),
                None => free_ports()?,
            },
            interfaces: ["lo", "lo", "lo"].map(str::to_owned),
        },
    })
}

/// Three ports of loopback on which nobody listens now.
fn free_ports() -> Result<[u16; 3]> {
    let mut ports = [0; 3];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
        *port = listener.local_addr().context("finding a free port")?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Puts the parties' answers together. What one party gives, all must give: half a count is no count.
fn combine(external: &External, left: &[Left]) -> Result<Measured> {
    let mut measured = Measured::default();
    let mut answers = Vec::new();
    for left in left {
        let answer = Answer::read(external, left.party, &left.output)?;
        let (said, lived) = (answer.total_seconds(), left.wall_ns as f64 / 1e9);
        ensure!(
            said <= lived,
            "P{} of `{}` says that its phases took {said:.3} s, and it lived for {lived:.3} s",
            left.party,
            external.id
        );
        measured.peak_memory_bytes[left.party] = Some(left.peak_memory_bytes);
        answers.push((left.party, answer));
    }
    for (index, phase) in Phase::ALL.iter().enumerate() {
        let of_phase: Vec<_> = answers
            .iter()
            .map(|(party, answer)| {
                (
                    *party,
                    answer.phases.all()[index].cloned().unwrap_or_default(),
                )
            })
            .collect();
        let given = |what: &str, has: &dyn Fn(usize) -> bool| -> Result<bool> {
            let count = (0..of_phase.len()).filter(|i| has(*i)).count();
            if count != 0 && count != of_phase.len() {
                bail!(
                    "the parties of `{}` do not agree whether they give {}.{what}",
                    external.id,
                    phase.name()
                );
            }
            Ok(count != 0)
        };
        let totals = &mut measured.phases[index];
        if given("seconds", &|i| of_phase[i].1.seconds.is_some())? {
            let slowest = of_phase.iter().filter_map(|(_, p)| p.seconds);
            totals.wall_ns = Some((slowest.fold(0.0, f64::max) * 1e9) as u64);
        }
        if given("rounds", &|i| of_phase[i].1.rounds.is_some())? {
            totals.rounds = of_phase.iter().filter_map(|(_, p)| p.rounds).max();
        }
        if given("sent_bytes", &|i| of_phase[i].1.sent_bytes.is_some())? {
            for (from, answer) in &of_phase {
                let sent = answer.sent_bytes.unwrap_or_default();
                for &to in external.parties.iter().filter(|to| *to != from) {
                    totals.bytes[*from][to] = Some(sent[to]);
                }
            }
        }
        for (party, answer) in &of_phase {
            totals.cpu_ns[*party] = answer.cpu_seconds.map(|s| (s * 1e9) as u64);
        }
    }
    let errors = answers.iter().filter_map(|(_, answer)| answer.float_error);
    measured.float_error = errors.reduce(f64::max);
    measured.verified = answers
        .iter()
        .find_map(|(_, answer)| answer.verified.clone());
    Ok(measured)
}

/// Holds what the programs say they sent against what the relay carried: less than that means that they did not
/// speak over the link. The probe's payload is not theirs.
fn crossed(external: &External, measured: &Measured, proof: &LinkProof) -> Result<()> {
    let Some(carried) = &proof.carried else {
        return Ok(());
    };
    for (from, carried) in carried.iter().enumerate() {
        for (to, carried) in carried.iter().enumerate() {
            let said = measured.phases.iter().filter_map(|p| p.bytes[from][to]);
            let said: u64 = said.sum();
            let over = carried.saturating_sub(proof.probe_bytes[from][to]);
            ensure!(
                said <= over,
                "`{}` says that P{from} sent {} to P{to}, and the link carried {}: its traffic goes another way",
                external.id,
                bytes_text(said),
                bytes_text(over)
            );
        }
    }
    Ok(())
}

impl Measured {
    /// Fills in what was measured. What the system has no notion of stays empty.
    pub fn fill(self, row: &mut RunRow) {
        row.phases = self.phases;
        row.peak_memory_bytes = self.peak_memory_bytes;
        row.verified = self.verified.unwrap_or_else(|| "not checked".to_owned());
        row.float_error = self.float_error;
        row.declared_equals_counted = None;
    }
}

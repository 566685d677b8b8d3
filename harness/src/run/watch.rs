//! The conversation with a trio, with a deadline for each answer, and the root cause when one fails.

use super::agreement;
use super::control::{Failure, FromParty, Job, ToParty};
use super::order::Order;
use super::trio::{Event, Trio};
use crate::link::rig::Rig;
use crate::process::Deadline;
use anyhow::{Result, anyhow, bail};
use qbench_protocols::net::{Party, RunId};
use qbench_protocols::phase::Phase;
use qbench_protocols::session::Agreement;
use qbench_protocols::system::Workload;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// After a failure, how long the others may take to say what they saw.
const AFTERMATH: Duration = Duration::from_millis(1500);
/// A party that does not answer within its own timeout gets this much more before it is called silent.
const SLACK: Duration = Duration::from_secs(2);
/// Announces the children's process ids on standard error, for tests that end one of them.
const ANNOUNCE: &str = "QBENCH_TEST_ANNOUNCE";
/// `party:field=value` replaces one party's value in the agreement, for tests of disagreement.
const OVERRIDE: &str = "QBENCH_TEST_AGREEMENT";

/// Three parties at work on one repetition.
pub struct Watch {
    trio: Trio,
    timeout: Duration,
}

impl Watch {
    /// Starts the parties and gives each its job; without a system they only probe the links.
    ///
    /// # Errors
    /// Parties that cannot be started.
    pub fn start(system: Option<&str>, order: &Order<'_>, rig: Option<&Rig>) -> Result<Self> {
        let mut trio = Trio::start(order.hosts, rig)?;
        let run = RunId::random()?.0;
        let agreed = agreement::fields(system, order)?;
        for party in Party::ALL {
            let workload = part_of(&order.workload, party);
            let seat = rig.map(|rig| rig.seat(party.index()));
            let address = order.hosts.address(party.index(), seat);
            let port = order.port.map_or(0, |port| port + party.index() as u16);
            let mut agreement = agreed.clone();
            replace_field(&mut agreement, party);
            let job = Job {
                system: system.map(str::to_owned),
                workload,
                threads: order.threads,
                link: order.link.clone(),
                timeout: order.timeout,
                agreement,
                run,
                trace: order.trace,
                listen: SocketAddr::new(address, port).to_string(),
            };
            trio.say(party.index(), &ToParty::Job(Box::new(job)))?;
        }
        if std::env::var_os(ANNOUNCE).is_some() {
            crate::note!("parties {:?}", trio.pids());
        }
        Ok(Self {
            trio,
            timeout: order.timeout,
        })
    }

    /// Says the same to all three.
    ///
    /// # Errors
    /// As [`Trio::say`].
    pub fn tell(&mut self, message: &ToParty) -> Result<()> {
        if let (ToParty::Start(phase, _), true) = (message, std::env::var_os(ANNOUNCE).is_some()) {
            crate::note!("phase {}", phase.name());
        }
        for party in 0..3 {
            self.trio.say(party, message)?;
        }
        Ok(())
    }

    /// Gives each party its part of another input.
    ///
    /// # Errors
    /// As [`Trio::say`].
    pub fn next(&mut self, workload: &Workload) -> Result<()> {
        for party in Party::ALL {
            let part = Box::new(part_of(workload, party));
            self.trio.say(party.index(), &ToParty::Next(part))?;
        }
        Ok(())
    }

    /// Waits for one answer of each party.
    ///
    /// # Errors
    /// The root cause, as one line, if a party fails, ends or stays silent instead.
    pub fn each<T>(
        &mut self,
        phase: Phase,
        pick: impl Fn(Event) -> Result<T, Event>,
    ) -> Result<[T; 3]> {
        let mut deadline = Deadline::after(self.timeout + SLACK);
        let mut answers = [None, None, None];
        while answers.iter().any(Option::is_none) {
            let Some((party, event)) = self.trio.next(&mut deadline)? else {
                let answered = answers.each_ref().map(Option::is_some);
                return Err(self.cause(phase, None, answered)?);
            };
            match pick(event) {
                // The end of a connection or a process only counts if its word is still due; how a process
                // ended says more than that its connection did.
                Err(Event::Closed) => {}
                Err(Event::Ended(end)) if end.well && answers[party].is_some() => {}
                Ok(answer) => answers[party] = Some(answer),
                Err(event) => {
                    let answered = answers.each_ref().map(Option::is_some);
                    return Err(self.cause(phase, Some((party, event)), answered)?);
                }
            }
        }
        let mut taken = answers.into_iter().flatten();
        match (taken.next(), taken.next(), taken.next()) {
            (Some(a), Some(b), Some(c)) => Ok([a, b, c]),
            _ => bail!("a party did not answer"),
        }
    }

    /// Lets the parties end by themselves, and ends those that do not.
    pub fn finish(&mut self) {
        self.trio.finish(Duration::from_secs(5));
    }

    /// Hears what the others have to say about a failure, ends all, and finds the root cause.
    fn cause(
        &mut self,
        phase: Phase,
        first: Option<(usize, Event)>,
        answered: [bool; 3],
    ) -> Result<anyhow::Error> {
        let mut failures: [Option<Failure>; 3] = [None, None, None];
        let mut ended: [Option<String>; 3] = [None, None, None];
        let silent = first.is_none();
        let mut deadline = Deadline::after(AFTERMATH);
        let mut event = first;
        loop {
            match event {
                Some((party, Event::Said(FromParty::Failed(failure)))) => {
                    failures[party] = Some(failure);
                }
                Some((party, Event::Garbled(text))) => {
                    let step = String::new();
                    failures[party] = Some(Failure {
                        phase,
                        step,
                        text,
                        follows: false,
                    });
                }
                Some((party, Event::Ended(end))) => ended[party] = Some(end.how),
                _ => {}
            }
            // A party that reported its failure ends by itself: that says nothing more.
            let known = (0..3).all(|p| failures[p].is_some() || ended[p].is_some());
            if known || silent {
                break;
            }
            event = self.trio.next(&mut deadline)?;
            if event.is_none() {
                break;
            }
        }
        self.trio.finish(Duration::ZERO);
        Ok(anyhow!(root_cause(
            phase,
            &failures,
            &ended,
            answered,
            self.timeout
        )))
    }
}

/// What a party may know of a workload.
fn part_of(workload: &Workload, party: Party) -> Workload {
    let mut part = workload.clone();
    if party == Party::P2 {
        part.model_dir = PathBuf::new();
    }
    if party != Party::P1 {
        // The input is P1's alone, also where it is drawn from a seed.
        part.tokens = None;
        part.token_types = None;
        part.input_seed = 0;
    }
    part
}

/// The line of an error row: first a party that ended without a word, then one that failed by itself, then
/// one that was silent, then the first echo.
fn root_cause(
    phase: Phase,
    failures: &[Option<Failure>; 3],
    ended: &[Option<String>; 3],
    answered: [bool; 3],
    timeout: Duration,
) -> String {
    let place = |failure: &Failure| match failure.step.as_str() {
        "" => format!("in {}", failure.phase.name()),
        step => format!("in {} at step `{step}`", failure.phase.name()),
    };
    // Where the others stood when they noticed.
    let witnesses = |culprit: usize| {
        let seen: Vec<String> = (0..3)
            .filter(|&p| p != culprit)
            .filter_map(|p| {
                failures[p]
                    .as_ref()
                    .map(|f| format!("P{p} stood {}", place(f)))
            })
            .collect();
        if seen.is_empty() {
            String::new()
        } else {
            format!("; {}", seen.join(", "))
        }
    };
    for (party, (failure, end)) in failures.iter().zip(ended).enumerate() {
        if let (None, Some(how)) = (failure, end) {
            let seen = witnesses(party);
            return format!("P{party} was lost in {}: {how}{seen}", phase.name());
        }
    }
    for (party, failure) in failures.iter().enumerate() {
        if let Some(failure) = failure.as_ref().filter(|f| !f.follows) {
            return format!("P{party} failed {}: {}", place(failure), failure.text);
        }
    }
    let quiet: Vec<usize> = (0..3)
        .filter(|&p| !answered[p] && failures[p].is_none())
        .collect();
    if let [first, ..] = quiet.as_slice() {
        let names: Vec<String> = quiet.iter().map(|p| format!("P{p}")).collect();
        return format!(
            "{} silent in {} for longer than the timeout of {timeout:?}{}",
            names.join(" and "),
            phase.name(),
            witnesses(*first)
        );
    }
    match (0..3).find_map(|p| failures[p].as_ref().map(|f| (p, f))) {
        Some((party, failure)) => format!("P{party} failed {}: {}", place(failure), failure.text),
        None => format!("the parties ended in {} without a word", phase.name()),
    }
}

/// Replaces a field of one party's agreement, where a test asks for it.
fn replace_field(agreement: &mut Agreement, party: Party) {
    let Ok(setting) = std::env::var(OVERRIDE) else {
        return;
    };
    let wanted = setting
        .split_once(':')
        .filter(|(index, _)| *index == party.index().to_string())
        .and_then(|(_, rest)| rest.split_once('='));
    if let Some((field, value)) = wanted {
        *agreement = std::mem::take(agreement).without(field).with(field, value);
    }
}

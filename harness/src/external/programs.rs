//! The programs of one repetition, one at each party: started, heard, and ended together.

use super::supervised::Supervised;
use super::supervisor::{End, Launch};
use super::words::{Description, Places};
use crate::interrupt;
use crate::link::rig::{Health, Rig};
use crate::process::{Deadline, describe};
use crate::run::order::Order;
use crate::scenario::External;
use anyhow::{Context, Result, anyhow, bail};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Between two looks at the processes and the interrupt flag.
const TICK: Duration = Duration::from_millis(20);
/// After a failure, how long the others may take to end by themselves.
const AFTERMATH: Duration = Duration::from_millis(1500);
/// So much of the end of standard error stands in an error row, characters and lines.
const TAIL_CHARS: usize = 400;
const TAIL_LINES: usize = 3;

/// What a program left.
#[derive(Clone, Debug)]
pub struct Left {
    /// Its party.
    pub party: usize,
    /// Standard output.
    pub output: String,
    /// Highest resident set, bytes.
    pub peak_memory_bytes: u64,
    /// From its start to its end.
    pub wall_ns: u64,
}

/// One program with its supervisor.
struct Member {
    party: usize,
    supervised: Supervised,
    end: Option<End>,
}

/// Programs at work. Dropping it ends them.
pub struct Programs<'a> {
    external: &'a External,
    members: Vec<Member>,
    ends: Receiver<(usize, Option<End>)>,
    links: Option<Health>,
}

impl<'a> Programs<'a> {
    /// Starts the program at each of its parties, in its namespace where there is one.
    ///
    /// # Errors
    /// A process that cannot be started.
    pub fn start(
        external: &'a External,
        order: &Order<'_>,
        places: &Places,
        rig: Option<&Rig>,
    ) -> Result<Self> {
        let (sender, ends) = channel();
        let mut programs = Self {
            external,
            members: Vec::new(),
            ends,
            links: rig.map(Rig::health),
        };
        for &party in &external.parties {
            let description = Description::new(external, order, places, party)?;
            let mut environment = vec![("QBENCH_PARTY".to_owned(), party.to_string())];
            for (peer, address) in places.addresses.iter().enumerate() {
                environment.push((format!("QBENCH_ADDRESS_P{peer}"), address.to_string()));
            }
            let launch = Launch {
                command: external.command.clone(),
                environment,
                description: serde_json::to_string(&description)? + "\n",
            };
            programs.launch(party, &launch, rig, &sender)?;
        }
        Ok(programs)
    }

    fn launch(
        &mut self,
        party: usize,
        launch: &Launch,
        rig: Option<&Rig>,
        sender: &Sender<(usize, Option<End>)>,
    ) -> Result<()> {
        let (place, sender) = (self.members.len(), sender.clone());
        let seat = rig.map(|rig| rig.seat(party));
        let supervised = Supervised::start(launch, seat, move |end| {
            // The receiver is gone if nobody wants to know any more.
            let _ = sender.send((place, end));
        });
        let supervised =
            supervised.with_context(|| format!("starting P{party} of `{}`", self.external.id))?;
        self.members.push(Member {
            party,
            supervised,
            end: None,
        });
        Ok(())
    }

    /// Waits until all have ended well, and returns what they left.
    ///
    /// # Errors
    /// One line: which party ended how, with the end of its standard error; the timeout; broken links; an interrupt.
    pub fn finish(mut self, timeout: Duration) -> Result<Vec<Left>> {
        let mut deadline = Deadline::after(timeout);
        while self.members.iter().any(|member| member.end.is_none()) {
            let Some((place, end)) = self.next(&mut deadline)? else {
                return Err(self.silent(timeout));
            };
            let bad = match end {
                None => Some("was lost: its supervisor ended without a word".to_owned()),
                Some(End::Failed(why)) => Some(why),
                Some(end @ End::Ended { wait_status, .. }) => {
                    self.members[place].end = Some(end);
                    let status = ExitStatus::from_raw(wait_status);
                    (!status.success()).then(|| describe(status))
                }
            };
            if let Some(what) = bad {
                return Err(self.failure(place, &what));
            }
        }
        self.end();
        let id = &self.external.id;
        let left = self.members.iter_mut().map(|member| {
            let Some(End::Ended {
                peak_memory_bytes,
                wall_ns,
                ..
            }) = member.end
            else {
                bail!("P{} of `{id}` did not end", member.party);
            };
            Ok(Left {
                party: member.party,
                output: String::from_utf8_lossy(&member.supervised.output()).into_owned(),
                peak_memory_bytes,
                wall_ns,
            })
        });
        left.collect()
    }

    /// The next end of a program; `None` at the deadline.
    fn next(&self, deadline: &mut Deadline) -> Result<Option<(usize, Option<End>)>> {
        loop {
            interrupt::check()?;
            if let Some(links) = &self.links {
                links.check()?;
            }
            match self.ends.recv_timeout(TICK) {
                Ok(end) => return Ok(Some(end)),
                Err(RecvTimeoutError::Timeout) => {}
                // Every thread that listens has said its word.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            if deadline.has_passed() {
                return Ok(None);
            }
        }
    }

    /// The error of a program that ended badly.
    fn failure(&mut self, place: usize, what: &str) -> anyhow::Error {
        // Those that only notice a peer's end say so in their own standard error, not in ours.
        let mut deadline = Deadline::after(AFTERMATH);
        let mut open = self.members.iter().filter(|m| m.end.is_none()).count();
        while open > 1 && matches!(self.next(&mut deadline), Ok(Some(_))) {
            open -= 1;
        }
        self.end();
        let member = &mut self.members[place];
        let said = last_words(member);
        anyhow!("P{} of `{}` {what}{said}", member.party, self.external.id)
    }

    /// The error of programs that did not end in time.
    fn silent(&mut self, timeout: Duration) -> anyhow::Error {
        self.end();
        let mut late: Vec<&mut Member> = self.members.iter_mut().collect();
        late.retain(|member| member.end.is_none());
        let names: Vec<String> = late.iter().map(|m| format!("P{}", m.party)).collect();
        let said = late
            .iter_mut()
            .map(|member| last_words(member))
            .find(|said| !said.is_empty())
            .unwrap_or_default();
        anyhow!(
            "{} of `{}` did not end within the timeout of {timeout:?}{said}",
            names.join(" and "),
            self.external.id
        )
    }

    /// Ends all processes of all groups.
    fn end(&mut self) {
        for member in &mut self.members {
            member.supervised.end();
        }
    }
}

/// `; standard error ends: ...`, on one line.
fn last_words(member: &mut Member) -> String {
    let bytes = member.supervised.errors();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join(" | ");
    let surplus = last.chars().count().saturating_sub(TAIL_CHARS);
    let last: String = last.chars().skip(surplus).collect();
    if last.is_empty() {
        "; it wrote nothing on standard error".to_owned()
    } else {
        format!("; standard error ends: {last}")
    }
}

//! The programs of one repetition, one at each party: started, heard, and ended together.

use super::supervisor::{End, Launch};
use super::words::{Description, Places};
use crate::interrupt;
use crate::link::rig::{Health, Rig};
use crate::process::{self, describe};
use crate::run::order::Order;
use crate::scenario::External;
use anyhow::{Context, Result, anyhow, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Between two looks at the processes and the interrupt flag.
const TICK: Duration = Duration::from_millis(20);
/// After a failure, how long the others may take to end by themselves.
const AFTERMATH: Duration = Duration::from_millis(1500);
/// After a process is gone, how long what it wrote may take to arrive.
const DRAIN: Duration = Duration::from_secs(2);
/// An answer longer than this is none.
const LONGEST_ANSWER: u64 = 1 << 20;
/// So much of the end of standard error is kept, bytes.
const TAIL: usize = 4096;
/// So much of it stands in an error row, characters and lines.
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

/// One program with its supervisor. The supervisor leads the process group.
struct Member {
    party: usize,
    supervisor: Child,
    // Its end tells the supervisor that nobody listens any more.
    _control: UnixStream,
    output: Receiver<Vec<u8>>,
    errors: Receiver<Vec<u8>>,
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
        let (mut control, theirs) = process::control_pair()?;
        let mut command = process::this_binary();
        command.arg("external-program");
        if let Some(rig) = rig {
            command.args(["--seat", &rig.seat(party).written()?]);
        }
        let mut supervisor = command
            .stdin(theirs)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A process group of its own: Ctrl-C reaches the controller, which ends all.
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting P{party} of `{}`", self.external.id))?;
        let output = collect(supervisor.stdout.take(), |from| {
            let mut bytes = Vec::new();
            let _ = from.take(LONGEST_ANSWER).read_to_end(&mut bytes);
            bytes
        });
        let errors = collect(supervisor.stderr.take(), tail);
        let line = process::line(launch)?;
        // A supervisor that is gone is found by `finish`, with what it said.
        let _ = control.write_all(&line);
        let reader = BufReader::new(control.try_clone()?);
        self.members.push(Member {
            party,
            supervisor,
            _control: control,
            output,
            errors,
            end: None,
        });
        let (place, sender) = (self.members.len() - 1, sender.clone());
        std::thread::Builder::new()
            .name(format!("control of P{party}"))
            .spawn(move || {
                let _ = sender.send((place, hear(reader)));
            })?;
        Ok(())
    }

    /// Waits until all have ended well, and returns what they left.
    ///
    /// # Errors
    /// One line: which party ended how, with the end of its standard error; the timeout; broken links; an interrupt.
    pub fn finish(mut self, timeout: Duration) -> Result<Vec<Left>> {
        let deadline = Instant::now() + timeout;
        while self.members.iter().any(|member| member.end.is_none()) {
            let Some((place, end)) = self.next(deadline)? else {
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
        // Whatever the programs left running holds their pipes open.
        self.end();
        let id = &self.external.id;
        let left = self.members.iter().map(|member| {
            let Some(End::Ended {
                peak_memory_bytes,
                wall_ns,
                ..
            }) = member.end
            else {
                bail!("P{} of `{id}` did not end", member.party);
            };
            let output = member.output.recv_timeout(DRAIN);
            let output = output.with_context(|| {
                format!("P{} of `{id}` left its standard output open", member.party)
            })?;
            Ok(Left {
                party: member.party,
                output: String::from_utf8_lossy(&output).into_owned(),
                peak_memory_bytes,
                wall_ns,
            })
        });
        left.collect()
    }

    /// The next end of a program; `None` at the deadline.
    fn next(&self, deadline: Instant) -> Result<Option<(usize, Option<End>)>> {
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
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    /// The error of a program that ended badly.
    fn failure(&mut self, place: usize, what: &str) -> anyhow::Error {
        // Those that only notice a peer's end say so in their own standard error, not in ours.
        let deadline = Instant::now() + AFTERMATH;
        let mut open = self.members.iter().filter(|m| m.end.is_none()).count();
        while open > 1 && matches!(self.next(deadline), Ok(Some(_))) {
            open -= 1;
        }
        self.end();
        let member = &self.members[place];
        let said = last_words(member);
        anyhow!("P{} of `{}` {what}{said}", member.party, self.external.id)
    }

    /// The error of programs that did not end in time.
    fn silent(&mut self, timeout: Duration) -> anyhow::Error {
        self.end();
        let late: Vec<&Member> = self.members.iter().filter(|m| m.end.is_none()).collect();
        let names: Vec<String> = late.iter().map(|m| format!("P{}", m.party)).collect();
        let said = late
            .iter()
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
            process::end_group(&mut member.supervisor);
        }
    }
}

impl Drop for Programs<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the supervisor says; `None` if it ends without a word.
fn hear(mut reader: BufReader<UnixStream>) -> Option<End> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

/// Reads a stream to its end in a thread of its own.
fn collect<R: Read + Send + 'static>(
    from: Option<R>,
    read: impl FnOnce(R) -> Vec<u8> + Send + 'static,
) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    if let Some(from) = from {
        // The receiver is gone if nobody wants to know any more.
        std::thread::spawn(move || sender.send(read(from)));
    }
    receiver
}

/// The last bytes of a stream.
fn tail(mut from: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        kept.extend_from_slice(&piece[..count]);
        let surplus = kept.len().saturating_sub(TAIL);
        kept.drain(..surplus);
    }
    kept
}

/// `; standard error ends: ...`, on one line.
fn last_words(member: &Member) -> String {
    let bytes = member.errors.recv_timeout(DRAIN).unwrap_or_default();
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

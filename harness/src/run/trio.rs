//! Three child processes and what they say: spawned, heard, and ended together.

use super::control::{self, FromParty, ToParty};
use super::interrupt;
use crate::link::rig::{Health, Rig};
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::BufReader;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Something that a party said or that became of it.
#[derive(Debug)]
pub enum Event {
    /// A message.
    Said(FromParty),
    /// Evidence.
    Blob(Vec<u8>),
    /// Its control connection ended.
    Closed,
    /// Its process ended.
    Ended(ExitStatus),
}

/// Three children of one repetition. Dropping it ends them.
pub struct Trio {
    children: Vec<Child>,
    ended: [bool; 3],
    streams: [Option<UnixStream>; 3],
    events: Receiver<(usize, Event)>,
    /// Of the links between the parties, where they can break.
    links: Option<Health>,
}

/// Between two looks at the children and the interrupt flag.
const TICK: Duration = Duration::from_millis(20);

impl Trio {
    /// Starts three parties of this binary, each in its seat of the rig where there is one.
    ///
    /// # Errors
    /// A child that cannot be started.
    pub fn spawn(rig: Option<&Rig>) -> Result<Self> {
        let (sender, events) = channel();
        let mut trio = Self {
            children: Vec::new(),
            ended: [false; 3],
            streams: [None, None, None],
            events,
            links: rig.map(Rig::health),
        };
        for party in 0..3 {
            let (ours, theirs) = UnixStream::pair().context("opening the control connection")?;
            // The binary that runs now, even if another has been built over it since.
            let mut command = Command::new("/proc/self/exe");
            command.args(["party", "--id", &party.to_string()]);
            if let Some(rig) = rig {
                command.args(["--seat", &serde_json::to_string(rig.seat(party))?]);
            }
            let child = command
                // Its orders come over its standard input: a socket that reaches into any namespace, and
                // that nobody else can connect to.
                .stdin(Stdio::from(OwnedFd::from(theirs)))
                .stdout(Stdio::null())
                // A process group of its own: Ctrl-C reaches the controller, which ends the children.
                .process_group(0)
                .spawn()
                .with_context(|| format!("starting P{party}"))?;
            trio.children.push(child);
            let reader = BufReader::new(ours.try_clone()?);
            trio.streams[party] = Some(ours);
            let sender = sender.clone();
            std::thread::Builder::new()
                .name(format!("control of P{party}"))
                .spawn(move || listen(party, reader, &sender))?;
        }
        Ok(trio)
    }

    /// Process ids by party.
    pub fn pids(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }

    /// Says something to one party. A party that is gone is found by [`Trio::next`], with its cause.
    pub fn say(&mut self, party: usize, message: &ToParty) {
        if let Some(stream) = &mut self.streams[party] {
            let _ = control::write(stream, message);
        }
    }

    /// The next event before `deadline`; `None` when it has passed.
    ///
    /// # Errors
    /// An interrupt by the user; links that broke.
    pub fn next(&mut self, deadline: Instant) -> Result<Option<(usize, Event)>> {
        loop {
            interrupt::check()?;
            if let Some(links) = &self.links {
                links.check()?;
            }
            match self.events.recv_timeout(TICK) {
                Ok(event) => return Ok(Some(event)),
                Err(RecvTimeoutError::Timeout) => {}
                // All three listening threads have ended; only ends of processes can still come.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            for party in 0..3 {
                if !self.ended[party]
                    && let Some(status) = self.children[party].try_wait()?
                {
                    self.ended[party] = true;
                    return Ok(Some((party, Event::Ended(status))));
                }
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    /// Waits up to `grace` for the children to end by themselves, then ends them.
    pub fn finish(&mut self, grace: Duration) {
        let began = Instant::now();
        loop {
            let running = self
                .children
                .iter_mut()
                .any(|child| matches!(child.try_wait(), Ok(None)));
            if !running || began.elapsed() >= grace {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        for child in &mut self.children {
            if matches!(child.try_wait(), Ok(None)) {
                // Its own group, so also whatever it may have started. A failure means that it is gone.
                let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
                let _ = child.wait();
            }
        }
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        self.finish(Duration::ZERO);
    }
}

/// Passes on what one party says until its connection ends.
fn listen(party: usize, mut reader: BufReader<UnixStream>, sender: &Sender<(usize, Event)>) {
    loop {
        let event = match control::read(&mut reader) {
            Ok(Some(FromParty::Evidence(bytes))) => match control::read_blob(&mut reader, bytes) {
                Ok(blob) => Event::Blob(blob),
                Err(_) => Event::Closed,
            },
            Ok(Some(message)) => Event::Said(message),
            Ok(None) | Err(_) => Event::Closed,
        };
        let last = matches!(event, Event::Closed);
        // The receiver is gone when the repetition is over: then nobody needs to know.
        if sender.send((party, event)).is_err() || last {
            return;
        }
    }
}

/// How a process ended.
pub fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => {
            "killed by signal 9 (by somebody, or by the kernel for want of memory)".into()
        }
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".into(),
    }
}

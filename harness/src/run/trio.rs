//! Three child processes and what they say: spawned, heard, and ended together.

use super::control::{self, FromParty, ToParty};
use super::interrupt;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
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
    streams: [Option<TcpStream>; 3],
    events: Receiver<(usize, Event)>,
}

/// How long a child may take to call the controller.
const HELLO: Duration = Duration::from_secs(30);
/// Between two looks at the children and the interrupt flag.
const TICK: Duration = Duration::from_millis(20);

impl Trio {
    /// Starts three parties of this binary and hears their first words.
    ///
    /// # Errors
    /// A child that cannot be started or does not call back.
    pub fn spawn() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("opening the control port")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let (sender, events) = channel();
        let mut trio = Self {
            children: Vec::new(),
            ended: [false; 3],
            streams: [None, None, None],
            events,
        };
        for party in 0..3 {
            // The binary that runs now, even if another has been built over it since.
            let child = Command::new("/proc/self/exe")
                .args(["party", "--id", &party.to_string(), "--control", &address])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                // A process group of its own: Ctrl-C reaches the controller, which ends the children.
                .process_group(0)
                .spawn()
                .with_context(|| format!("starting P{party}"))?;
            trio.children.push(child);
        }
        trio.meet(&listener, &sender)?;
        Ok(trio)
    }

    /// Process ids by party.
    pub fn pids(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }

    /// Waits until each child has called and said who it is; strangers are sent away.
    fn meet(&mut self, listener: &TcpListener, sender: &Sender<(usize, Event)>) -> Result<()> {
        let began = Instant::now();
        while self.streams.iter().any(Option::is_none) {
            interrupt::check()?;
            for (party, child) in self.children.iter_mut().enumerate() {
                if let Some(status) = child.try_wait()? {
                    anyhow::bail!("P{party} ended before it called: {}", describe(status));
                }
            }
            anyhow::ensure!(
                began.elapsed() < HELLO,
                "a party has not called the controller within {HELLO:?}"
            );
            let Ok((stream, _)) = listener.accept() else {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            };
            stream.set_nonblocking(false)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            let mut reader = BufReader::new(stream.try_clone()?);
            let Ok(Some(FromParty::Hello(party, pid))) = control::read(&mut reader) else {
                continue;
            };
            if self.children.get(party).map(Child::id) != Some(pid) {
                continue;
            }
            stream.set_read_timeout(None)?;
            self.streams[party] = Some(stream);
            let sender = sender.clone();
            std::thread::Builder::new()
                .name(format!("control of P{party}"))
                .spawn(move || listen(party, reader, &sender))?;
        }
        Ok(())
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
    /// An interrupt by the user.
    pub fn next(&mut self, deadline: Instant) -> Result<Option<(usize, Event)>> {
        loop {
            interrupt::check()?;
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
fn listen(party: usize, mut reader: BufReader<TcpStream>, sender: &Sender<(usize, Event)>) {
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

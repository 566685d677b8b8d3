//! Processes of our own: how they are started, spoken to and ended, and what is said of their end.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde::Serialize;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A command that starts the binary that runs now, even if another has been built over it since.
pub fn this_binary() -> Command {
    Command::new("/proc/self/exe")
}

/// A control connection to a child that is to be started: our end, and the child's, which becomes its standard
/// input. It is a socket that reaches into any namespace, and that nobody else can connect to.
///
/// # Errors
/// The operating system's.
pub fn control_pair() -> Result<(UnixStream, Stdio)> {
    let (ours, theirs) = UnixStream::pair().context("opening the control connection")?;
    Ok((ours, Stdio::from(OwnedFd::from(theirs))))
}

/// The child's end of its control connection; `refusal` is for a person who started the process by hand.
///
/// # Errors
/// A standard input that is no socket.
pub fn control(refusal: &'static str) -> Result<UnixStream> {
    let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    stream.peer_addr().context(refusal)?;
    Ok(stream)
}

/// A message as control connections carry it: one JSON object on a line.
///
/// # Errors
/// A message that has no JSON form.
pub fn line(message: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Has the kernel end this process when the one that started it ends, however that ended.
///
/// # Errors
/// The operating system's.
pub fn end_with_parent() -> Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// A child that leads a process group of its own: Ctrl-C does not reach it, and whatever it started is ended with it, also
/// when the child itself is gone. Dropping it ends the group.
pub struct Group {
    child: Child,
    reaped: bool,
}

impl Group {
    /// Starts a command as the leader of a new group.
    ///
    /// # Errors
    /// The operating system's.
    pub fn spawn(command: &mut Command) -> std::io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        Ok(Self {
            child,
            reaped: false,
        })
    }

    /// The leader's number, which is the group's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The leader, for its streams.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How the leader ended; `None` while it runs. It keeps its number, and with it the group's, until [`Group::end`].
    ///
    /// # Errors
    /// The operating system's.
    pub fn ended(&mut self) -> std::io::Result<Option<ExitStatus>> {
        if self.reaped {
            return self.child.try_wait();
        }
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        Ok(match waitid(Id::Pid(self.pid()), look)? {
            WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw(code << 8)),
            WaitStatus::Signaled(_, signal, _) => Some(ExitStatus::from_raw(signal as i32)),
            _ => None,
        })
    }

    /// Ends every process of the group.
    pub fn end(&mut self) {
        if !self.reaped {
            // The leader is not reaped yet, so the group cannot be another's. A failure means that all are gone.
            let _ = killpg(self.pid(), Signal::SIGKILL);
            let _ = self.child.wait();
            self.reaped = true;
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// The children of this process, also those that have ended and were not waited for.
pub fn children() -> Vec<Pid> {
    let me = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let child = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_string_lossy().parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // State and parent come after the name, which may hold anything.
        let parent = stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?;
        (parent == me).then(|| Pid::from_raw(pid))
    };
    entries.filter_map(child).collect()
}

/// A deadline for something that others bring. It has passed only once it was looked at so often after its time that
/// whatever waited for this process has arrived: a process that was stopped past the time, and went on, judges nobody by
/// what it slept through.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    /// Looks after the time, and the first of them.
    looks: u32,
    first: Option<Instant>,
}

impl Deadline {
    /// Looks after the time, and how long they last at least.
    const LOOKS: u32 = 20;
    const GRACE: Duration = Duration::from_millis(400);

    /// In so long.
    pub fn after(time: Duration) -> Self {
        Self {
            at: Instant::now() + time,
            looks: 0,
            first: None,
        }
    }

    /// Whether nothing more is to be waited for; call it between two looks at what may have arrived.
    pub fn has_passed(&mut self) -> bool {
        let now = Instant::now();
        if now < self.at {
            return false;
        }
        self.looks += 1;
        let first = *self.first.get_or_insert(now);
        self.looks > Self::LOOKS && now - first >= Self::GRACE
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

/// The causes of an error on one line.
pub fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_was_slept_through_leaves_time_to_look() {
        let mut deadline = Deadline::after(Duration::ZERO);
        let mut looks = 0;
        while !deadline.has_passed() {
            looks += 1;
            assert!(looks < 1000, "it never passes");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(looks >= 20, "{looks}");
    }

    #[test]
    fn a_group_is_ended_when_its_leader_is_gone() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo $!; exit 3"]);
        let mut group = Group::spawn(command.stdout(Stdio::piped())).unwrap();
        let mut line = String::new();
        let out = group.child().stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        let left = std::path::PathBuf::from(format!("/proc/{}", line.trim()));
        let status = loop {
            if let Some(status) = group.ended().unwrap() {
                break status;
            }
        };
        assert_eq!(status.code(), Some(3));
        assert!(left.exists());
        group.end();
        assert_eq!(group.ended().unwrap().unwrap().code(), Some(3));
        // Whoever reaps orphans may take a moment.
        let gone = || {
            let stat = std::fs::read_to_string(left.join("stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z")
        };
        let began = Instant::now();
        while !gone() {
            assert!(began.elapsed() < Duration::from_secs(10));
        }
    }
}

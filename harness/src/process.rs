//! Processes of our own: how they are started, spoken to and ended, and what is said of their end.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

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

/// Ends a child that leads a process group of its own, with whatever it started, unless it has ended.
pub fn end_group(child: &mut Child) {
    // A leader that is not reaped yet keeps its number, so the group cannot be another's. A failure means that it
    // is gone.
    if matches!(child.try_wait(), Ok(None)) {
        let _ = killpg(Pid::from_raw(child.id() as i32), Signal::SIGKILL);
        let _ = child.wait();
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

//! Whether an external program can run here: what its `check` command says.

use super::supervised::Supervised;
use super::supervisor::{End, Launch};
use crate::interrupt;
use crate::process::Deadline;
use crate::scenario::External;
use anyhow::Result;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// A check may take so long: some programs load a large library first.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at the interrupt flag.
const TICK: Duration = Duration::from_millis(20);

/// Runs the check to the end of the program itself; what that leaves running is ended. Its last line says what the program
/// is (a version, say), or, on the inner error's side, why it cannot run.
///
/// # Errors
/// An interrupt by the user; a supervisor that cannot be started.
pub fn check(external: &External) -> Result<Result<String, String>> {
    if external.check.is_empty() {
        return Ok(Ok(String::new()));
    }
    let launch = Launch {
        command: external.check.clone(),
        environment: Vec::new(),
        description: String::new(),
    };
    let (sender, ends) = channel();
    let mut check = Supervised::start(&launch, None, move |end| {
        // The receiver is gone after an interrupt.
        let _ = sender.send(end);
    })?;
    let mut deadline = Deadline::after(PATIENCE);
    let command = || external.check.join(" ");
    let end = loop {
        interrupt::check()?;
        match ends.recv_timeout(TICK) {
            Ok(end) => break end,
            Err(RecvTimeoutError::Disconnected) => break None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if deadline.has_passed() {
            let seconds = PATIENCE.as_secs();
            return Ok(Err(format!(
                "`{}` did not end within {seconds} s",
                command()
            )));
        }
    };
    check.end();
    let last = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let line = text.lines().rev().find(|line| !line.trim().is_empty());
        line.map(|line| line.trim().to_owned())
    };
    let (out, err) = (last(check.output()), last(check.errors()));
    Ok(match end {
        None => Err(format!("`{}` was lost with its supervisor", command())),
        Some(End::Failed(why)) => Err(why),
        Some(End::Ended { wait_status, .. }) if ExitStatus::from_raw(wait_status).success() => {
            Ok(out.unwrap_or_default())
        }
        Some(End::Ended { .. }) => {
            let silent = || format!("`{}` failed without a word", command());
            Err(out.or(err).unwrap_or_else(silent))
        }
    })
}

//! A process of ours around each external program: it enters the party's namespace, starts the program, measures
//! it, and ends all that the program started when the controller no longer listens, or is gone, however that ended.

use crate::host;
use crate::link::rig;
use crate::process;
use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::getpgrp;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the supervisor is to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Launch {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Set beside the environment of the controller.
    pub environment: Vec<(String, String)>,
    /// For the program's standard input.
    pub description: String,
}

/// What became of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It ran.
    Ended {
        /// As `wait` gives it.
        wait_status: i32,
        /// CPU time, user and system, of the program and of what it waited for.
        cpu_ns: u64,
        /// Highest resident set of the program, or of the largest process that it waited for.
        peak_memory_bytes: u64,
        /// From its start to its end.
        wall_ns: u64,
    },
    /// It could not be started; why.
    Failed(String),
}

/// Runs a program for the controller, which speaks over standard input. Standard output and standard error are the
/// program's.
///
/// # Errors
/// A control connection that is none.
pub fn run(seat: Option<&str>) -> Result<()> {
    rig::enter_written(seat)?;
    let mut control =
        process::control("standard input is no socket: qbench run starts this, not you")?;
    let mut reader = BufReader::new(control.try_clone()?);
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .context("reading what to start")?;
    let launch: Launch = serde_json::from_str(&line).context("reading what to start")?;
    // Whoever loses its parent below this process becomes its child, also after it left the process group.
    nix::sys::prctl::set_child_subreaper(true).context("becoming the parent of orphans")?;
    std::thread::spawn(move || {
        // Nothing more is said: this ends when the controller does.
        let _ = reader.read_to_end(&mut Vec::new());
        end_descendants();
        // This process too.
        let _ = killpg(getpgrp(), Signal::SIGKILL);
    });
    let end = supervise(&launch).unwrap_or_else(|error| End::Failed(format!("{error:#}")));
    // The thread above finds out whether anybody listens.
    let _ = control.write_all(&process::line(&end)?);
    loop {
        std::thread::park();
    }
}

/// Ends the children of this process until it has none: those of each that ends become its own.
fn end_descendants() {
    for _ in 0..MOST_GENERATIONS {
        // The program itself may be waited for by another thread, which then finds it gone.
        while let Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) =
            waitpid(None, Some(WaitPidFlag::WNOHANG))
        {}
        let children = process::children();
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = kill(child, Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A program that starts others faster than they are ended is left to its process group.
const MOST_GENERATIONS: usize = 500;

fn supervise(launch: &Launch) -> Result<End> {
    let (program, arguments) = launch
        .command
        .split_first()
        .context("no command was given")?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .envs(launch.environment.iter().cloned())
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{program}` cannot be started"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not want to read it is free not to.
        let _ = stdin.write_all(launch.description.as_bytes());
    }
    let status = child.wait().context("waiting for the program")?;
    let wall_ns = began.elapsed().as_nanos() as u64;
    // This process has waited for one child only.
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("reading what the program used")?;
    Ok(End::Ended {
        wait_status: status.into_raw(),
        cpu_ns: host::usage_ns(&usage),
        peak_memory_bytes: usage.max_rss() as u64 * 1024,
        wall_ns,
    })
}

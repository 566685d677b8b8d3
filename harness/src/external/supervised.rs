//! One program of others under a supervisor of ours, as the controller sees it: started, heard, and ended with all that it
//! started.

use super::supervisor::{End, Launch};
use crate::link::rig::Seat;
use crate::process::{self, Group};
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a supervisor may take to end what its program left.
const ENDING: Duration = Duration::from_secs(2);
/// Of standard output so much is kept of the beginning, of standard error so much of the end, bytes.
const LONGEST_OUTPUT: usize = 1 << 20;
const TAIL: usize = 4096;

/// A program with its supervisor, which leads the process group. Dropping it ends both.
pub struct Supervised {
    group: Group,
    // Its end tells the supervisor that nobody listens any more.
    control: UnixStream,
    output: Stream,
    errors: Stream,
}

impl Supervised {
    /// Starts a program, in its seat where it has one; `ended` is called once, with `None` if the supervisor ended without
    /// a word.
    ///
    /// # Errors
    /// A supervisor that cannot be started.
    pub fn start(
        launch: &Launch,
        seat: Option<&Seat>,
        ended: impl FnOnce(Option<End>) + Send + 'static,
    ) -> Result<Self> {
        let (mut control, theirs) = process::control_pair()?;
        let mut command = process::this_binary();
        command.arg("external-program");
        if let Some(seat) = seat {
            command.args(["--seat", &seat.written()?]);
        }
        command
            .stdin(theirs)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group = Group::spawn(&mut command)?;
        let output = group.child().stdout.take().context("no standard output")?;
        let errors = group.child().stderr.take().context("no standard error")?;
        let supervised = Self {
            output: Stream::collect(output, |kept| kept.truncate(LONGEST_OUTPUT)),
            errors: Stream::collect(errors, |kept| {
                let surplus = kept.len().saturating_sub(TAIL);
                kept.drain(..surplus);
            }),
            control: control.try_clone()?,
            group,
        };
        // A supervisor that is gone is found by its silence.
        let _ = control.write_all(&process::line(launch)?);
        std::thread::Builder::new()
            .name("control of a program".into())
            .spawn(move || ended(hear(BufReader::new(control))))?;
        Ok(supervised)
    }

    /// Ends the program and whatever it started.
    pub fn end(&mut self) {
        // The supervisor also finds what has left its group; it ends with that.
        let _ = self.control.shutdown(Shutdown::Both);
        let began = Instant::now();
        while matches!(self.group.ended(), Ok(None)) && began.elapsed() < ENDING {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.group.end();
    }

    /// What was written on standard output so far, whoever still holds it open.
    pub fn output(&mut self) -> Vec<u8> {
        self.output.finish()
    }

    /// The end of what was written on standard error so far.
    pub fn errors(&mut self) -> Vec<u8> {
        self.errors.finish()
    }
}

/// What the supervisor says; `None` if it ends without a word.
fn hear(mut reader: BufReader<UnixStream>) -> Option<End> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

/// A stream that is read in a thread of its own, to its end or until it is asked for.
struct Stream {
    asked: Arc<AtomicBool>,
    reader: Option<JoinHandle<Vec<u8>>>,
    read: Vec<u8>,
}

impl Stream {
    /// Between two looks at whether it is asked for, milliseconds.
    const TICK: u16 = 20;
    /// So long a stream is read on that somebody goes on filling.
    const PATIENCE: Duration = Duration::from_secs(2);

    fn collect<R: Read + AsFd + Send + 'static>(mut from: R, cut: fn(&mut Vec<u8>)) -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&asked);
        let reader = std::thread::spawn(move || {
            let mut kept = Vec::new();
            let mut piece = [0; 4096];
            let mut since = None;
            loop {
                // Looked at before the stream, so that what was written before is still taken.
                let last = stop.load(Ordering::SeqCst);
                let wait = if last { 0 } else { Self::TICK };
                let mut polled = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
                match poll(&mut polled, PollTimeout::from(wait)) {
                    Ok(0) if last => return kept,
                    Ok(0) | Err(Errno::EINTR) => continue,
                    Ok(_) => {}
                    Err(_) => return kept,
                }
                match from.read(&mut piece) {
                    Ok(count @ 1..) => {
                        kept.extend_from_slice(&piece[..count]);
                        cut(&mut kept);
                    }
                    Ok(0) | Err(_) => return kept,
                }
                let over = |began: &mut Instant| began.elapsed() > Self::PATIENCE;
                if last && over(since.get_or_insert_with(Instant::now)) {
                    return kept;
                }
            }
        });
        Self {
            asked,
            reader: Some(reader),
            read: Vec::new(),
        }
    }

    fn finish(&mut self) -> Vec<u8> {
        self.asked.store(true, Ordering::SeqCst);
        if let Some(reader) = self.reader.take() {
            self.read = reader.join().unwrap_or_default();
        }
        self.read.clone()
    }
}

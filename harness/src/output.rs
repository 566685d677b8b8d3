//! What a command prints for the person who called it.
//!
//! A reader that has seen enough (`| head`) is no error: nothing more is printed, and the command goes on to the end of
//! what it writes. Output that cannot be written for any other reason is an error, said once. Progress on standard error
//! is for whoever looks: it never ends a command.

use crate::units::time_text;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Standard output as it was found.
static STATE: AtomicU8 = AtomicU8::new(OPEN);
const OPEN: u8 = 0;
/// Nobody reads any more.
const LEFT: u8 = 1;
/// It takes no more.
const FAILED: u8 = 2;

/// Prints a line.
pub fn line(text: std::fmt::Arguments<'_>) {
    if STATE.load(Ordering::Relaxed) == OPEN {
        printed(writeln!(std::io::stdout(), "{text}"));
    }
}

/// Keeps what became of something that was printed.
pub fn printed(outcome: std::io::Result<()>) {
    match outcome {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => STATE.store(LEFT, Ordering::Relaxed),
        Err(error) => {
            if STATE.swap(FAILED, Ordering::Relaxed) == OPEN {
                crate::note!("error: cannot write to standard output: {error}");
            }
        }
    }
}

/// Whether everything was printed that somebody would have read.
pub fn whole() -> bool {
    STATE.load(Ordering::Relaxed) != FAILED
}

/// Whether somebody may still read what is printed.
pub fn is_read() -> bool {
    STATE.load(Ordering::Relaxed) == OPEN
}

/// Says something beside the output: one line on standard error, in one piece.
pub fn note(text: std::fmt::Arguments<'_>) {
    // Nobody is there to be told that nobody is there.
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// [`line()`] with the arguments of `println!`.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::output::line(format_args!($($argument)*)) };
}

/// [`note()`] with the arguments of `eprintln!`, which would panic where standard error cannot be written.
#[macro_export]
macro_rules! note {
    ($($argument:tt)*) => { $crate::output::note(format_args!($($argument)*)) };
}

/// A bar with the time left on a terminal, nothing elsewhere.
pub fn bar(length: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length as u64);
    // The template is a constant that the tests draw; a bar without style still counts.
    if let Ok(style) = ProgressStyle::with_template(
        "{bar:30.cyan/blue} {pos}/{len}  {elapsed} so far, {eta} left  {wide_msg}",
    ) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// Work without lines of its own: nothing while it is short, then a bar with the time left, or a line now and then where
/// standard error is no terminal.
pub struct Progress {
    what: &'static str,
    length: usize,
    done: usize,
    began: Instant,
    /// When the next line is due.
    next: Duration,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// So long it says nothing.
    const QUIET: Duration = Duration::from_secs(2);
    /// Between two lines.
    const PAUSE: Duration = Duration::from_secs(20);

    /// Of `length` pieces of work.
    pub fn new(what: &'static str, length: usize) -> Self {
        Self {
            what,
            length,
            done: 0,
            began: Instant::now(),
            next: Self::QUIET,
            bar: None,
        }
    }

    /// One more piece is done.
    pub fn step(&mut self) {
        self.done += 1;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
            return;
        }
        let took = self.began.elapsed();
        if took < self.next {
            return;
        }
        let bar = bar(self.length);
        if bar.is_hidden() {
            self.next = took + Self::PAUSE;
            crate::note!("{}", self.words(took));
        } else {
            bar.set_message(self.what);
            bar.set_position(self.done as u64);
            self.bar = Some(bar);
        }
    }

    /// `12000 of 122880 cells after 2.01 s, about 18.57 s left`.
    fn words(&self, took: Duration) -> String {
        let took_ns = took.as_nanos() as f64;
        let left = self.length.saturating_sub(self.done) as f64 / self.done.max(1) as f64;
        format!(
            "{} of {} {} after {}, about {} left",
            self.done,
            self.length,
            self.what,
            time_text(took_ns),
            time_text(took_ns * left)
        )
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_is_done() {
        let mut progress = Progress::new("cells", 100);
        progress.done = 25;
        assert_eq!(
            progress.words(Duration::from_secs(2)),
            "25 of 100 cells after 2.00 s, about 6.00 s left"
        );
    }
}

//! Whether everything went on during a phase: the relay hands over what is due, and the parties run. What stood still makes a
//! time longer that the links and the protocol had no part in.

use crate::host;
use crate::stalls::{Stall, Stalls};
use crate::units::time_text;
use anyhow::{Result, ensure};
use qbench_protocols::phase::Phase;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is shorter is the scheduler's doing on a machine whose cores are shared, and counts as nothing.
const PAUSE_NS: u64 = 200_000_000;
/// A probe may be off by a tenth, and so may a phase be by what stood still.
const SHARE: u64 = 10;
/// Between two beats of a party.
const BEAT: Duration = Duration::from_millis(50);

/// A phase in time, or several that are told from each other by nobody.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Whose time is measured.
    pub phase: Phase,
    /// Common start, nanoseconds of the monotonic clock.
    pub from_ns: u64,
    /// End of the slowest party.
    pub to_ns: u64,
    /// The time that is measured within, nanoseconds.
    pub measured_ns: u64,
}

impl Span {
    /// The longest stall, as far as it lies within.
    pub fn longest_ns(&self, stalls: &[Stall]) -> u64 {
        let within = stalls.iter().map(|s| s.within_ns(self.from_ns, self.to_ns));
        within.max().unwrap_or(0)
    }

    /// Refuses a phase of which more than a tenth stood still in pauses that no scheduler makes.
    ///
    /// # Errors
    /// One line with `who` it was that stood still.
    pub fn judge(&self, who: &str, stalls: &[Stall]) -> Result<()> {
        let within = stalls.iter().map(|s| s.within_ns(self.from_ns, self.to_ns));
        let still_ns: u64 = within.filter(|ns| *ns >= PAUSE_NS).sum();
        ensure!(
            still_ns <= self.measured_ns / SHARE,
            "{who} stood still for {} in {}, which took {} (more than a tenth): something stopped it, or the machine was \
             busy with something else",
            time_text(still_ns as f64),
            self.phase.name(),
            time_text(self.measured_ns as f64)
        );
        Ok(())
    }
}

/// A thread of a party that notices when the process does not run.
pub struct Pulse(Arc<Mutex<Beats>>);

struct Beats {
    last_ns: u64,
    stalls: Stalls,
}

impl Beats {
    fn beat(&mut self, now_ns: u64) {
        self.stalls
            .done(self.last_ns + BEAT.as_nanos() as u64, now_ns);
        self.last_ns = now_ns;
    }
}

impl Pulse {
    /// Starts it; it ends with the process.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start() -> Result<Self> {
        let beats = Arc::new(Mutex::new(Beats {
            last_ns: host::monotonic_ns()?,
            stalls: Stalls::of_at_least(PAUSE_NS),
        }));
        let mine = Arc::clone(&beats);
        std::thread::Builder::new()
            .name("pulse".into())
            .stack_size(64 << 10)
            .spawn(move || {
                while let Ok(now_ns) = host::monotonic_ns() {
                    lock(&mine).beat(now_ns);
                    std::thread::sleep(BEAT);
                }
            })?;
        Ok(Self(beats))
    }

    /// When this process did not run, until now; an order that came after `due_ns` is a stall too.
    ///
    /// # Errors
    /// The operating system's.
    pub fn stalls(&self, due_ns: u64, heard_ns: u64) -> Result<Vec<Stall>> {
        let now_ns = host::monotonic_ns()?;
        let mut beats = lock(&self.0);
        // The thread may not have woken since.
        if now_ns > beats.last_ns + BEAT.as_nanos() as u64 {
            beats.beat(now_ns);
        }
        let mut stalls = beats.stalls.found().to_vec();
        // A party that was stopped while it waited for the order heard of it late for that reason.
        let known = stalls.iter().any(|s| s.within_ns(due_ns, heard_ns) > 0);
        if heard_ns > due_ns + PAUSE_NS && !known {
            stalls.push(Stall {
                from_ns: due_ns,
                to_ns: heard_ns,
            });
        }
        Ok(stalls)
    }
}

fn lock(beats: &Mutex<Beats>) -> std::sync::MutexGuard<'_, Beats> {
    // A thread that panicked between two fields leaves nothing half done.
    beats.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn span() -> Span {
        Span {
            phase: Phase::Online,
            from_ns: 1000 * MS,
            to_ns: 4000 * MS,
            measured_ns: 3000 * MS,
        }
    }

    fn stall(from: u64, to: u64) -> Stall {
        Stall {
            from_ns: from * MS,
            to_ns: to * MS,
        }
    }

    #[test]
    fn pauses_count_where_they_fall_into_the_phase() {
        let sound = |stalls: &[Stall]| span().judge("the relay", stalls).is_ok();
        assert!(sound(&[]));
        assert!(sound(&[stall(0, 1200)]), "200 ms of it are within");
        assert!(sound(&[stall(0, 900), stall(4100, 9000)]));
        assert!(!sound(&[stall(0, 1400)]));
        assert!(
            !sound(&[stall(1000, 1200), stall(2000, 2200)]),
            "they add up"
        );
        let short: Vec<Stall> = (0..30)
            .map(|i| stall(1000 + 100 * i, 1090 + 100 * i))
            .collect();
        assert!(sound(&short), "a busy machine");
        let error = span()
            .judge("P1", &[stall(1500, 3500)])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("P1 stood still for 2.00 s in online, which took 3.00 s"),
            "{error}"
        );
        assert_eq!(
            span().longest_ns(&[stall(0, 1200), stall(2000, 2050)]),
            200 * MS
        );
    }

    #[test]
    fn a_late_order_is_a_stall_once() {
        let pulse = Pulse::start().unwrap();
        let now_ns = host::monotonic_ns().unwrap();
        let late = pulse.stalls(now_ns - 500 * MS, now_ns).unwrap();
        assert!(
            late.iter().any(|s| s.within_ns(0, now_ns) >= 400 * MS),
            "{late:?}"
        );
        // On a machine that is busy right now there may be others.
        let early = pulse.stalls(now_ns + 5 * MS, now_ns).unwrap();
        assert!(early.len() < late.len() || early.iter().all(|s| s.to_ns != now_ns));
    }
}

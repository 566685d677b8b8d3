//! Times in which something waited for a process of ours that should have gone on: a relay that did not hand over what was due,
//! a party that did not run.

use serde::{Deserialize, Serialize};

/// From when something was due until it was done, nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// When it was due.
    pub from_ns: u64,
    /// When it was done.
    pub to_ns: u64,
}

impl Stall {
    /// How much of it lies in a span of time, nanoseconds.
    pub fn within_ns(&self, from_ns: u64, to_ns: u64) -> u64 {
        let (from_ns, to_ns) = (self.from_ns.max(from_ns), self.to_ns.min(to_ns));
        to_ns.saturating_sub(from_ns)
    }
}

/// Stalls in the order of their ends, none touching another.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    found: Vec<Stall>,
    /// Shorter ones are forgotten, nanoseconds.
    least_ns: u64,
}

impl Stalls {
    /// So many are kept: when there are more, the shorter half is forgotten.
    const MOST: usize = 4096;

    /// None yet; those shorter than `least_ns` will not be kept.
    pub fn of_at_least(least_ns: u64) -> Self {
        Self {
            found: Vec::new(),
            least_ns,
        }
    }

    /// What was due is done now. Everything that was due while one thing waited is one stall.
    pub fn done(&mut self, due_ns: u64, now_ns: u64) {
        if now_ns.saturating_sub(due_ns) < self.least_ns {
            return;
        }
        let mut stall = Stall {
            from_ns: due_ns,
            to_ns: now_ns,
        };
        while let Some(last) = self.found.pop_if(|last| stall.from_ns <= last.to_ns) {
            stall.from_ns = stall.from_ns.min(last.from_ns);
            stall.to_ns = stall.to_ns.max(last.to_ns);
        }
        self.found.push(stall);
        if self.found.len() > Self::MOST {
            let mut lengths: Vec<u64> = self.found.iter().map(|s| s.to_ns - s.from_ns).collect();
            lengths.sort_unstable();
            self.least_ns = lengths[lengths.len() / 2] + 1;
            let least_ns = self.least_ns;
            self.found.retain(|s| s.to_ns - s.from_ns >= least_ns);
        }
    }

    /// Those that were kept.
    pub fn found(&self) -> &[Stall] {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_in_one_stall_is_one_stall() {
        let mut stalls = Stalls::of_at_least(10);
        stalls.done(95, 100);
        stalls.done(200, 300);
        stalls.done(250, 301);
        stalls.done(150, 302);
        stalls.done(400, 450);
        let found: Vec<_> = stalls
            .found()
            .iter()
            .map(|s| (s.from_ns, s.to_ns))
            .collect();
        assert_eq!(found, [(150, 302), (400, 450)]);
        assert_eq!(stalls.found()[0].within_ns(0, 200), 50);
        assert_eq!(stalls.found()[0].within_ns(302, 400), 0);
    }

    #[test]
    fn the_longest_are_kept() {
        let mut stalls = Stalls::of_at_least(1);
        for number in 0..20_000_u64 {
            let from_ns = number * 100_000;
            stalls.done(from_ns, from_ns + 1 + number);
        }
        assert!(stalls.found().len() <= Stalls::MOST);
        let last = stalls.found().last().unwrap();
        assert_eq!(last.to_ns - last.from_ns, 20_000);
    }
}

//! The common start of a phase and the time from it.
//!
//! On one machine all parties read one clock, which nobody sets: a start is a time on it, told ahead, and every
//! party counts from that time, however late it woke. What parties on several machines would start by takes the
//! place of what is here; the controller only hands a start on and takes the largest of the parties' times.

use crate::host;
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// From the order to begin a phase to its common start.
const LEAD_NS: u64 = 10_000_000;

/// The common start of a phase, as the controller tells it to the parties: a time on the monotonic clock,
/// nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Start {
    at_ns: u64,
}

/// A phase that has begun at a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    at_ns: u64,
}

impl Start {
    /// A start so far ahead that every party has heard of it before.
    ///
    /// # Errors
    /// The operating system's.
    pub fn soon() -> Result<Self> {
        let at_ns = host::monotonic_ns()? + LEAD_NS;
        Ok(Self { at_ns })
    }

    /// The time, nanoseconds of the monotonic clock.
    pub const fn at_ns(self) -> u64 {
        self.at_ns
    }

    /// Waits for it.
    ///
    /// # Errors
    /// The operating system's.
    pub fn wait(self) -> Result<Begun> {
        host::wait_until(self.at_ns)?;
        Ok(Begun { at_ns: self.at_ns })
    }
}

impl Begun {
    /// Wall time from the common start until now, nanoseconds.
    ///
    /// # Errors
    /// The operating system's.
    pub fn elapsed_ns(self) -> Result<u64> {
        Ok(host::monotonic_ns()?.saturating_sub(self.at_ns))
    }
}

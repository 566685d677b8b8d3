//! Planted faults, for tests that must see them.

use crate::net::Party;

/// What is broken on purpose, so that a privacy test can be shown to see it. See [`crate::session::Session::plant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Each phase draws what the one before it drew.
    RepeatedPhases,
    /// Each draw of a step is the same one.
    RepeatedDraws,
    /// What the seed of two parties (or of one alone) gives is zero, in steps whose label ends in `step`: masks that are
    /// missing.
    Zeros {
        /// Whose seed.
        of: (Party, Party),
        /// The end of the step's label; empty for every step.
        step: &'static str,
    },
    /// What the seeds of several pairs give is zero, in every step. With the two that a party knows, what it receives has to be
    /// hidden by what it does not know.
    ZerosOfPairs(&'static [(Party, Party)]),
    /// What the seed of one party alone gives has no more than so many bits, in steps whose label ends in `step`: masks that
    /// are too narrow.
    Narrow {
        /// Whose seed.
        of: Party,
        /// The end of the step's label; empty for every step.
        step: &'static str,
        /// Bits that are left.
        bits: u32,
    },
}

//! The one error type of this crate: what was expected, what was met, and at which step.

use crate::net::NetError;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong below the harness.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A peer is gone, silent, or speaks out of turn.
    #[error(transparent)]
    Net(#[from] NetError),

    /// Correlated randomness that was not dealt, or was dealt for another step.
    #[error("step `{step}`: correlated randomness: expected {expected}, have {actual}")]
    Material {
        /// The step that asked.
        step: String,
        /// What it asked for.
        expected: String,
        /// What the store had.
        actual: String,
    },

    /// Two parties disagree on something that must be equal before a run may start.
    #[error(
        "parties disagree on `{field}`: this is {me} with `{mine}`, {peer} has `{theirs}`; \
         start all three parties from the same binary, model and scenario"
    )]
    Disagreement {
        /// The field of the agreement that differs.
        field: String,
        /// This party.
        me: String,
        /// The other party.
        peer: String,
        /// This party's value.
        mine: String,
        /// The other party's value.
        theirs: String,
    },

    /// A model that cannot be read or does not fit.
    #[error("model {path}: {what}")]
    Model {
        /// The file or folder.
        path: String,
        /// What is wrong with it.
        what: String,
    },

    /// A combination of settings that cannot run.
    #[error("{0}")]
    Unsupported(String),

    /// Something that the program's own parts should have made impossible.
    #[error("internal fault: {0}")]
    Internal(String),

    /// Input that does not fit its place: expected and met are in the text.
    #[error("step `{step}`: {what}")]
    Shape {
        /// The step that met it.
        step: String,
        /// Expected and actual.
        what: String,
    },

    /// The secure run and the reference in the clear disagree.
    #[error("verification failed: {0}")]
    Verification(String),

    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    /// Wraps an operating-system error with what was attempted.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }
}

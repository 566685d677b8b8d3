//! The phases of a run.

/// The phases of a run, each timed and counted apart.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Connect, agree on seeds, share the weights: once a model.
    Setup,
    /// Correlated randomness: independent of the input and before it is known.
    Offline,
    /// From P1's tokens to the output.
    Online,
}

impl Phase {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Setup, Self::Offline, Self::Online];
    /// `setup`, `offline` or `online`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Offline => "offline",
            Self::Online => "online",
        }
    }
}

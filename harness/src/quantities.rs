//! What a row can be divided by and what can be drawn of it.

use crate::task::score::Scored;
use qbench_protocols::phase::Phase;
use qbench_protocols::system::Setting;

/// Columns that divide rows of every system; after them come the settings that only some systems have.
pub const DIMENSIONS: &[&str] = &[
    "system",
    "model",
    "layers",
    "seq_len",
    "threads",
    "link",
    "activation",
    "weight_bits",
    "activation_bits",
];

/// Every column that divides rows, where these are the systems' settings.
pub fn dimensions(settings: &[Setting]) -> Vec<&'static str> {
    let own = settings.iter().map(|setting| setting.key);
    DIMENSIONS.iter().copied().chain(own).collect()
}

/// Something measured, in the unit in which it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Wall time of a phase, or of offline and online together.
    Seconds(Option<Phase>),
    /// Payload bytes of a phase over all directed pairs.
    Bytes(Phase),
    /// Longest chain of dependent messages.
    Rounds(Phase),
    /// CPU time of a phase over all parties.
    Cpu(Phase),
    /// Correlated randomness over all parties.
    Material,
    /// Highest resident set over the parties.
    PeakMemory,
    /// Largest difference of the output to the float model, relative to its root mean square.
    FloatError,
    /// Values that wrapped.
    WrappedValues,
    /// What the answers of a task come to, all rows together.
    Score(Scored),
}

const ALL: &[(&str, Quantity)] = &[
    ("setup_seconds", Quantity::Seconds(Some(Phase::Setup))),
    ("offline_seconds", Quantity::Seconds(Some(Phase::Offline))),
    ("online_seconds", Quantity::Seconds(Some(Phase::Online))),
    ("total_seconds", Quantity::Seconds(None)),
    ("setup_bytes", Quantity::Bytes(Phase::Setup)),
    ("offline_bytes", Quantity::Bytes(Phase::Offline)),
    ("online_bytes", Quantity::Bytes(Phase::Online)),
    ("setup_rounds", Quantity::Rounds(Phase::Setup)),
    ("offline_rounds", Quantity::Rounds(Phase::Offline)),
    ("online_rounds", Quantity::Rounds(Phase::Online)),
    ("offline_cpu_seconds", Quantity::Cpu(Phase::Offline)),
    ("online_cpu_seconds", Quantity::Cpu(Phase::Online)),
    ("material_bytes", Quantity::Material),
    ("peak_memory_bytes", Quantity::PeakMemory),
    ("float_error", Quantity::FloatError),
    ("wrapped_values", Quantity::WrappedValues),
    ("metric", Quantity::Score(Scored::Metric)),
    ("ideal_metric", Quantity::Score(Scored::Ideal)),
    ("float_metric", Quantity::Score(Scored::Float)),
    ("ideal_agreement", Quantity::Score(Scored::IdealAgreement)),
    ("float_agreement", Quantity::Score(Scored::FloatAgreement)),
];

/// All names, for messages.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|(name, _)| *name).collect()
}

impl Quantity {
    /// The quantity of a name.
    pub fn find(name: &str) -> Option<Self> {
        ALL.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, quantity)| *quantity)
    }

    /// Whether the quantity can differ between values of a column: traffic is the same over every link and
    /// with any number of threads.
    pub fn depends_on(self, column: &str) -> bool {
        match self {
            Self::Bytes(_)
            | Self::Rounds(_)
            | Self::Material
            | Self::FloatError
            | Self::WrappedValues
            | Self::Score(_) => !matches!(column, "link" | "threads"),
            Self::Seconds(_) | Self::Cpu(_) | Self::PeakMemory => true,
        }
    }

    /// Seconds, bytes or rounds in one unit of [`Quantity::of`].
    pub const fn drawn_unit(self) -> f64 {
        match self {
            Self::Bytes(_) | Self::Material | Self::PeakMemory => 1e6,
            Self::Seconds(_)
            | Self::Rounds(_)
            | Self::Cpu(_)
            | Self::FloatError
            | Self::WrappedValues
            | Self::Score(_) => 1.0,
        }
    }

    /// Axis label with unit.
    pub fn label(self) -> String {
        match self {
            Self::Seconds(Some(phase)) => format!("{} time [s]", phase.name()),
            Self::Seconds(None) => "offline and online time [s]".into(),
            Self::Bytes(phase) => format!("{} traffic, all parties [MB]", phase.name()),
            Self::Rounds(phase) => format!("{} rounds (longest chain)", phase.name()),
            Self::Cpu(phase) => format!("{} CPU time, all parties [s]", phase.name()),
            Self::Material => "correlated randomness, all parties [MB]".into(),
            Self::PeakMemory => "peak memory, largest party [MB]".into(),
            Self::FloatError => "largest error against the float model [RMS of its output]".into(),
            Self::WrappedValues => "wrapped values".into(),
            Self::Score(Scored::Metric) => "the task's metric, private".into(),
            Self::Score(Scored::Ideal) => "the task's metric, integers in the clear".into(),
            Self::Score(Scored::Float) => "the task's metric, floating point".into(),
            Self::Score(Scored::IdealAgreement) => "agreement with integers in the clear".into(),
            Self::Score(Scored::FloatAgreement) => "agreement with floating point".into(),
        }
    }
}

/// A column's name for people, where it has no label of its own.
pub fn spoken(column: &str) -> String {
    column.replace('_', " ")
}

/// Axis label of a dimension that every system has; a setting brings its own.
pub fn dimension_label(name: &str) -> String {
    match name {
        "seq_len" => "sequence length n [tokens]".into(),
        "threads" => "threads a party".into(),
        "layers" => "encoder layers".into(),
        "weight_bits" => "bits of a weight".into(),
        "activation_bits" => "bits of an activation".into(),
        other => spoken(other),
    }
}

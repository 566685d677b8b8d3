//! Scenario files: one question each, and every combination of settings that answers it.

pub mod auto;
pub mod cell;
mod chosen;
pub mod costs;
mod external;
pub mod extrapolated;
pub mod figures;
pub mod parse;
pub mod plan;
pub mod runner;
pub mod task;
pub mod tree;

pub use external::External;

use crate::link::Link;
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::system::Setting;
use std::path::PathBuf;
use std::time::Duration;

/// A scenario as read, checked on its own but not yet against the systems.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's stem; names the folder under `results/`.
    pub name: String,
    /// Heading of the report.
    pub title: String,
    /// What the scenario asks.
    pub question: String,
    /// The model.
    pub model: ModelChoice,
    /// Labelled examples, where they are what runs.
    pub task: Option<task::Task>,
    /// What is swept.
    pub sweep: Sweep,
    /// The links that the file describes, and `none`.
    pub links: Vec<Link>,
    /// Programs that the harness drives and does not contain.
    pub externals: Vec<External>,
    /// Systems of which fewer layers run than the model has.
    pub extrapolations: Vec<extrapolated::Extrapolation>,
    /// Links whose mode was `auto`, by name, once it is resolved.
    pub auto_links: Vec<String>,
    /// Repetitions and limits.
    pub run: RunSettings,
    /// The figures; the default set where the file names none.
    pub figures: Vec<FigureSpec>,
    /// The tables beside the one that every report has.
    pub tables: Vec<TableSpec>,
}

/// Where the weights come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelChoice {
    /// Weights drawn at random from a seed.
    Synthetic {
        /// The architecture.
        config: ModelConfig,
        /// Whether the file names the activation function; else it is each system's own.
        activation_is_given: bool,
    },
    /// A model folder on disk.
    Folder(PathBuf),
}

/// Lists whose product is the set of cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// System ids.
    pub systems: Vec<String>,
    /// Sequence lengths in tokens.
    pub seq_lens: Vec<usize>,
    /// Threads of each party.
    pub threads: Vec<usize>,
    /// Names of links.
    pub links: Vec<String>,
    /// Activation functions; empty takes the model's, or each system's own for a synthetic model that names none.
    pub activations: Vec<ActivationFunction>,
    /// Settings of the systems, each with its values; the default alone where the file says nothing.
    pub settings: Vec<(Setting, Vec<String>)>,
    /// Encoder layers; empty takes the model's own number.
    pub layers: Vec<usize>,
    /// Bits of a weight in the quantized form of a checkpoint; empty takes the default.
    pub weight_bits: Vec<u32>,
    /// Bits of an activation there, for systems that take a plan; empty takes the default widths.
    pub activation_bits: Vec<u32>,
}

/// How often, how long, and with what limits.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSettings {
    /// Recorded repetitions of each cell.
    pub repetitions: usize,
    /// Unrecorded repetitions of each cell, before the recorded ones.
    pub warmup: usize,
    /// Longest silence of a party, and longest phase.
    pub timeout: Duration,
    /// Seed of synthetic weights and inputs.
    pub seed: u64,
    /// Memory that the three parties may take together, bytes.
    pub memory_limit: Option<u64>,
    /// The most correlated randomness that all parties of a cell together hold in memory, bytes; the rest waits in files of the
    /// run's folder. Without it all is in memory.
    pub material_in_memory: Option<u64>,
    /// First of three fixed ports; without it the system chooses.
    pub port: Option<u16>,
    /// Whether outputs are checked against the references.
    pub verify: bool,
    /// Whether recorded repetitions leave a trace of their messages.
    pub trace: bool,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            repetitions: 5,
            warmup: 1,
            timeout: Duration::from_secs(600),
            seed: 1,
            memory_limit: None,
            material_in_memory: None,
            port: None,
            verify: true,
            trace: true,
        }
    }
}

/// One `[[figure]]`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FigureSpec {
    /// Shape of the figure.
    pub kind: FigureKind,
    /// Column on the horizontal axis.
    pub x: String,
    /// The label of a setting on the horizontal axis; `None` for what every system has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_label: Option<String>,
    /// Quantities on the vertical axes: panels for each.
    pub y: Vec<String>,
    /// Columns that divide the figure into panels.
    pub panel: Vec<String>,
    /// Column that divides a panel into series.
    pub series: String,
    /// Heading.
    pub title: String,
    /// Whether published numbers of the same quantity are drawn beside, from `results/published`.
    pub published: bool,
    /// The system that ratios are taken of; `None` for the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The system whose time others' are divided by, where ratios are the other way round: how far it is ahead of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// Whether bars have a logarithmic axis; `None` to go by what they show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<bool>,
    /// Whether stacked bars show shares of their sum; `None` for shares where systems stand beside each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<bool>,
}

/// Shapes of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FigureKind {
    /// Lines with markers and error bars.
    Lines,
    /// Grouped bars.
    Bars,
    /// Bars stacked by step.
    Stacked,
    /// Predicted time over bandwidth and round trip.
    Heatmap,
    /// Ratios to a base system, as bars.
    Speedup,
    /// Lines with a power law through each.
    Growth,
    /// One quantity against another.
    Pareto,
    /// Predicted ratio to a base system over bandwidth and round trip.
    #[serde(rename = "speedup-map")]
    SpeedupMap,
}

/// The kinds of figures by their names in scenario files.
pub const FIGURE_KINDS: &[(&str, FigureKind)] = &[
    ("lines", FigureKind::Lines),
    ("bars", FigureKind::Bars),
    ("stacked", FigureKind::Stacked),
    ("heatmap", FigureKind::Heatmap),
    ("speedup", FigureKind::Speedup),
    ("growth", FigureKind::Growth),
    ("pareto", FigureKind::Pareto),
    ("speedup-map", FigureKind::SpeedupMap),
];

/// One `[[table]]`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TableSpec {
    /// What the table shows.
    pub kind: TableKind,
    /// The paper's table whose numbers stand beside ours.
    pub published: PaperTable,
}

/// What a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// A table of the paper: published values beside ours.
    Paper,
}

/// The tables of arXiv 2508.01636v1 that compare systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaperTable {
    /// Online time on a LAN.
    Table2,
    /// Online time on a WAN.
    Table3,
    /// Traffic, online and offline.
    Table4,
}

/// The kinds of tables in scenario files.
pub const TABLE_KINDS: &[(&str, TableKind)] = &[("paper", TableKind::Paper)];
/// The paper's tables in scenario files, and in `results/published`.
pub const PAPER_TABLES: &[(&str, PaperTable)] = &[
    ("table2", PaperTable::Table2),
    ("table3", PaperTable::Table3),
    ("table4", PaperTable::Table4),
];

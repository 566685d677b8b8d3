//! The command line.

mod models;

pub use models::{EvaluateArguments, InferArguments, ModelArguments, SensitivityArguments};

use clap::builder::TypedValueParser;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Runs, measures and compares systems for private inference of quantized BERT.
#[derive(Parser, Debug)]
#[command(
    name = "qbench",
    version,
    about,
    after_help = "Examples:
  qbench run scenarios/quick.toml             run a scenario, then write report.html
  qbench run scenarios/paper-fig5.toml --only link=lan,seq_len=8
  qbench run my.toml --set run.repetitions=10 --set 'sweep.seq_len=[8, 64]'
  qbench list scenarios/quick.toml            its cells, with predicted bytes, rounds and memory
  qbench cmp results/quick/DIR                the systems of a run beside each other, with ratios
  qbench diff results/quick/OLD results/quick/NEW      what has changed
  qbench cost --system lut-rss --model bert-base --seq 128 --by-step
  qbench infer --model DIR --text \"a film to remember\"
  qbench evaluate --model DIR --system lut-fine ..    a task's metric through private inference
  qbench sensitivity --model DIR --texts FILE which widths the model wants
  qbench predict results/quick/DIR --link 1gbit,10ms  from the messages that a run recorded
  qbench link exec --link wan --party 1 -- COMMAND     any program over the same links
  qbench doctor                               what this machine can do
  qbench archive results/quick/DIR            the form of a run that is committed
  qbench splice README.md --check             whether its tables are what their runs say

A run is resumed by starting it again. docs/FORMAT.md says what each column of its files means."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run every cell of a scenario that has no row yet, then write tables, figures and report.html
    Run(RunArguments),
    /// List systems and scenarios, or the cells of one scenario with their predicted cost
    List(ListArguments),
    /// Say what a run will send and take, by phase, party and step, without running it
    Cost(CostArguments),
    /// Write tables, figures and report.html again from the CSV files of a run
    Report {
        /// Run directory, such as results/quick/2026-01-31-amd-epyc
        #[arg(required_unless_present = "published")]
        run: Option<PathBuf>,
        /// Print where the published comparison is not like for like, as computed from results/published
        #[arg(long, conflicts_with = "run")]
        published: bool,
    },
    /// Compare the systems of one or several runs: times, bytes, rounds and ratios with intervals
    Cmp(CmpArguments),
    /// Compare two runs of the same cells: what has changed beyond its interval
    Diff(DiffArguments),
    /// Make the form of a run that is committed, in a new folder: smaller, and all that report reads
    Archive(ArchiveArguments),
    /// Write the tables of Markdown files again from the runs that their markers name
    Splice(SpliceArguments),
    /// One private inference on a text: three parties on this machine, from tokens to answer
    Infer(InferArguments),
    /// A task's metric through private inference, an inference an example after one set-up
    Evaluate(EvaluateArguments),
    /// Say what a bit more or less at each site of a bit plan costs in accuracy
    Sensitivity(SensitivityArguments),
    /// Say what this machine can do, what is missing, and how to get it
    Doctor,
    /// Say what a recorded run would have taken over other links, by replaying its messages
    Predict(PredictArguments),
    /// Run any program over an emulated link, in a network namespace of its own
    Link {
        /// What to do.
        #[command(subcommand)]
        action: LinkAction,
    },
    /// Holds a rig that several commands share
    #[command(hide = true)]
    LinkShare {
        /// Its name
        #[arg(long)]
        name: String,
        /// The link, as JSON
        #[arg(long)]
        link: String,
    },
    /// Holds the namespaces of emulated links; the controller starts it
    #[command(hide = true)]
    LinkHold {
        /// The link, as JSON
        #[arg(long)]
        link: String,
    },
    /// Forwards frames between namespaces; the holder starts it
    #[command(hide = true)]
    LinkRelay,
    /// Tries a kernel feature in a scratch namespace
    #[command(hide = true)]
    LinkProbe {
        /// rig or netem
        feature: String,
    },
    /// One party of an external system; the controller starts it
    #[command(hide = true)]
    ExternalProgram {
        /// The namespaces to enter
        #[arg(long)]
        seat: Option<String>,
    },
    /// One party of a repetition; the controller starts it
    #[command(hide = true)]
    Party {
        /// 0, 1 or 2
        #[arg(long)]
        id: usize,
        /// The namespaces to enter
        #[arg(long)]
        seat: Option<String>,
    },
}

/// Scenario and what is changed of it.
#[derive(Args, Debug)]
pub struct ScenarioArguments {
    /// Set a key of the scenario, such as run.repetitions=3 or 'sweep.seq_len=[8, 16]'; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only cells with these values, such as link=lan,seq_len=8; values of one column are alternatives
    #[arg(long, value_name = "COLUMN=VALUE,..")]
    pub only: Vec<String>,
    /// One repetition, no warm-up, only the smallest sequence length
    #[arg(long)]
    pub quick: bool,
}

/// `qbench run`.
#[derive(Args, Debug)]
#[command(
    after_help = "Starting again with the same scenario goes on where the last start ended: rows that \
exist are not measured again, rows with an error are. --only may change between starts."
)]
pub struct RunArguments {
    /// Scenario file
    pub scenario: PathBuf,
    /// What is changed of it.
    #[command(flatten)]
    pub changes: ScenarioArguments,
    /// Write into this directory instead of results/<scenario>/<date>-<machine>
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Start a new directory even if an earlier run of the same plan could go on
    #[arg(long, conflicts_with = "out")]
    pub fresh: bool,
}

/// `qbench list`.
#[derive(Args, Debug)]
pub struct ListArguments {
    /// Scenario file; without one, all systems and the scenarios in scenarios/
    pub scenario: Option<PathBuf>,
    /// What is changed of it.
    #[command(flatten)]
    pub changes: ScenarioArguments,
}

/// `qbench cost`.
#[derive(Args, Debug)]
#[command(
    after_help = "Nothing runs: the cost is declared by the walk that the parties then run. A run whose bytes or rounds differ \
from it is an error row.\n\nExamples:\n  qbench cost --system lut-rss --model bert-base --seq 128\n  \
qbench cost --system lut-rss --model bert-base --seq 128 --by-step\n  \
qbench cost --system crypten --model bert-base --seq 8 --activation relu"
)]
pub struct CostArguments {
    /// System id; see qbench list
    #[arg(long)]
    pub system: String,
    /// Preset such as bert-base, or a folder: a quantized model or a Hugging Face folder
    #[arg(long)]
    pub model: PathBuf,
    /// Sequence length, tokens
    #[arg(long)]
    pub seq: usize,
    /// Activation function between the feed-forward layers: relu or gelu; without it, the system's own or the folder's
    #[arg(long)]
    pub activation: Option<String>,
    /// Set one of the system's settings, such as index_bits=8; may be repeated. qbench list shows them
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// One line a step in the order of the walk, all layers together
    #[arg(long)]
    pub by_step: bool,
    /// One line a step and layer
    #[arg(long)]
    pub by_layer: bool,
}

/// `qbench predict`.
#[derive(Args, Debug)]
#[command(
    after_help = "The parties' recorded sends, receives and computing are replayed over the ideal model of each link. \
Computing takes its CPU time where the parties shared cores, as if each had a machine of its own (--compute wall: as \
on this machine).\n\nExamples:\n  qbench predict results/quick/DIR --link 1gbit,10ms --link 40mbit,80ms\n  \
qbench predict results/quick/DIR --grid\n  qbench predict results/quick/DIR --validate"
)]
pub struct PredictArguments {
    /// Run directory with traces, such as results/quick/2026-01-31-amd-epyc
    pub run: PathBuf,
    /// Bandwidth of each direction and round trip, such as 100mbit,40ms; may be repeated
    #[arg(long)]
    pub link: Vec<String>,
    /// 20 bandwidths by 20 round trips, 20mbit to 10gbit and 0.1ms to 100ms
    #[arg(long)]
    pub grid: bool,
    /// How long parties compute: wall, cpu or none
    #[arg(long)]
    pub compute: Option<String>,
    /// Predict each measured cell from the trace of another link, and compare
    #[arg(long, conflicts_with_all = ["link", "grid", "compute"])]
    pub validate: bool,
}

/// `qbench link`.
#[derive(Subcommand, Debug)]
pub enum LinkAction {
    /// Run a command in the place of one party
    Exec(LinkExecArguments),
    /// The rigs that live
    List,
    /// Remove what killed commands left
    Clean,
}

/// `qbench link exec`.
#[derive(Args, Debug)]
#[command(
    after_help = "Commands with the same link (or the same --name) share one rig, which lives as long as any of \
them. Each sees QBENCH_PARTY and the addresses QBENCH_ADDRESS_P0, _P1 and _P2.\n\n\
Example, in two terminals:\n  qbench link exec --link wan --party 1 -- iperf3 -s -1\n  \
qbench link exec --link wan --party 2 -- sh -c 'iperf3 -c $QBENCH_ADDRESS_P1'"
)]
pub struct LinkExecArguments {
    /// lan (5gbit, 0.2ms), wan (100mbit, 40ms), or a name of your own with --bandwidth and --rtt
    #[arg(long)]
    pub link: String,
    /// Whose place: 0, 1 or 2
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..3).map(usize::from))]
    pub party: usize,
    /// Of each direction, such as 100mbit
    #[arg(long)]
    pub bandwidth: Option<String>,
    /// Both ways, such as 40ms
    #[arg(long)]
    pub rtt: Option<String>,
    /// Take the link from this scenario file
    #[arg(long)]
    pub scenario: Option<PathBuf>,
    /// auto, netem or relay
    #[arg(long, default_value = "auto")]
    pub mode: String,
    /// The rig's name, to have several of the same link
    #[arg(long)]
    pub name: Option<String>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// `qbench cmp`.
#[derive(Args, Debug)]
#[command(
    after_help = "Ratios are base / system, so that above 1 the system is faster. Within a run they are paired: the median \
over repetitions that ran next to each other. Systems of different runs are compared by their medians and marked with ~.\n\n\
Examples:\n  qbench cmp results/quick/DIR\n  qbench cmp results/a/DIR results/b/DIR --base crypten --csv ratios.csv"
)]
pub struct CmpArguments {
    /// Run directories, such as results/quick/2026-01-31-amd-epyc
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The system that others are compared with [default: crypten, or else the first that is not lut-rss]
    #[arg(long, value_name = "SYSTEM")]
    pub base: Option<String>,
    /// Write every quantity into this file too, a row for each system, settings and quantity
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// `qbench diff`.
#[derive(Args, Debug)]
#[command(
    after_help = "Cells are matched by their settings. Exit code 0 whether or not anything has changed."
)]
pub struct DiffArguments {
    /// Run directory, before
    pub old: PathBuf,
    /// Run directory, after
    pub new: PathBuf,
}

/// `qbench archive`.
#[derive(Args, Debug)]
#[command(
    after_help = "The new folder holds manifest.json, runs.csv, report.html, tables, traces and predictions as they are, figures as \
SVG, and steps.csv with the layers of each step added up (layer0/.., layer1/.. become layer*/..), which report, cmp, diff \
and predict read like any other run. Of the PNGs it holds those that README.md or docs/*.md of the current directory \
name at the new place, so write the link first. Models, the lock and anything else are left out. The run itself is not \
touched, and a folder that exists is refused.\n\nExamples:\n  qbench archive results/quick/DIR\n  \
qbench archive results/quick/DIR --to results/reference/amd-epyc-2026-01-31/quick"
)]
pub struct ArchiveArguments {
    /// Run directory, such as results/quick/2026-01-31-amd-epyc
    pub run: PathBuf,
    /// The new folder [default: results/reference/<machine>-<date>/<scenario>]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

/// `qbench splice`.
#[derive(Args, Debug)]
#[command(
    after_help = "A table stands between two markers, each on a line of its own:\n\n  \
<!-- qbench:begin KIND key=value .. -->\n  <!-- qbench:end -->\n\n\
What is between them is written again; all else stays. Run folders are named from where the file is, as in its links, \
with commas between several.\n\n\
Kinds:\n  \
comparison runs=DIR,.. base=ID,.. system=ID   times and errors of all systems, and base / system online; link=NAME for one\n  \
task runs=DIR,..                              what the answers of a task came to, a line a cell\n  \
growth runs=DIR,.. system=ID threads=1 ..     one system by length; any setting chooses rows\n  \
links runs=DIR,..                             probed round trips and bandwidths beside nominal\n  \
modes runs=DIR,..                             phases over one link, emulated in several ways\n\n\
Examples:\n  qbench splice README.md docs/LINKS.md\n  qbench splice README.md --check"
)]
pub struct SpliceArguments {
    /// Markdown files with markers
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write nothing; name the first table that differs, and exit with 1
    #[arg(long)]
    pub check: bool,
}

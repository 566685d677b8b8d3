//! The command line.

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

/// A model folder, or a checkpoint and how it is quantized.
#[derive(Args, Debug)]
pub struct ModelArguments {
    /// Hugging Face folder, or a quantized model
    #[arg(long = "model", value_name = "DIR")]
    pub dir: PathBuf,
    /// Keep the quantized form of a Hugging Face folder here [default: qbench-model in it, or
    /// qbench-model-8bit with weights of 8 bits]
    #[arg(long, value_name = "DIR")]
    pub quantized: Option<PathBuf>,
    /// Bits of a weight in the quantized form of a Hugging Face folder, 1 to 8 [default: 1]
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(1..=8))]
    pub weight_bits: Option<u32>,
    /// Sentences, one a line, that set the activation ranges of the quantized form; a hundred like those that are to be
    /// inferred are enough [default: sixteen of everyday English]
    #[arg(long, value_name = "FILE")]
    pub calibrate: Option<PathBuf>,
    /// Widths and ranges of sites, for systems that take a plan (lut-fine): a TOML file with what differs from the default,
    /// such as [all] and under it inner = { bits = 6, headroom = 1.1 }; docs/FINE.md
    #[arg(long, value_name = "FILE")]
    pub bit_plan: Option<PathBuf>,
}

/// `qbench evaluate`.
#[derive(Args, Debug)]
#[command(
    after_help = "A classifier takes one text, or two as one sequence: the class with the largest logit, or the one logit. A model without a head \
takes two, each by itself: the cosine of their embeddings. Every output is checked. FILE is tab-separated under a line of column names, as GLUE's tasks are \
(https://gluebenchmark.com/tasks). Started again, it goes on with the examples that have no row yet; another system, or the same with \
other settings or over another link, is added to the same folder.\n\n\
Example:\n  qbench evaluate --model models/minilm-l6 --weight-bits 8 --system lut-fine --file STS-B/dev.tsv --text sentence1 \
--text sentence2 --label score --metric spearman --examples 200 --out results/sts-b"
)]
pub struct EvaluateArguments {
    /// The model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// System id
    #[arg(long)]
    pub system: String,
    /// The examples
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// Column of a text; twice for two
    #[arg(long, value_name = "COLUMN", required = true)]
    pub text: Vec<String>,
    /// Column of the class's number or the score
    #[arg(long, value_name = "COLUMN")]
    pub label: String,
    /// accuracy, f1, matthews, pearson or spearman
    #[arg(long)]
    pub metric: String,
    /// Only so many examples, drawn from all
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub examples: Option<u64>,
    /// Decides which are drawn
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Link between the parties: none, lan (5gbit, 0.2ms) or wan (100mbit, 40ms)
    #[arg(long, default_value = "none")]
    pub link: String,
    /// Threads of each party
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Set one of the system's settings, such as index_bits=8; may be repeated. qbench list shows them
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder of the rows (examples.csv) and of what they come to (metrics.csv)
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// `qbench sensitivity`.
#[derive(Args, Debug)]
#[command(
    after_help = "In the clear, in the integers that lut-fine computes with: every site of its bit plan with a bit less and a bit more, in \
all layers at once, or in one at a time. The error is the root mean square of the differences to the checkpoint in floating point \
(of a quantized model: to its own weights), over all texts, relative to that of what it puts out.\n\n\
Example:\n  qbench sensitivity --model models/minilm-l6 --weight-bits 8 --texts sentences.txt"
)]
pub struct SensitivityArguments {
    /// The model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Sentences, one a line, on which errors are measured: others than those that set the ranges
    #[arg(long, value_name = "FILE")]
    pub texts: PathBuf,
    /// One layer at a time, with a bit less
    #[arg(long)]
    pub by_layer: bool,
    /// Write every variant into this file too
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// `qbench infer`.
#[derive(Args, Debug)]
#[command(
    after_help = "DIR holds config.json, model.safetensors and the tokenizer of a Hugging Face model of BERT's kind: it is \
quantized into DIR/qbench-model (--quantized: elsewhere), once, and again when any of these files has changed. Or it is a \
quantized model itself. Two texts are compared by the cosine of their embeddings.\n\n\
Example:\n  qbench infer --model models/my-bert --text \"a good film\" --text \"a fine movie\" --link lan"
)]
pub struct InferArguments {
    /// The model.
    #[command(flatten)]
    pub model: ModelArguments,
    /// Text; give it twice to compare two
    #[arg(long, required = true)]
    pub text: Vec<String>,
    /// Link between the parties: none, lan (5gbit, 0.2ms) or wan (100mbit, 40ms)
    #[arg(long, default_value = "none")]
    pub link: String,
    /// System id
    #[arg(long, default_value = "lut-rss")]
    pub system: String,
    /// Threads of each party
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Set one of the system's settings, such as index_bits=8; may be repeated. qbench list shows them
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

//! What commands take that run a user's own model.

use clap::Args;
use std::path::PathBuf;

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
other settings or over another link, is added to the same folder, which is a run's (docs/FORMAT.md). Several systems by turns: a \
scenario with a [task] (docs/SCENARIOS.md).\n\n\
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
    /// Folder of the rows (runs.csv), of what they come to (metrics.csv) and of the report
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

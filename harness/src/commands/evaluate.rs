//! `qbench evaluate`: a task's metric through private inference.

use crate::cli::EvaluateArguments;
use crate::link::LinkMode;
use crate::models::{self, checkpoint};
use crate::names::suggestion;
use crate::output::Progress;
use crate::record::whole;
use crate::run::controller::{self, Measured};
use crate::run::launch::ThisMachine;
use crate::run::links::LinkProof;
use crate::run::order::Order;
use crate::scenario::auto;
use crate::systems::{self, chosen};
use crate::task::examples::{self, Example};
use crate::task::metrics::{Metric, Score};
use crate::task::record::{Identity, Record, Row};
use crate::units::{bytes_text, time_text};
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::model::config::{Head, ModelConfig};
use qbench_protocols::model::embeddings::Embeddings;
use qbench_protocols::model::float::{FloatModel, Parameters};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::reference_float::FloatReference;
use qbench_protocols::model::store;
use qbench_protocols::system::{Site, System, Workload};
use qbench_tokenizer::Tokenizer;
use std::path::Path;
use std::time::Duration;

/// Runs every example that has no row yet, then says what all rows come to.
///
/// # Errors
/// A folder that holds no model; a file without such columns; a task that the model cannot do; a folder of another task; and
/// whatever a repetition meets.
pub fn evaluate(all: &[&'static dyn System], arguments: &EvaluateArguments) -> Result<bool> {
    let system = systems::find(all, &arguments.system)?;
    let metric = named(&arguments.metric)?;
    let link = super::link::built_in(&arguments.link, LinkMode::Shaped)?;
    let dir = super::model_folder(&arguments.model)?;
    let (config, source) = models::folder(&dir)?;
    fits(&config, metric, arguments.text.len())?;
    let read = examples::read(&arguments.file, &arguments.text, &arguments.label)?;
    let drawn = match arguments.examples {
        Some(count) => examples::drawn(read, count as usize, arguments.seed),
        None => read,
    };
    let model = Model::load(&dir, &arguments.model.dir)?;
    let settings = chosen(system, &arguments.set, |setting| {
        setting.default_of_infer.unwrap_or(setting.default)
    })?;
    let identity = Identity {
        version: 1,
        model: format!("{} {}", config.name, source.identity()),
        file: hash_of(&arguments.file)?,
        texts: arguments.text.clone(),
        label: arguments.label.clone(),
        metric: arguments.metric.clone(),
        examples: arguments.examples,
        seed: arguments.seed,
    };
    let mut record = Record::open(&arguments.out, &identity)?;
    crate::interrupt::watch()?;

    let workload = |input: &Input| Workload {
        model_dir: dir.clone(),
        tokens: Some(input.tokens.clone()),
        token_types: input.types.clone(),
        settings: settings.clone(),
        ..Workload::new(config.clone(), input.tokens.len())
    };
    let mut inputs = Vec::with_capacity(drawn.len());
    for example in &drawn {
        inputs.push(model.inputs(example)?);
    }
    // What the longest text makes cheapest stands for all: the parties have one set-up.
    let longest = inputs.iter().flatten().max_by_key(|i| i.tokens.len());
    let longest = longest.context("there is no text")?;
    let settled = auto::settle(system, workload(longest), &link)?;
    system.check(&settled)?;
    let settings = settled.settings.clone();
    let series = settings
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(" ");
    let is_there = |example: &Example| {
        let series = [system.id(), &series, &arguments.link];
        let mut rows = record.rows.iter();
        rows.any(|row| row.series() == series && row.example == example.number)
    };
    let missing: Vec<(&Example, &Vec<Input>)> = drawn
        .iter()
        .zip(&inputs)
        .filter(|(example, _)| !is_there(example))
        .collect();
    let workloads: Vec<Workload> = missing
        .iter()
        .flat_map(|(_, inputs)| inputs.iter())
        .map(|input| Workload {
            settings: settings.clone(),
            ..workload(input)
        })
        .collect();
    if let Some((first, more)) = workloads.split_first() {
        let order = Order {
            hosts: &ThisMachine,
            workload: first.clone(),
            threads: arguments.threads,
            link: &link,
            timeout: Duration::from_secs(600),
            trace: false,
            port: None,
        };
        let mut progress = Progress::new("examples", missing.len());
        let mut of_one: Vec<Measured> = Vec::new();
        let (mut proof, mut next) = (LinkProof::default(), missing.iter().peekable());
        let ran = controller::session(system, &order, more, &mut proof, |_, measured| {
            of_one.push(measured);
            let (example, inputs) = next.peek().context("more inferences than examples")?;
            if of_one.len() < inputs.len() {
                return Ok(());
            }
            let row = Row {
                system: system.id().to_owned(),
                settings: series.clone(),
                link: arguments.link.clone(),
                ..model.row(example, inputs, &of_one)?
            };
            of_one.clear();
            next.next();
            record.add(row)?;
            progress.step();
            crate::interrupt::check()
        });
        // The parties have read the folder just now.
        source.unchanged()?;
        ran?;
    }
    summarize(&record, metric, &arguments.out)?;
    Ok(true)
}

fn named(name: &str) -> Result<Metric> {
    let found = Metric::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, metric)| *metric).with_context(|| {
        let names: Vec<&str> = Metric::NAMES.iter().map(|(name, _)| *name).collect();
        format!(
            "--metric: unknown `{name}`{}; there are {}",
            suggestion(name, &names),
            names.join(", ")
        )
    })
}

/// Whether the model can do such a task.
fn fits(config: &ModelConfig, metric: Metric, texts: usize) -> Result<()> {
    match (config.head, texts) {
        (Head::Hidden, 2) => ensure!(
            !metric.of_classes(),
            "two texts of a model without a head give a similarity, which has no classes: use pearson or spearman"
        ),
        (Head::Classifier { labels }, 1 | 2) => ensure!(
            metric.of_classes() == (labels > 1),
            "{} has {labels} labels: {}",
            config.name,
            match labels {
                1 => "its one logit is a number, not a class: use pearson or spearman",
                _ => "it gives a class: use accuracy, f1 or matthews",
            }
        ),
        (Head::Hidden, _) => bail!(
            "{} has no head: it takes two texts, which are compared",
            config.name
        ),
        (Head::Classifier { .. }, _) => bail!(
            "{} takes one text, or two as one sequence, not {texts}",
            config.name
        ),
    }
    Ok(())
}

fn hash_of(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let file = std::fs::File::open(path)?;
    hasher.update_reader(file)?;
    Ok(hasher.finalize().to_hex()[..12].to_owned())
}

/// One sequence that a model takes.
struct Input {
    tokens: Vec<u32>,
    /// Where they are not all of type 0.
    types: Option<Vec<u32>>,
}

/// What predictions are made with.
struct Model {
    config: ModelConfig,
    tokenizer: Tokenizer,
    embeddings: Embeddings,
    /// The checkpoint, or a quantized model whose checkpoint is not there.
    float: Float,
}

enum Float {
    Original(Box<FloatModel>),
    Levels(Box<QuantizedModel>),
}

impl Model {
    fn load(dir: &Path, named: &Path) -> Result<Self> {
        let public = store::load_public(dir)?;
        let embeddings = public.embeddings.with_context(|| {
            format!(
                "{} is synthetic: it has no embeddings for texts",
                dir.display()
            )
        })?;
        let float = match checkpoint::original(named)? {
            Some(original) => Float::Original(Box::new(original)),
            None => Float::Levels(Box::new(store::load_private(dir)?)),
        };
        Ok(Self {
            config: public.config,
            tokenizer: Tokenizer::load(dir)?,
            embeddings,
            float,
        })
    }

    /// Of an encoder alone each text by itself; two texts of a classifier are one sequence.
    fn inputs(&self, example: &Example) -> Result<Vec<Input>> {
        let inputs = match (&example.texts[..], self.config.head) {
            ([first, second], Head::Classifier { .. }) => {
                let (tokens, types) = self.tokenizer.encode_pair(first, second)?;
                let types = Some(types);
                vec![Input { tokens, types }]
            }
            (texts, _) => {
                let input = |text: &String| {
                    let tokens = self.tokenizer.encode(text)?;
                    Ok(Input {
                        tokens,
                        types: None,
                    })
                };
                texts.iter().map(input).collect::<Result<_>>()?
            }
        };
        let longest = inputs.iter().map(|i| i.tokens.len()).max().unwrap_or(0);
        ensure!(
            longest <= self.config.max_positions,
            "example {} has a text of {longest} tokens, {} takes at most {}",
            example.number,
            self.config.name,
            self.config.max_positions
        );
        Ok(inputs)
    }

    /// What the outputs for an example's texts say.
    fn prediction(&self, outputs: &[Vec<f32>]) -> f64 {
        match (self.config.head, outputs) {
            (Head::Hidden, [first, second]) => {
                let hidden = self.config.hidden;
                let mean = |output: &[f32]| super::infer::mean_over_tokens(output, hidden);
                f64::from(super::infer::cosine(&mean(first), &mean(second)))
            }
            (Head::Classifier { labels: 1 }, [logits]) => f64::from(logits[0]),
            (_, outputs) => {
                let logits = outputs.iter().flatten().enumerate();
                let largest = logits.max_by(|a, b| a.1.total_cmp(b.1));
                largest.map_or(f64::NAN, |(class, _)| class as f64)
            }
        }
    }

    fn float(&self, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        fn run<P: Parameters>(model: &P, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
            let outputs = FloatReference::run(model, inputs)?;
            Ok(outputs.into_iter().map(|matrix| matrix.data).collect())
        }
        match &self.float {
            Float::Original(model) => run(&**model, inputs),
            Float::Levels(model) => run(&**model, inputs),
        }
    }

    /// The row of an example, but for what it was run with.
    fn row(&self, example: &Example, inputs: &[Input], measured: &[Measured]) -> Result<Row> {
        let mut embedded = Vec::with_capacity(inputs.len());
        for input in inputs {
            let types = input.types.as_deref();
            embedded.push(self.embeddings.embed_typed(&input.tokens, types)?);
        }
        let (mut outputs, mut sites) = (Vec::new(), Vec::new());
        for measured in measured {
            if let Some(difference) = &measured.difference {
                bail!("declared and counted traffic differ: {difference}");
            }
            let verified = measured.verified.as_ref();
            let verified = verified.context("the output was not checked")?;
            outputs.push(verified.output.clone());
            sites.extend(&verified.sites);
        }
        let wall_ns = |phase: usize| {
            measured
                .iter()
                .filter_map(|m| m.phases[phase].wall_ns)
                .sum()
        };
        let bytes = |phase: usize| {
            let bytes = measured
                .iter()
                .filter_map(|m| m.phases[phase].total_bytes());
            bytes.sum()
        };
        let count = |of: fn(&Site) -> u64| {
            (!sites.is_empty()).then(|| sites.iter().map(|site| of(site)).sum())
        };
        Ok(Row {
            system: String::new(),
            settings: String::new(),
            link: String::new(),
            example: example.number,
            tokens: inputs.iter().map(|input| input.tokens.len()).sum(),
            label: example.label,
            prediction: self.prediction(&outputs),
            float_prediction: self.prediction(&self.float(&embedded)?),
            offline_ns: wall_ns(1),
            online_ns: wall_ns(2),
            offline_bytes: bytes(1),
            online_bytes: bytes(2),
            online_rounds: measured.iter().filter_map(|m| m.phases[2].rounds).sum(),
            wrapped_values: count(|site| site.wrapped),
            ring_values: count(|site| site.values),
        })
    }
}

/// Says what the rows of each series come to, and writes it beside them.
fn summarize(record: &Record, metric: Metric, out: &Path) -> Result<()> {
    let mut all: Vec<[&str; 3]> = Vec::new();
    for row in &record.rows {
        if !all.contains(&row.series()) {
            all.push(row.series());
        }
    }
    let mut table = vec![
        [
            "system",
            "examples",
            "private",
            "floating point",
            "agreement",
            "offline",
            "online",
            "online bytes",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "system",
        "settings",
        "link",
        "metric",
        "examples",
        "value",
        "low",
        "high",
        "float_value",
        "agreement",
        "offline_ns_median",
        "online_ns_median",
        "online_bytes_mean",
        "wrapped_values",
    ])?;
    for series in all {
        let rows: Vec<&Row> = record
            .rows
            .iter()
            .filter(|row| row.series() == series)
            .collect();
        let pairs = |of: fn(&Row) -> (f64, f64)| rows.iter().map(|row| of(row)).collect::<Vec<_>>();
        let private = metric.score(&pairs(|row| (row.prediction, row.label)));
        let float = metric.of(&pairs(|row| (row.float_prediction, row.label)));
        let alike = pairs(|row| (row.prediction, row.float_prediction));
        // Of classes how many are the same; of numbers the correlation.
        let agreement = match metric.of_classes() {
            true => Metric::Accuracy.of(&alike),
            false => metric.of(&alike),
        };
        let median = |of: fn(&Row) -> f64| {
            let values: Vec<f64> = rows.iter().map(|row| of(row)).collect();
            crate::stats::summarize(&values).map_or(f64::NAN, |summary| summary.median)
        };
        let (offline, online) = (
            median(|row| row.offline_ns as f64),
            median(|row| row.online_ns as f64),
        );
        let bytes = rows.iter().map(|row| row.online_bytes).sum::<u64>() / rows.len() as u64;
        let wrapped: u64 = rows.iter().filter_map(|row| row.wrapped_values).sum();
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.4}"));
        let shown = |score: Option<Score>| {
            let text = |s: Score| format!("{:.4} ({:.4} to {:.4})", s.value, s.low, s.high);
            score.map_or_else(|| "-".into(), text)
        };
        let [system, settings, link] = series;
        let what: Vec<&str> = [system, settings, link]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        table.push(vec![
            what.join(", "),
            rows.len().to_string(),
            shown(private),
            number(float),
            number(agreement),
            time_text(offline),
            time_text(online),
            bytes_text(bytes),
        ]);
        let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        csv.write_record(
            [system, settings, link]
                .map(str::to_owned)
                .into_iter()
                .chain([
                    metric_name(metric).to_owned(),
                    rows.len().to_string(),
                    text(private.map(|s| s.value)),
                    text(private.map(|s| s.low)),
                    text(private.map(|s| s.high)),
                    text(float),
                    text(agreement),
                    offline.to_string(),
                    online.to_string(),
                    bytes.to_string(),
                    wrapped.to_string(),
                ]),
        )?;
    }
    crate::say!("{}", super::table(&table).trim_end());
    let text = csv.into_inner().context("metrics cannot be written")?;
    whole::write(&out.join("metrics.csv"), &text)
}

fn metric_name(metric: Metric) -> &'static str {
    crate::names::name_of(Metric::NAMES, &metric)
}

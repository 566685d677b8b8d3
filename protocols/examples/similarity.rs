//! How much of a sentence encoder's accuracy `lut-fine` keeps: Spearman's correlation of cosine similarities with people's scores, of the
//! checkpoint in floating point and of private inferences, three parties in this process, each verified bit for bit.
//!
//! ```sh
//! cargo run --release -p qbench-protocols --features testing --example similarity -- \
//!     models/minilm-l6 STS-B/train.tsv STS-B/dev.tsv 200
//! ```
//!
//! Both files have the columns `sentence1`, `sentence2` and `score`, separated by tabs, as GLUE's STS-B
//! (<https://gluebenchmark.com/tasks>) has. 150 sentences of the first calibrate; so many pairs of the second are compared, spread over it.

use qbench_protocols::fine::system::{FineSystem, Secret};
use qbench_protocols::fine::verify;
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::float::FloatModel;
use qbench_protocols::model::quantize::{Quantization, quantize};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::reference_float::FloatReference;
use qbench_protocols::net::Party;
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Site, WalkedSystem, Workload};
use qbench_protocols::testing::run_parties;
use qbench_tokenizer::Tokenizer;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Sentences that set the ranges.
const CALIBRATION: usize = 150;
/// Bits of a weight.
const WEIGHT_BITS: u32 = 8;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, train, dev, count] = &arguments[..] else {
        return Err("usage: similarity MODEL TRAIN.tsv DEV.tsv PAIRS".into());
    };
    let encoder = Encoder::load(Path::new(model), &pairs(train)?)?;
    let all = pairs(dev)?;
    let step = (all.len() / count.parse::<usize>()?.max(1)).max(1);
    let (mut scores, mut float, mut private) = (Vec::new(), Vec::new(), Vec::new());
    let mut sites = BTreeMap::new();
    for pair in all.iter().step_by(step) {
        let mut both = Vec::with_capacity(2);
        for text in &pair.sentences {
            both.push(encoder.embed(text, &mut sites)?);
        }
        scores.push(pair.score);
        float.push(cosine(&both[0].0, &both[1].0));
        private.push(cosine(&both[0].1, &both[1].1));
        if scores.len() % 50 == 0 {
            eprintln!("{} pairs", scores.len());
        }
    }
    println!(
        "{} pairs, Spearman's correlation with people's scores",
        scores.len()
    );
    println!("floating point  {:.4}", spearman(&float, &scores));
    println!("lut-fine        {:.4}", spearman(&private, &scores));
    println!(
        "lut-fine with floating point  {:.4}",
        spearman(&private, &float)
    );
    println!("numbers beyond their bits, by site:");
    for (site, (wrapped, values)) in sites {
        println!("  {site}: {wrapped} of {values}");
    }
    Ok(())
}

struct Pair {
    sentences: [String; 2],
    score: f64,
}

fn pairs(path: &str) -> Outcome<Vec<Pair>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let mut lines = text
        .split('\n')
        .map(|line| line.trim_end_matches('\r').split('\t').collect::<Vec<_>>());
    let header = lines.next().ok_or_else(|| format!("{path}: is empty"))?;
    let column = |name: &str| {
        let place = header.iter().position(|column| *column == name);
        place.ok_or_else(|| format!("{path}: has no column `{name}`"))
    };
    let [first, second, score] = [column("sentence1")?, column("sentence2")?, column("score")?];
    let mut pairs = Vec::new();
    for line in lines.filter(|line| line.len() == header.len()) {
        pairs.push(Pair {
            sentences: [line[first].to_owned(), line[second].to_owned()],
            score: line[score].parse()?,
        });
    }
    Ok(pairs)
}

struct Encoder {
    tokenizer: Tokenizer,
    float: FloatModel,
    quantized: QuantizedModel,
}

/// Means over tokens: of the checkpoint, and of what P1 learned.
type Embedded = (Vec<f32>, Vec<f32>);

impl Encoder {
    fn load(dir: &Path, calibration: &[Pair]) -> Outcome<Self> {
        let tokenizer = Tokenizer::of_checkpoint(dir)?;
        let float = checkpoint::load(dir)?;
        let mut inputs = Vec::new();
        let step = (calibration.len() / CALIBRATION).max(1);
        for pair in calibration.iter().step_by(step).take(CALIBRATION) {
            inputs.push(tokens(&tokenizer, &float, &pair.sentences[0])?);
        }
        let quantized = quantize(&float, &Quantization::of_bits(WEIGHT_BITS), &inputs)?;
        Ok(Self {
            tokenizer,
            float,
            quantized,
        })
    }

    fn embed(&self, text: &str, sites: &mut BTreeMap<String, (u64, u64)>) -> Outcome<Embedded> {
        let input = tokens(&self.tokenizer, &self.float, text)?;
        let hidden = self.float.config.hidden;
        let float = FloatReference::run(&self.float, std::slice::from_ref(&input))?;
        let workload = Workload::new(self.float.config.clone(), input.len() / hidden);
        let plan = FineSystem.plan(&workload)?;
        let range = self.quantized.input_range;
        let outcomes = run_parties(&FineSystem, &workload, 1, |party| match party {
            Party::P0 => Secret::Model(Box::new(self.quantized.clone())),
            Party::P1 => Secret::new(&plan, Loaded::Input(range, input.clone().into())),
            Party::P2 => Secret::Nothing,
        })?;
        let evidence = outcomes.map(|outcome| outcome.evidence);
        let verified = verify::check(&workload, &self.quantized, range, &input, &evidence)?;
        for Site {
            name,
            values,
            wrapped,
        } in verified.sites
        {
            // All layers together.
            let name = name.split_once('/').map_or(&name[..], |(_, name)| name);
            let counts = sites.entry(name.to_owned()).or_insert((0, 0));
            *counts = (counts.0 + wrapped, counts.1 + values);
        }
        Ok((mean(&float[0].data, hidden), mean(&verified.output, hidden)))
    }
}

fn tokens(tokenizer: &Tokenizer, model: &FloatModel, text: &str) -> Outcome<Vec<f32>> {
    let embeddings = model
        .embeddings
        .as_ref()
        .ok_or("a model without embeddings")?;
    Ok(embeddings.embed(&tokenizer.encode(text)?)?)
}

fn mean(states: &[f32], hidden: usize) -> Vec<f32> {
    let tokens = (states.len() / hidden).max(1) as f32;
    let sum = |j: usize| states.iter().skip(j).step_by(hidden).sum::<f32>();
    (0..hidden).map(|j| sum(j) / tokens).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        x.iter()
            .zip(y)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Pearson's correlation of ranks; equal values share theirs.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let dot = |x: &[f64], y: &[f64]| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

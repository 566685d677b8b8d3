//! How much of a sentence encoder's accuracy private inference keeps: Spearman's correlation of cosine similarities with people's scores, of
//! the checkpoint in floating point, of `lut-fine` and of `lut-rss` at the paper's widths, three parties in this process, each inference
//! verified bit for bit.
//!
//! ```sh
//! cargo run --release -p qbench-protocols --features testing --example similarity -- \
//!     models/minilm-l6 STS-B/train.tsv STS-B/dev.tsv 200 [SITE=BITS ..]
//! ```
//!
//! Both files have the columns `sentence1`, `sentence2` and `score`, separated by tabs, as GLUE's STS-B
//! (<https://gluebenchmark.com/tasks>) has. 150 sentences of the first calibrate; so many pairs of the second are compared, spread over it.
//! `SITE=BITS` changes a width of `lut-fine`'s bit plan in every layer, such as `inner=6`.

use qbench_protocols::fine;
use qbench_protocols::fine::system::FineSystem;
use qbench_protocols::lut_rss;
use qbench_protocols::lut_rss::system::LutRssSystem;
use qbench_protocols::model::bit_plan::{BitPlan, SITES, Widths};
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::float::FloatModel;
use qbench_protocols::model::quantize::{Quantization, quantize};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::reference_float::FloatReference;
use qbench_protocols::net::Party;
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Site, Verified, WalkedSystem, Workload};
use qbench_protocols::testing::run_parties;
use qbench_tokenizer::Tokenizer;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Sentences that set the ranges.
const CALIBRATION: usize = 150;
/// Bits of a weight: of `lut-fine`, and of `lut-rss` as the paper has it.
const WEIGHT_BITS: [u32; 2] = [8, 1];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, train, dev, count, widths @ ..] = &arguments[..] else {
        return Err("usage: similarity MODEL TRAIN.tsv DEV.tsv PAIRS [SITE=BITS ..]".into());
    };
    let encoder = Encoder::load(Path::new(model), &pairs(train)?, changed(widths)?)?;
    let all = pairs(dev)?;
    let step = (all.len() / count.parse::<usize>()?.max(1)).max(1);
    let (mut scores, mut similarities) = (Vec::new(), [const { Vec::new() }; 3]);
    let mut sites = BTreeMap::new();
    for pair in all.iter().step_by(step) {
        let [first, second] = pair.sentences.each_ref();
        let first = encoder.embed(first, &mut sites)?;
        let second = encoder.embed(second, &mut sites)?;
        scores.push(pair.score);
        for ((list, first), second) in similarities.iter_mut().zip(&first).zip(&second) {
            list.push(cosine(first, second));
        }
        if scores.len() % 50 == 0 {
            eprintln!("{} pairs", scores.len());
        }
    }
    let [float, private, paper] = similarities;
    println!(
        "{} pairs, Spearman's correlation with people's scores",
        scores.len()
    );
    println!("floating point  {:.4}", spearman(&float, &scores));
    println!("lut-fine        {:.4}", spearman(&private, &scores));
    println!("lut-rss, W1A4   {:.4}", spearman(&paper, &scores));
    println!(
        "lut-fine with floating point  {:.4}",
        spearman(&private, &float)
    );
    println!("numbers of lut-fine beyond their bits, by site:");
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

/// The default widths, changed as the command line says.
fn changed(arguments: &[String]) -> Outcome<Widths> {
    let mut widths = Widths::default();
    for argument in arguments {
        let (site, bits) = argument.split_once('=').ok_or("SITE=BITS is expected")?;
        let known = SITES.iter().find(|known| known.0 == site);
        let (.., place) = known.ok_or_else(|| format!("there is no site `{site}`"))?;
        *place(&mut widths) = bits.parse()?;
    }
    Ok(widths)
}

struct Encoder {
    tokenizer: Tokenizer,
    float: FloatModel,
    /// For `lut-fine`, and for `lut-rss`.
    quantized: [QuantizedModel; 2],
}

/// Means over tokens: of the checkpoint, and of what P1 learned by each system.
type Embedded = [Vec<f32>; 3];

impl Encoder {
    fn load(dir: &Path, calibration: &[Pair], widths: Widths) -> Outcome<Self> {
        let tokenizer = Tokenizer::of_checkpoint(dir)?;
        let float = checkpoint::load(dir)?;
        let mut inputs = Vec::new();
        let step = (calibration.len() / CALIBRATION).max(1);
        for pair in calibration.iter().step_by(step).take(CALIBRATION) {
            inputs.push(tokens(&tokenizer, &float, &pair.sentences[0])?);
        }
        let layers = float.config.layers;
        let of_bits = |bits| {
            let plan = BitPlan::uniform(widths, layers);
            let how = Quantization {
                bit_plan: Some(plan),
                ..Quantization::of_bits(bits)
            };
            quantize(&float, &how, &inputs)
        };
        let [fine, paper] = WEIGHT_BITS.map(of_bits);
        let quantized = [fine?, paper?];
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
        let private = self.fine(&input)?;
        for Site {
            name,
            values,
            wrapped,
        } in &private.sites
        {
            // All layers together.
            let name = name.split_once('/').map_or(&name[..], |(_, name)| name);
            let counts = sites.entry(name.to_owned()).or_insert((0, 0));
            *counts = (counts.0 + wrapped, counts.1 + values);
        }
        let outputs = [&float[0].data, &private.output, &self.paper(&input)?.output];
        Ok(outputs.map(|output| mean(output, hidden)))
    }

    fn fine(&self, input: &[f32]) -> Outcome<Verified> {
        let source = &self.quantized[0];
        let (workload, range) = (workload(source, input), source.input_range);
        let plan = FineSystem.plan(&workload)?;
        let secret = |loaded| fine::system::Secret::new(&plan, loaded);
        let outcomes = run_parties(&FineSystem, &workload, 1, |party| {
            secret(loaded(party, source, input))
        })?;
        let evidence = outcomes.map(|outcome| outcome.evidence);
        Ok(fine::verify::check(
            &workload, source, range, input, &evidence,
        )?)
    }

    fn paper(&self, input: &[f32]) -> Outcome<Verified> {
        let source = &self.quantized[1];
        let (workload, range) = (workload(source, input), source.input_range);
        let plan = LutRssSystem.plan(&workload)?;
        let secret = |loaded| lut_rss::system::Secret::new(&plan, loaded);
        let outcomes = run_parties(&LutRssSystem, &workload, 1, |party| {
            secret(loaded(party, source, input))
        })?;
        let evidence = outcomes.map(|outcome| outcome.evidence);
        Ok(lut_rss::verify::check(
            &workload, source, range, input, &evidence,
        )?)
    }
}

fn workload(source: &QuantizedModel, input: &[f32]) -> Workload {
    Workload::new(source.config.clone(), input.len() / source.config.hidden)
}

/// What a party may know.
fn loaded(party: Party, source: &QuantizedModel, input: &[f32]) -> Loaded {
    match party {
        Party::P0 => Loaded::Model(Box::new(source.clone())),
        Party::P1 => Loaded::Input(source.input_range, input.to_vec().into()),
        Party::P2 => Loaded::Nothing,
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

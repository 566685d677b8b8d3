//! Runs `lut-rss` on a synthetic model, three parties in one process, and prints where the time goes.
//!
//! `cargo run --release --example three_parties -- bert-tiny 8 1`: preset, tokens, threads a party.

use qbench_protocols::lut_rss::system::{LutRssSystem, Secret};
use qbench_protocols::lut_rss::{plan::Plan, verify};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::net::Party;
use qbench_protocols::quantized::integer::IntegerModel;
use qbench_protocols::system::Workload;
use qbench_protocols::testing::run_parties;
use std::collections::BTreeMap;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned());
    let preset = arguments.next().unwrap_or_else(|| "bert-tiny".into());
    let seq_len = arguments.next().map_or(Ok(8), |n| n.parse())?;
    let threads = arguments.next().map_or(Ok(1), |n| n.parse())?;
    let model = ModelConfig::preset(&preset)
        .ok_or_else(|| format!("no preset `{preset}`; there are {:?}", ModelConfig::PRESETS))?;
    let workload = Workload::new(model, seq_len);
    let index_bits = Plan::new(&workload)?.index_bits;
    let source = synthetic(&workload.model, 1)?;
    let input = synthetic_input(&workload.model, seq_len, workload.input_seed);
    let outcomes = run_parties(&LutRssSystem, &workload, threads, |party| match party {
        Party::P0 => Secret::Model(Box::new(source.clone())),
        Party::P1 => Secret::Input(IntegerModel::quantize_input(
            source.input_range,
            index_bits,
            &input,
        )),
        Party::P2 => Secret::Nothing,
    })?;
    for phase in 0..3 {
        for (party, outcome) in outcomes.iter().enumerate() {
            let record = &outcome.phases[phase];
            println!(
                "{:8} P{party} {:9.3} s, sent {:?} bytes, {} rounds",
                record.phase.name(),
                record.wall_ns as f64 / 1e9,
                record.sent_bytes,
                record.rounds
            );
        }
    }
    // Same step of all layers together: the label without its layer.
    let mut steps: BTreeMap<&str, [f64; 3]> = BTreeMap::new();
    for (party, outcome) in outcomes.iter().enumerate() {
        for step in &outcome.phases[2].steps {
            let name = step
                .step
                .strip_prefix("layer")
                .and_then(|s| s.split_once('/'));
            let name = name.map_or(step.step.as_str(), |(_, rest)| rest);
            steps.entry(name).or_default()[party] += step.wall_ns as f64 / 1e6;
        }
    }
    for (step, [p0, p1, p2]) in steps {
        println!("{step:45} P0 {p0:9.2} ms  P1 {p1:9.2} ms  P2 {p2:9.2} ms");
    }
    let evidence = outcomes.each_ref().map(|outcome| outcome.evidence.clone());
    let verified = verify::check(&workload, &source, source.input_range, &input, &evidence)?;
    println!("verified: {}; output {:?}", verified.how, verified.output);
    println!(
        "largest error against unquantized activations: {:.3}",
        verified.float_error
    );
    Ok(())
}

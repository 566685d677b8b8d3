//! `fixed-trunc` at the shapes of BERT-base: what it declares against the layer's formula, against what SPU's own counter says of a layer,
//! and against PUMA's totals.

use qbench_baselines::fixed_trunc::system::FixedTruncSystem;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::system::{System, Workload};

/// Online bytes over all parties of so many layers.
fn online(preset: &str, layers: usize, seq_len: usize) -> f64 {
    let model = ModelConfig {
        layers,
        head: Head::Hidden,
        activation: ActivationFunction::Gelu,
        ..ModelConfig::preset("bert-base").unwrap()
    };
    let workload = Workload::new(model, seq_len).with("preset", preset);
    FixedTruncSystem
        .cost(&workload)
        .unwrap()
        .online
        .total_bytes() as f64
}

/// A layer's bytes by the originals' operations: T a truncation, t squarings; the reciprocals as SPU's counter has them.
fn formula(n: f64, truncation: f64, squarings: f64) -> f64 {
    let (h, heads) = (768.0, 12.0);
    let product = 24.0 + truncation;
    9.0 * n * h * product
        + (heads * n * n + n * h) * product
        + 4.0 * n * h * (3.0 * 108.0 + 3.0 * 64.0 + 4.0 * product + 7.0 * truncation)
        + heads * n * (n - 1.0) * 172.0
        + heads * n * n * (truncation + squarings * product)
        + heads * n * n * (172.0 + product)
        + 1336.0 * heads * n
        + 2.0 * (3.0 * n * h * product + 1548.0 * n)
}

fn within(what: &str, ours: f64, theirs: f64, part: f64) {
    let off = (ours / theirs - 1.0).abs();
    assert!(off < part, "{what}: {ours} of {theirs}, {off}");
}

#[test]
fn a_layer_sends_what_the_formula_says() {
    for n in [8, 32, 128] {
        for (preset, truncation, squarings) in [("spu", 28.0, 8.0), ("puma", 64.0, 5.0)] {
            let layer = online(preset, 2, n) - online(preset, 1, n);
            let expected = formula(n as f64, truncation, squarings);
            within(preset, layer, expected, 0.005);
        }
    }
}

/// SPU 0.9.5, ABY3 over 64 bits, one layer of BERT-base's shapes with PUMA's GELU: MB over all parties.
#[test]
fn a_layer_sends_what_spu_counts() {
    for (n, megabytes) in [(8, 28.57), (32, 122.74), (128, 626.64)] {
        let layer = online("spu", 2, n) - online("spu", 1, n);
        within("SPU", layer / 1e6, megabytes, 0.01);
    }
}

/// PUMA's 12 layers, GB as a re-run by others prints them.
#[test]
fn a_model_sends_what_puma_does() {
    for (n, gigabytes) in [(32, 2.16), (64, 4.65), (128, 10.59), (256, 26.07)] {
        within("PUMA", online("puma", 12, n) / 1e9, gigabytes, 0.03);
    }
}

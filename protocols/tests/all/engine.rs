//! The engine from end to end, three parties in one process: bit-exact against the integer reference,
//! and declared bytes and rounds equal to what was counted, step by step.

use qbench_protocols::lut_rss::system::{LutRssSystem, Secret};
use qbench_protocols::lut_rss::verify;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::float::FloatLinear;
use qbench_protocols::model::quantize::to_levels;
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::model::walk::Linear;
use qbench_protocols::net::Party;
use qbench_protocols::quantized::integer::IntegerModel;
use qbench_protocols::system::{DeclaredPhase, Site, System, Verified, Workload};
use qbench_protocols::testing::{Outcome, assert_declared, run_parties};

fn config(layers: usize, hidden: usize, heads: usize, head: Head) -> ModelConfig {
    ModelConfig {
        name: "test".into(),
        layers,
        hidden,
        heads,
        feed_forward: 4 * hidden,
        max_positions: 64,
        activation: ActivationFunction::Gelu,
        head,
        layer_norm_epsilon: 1e-12,
        relative_positions: false,
        bit_plan: None,
    }
}

fn workload(model: ModelConfig, seq_len: usize, index_bits: u32) -> Workload {
    Workload::new(model, seq_len).with("index_bits", index_bits)
}

fn run(workload: &Workload, threads: usize) -> [Outcome; 3] {
    let source = synthetic(&workload.model, 3).unwrap();
    run_on(workload, threads, &source).0
}

fn run_on(
    workload: &Workload,
    threads: usize,
    source: &QuantizedModel,
) -> ([Outcome; 3], Verified) {
    let input = synthetic_input(&workload.model, workload.seq_len, 7);
    let index_bits = workload.settings.get("index_bits").unwrap();
    let index_bits = index_bits.parse().unwrap();
    let outcomes = run_parties(&LutRssSystem, workload, threads, |party| match party {
        Party::P0 => Secret::Model(Box::new(source.clone())),
        Party::P1 => Secret::Input(IntegerModel::quantize_input(
            source.input_range,
            index_bits,
            &input,
        )),
        Party::P2 => Secret::Nothing,
    });
    let outcomes = outcomes.unwrap();
    let evidence = outcomes.each_ref().map(|outcome| outcome.evidence.clone());
    let verified = verify::check(workload, source, source.input_range, &input, &evidence).unwrap();
    (outcomes, verified)
}

/// Bit-exact, which [`run`] has checked, at the declared cost.
fn check(workload: &Workload, threads: usize) {
    let outcomes = run(workload, threads);
    assert_declared(&LutRssSystem.cost(workload).unwrap(), &outcomes);
}

#[test]
fn every_index_width_is_exact_and_costs_what_it_declares() {
    for index_bits in 4..=8 {
        let model = config(1, 16, 2, Head::Classifier { labels: 3 });
        check(&workload(model, 4, index_bits), 1);
    }
}

/// P0 adds it to its own summand: it costs nothing.
#[test]
fn a_bias_of_scores_is_exact_and_free() {
    let mut model = config(2, 16, 2, Head::Hidden);
    let without = LutRssSystem.cost(&workload(model.clone(), 9, 6)).unwrap();
    model.relative_positions = true;
    let workload = workload(model, 9, 6);
    check(&workload, 2);
    assert_eq!(LutRssSystem.cost(&workload).unwrap(), without);
}

#[test]
fn odd_shapes_are_exact_and_cost_what_they_declare() {
    for (layers, hidden, heads, seq_len, head) in [
        (2, 24, 3, 1, Head::Hidden),
        (1, 20, 1, 3, Head::Classifier { labels: 2 }),
        (2, 48, 4, 7, Head::Hidden),
        (1, 32, 2, 17, Head::Classifier { labels: 1 }),
    ] {
        let model = config(layers, hidden, heads, head);
        check(&workload(model, seq_len, 4), 2);
    }
}

#[test]
fn the_papers_variance_is_exact_and_costs_what_it_declares() {
    for index_bits in [4, 6] {
        let model = config(2, 32, 2, Head::Classifier { labels: 2 });
        let workload = workload(model, 6, index_bits);
        check(&workload.with("variance_protocol", "inner-product"), 1);
    }
}

/// Weights of several bits are the same products.
#[test]
fn weights_of_more_bits_are_exact_too() {
    for (bits, index_bits) in [(2, 4), (8, 6)] {
        let model = config(2, 24, 3, Head::Classifier { labels: 2 });
        let workload = workload(model, 5, index_bits);
        let mut source = synthetic(&workload.model, 3).unwrap();
        for linear in Linear::all(&workload.model) {
            let layer = source.quantized_linear_mut(linear).unwrap();
            let float = FloatLinear::from(&*layer);
            // Levels that differ, about the signs that the ranges were seen with.
            let spread = |(i, w): (usize, &f32)| w * (0.5 + (i % 11) as f32 / 10.0);
            let weights = float.weights.iter().enumerate().map(spread).collect();
            *layer = to_levels(&FloatLinear { weights, ..float }, bits);
            assert_eq!(layer.bits(), bits as usize);
        }
        let (_, verified) = run_on(&workload, 1, &source);
        assert!(verified.how.contains("bit-exact"), "{}", verified.how);
    }
}

#[test]
fn other_maxima_are_exact_and_cost_what_they_declare() {
    for (layers, hidden, heads, seq_len, index_bits, head) in [
        (2, 24, 3, 1, 4, Head::Hidden),
        (1, 16, 2, 2, 4, Head::Hidden),
        (2, 20, 2, 3, 4, Head::Classifier { labels: 2 }),
        (2, 48, 4, 7, 6, Head::Hidden),
        (1, 32, 2, 16, 4, Head::Classifier { labels: 1 }),
        (1, 16, 1, 33, 4, Head::Hidden),
    ] {
        let model = config(layers, hidden, heads, head);
        let workload = workload(model, seq_len, index_bits);
        check(&workload.clone().with("max_protocol", "radix-sort"), 2);
        check(&workload.with("max_protocol", "histogram"), 2);
    }
}

/// The formulas in the documentation of the sort, against the walk: one layer's maxima.
#[test]
fn radix_sort_declares_its_documented_bits_and_rounds() {
    let (heads, seq_len) = (2, 64);
    let workload = workload(config(3, 16, heads, Head::Hidden), seq_len, 4);
    let workload = workload.with("max_protocol", "radix-sort");
    let cost = LutRssSystem.cost(&workload).unwrap();
    let elements = (heads * seq_len * seq_len) as u64;
    let position_bits = 6;
    for layer in 0..3 {
        let path = format!("layer{layer}/attention/softmax/max");
        let total = |phase: &DeclaredPhase| -> (u64, u64) {
            let steps = phase.steps.iter();
            let steps = steps.filter(|step| step.step.starts_with(&path));
            steps.fold((0, 0), |(bits, rounds), step| {
                let bytes: u64 = step.bytes.iter().flatten().sum();
                (bits + 8 * bytes, rounds + step.rounds)
            })
        };
        let (online, rounds) = total(&cost.online);
        assert_eq!(online, elements * (92 * position_bits + 112));
        assert_eq!(rounds, if layer == 0 { 20 } else { 19 });
        let (offline, _) = total(&cost.offline);
        assert_eq!(offline, elements * (4 + 64 * position_bits));
    }
}

/// docs/PROTOCOL.md and the README print these totals of BERT-base, in bytes.
#[test]
fn totals_are_those_of_the_documentation() {
    let model = ModelConfig::preset("bert-base").unwrap();
    for (seq_len, online, offline, rounds) in [
        (8, 5_567_528, 62_871_312, 293),
        (16, 11_329_160, 131_526_720, 305),
        (32, 23_461_256, 286_486_464, 317),
        (64, 50_159_624, 667_443_456, 329),
        (128, 113_290_760, 1_715_275_776, 341),
    ] {
        let cost = LutRssSystem
            .cost(&workload(model.clone(), seq_len, 4))
            .unwrap();
        assert_eq!(cost.online.total_bytes(), online, "online, n = {seq_len}");
        assert_eq!(
            cost.offline.total_bytes(),
            offline,
            "offline, n = {seq_len}"
        );
        assert_eq!(cost.online.rounds(), rounds, "rounds, n = {seq_len}");
    }
}

/// A range that is too narrow for what comes wraps, and the run is exact all the same: the count says what equality does not.
#[test]
fn wrapped_values_are_counted_where_they_wrap() {
    let wrapped = |narrow: bool, variance: &str| {
        let workload = workload(config(2, 16, 2, Head::Classifier { labels: 2 }), 5, 6);
        let workload = workload.with("variance_protocol", variance);
        let mut source = synthetic(&workload.model, 3).unwrap();
        // The rest of the model keeps its ranges: only what this layer puts out is too large for them.
        for range in &mut source.layers[1].qkv_range[..1] {
            if narrow {
                range.max /= 8.0;
                range.rms /= 8.0;
            }
        }
        let verified = run_on(&workload, 1, &source).1;
        let wrapped =
            |site: &&Site| site.wrapped > 0 && site.name.contains("layer1/attention/scores");
        let here = verified.sites.iter().filter(wrapped).count();
        let values: u64 = verified.sites.iter().map(|site| site.values).sum();
        assert!(values > 1000, "{values}");
        here
    };
    for variance in ["square-table", "inner-product"] {
        assert_eq!(wrapped(false, variance), 0, "{variance}");
        assert!(wrapped(true, variance) > 0, "{variance}");
    }
}

/// The check can fail: on another output, on low bits that the reference does not have, on another input.
#[test]
fn wrong_evidence_is_refused() {
    let workload = workload(config(1, 16, 2, Head::Classifier { labels: 2 }), 3, 4);
    let outcomes = run(&workload, 1);
    let source = synthetic(&workload.model, 3).unwrap();
    let input = synthetic_input(&workload.model, workload.seq_len, 7);
    let honest = outcomes.each_ref().map(|outcome| outcome.evidence.clone());
    let check = |input: &[f32], evidence: &[Vec<u8>; 3]| {
        verify::check(&workload, &source, source.input_range, input, evidence)
    };
    check(&input, &honest).unwrap();
    let refused =
        |input: &[f32], evidence: &[Vec<u8>; 3]| check(input, evidence).unwrap_err().to_string();

    let mut other_output = honest.clone();
    *other_output[1].last_mut().unwrap() ^= 1;
    assert!(refused(&input, &other_output).contains("1 of 2 output values differ"));

    // The first cut's first low word stands behind four lengths and the step's label.
    let mut other_share = honest.clone();
    let label = u64::from_le_bytes(other_share[2][8..16].try_into().unwrap()) as usize;
    other_share[2][32 + label] ^= 1;
    assert!(refused(&input, &other_share).contains("differ from the integer reference"));

    let other_input = synthetic_input(&workload.model, workload.seq_len, 99);
    assert!(refused(&other_input, &honest).contains("differ from the integer reference"));

    let mut cut_short = honest;
    cut_short[2].truncate(100);
    assert!(refused(&input, &cut_short).contains("ends too early"));
}

//! `lut-mul` on three parties in one process: what it costs is what it declares and what its formulas say, and what it computes is the
//! quantized model, bit for bit.

use qbench_baselines::lut_mul::system::LutMulSystem;
use qbench_protocols::lut_rss::system::{LutRssSystem, Secret};
use qbench_protocols::lut_rss::verify::check;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::net::Party;
use qbench_protocols::quantized::integer::IntegerModel;
use qbench_protocols::system::{DeclaredPhase, System, Workload};
use qbench_protocols::testing::{Outcome, assert_declared, run_parties};
use qbench_protocols::{Error, Result};

/// A small model whose every shape is odd in some way; a head is `width` wide.
fn small(activation: ActivationFunction, head: Head, width: usize) -> ModelConfig {
    ModelConfig {
        name: "small".into(),
        layers: 2,
        hidden: 3 * width,
        heads: 3,
        feed_forward: 50,
        max_positions: 32,
        activation,
        head,
        layer_norm_epsilon: 1e-12,
        relative_positions: false,
        bit_plan: None,
    }
}

fn index_bits(workload: &Workload) -> u32 {
    let bits = qbench_protocols::lut_rss::plan::INDEX_BITS.whole(&workload.settings);
    bits.unwrap() as u32
}

fn infer(workload: &Workload, model: &QuantizedModel, threads: usize) -> Result<[Outcome; 3]> {
    let input = synthetic_input(&workload.model, workload.seq_len, 3);
    run_parties(&LutMulSystem, workload, threads, |party| match party {
        Party::P0 => Secret::Model(Box::new(model.clone())),
        Party::P1 => Secret::Input(IntegerModel::quantize_input(
            model.input_range,
            index_bits(workload),
            &input,
        )),
        Party::P2 => Secret::Nothing,
    })
}

/// The check of a run against a model.
fn verdict(workload: &Workload, model: &QuantizedModel, outcomes: &[Outcome; 3]) -> Result<String> {
    let input = synthetic_input(&workload.model, workload.seq_len, 3);
    let evidence = outcomes.each_ref().map(|outcome| outcome.evidence.clone());
    let verified = check(workload, model, model.input_range, &input, &evidence)?;
    Ok(verified.how)
}

fn checked(workload: &Workload, threads: usize) {
    let model = synthetic(&workload.model, 1).unwrap();
    let outcomes = infer(workload, &model, threads).unwrap();
    assert_declared(&LutMulSystem.cost(workload).unwrap(), &outcomes);
    let how = verdict(workload, &model, &outcomes).unwrap();
    assert!(how.starts_with("bit-exact"), "{how}");
}

const CLASSIFIER: Head = Head::Classifier { labels: 3 };

#[test]
fn runs_cost_what_is_declared_and_are_bit_exact() {
    for activation in [ActivationFunction::Gelu, ActivationFunction::Relu] {
        for (head, seq_len, width, threads) in [
            (CLASSIFIER, 5, 12, 1),
            (Head::Hidden, 8, 16, 3),
            (CLASSIFIER, 1, 7, 2),
            (Head::Hidden, 17, 4, 2),
        ] {
            checked(
                &Workload::new(small(activation, head, width), seq_len),
                threads,
            );
        }
    }
}

#[test]
fn settings_are_bit_exact_too() {
    for (key, value) in [
        ("index_bits", "5"),
        ("index_bits", "6"),
        ("max_protocol", "radix-sort"),
        ("variance_protocol", "inner-product"),
    ] {
        let model = small(ActivationFunction::Gelu, CLASSIFIER, 4);
        checked(&Workload::new(model, 3).with(key, value), 2);
    }
}

/// Layers of many pieces, and material that waits in a file.
#[test]
fn pieces_from_the_disk_are_bit_exact() {
    let config = ModelConfig {
        layers: 1,
        heads: 1,
        hidden: 260,
        feed_forward: 1000,
        ..small(ActivationFunction::Relu, Head::Hidden, 1)
    };
    let folder = std::env::temp_dir();
    let workload = Workload {
        material_dir: Some(folder),
        ..Workload::new(config, 9)
    };
    checked(&workload, 2);
}

/// Bytes and rounds of the steps whose label ends so.
fn of_steps(phase: &DeclaredPhase, end: &str) -> (u64, u64) {
    let steps = phase.steps.iter().filter(|step| step.step.ends_with(end));
    steps.fold((0, 0), |(bytes, rounds), step| {
        let sent: u64 = step.bytes.as_flattened().iter().sum();
        (bytes + sent, rounds + step.rounds)
    })
}

/// Products and openings by their formulas, for BERT-base.
#[test]
fn cost_is_that_of_the_formulas() {
    for (bits, n) in [(4u32, 8u64), (6, 8), (4, 128)] {
        let model = ModelConfig::preset("bert-base").unwrap();
        let workload = Workload::new(model, n as usize).with("index_bits", bits.to_string());
        let cost = LutMulSystem.cost(&workload).unwrap();
        assert_eq!(cost.setup.total_bytes(), connect(&workload), "no weights");
        let (h, inner) = (768, 3072);
        let of_weights = 2 << bits;
        for (step, products, table, opened) in [
            ("layer3/attention/query", n * h * h, of_weights, 0),
            ("layer3/attention/output", n * h * h, of_weights, 0),
            ("layer3/feed-forward/in", n * h * inner, of_weights, 0),
            ("layer3/feed-forward/out", n * h * inner, of_weights, 0),
            ("layer3/attention/scores", n * n * h, 2 << (2 * bits), 0),
            ("layer3/attention/context", n * n * h, 2 << (4 + bits), 0),
            // The non-linearity takes an opening and nothing else.
            ("layer3/feed-forward/activation", 0, 0, n * inner),
            ("layer3/feed-forward/in/convert", 0, 0, n * h),
        ] {
            let bytes = products * table + opened * u64::from(bits) / 8;
            assert_eq!(of_steps(&cost.offline, step).0, bytes, "{step}, {bits}");
            let online = (2 * opened * u64::from(bits) / 8, u64::from(opened > 0));
            assert_eq!(of_steps(&cost.online, step), online, "{step}, {bits}");
        }
        // Less online than lut-rss: no resharing, no summands of P0.
        let base = LutRssSystem.cost(&workload).unwrap();
        assert!(cost.online.total_bytes() < base.online.total_bytes());
        assert!(cost.online.rounds() < base.online.rounds());
    }
}

/// What a session costs before any weights: the same for every system.
fn connect(workload: &Workload) -> u64 {
    let setup = LutRssSystem.cost(workload).unwrap().setup;
    let steps = setup.steps.iter().filter(|step| step.step == "connect");
    steps
        .flat_map(|step| step.bytes.as_flattened().iter())
        .sum()
}

#[test]
fn indices_that_are_too_wide_are_refused() {
    let model = ModelConfig::preset("bert-tiny").unwrap();
    let workload = Workload::new(model, 8).with("index_bits", "7");
    let error = LutMulSystem.cost(&workload).unwrap_err().to_string();
    assert!(
        error.contains("256 bytes") && error.contains("4, 5 or 6"),
        "{error}"
    );
}

/// A run on another model than the one it is checked against must not pass.
#[test]
fn a_wrong_run_does_not_pass() {
    let workload = Workload::new(small(ActivationFunction::Gelu, Head::Hidden, 12), 6);
    let model = synthetic(&workload.model, 1).unwrap();
    let mut no_bias = model.clone();
    no_bias.layers[1].feed_forward_out.bias.fill(0.0);
    let mut flipped = model.clone();
    flipped.layers[1].value.planes[0] ^= 0xff;
    let mut swapped = model.clone();
    swapped.layers.swap(0, 1);
    for (what, wrong) in [("bias", no_bias), ("signs", flipped), ("layers", swapped)] {
        let outcomes = infer(&workload, &wrong, 1).unwrap();
        let verdict = verdict(&workload, &model, &outcomes);
        assert!(matches!(verdict, Err(Error::Verification(_))), "{what}");
    }
}

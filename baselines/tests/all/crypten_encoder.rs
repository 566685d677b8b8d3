//! `crypten` against the original: an encoder's rounds and bytes by section, as measured on CrypTen 0.4.1; and against
//! the references in the clear, on three parties in one process.

use qbench_baselines::crypten::FIXED;
use qbench_baselines::crypten::system::{CHECK, CrypTenSystem};
use qbench_baselines::fixed_point::Secret;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::net::Party;
use qbench_protocols::system::{DeclaredPhase, System, Workload};
use qbench_protocols::testing::{Outcome, assert_declared, run_parties};
use qbench_protocols::{Error, Result};
use std::collections::HashMap;

/// The original's name for the section that a step belongs to; `None` for what the original's measurement leaves out.
fn section(step: &str) -> Option<&'static str> {
    let (_, part) = step
        .strip_prefix("layer")
        .and_then(|rest| rest.split_once('/'))?;
    let starts = |prefix: &str| {
        part.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let one_of = |prefixes: &[&str]| prefixes.iter().any(|prefix| starts(prefix));
    if one_of(&[
        "attention/query",
        "attention/key",
        "attention/value",
        "attention/output",
        "feed-forward/in",
        "feed-forward/out",
    ]) {
        Some("linear")
    } else if one_of(&["attention/scores", "attention/context"]) {
        Some("attn_matmul")
    } else if starts("attention/softmax") {
        Some("softmax")
    } else if one_of(&["attention/add-and-norm", "feed-forward/add-and-norm"]) {
        Some("layernorm")
    } else if starts("feed-forward/activation") {
        Some("gelu")
    } else {
        panic!("step `{step}` belongs to no section")
    }
}

/// (rounds, bytes of both parties) by section, with their total.
fn sections(online: &DeclaredPhase) -> HashMap<&'static str, (u64, u64)> {
    let mut sums: HashMap<&'static str, (u64, u64)> = HashMap::new();
    for step in &online.steps {
        let bytes: u64 = step.bytes.iter().flatten().sum();
        if bytes == 0 && step.rounds == 0 {
            continue;
        }
        match section(&step.step) {
            Some(section) => {
                for name in [section, "total"] {
                    let sum = sums.entry(name).or_default();
                    sum.0 += step.rounds;
                    sum.1 += bytes;
                }
            }
            // Ours alone: P1 shares its input without a message, and P2 opens the output to it.
            None => assert_eq!(step.step, "head/output"),
        }
    }
    sums
}

#[test]
fn an_encoder_costs_what_the_original_costs() {
    let oracle = include_str!("../data/crypten_bert_encoder.csv");
    let mut rows = 0;
    for line in oracle.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |i: usize| fields[i].parse::<u64>().unwrap();
        let (layers, seq_len) = (number(0) as usize, number(1) as usize);
        let model = ModelConfig {
            layers,
            head: Head::Hidden,
            activation: ActivationFunction::Gelu,
            ..ModelConfig::preset("bert-base").unwrap()
        };
        let declared = CrypTenSystem.cost(&Workload::new(model, seq_len)).unwrap();
        let expected = (number(3), number(4));
        let ours = sections(&declared.online)[fields[2]];
        assert_eq!(
            ours, expected,
            "{layers} layers, n = {seq_len}, {}",
            fields[2]
        );
        // P0 says nothing online, and both others say the same, but for the output.
        let bytes = declared.online.bytes();
        let output = (seq_len * 768 * 8) as u64;
        assert_eq!((bytes[0], bytes[1][0], bytes[2][0]), ([0; 3], 0, 0));
        assert_eq!(bytes[1][2] + output, bytes[2][1]);
        let total = sections(&declared.online)["total"].1;
        assert_eq!(declared.online.total_bytes(), total + output);
        rows += 1;
    }
    assert_eq!(rows, 30);
}

/// A small model whose every shape is odd in some way.
fn small(activation: ActivationFunction, head: Head) -> ModelConfig {
    ModelConfig {
        name: "small".into(),
        layers: 2,
        hidden: 36,
        heads: 3,
        feed_forward: 50,
        max_positions: 16,
        activation,
        head,
        layer_norm_epsilon: 1e-12,
        relative_positions: false,
        bit_plan: None,
    }
}

/// Runs the three parties with P0 holding `model`.
fn infer(workload: &Workload, model: &QuantizedModel, input: &[f32]) -> Result<[Outcome; 3]> {
    run_parties(&CrypTenSystem, workload, 2, |party| match party {
        Party::P0 => Secret::Model(Box::new(model.clone())),
        Party::P1 => Secret::input(FIXED, input),
        Party::P2 => Secret::Nothing,
    })
}

#[test]
fn runs_cost_what_is_declared_and_are_right() {
    for activation in [ActivationFunction::Gelu, ActivationFunction::Relu] {
        for (head, seq_len) in [
            (Head::Classifier { labels: 3 }, 5),
            (Head::Hidden, 8),
            (Head::Hidden, 1),
        ] {
            for masks in ["fresh", "reused"] {
                let workload = Workload::new(small(activation, head), seq_len);
                let workload = workload.with("weight_masks", masks);
                let model = synthetic(&workload.model, 1).unwrap();
                let input = synthetic_input(&workload.model, seq_len, 3);
                let outcomes = infer(&workload, &model, &input).unwrap();
                assert_declared(&CrypTenSystem.cost(&workload).unwrap(), &outcomes);
                let verified = CHECK.check(&model, &input, &outcomes[1].evidence).unwrap();
                assert!(verified.float_error < 0.2, "{}", verified.float_error);
                assert!(verified.sites.iter().all(|site| site.wrapped == 0));
                assert!(outcomes[0].evidence.is_empty() && outcomes[2].evidence.is_empty());
            }
        }
    }
}

/// A run on another model than the one it is checked against must not pass.
#[test]
fn a_wrong_run_does_not_pass() {
    let workload = Workload::new(small(ActivationFunction::Gelu, Head::Hidden), 6);
    let model = synthetic(&workload.model, 1).unwrap();
    let input = synthetic_input(&workload.model, 6, 3);
    let right = infer(&workload, &model, &input).unwrap();
    CHECK.check(&model, &input, &right[1].evidence).unwrap();

    let mut no_bias = model.clone();
    no_bias.layers[1].feed_forward_out.bias.fill(0.0);
    let mut swapped = model.clone();
    swapped.layers.swap(0, 1);
    let mut no_beta = model.clone();
    no_beta.layers[0].attention_norm.beta.fill(0.0);
    let mut flipped = model.clone();
    flipped.layers[1].value.planes[0] ^= 0xff;
    for (what, wrong) in [
        ("bias", no_bias),
        ("layers", swapped),
        ("beta", no_beta),
        ("signs", flipped),
    ] {
        let outcomes = infer(&workload, &wrong, &input).unwrap();
        match CHECK.check(&model, &input, &outcomes[1].evidence) {
            Err(Error::Verification(text)) => assert!(text.contains("root mean square"), "{text}"),
            other => panic!("{what}: {other:?} within {}", CHECK.tolerance),
        }
    }
    // Where the original's series diverge, the error says that, and blames no run.
    let mut wide = model.clone();
    for scale in &mut wide.layers[0].feed_forward_in.row_scale {
        *scale *= 20.0;
    }
    let outcomes = infer(&workload, &wide, &input).unwrap();
    match CHECK.check(&wide, &input, &outcomes[1].evidence) {
        Err(Error::Verification(text)) => assert!(text.contains("do not hold"), "{text}"),
        other => panic!("{other:?}"),
    }
    // Nor one of another length, nor one that says nothing.
    let short = &right[1].evidence[8..];
    for evidence in [short, &[]] {
        assert!(matches!(
            CHECK.check(&model, &input, evidence),
            Err(Error::Verification(_))
        ));
    }
}

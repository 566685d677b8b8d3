//! `lut-trunc` on three parties in one process: it costs what it declares, and computes the quantized model bit for bit, with each
//! truncation protocol.

use qbench_baselines::lut_trunc::system::LutTruncSystem;
use qbench_protocols::lut_rss::system::{LutRssSystem, Secret};
use qbench_protocols::lut_rss::verify::check_in_a_wide_ring;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::net::Party;
use qbench_protocols::quantized::integer::IntegerModel;
use qbench_protocols::system::{System, Verified, Workload};
use qbench_protocols::testing::{Outcome, assert_declared, run_parties};
use qbench_protocols::{Error, Result};

const TRUNCATIONS: [&str; 4] = ["aby3-local", "pr", "pr2", "dealer"];

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

fn infer(workload: &Workload, model: &QuantizedModel, input: &[f32]) -> [Outcome; 3] {
    let outcomes = run_parties(&LutTruncSystem, workload, 2, |party| match party {
        Party::P0 => Secret::Model(Box::new(model.clone())),
        Party::P1 => Secret::Input(IntegerModel::quantize_input(model.input_range, 4, input)),
        Party::P2 => Secret::Nothing,
    });
    outcomes.unwrap()
}

fn check(
    workload: &Workload,
    model: &QuantizedModel,
    input: &[f32],
    outcomes: &[Outcome; 3],
) -> Result<Verified> {
    let evidence = outcomes.each_ref().map(|outcome| outcome.evidence.clone());
    check_in_a_wide_ring(workload, model, model.input_range, input, &evidence)
}

#[test]
fn runs_cost_what_is_declared_and_are_right() {
    let cases = [
        (ActivationFunction::Relu, Head::Hidden, 5),
        (ActivationFunction::Gelu, Head::Classifier { labels: 3 }, 8),
        (ActivationFunction::Relu, Head::Classifier { labels: 2 }, 1),
    ];
    for (activation, head, seq_len) in cases {
        for truncation in TRUNCATIONS {
            let workload =
                Workload::new(small(activation, head), seq_len).with("truncation", truncation);
            let model = synthetic(&workload.model, 1).unwrap();
            let input = synthetic_input(&workload.model, seq_len, 3);
            let outcomes = infer(&workload, &model, &input);
            assert_declared(&LutTruncSystem.cost(&workload).unwrap(), &outcomes);
            let verified = check(&workload, &model, &input, &outcomes).unwrap();
            assert!(verified.how.starts_with("bit-exact"), "{}", verified.how);
        }
    }
}

#[test]
fn a_wrong_run_does_not_pass() {
    let workload = Workload::new(small(ActivationFunction::Relu, Head::Hidden), 6);
    let model = synthetic(&workload.model, 1).unwrap();
    let input = synthetic_input(&workload.model, 6, 3);
    let mut flipped = model.clone();
    flipped.layers[1].value.planes[0] ^= 0xff;
    let mut biased = model.clone();
    biased.layers[0].query.bias[3] += 3.0;
    for wrong in [flipped, biased] {
        let outcomes = infer(&workload, &wrong, &input);
        match check(&workload, &model, &input, &outcomes) {
            Err(Error::Verification(text)) => assert!(text.contains("neighbours"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    // Nor what the reference of narrow rings computes.
    let outcomes = infer(&workload, &model, &input);
    let evidence = outcomes.each_ref().map(|outcome| outcome.evidence.clone());
    let narrow = qbench_protocols::lut_rss::verify::check(
        &workload,
        &model,
        model.input_range,
        &input,
        &evidence,
    );
    assert!(matches!(narrow, Err(Error::Verification(_))));
}

/// What truncation alone costs: the online bytes and rounds above those of `lut-rss`.
#[test]
fn truncation_costs_bytes_and_rounds() {
    let workload = Workload::new(ModelConfig::preset("bert-base").unwrap(), 8);
    let cuts = LutRssSystem.cost(&workload).unwrap().online;
    for truncation in TRUNCATIONS {
        let workload = workload.clone().with("truncation", truncation);
        let truncated = LutTruncSystem.cost(&workload).unwrap().online;
        assert!(
            truncated.total_bytes() > 5 * cuts.total_bytes(),
            "{truncation}"
        );
        assert!(truncated.rounds() > cuts.rounds(), "{truncation}");
    }
    let wider = LutTruncSystem
        .cost(&workload.with("index_bits", "6"))
        .unwrap_err();
    assert!(wider.to_string().contains("must be 4"), "{wider}");
}

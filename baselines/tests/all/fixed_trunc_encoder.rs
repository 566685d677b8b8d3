//! `fixed-trunc` on three parties in one process: what it costs is what it declares, and what it computes is the float model with its
//! approximations, under every setting.

use qbench_baselines::fixed_point::Secret;
use qbench_baselines::fixed_trunc::Choices;
use qbench_baselines::fixed_trunc::system::{FixedTruncSystem, check};
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::net::Party;
use qbench_protocols::system::{System, Workload};
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
        max_positions: 16,
        activation,
        head,
        layer_norm_epsilon: 1e-12,
        relative_positions: false,
        bit_plan: None,
    }
}

fn infer(workload: &Workload, model: &QuantizedModel, input: &[f32]) -> Result<[Outcome; 3]> {
    let fixed = Choices::of(&workload.settings)?.fixed;
    run_parties(&FixedTruncSystem, workload, 2, |party| match party {
        Party::P0 => Secret::Model(Box::new(model.clone())),
        Party::P1 => Secret::input(fixed, input),
        Party::P2 => Secret::Nothing,
    })
}

fn checked(workload: &Workload) {
    let model = synthetic(&workload.model, 1).unwrap();
    let input = synthetic_input(&workload.model, workload.seq_len, 3);
    let outcomes = infer(workload, &model, &input).unwrap();
    assert_declared(&FixedTruncSystem.cost(workload).unwrap(), &outcomes);
    assert!(outcomes[0].evidence.is_empty() && outcomes[2].evidence.is_empty());
    let verified = check(workload, &model, &input, &outcomes[1].evidence).unwrap();
    assert!(verified.sites.iter().all(|site| site.wrapped == 0));
}

#[test]
fn runs_cost_what_is_declared_and_are_right() {
    for activation in [ActivationFunction::Gelu, ActivationFunction::Relu] {
        for (head, seq_len, width) in [
            (Head::Classifier { labels: 3 }, 5, 12),
            (Head::Hidden, 8, 16),
            (Head::Hidden, 1, 12),
            (Head::Hidden, 2, 16),
        ] {
            checked(&Workload::new(small(activation, head, width), seq_len));
        }
    }
}

#[test]
fn settings_compute_the_same() {
    let workload = || {
        let head = Head::Classifier { labels: 2 };
        Workload::new(small(ActivationFunction::Gelu, head, 12), 7)
    };
    for (key, value) in [
        ("preset", "puma"),
        ("preset", "dealer"),
        ("truncation", "aby3-local"),
        ("truncation", "dealer"),
        ("truncation", "pr"),
        ("fraction_bits", "20"),
        ("bit_packing", "bits"),
    ] {
        checked(&workload().with(key, value));
    }
    let few = FixedTruncSystem.cost(&workload().with("fraction_bits", "5"));
    assert!(few.unwrap_err().to_string().contains("10 to 22"));
}

/// A run on another model than the one it is checked against must not pass.
#[test]
fn a_wrong_run_does_not_pass() {
    let workload = Workload::new(small(ActivationFunction::Gelu, Head::Hidden, 12), 6);
    let model = synthetic(&workload.model, 1).unwrap();
    let input = synthetic_input(&workload.model, 6, 3);
    let mut no_bias = model.clone();
    no_bias.layers[1].feed_forward_out.bias.fill(0.5);
    let mut swapped = model.clone();
    swapped.layers.swap(0, 1);
    let mut flipped = model.clone();
    flipped.layers[1].value.planes[0] ^= 0xff;
    for (what, wrong) in [("bias", no_bias), ("layers", swapped), ("signs", flipped)] {
        let outcomes = infer(&workload, &wrong, &input).unwrap();
        let checked = check(&workload, &model, &input, &outcomes[1].evidence);
        assert!(
            matches!(checked, Err(Error::Verification(_))),
            "{what}: {checked:?}"
        );
    }
    let right = infer(&workload, &model, &input).unwrap();
    for evidence in [&right[1].evidence[8..], &right[1].evidence[1..], &[]] {
        let checked = check(&workload, &model, &input, evidence);
        assert!(matches!(checked, Err(Error::Verification(_))));
    }
}

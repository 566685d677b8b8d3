//! `sigma` on three parties in one process: what it costs is what it declares, and what it computes is the float model with its mean,
//! under every setting.

use qbench_baselines::fixed_point::Secret;
use qbench_baselines::sigma::Choices;
use qbench_baselines::sigma::system::{SigmaSystem, check};
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
    run_parties(&SigmaSystem, workload, 2, |party| match party {
        Party::P0 => Secret::Model(Box::new(model.clone())),
        Party::P1 => Secret::input(fixed, input),
        Party::P2 => Secret::Nothing,
    })
}

/// Runs, holds the run to what is declared, and gives its distance to the float model.
fn checked(workload: &Workload) -> f64 {
    let model = synthetic(&workload.model, 1).unwrap();
    let input = synthetic_input(&workload.model, workload.seq_len, 3);
    let outcomes = infer(workload, &model, &input).unwrap();
    assert_declared(&SigmaSystem.cost(workload).unwrap(), &outcomes);
    assert!(outcomes[0].evidence.is_empty() && outcomes[2].evidence.is_empty());
    let verified = check(workload, &model, &input, &outcomes[1].evidence).unwrap();
    assert!(verified.how.starts_with("bit-exact"), "{}", verified.how);
    assert!(verified.sites.iter().all(|site| site.wrapped == 0));
    verified.float_error
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
        ("exchanges", "merged"),
        ("mean", "exact"),
        ("gelu", "cpu"),
        ("ring_bits", "60"),
        ("ring_bits", "37"),
    ] {
        let error = checked(&workload().with(key, value));
        assert!(error < 0.03, "{key} = {value}: {error}");
    }
}

#[test]
fn a_mean_that_would_be_zero_is_refused() {
    let model = ModelConfig {
        hidden: 4100,
        heads: 4,
        ..ModelConfig::preset("bert-tiny").unwrap()
    };
    let error = SigmaSystem
        .cost(&Workload::new(model.clone(), 8))
        .unwrap_err();
    assert!(error.to_string().contains("mean = \"exact\""), "{error}");
    SigmaSystem
        .cost(&Workload::new(model, 8).with("mean", "exact"))
        .unwrap();
}

/// A run on another model than the one it is checked against must not pass.
#[test]
fn a_wrong_run_does_not_pass() {
    let workload = Workload::new(small(ActivationFunction::Gelu, Head::Hidden, 12), 6);
    let model = synthetic(&workload.model, 1).unwrap();
    let input = synthetic_input(&workload.model, 6, 3);
    let mut no_bias = model.clone();
    no_bias.layers[1].feed_forward_out.bias.fill(0.0);
    let mut swapped = model.clone();
    swapped.layers.swap(0, 1);
    let mut flipped = model.clone();
    flipped.layers[1].value.planes[0] ^= 0xff;
    for (what, wrong) in [("bias", no_bias), ("layers", swapped), ("signs", flipped)] {
        let outcomes = infer(&workload, &wrong, &input).unwrap();
        match check(&workload, &model, &input, &outcomes[1].evidence) {
            Err(Error::Verification(text)) => assert!(text.contains("in the clear"), "{text}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    // Nor one that is a bit off, of another length, or that says nothing.
    let right = infer(&workload, &model, &input).unwrap();
    let mut off = right[1].evidence.clone();
    off[40] ^= 1;
    for evidence in [&off, &right[1].evidence[8..], &[]] {
        let checked = check(&workload, &model, &input, evidence);
        assert!(matches!(checked, Err(Error::Verification(_))));
    }
    // Where values leave the range, the error says that of the model.
    let mut wide = model.clone();
    for scale in &mut wide.layers[0].feed_forward_in.row_scale {
        *scale *= 1e9;
    }
    let outcomes = infer(&workload, &wide, &input).unwrap();
    let checked = check(&workload, &wide, &input, &outcomes[1].evidence);
    assert!(
        matches!(checked, Err(Error::Verification(_))),
        "{checked:?}"
    );
}

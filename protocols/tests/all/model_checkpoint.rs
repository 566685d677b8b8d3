//! Checkpoints: read, embedded, run in float against a second, plain implementation, and refused
//! with the fault named when they are broken.

use crate::plain::Plain;
use crate::support::{Checkpoint, HIDDEN, POSITIONS};
use qbench_protocols::Error;
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::{ActivationFunction, Head};
use qbench_protocols::model::reference_float::FloatReference;
use safetensors::tensor::Dtype;
use serde_json::json;
use std::fs;

pub const TOKENS: [u32; 5] = [2, 10, 11, 13, 3];

fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let difference = (f64::from(*a) - e).abs();
        assert!(difference < tolerance, "value {i}: {a}, expected {e}");
    }
}

fn run(checkpoint: &Checkpoint) -> (Vec<f32>, Head) {
    let dir = tempfile::tempdir().unwrap();
    checkpoint.write(dir.path());
    let model = checkpoint::load(dir.path()).unwrap();
    let input = model.embeddings.as_ref().unwrap().embed(&TOKENS).unwrap();
    let output = FloatReference::run(&model, &[input]).unwrap().remove(0);
    (output.data, model.config.head)
}

#[test]
fn a_gelu_encoder_agrees_with_the_plain_implementation() {
    let checkpoint = Checkpoint::new("", None, "gelu");
    let (output, head) = run(&checkpoint);
    assert_eq!(head, Head::Hidden);
    let plain = Plain {
        checkpoint: &checkpoint,
        prefix: "",
        relu: false,
    };
    assert_close(&output, &plain.hidden_states().concat(), 2e-5);
}

#[test]
fn a_relu_classifier_with_prefixed_names_agrees_with_the_plain_implementation() {
    let checkpoint = Checkpoint::new("bert.", Some(3), "relu");
    let (output, head) = run(&checkpoint);
    assert_eq!(head, Head::Classifier { labels: 3 });
    let plain = Plain {
        checkpoint: &checkpoint,
        prefix: "bert.",
        relu: true,
    };
    assert_close(&output, &plain.logits(), 2e-5);
}

#[test]
fn sequences_of_a_batch_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", None, "gelu").write(dir.path());
    let model = checkpoint::load(dir.path()).unwrap();
    let embeddings = model.embeddings.as_ref().unwrap();
    let inputs = [
        embeddings.embed(&TOKENS).unwrap(),
        embeddings.embed(&[2, 5, 3]).unwrap(),
    ];
    let together = FloatReference::run(&model, &inputs).unwrap();
    for (input, output) in inputs.iter().zip(&together) {
        let alone = FloatReference::run(&model, std::slice::from_ref(input)).unwrap();
        assert_eq!(&alone[0], output);
    }
}

#[test]
fn old_norm_names_and_bf16_are_read() {
    let mut checkpoint = Checkpoint::new("bert.", Some(2), "relu");
    for name in checkpoint.tensors.keys().cloned().collect::<Vec<_>>() {
        if name.contains("LayerNorm") {
            let renamed = name.replace("weight", "gamma").replace("bias", "beta");
            let tensor = checkpoint.tensors.remove(&name).unwrap();
            checkpoint.tensors.insert(renamed, tensor);
        }
    }
    let exact = {
        let dir = tempfile::tempdir().unwrap();
        checkpoint.write(dir.path());
        checkpoint::load(dir.path()).unwrap()
    };
    checkpoint.dtype = Dtype::BF16;
    let dir = tempfile::tempdir().unwrap();
    checkpoint.write(dir.path());
    let rounded = checkpoint::load(dir.path()).unwrap();
    assert_eq!(rounded.config.activation, ActivationFunction::Relu);
    let weights = |m: &qbench_protocols::model::float::FloatModel| m.layers[1].key.weights.clone();
    for (a, b) in weights(&exact).iter().zip(weights(&rounded)) {
        assert!((a - b).abs() <= a.abs() / 128.0, "{a} became {b}");
    }
}

/// The fault that loading the checkpoint in `dir` meets.
pub fn fault(dir: &std::path::Path) -> String {
    match checkpoint::load(dir) {
        Err(Error::Model { path, what }) => format!("{path}: {what}"),
        Err(other) => panic!("another kind of error: {other}"),
        Ok(_) => panic!("loaded"),
    }
}

pub fn fault_of(change: impl FnOnce(&mut Checkpoint)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoint = Checkpoint::new("", Some(2), "gelu");
    change(&mut checkpoint);
    checkpoint.write(dir.path());
    fault(dir.path())
}

#[test]
fn broken_checkpoints_are_refused_with_the_fault_named() {
    let query = "encoder.layer.1.attention.self.query.weight";
    type Change<'a> = Box<dyn FnOnce(&mut Checkpoint) + 'a>;
    let set = |key: &'static str, value: serde_json::Value| -> Change<'_> {
        Box::new(move |c: &mut Checkpoint| c.config[key] = value)
    };
    let cases: Vec<(Change<'_>, &str)> = vec![
        (
            set("model_type", json!("electra")),
            "is of architecture `electra`, expected one of `bert`, ",
        ),
        (
            set("hidden_act", json!("silu")),
            "`hidden_act` is `silu`, expected `gelu` or `relu`",
        ),
        (
            set("position_embedding_type", json!("relative_key")),
            "`position_embedding_type` is `relative_key`",
        ),
        (
            set("num_attention_heads", json!(5)),
            "not a multiple of heads = 5",
        ),
        (
            set("num_hidden_layers", json!(3)),
            "no tensor `encoder.layer.2.",
        ),
        (
            set("layer_norm_eps", json!(0)),
            "`layer_norm_eps` is `0`, expected a positive number",
        ),
        (
            set("hidden_size", json!("wide")),
            "`hidden_size` is `wide`, expected a whole number",
        ),
        (
            set("vocab_size", json!(99)),
            "expected shape [99, 12], has [17, 12]",
        ),
        (
            Box::new(|c| drop(c.tensors.remove(query))),
            "has no tensor `encoder.layer.1.attention.self.query.weight`",
        ),
        (
            Box::new(|c| drop(c.tensors.remove("pooler.dense.bias"))),
            "has no tensor `pooler.dense.bias`",
        ),
        (
            Box::new(|c| c.tensors.get_mut(query).unwrap().0 = vec![HIDDEN * HIDDEN]),
            "expected shape [12, 12], has [144]",
        ),
        (
            Box::new(|c| c.tensors.get_mut(query).unwrap().1[3] = f32::NAN),
            "element 3 is NaN, but must be finite",
        ),
        (
            Box::new(|c| c.tensors.get_mut(query).unwrap().1[0] = f32::NEG_INFINITY),
            "element 0 is -inf, but must be finite",
        ),
        (
            Box::new(|c| c.dtype = Dtype::I32),
            "expected type F32 or F16 or BF16, has I32",
        ),
    ];
    for (change, expected) in cases {
        let fault = fault_of(change);
        assert!(
            fault.contains(expected),
            "expected `{expected}` in `{fault}`"
        );
    }
}

#[test]
fn missing_and_cut_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(fault(dir.path()).contains("config.json: cannot be read"));
    Checkpoint::new("", None, "gelu").write(dir.path());
    for name in ["model.safetensors", "config.json"] {
        let path = dir.path().join(name);
        let whole = fs::read(&path).unwrap();
        for length in [0, 7, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let fault = fault(dir.path());
            assert!(
                fault.contains(name) && fault.contains("is cut short or not a"),
                "{fault}"
            );
        }
        fs::write(&path, &whole).unwrap();
    }
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    assert!(fault(dir.path()).contains("model.safetensors: cannot be read"));
}

#[test]
fn sequences_that_the_tables_do_not_hold_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", None, "gelu").write(dir.path());
    let embeddings = checkpoint::load(dir.path()).unwrap().embeddings.unwrap();
    let message = |tokens: &[u32]| embeddings.embed(tokens).unwrap_err().to_string();
    assert!(message(&[]).contains("at least 1 token"));
    assert!(message(&[1, 17]).contains("token 1 has id 17, but the vocabulary holds 17 words"));
    assert!(message(&[1; POSITIONS + 1]).contains("10 tokens, but the position table holds 9"));
    assert_eq!(
        embeddings.embed(&[16; POSITIONS]).unwrap().len(),
        POSITIONS * HIDDEN
    );
}

#[test]
fn inputs_that_are_no_rows_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", None, "gelu").write(dir.path());
    let model = checkpoint::load(dir.path()).unwrap();
    for length in [0, HIDDEN - 1, HIDDEN + 1] {
        let error = FloatReference::run(&model, &[vec![0.5; length]]).unwrap_err();
        assert!(error.to_string().contains("rows of 12 values"), "{error}");
    }
}

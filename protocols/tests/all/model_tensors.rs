//! Weights that do not fit what is computed: left over, missing, or in another file; and keys that are missing, whose values the
//! weights must bear out.

use crate::model_checkpoint::fault;
use crate::model_foreign::{load, output};
use crate::support::{Checkpoint, LAYERS, POSITIONS};
use qbench_protocols::model::config::ActivationFunction;
use serde_json::json;
use std::fs;

fn add(checkpoint: &mut Checkpoint, name: &str, shape: &[usize]) {
    let values = vec![0.25; shape.iter().product()];
    checkpoint
        .tensors
        .insert(name.into(), (shape.to_vec(), values));
}

#[test]
fn tensors_with_which_nothing_is_computed_are_refused_by_name() {
    for name in [
        "cls.predictions.bias",
        "cls.seq_relationship.weight",
        "qa_outputs.weight",
        "encoder.layer.0.crossattention.self.query.weight",
        "encoder.layer.0.attention.self.distance_embedding.weight",
        "encoder.layer.1.attention.self.query.lora_A.weight",
        "encoder.layer.1.output.adapters.one.adapter_down.0.weight",
        "lm_head.decoder.weight",
    ] {
        let mut checkpoint = Checkpoint::new("", None, "gelu");
        add(&mut checkpoint, name, &[4]);
        let fault = load(&checkpoint).err().unwrap();
        assert!(
            fault.contains(&format!("holds the tensor `{name}`")),
            "{fault}"
        );
    }
    // A head for tokens, which has no pooler.
    let mut checkpoint = Checkpoint::new("bert.", Some(9), "gelu");
    checkpoint
        .tensors
        .retain(|name, _| !name.contains("pooler"));
    let fault = load(&checkpoint).err().unwrap();
    assert!(
        fault.contains("no `pooler.dense.weight`") && fault.contains("tokens"),
        "{fault}"
    );
    // A module around the BERT.
    let fault = load(&Checkpoint::new("0.auto_model.", None, "gelu"))
        .err()
        .unwrap();
    assert!(
        fault.contains("`0.auto_model.embeddings.word_embeddings.weight`, expected"),
        "{fault}"
    );
}

#[test]
fn tensors_that_the_original_leaves_out_too_pass() {
    let plain = output(&load(&Checkpoint::new("bert.", None, "gelu")).unwrap());
    let mut checkpoint = Checkpoint::new("bert.", None, "gelu");
    add(
        &mut checkpoint,
        "bert.embeddings.position_ids",
        &[1, POSITIONS],
    );
    assert_eq!(output(&load(&checkpoint).unwrap()), plain);
    // An encoder without a pooler.
    checkpoint
        .tensors
        .retain(|name, _| !name.contains("pooler"));
    assert_eq!(output(&load(&checkpoint).unwrap()), plain);
    // Fewer layers than the weights have, asked for by name.
    checkpoint.config["num_hidden_layers"] = json!(1);
    assert_eq!(load(&checkpoint).unwrap().layers.len(), 1);
}

/// The checkpoint without some keys.
fn without(keys: &[&str], act: &str) -> Checkpoint {
    let mut checkpoint = Checkpoint::new("", None, act);
    let config = checkpoint.config.as_object_mut().unwrap();
    for key in keys {
        config.remove(*key);
    }
    checkpoint
}

#[test]
fn missing_keys_have_the_values_of_the_ecosystem() {
    let plain = output(&load(&Checkpoint::new("", None, "gelu")).unwrap());
    let model = load(&without(
        &["layer_norm_eps", "hidden_act", "type_vocab_size"],
        "relu",
    ))
    .unwrap();
    assert_eq!(model.config.activation, ActivationFunction::Gelu);
    assert_eq!(model.config.layer_norm_epsilon, 1e-12);
    assert_eq!(output(&model), plain);
}

#[test]
fn missing_sizes_that_the_weights_contradict_are_named() {
    for (key, value) in [
        ("hidden_size", "768"),
        ("intermediate_size", "3072"),
        ("num_hidden_layers", "12"),
        ("max_position_embeddings", "512"),
        ("vocab_size", "30522"),
    ] {
        let fault = load(&without(&[key], "gelu")).err().unwrap();
        assert!(
            fault.contains(&format!("config.json has no `{key}` ({value})")),
            "{fault}"
        );
    }
    // Twelve heads divide twelve: as the original, which takes them too.
    assert_eq!(
        load(&without(&["num_attention_heads"], "gelu"))
            .unwrap()
            .config
            .heads,
        12
    );
    // More layers than the default has: no shape shows that.
    let mut deep = without(&["num_hidden_layers"], "gelu");
    for l in LAYERS..13 {
        let of_first: Vec<_> = deep
            .tensors
            .iter()
            .filter(|(name, _)| name.starts_with("encoder.layer.0."))
            .map(|(name, tensor)| {
                (
                    name.replace("layer.0.", &format!("layer.{l}.")),
                    tensor.clone(),
                )
            })
            .collect();
        deep.tensors.extend(of_first);
    }
    let fault = load(&deep).err().unwrap();
    assert!(
        fault.contains("encoder.layer.12.") && fault.contains("no `num_hidden_layers` (12)"),
        "{fault}"
    );
}

#[test]
fn weights_in_other_files_are_named() {
    for (name, expected) in [
        ("model.safetensors.index.json", "in several files"),
        ("pytorch_model.bin", "PyTorch"),
        ("pytorch_model.bin.index.json", "in several files"),
        ("tf_model.h5", "TensorFlow"),
        ("flax_model.msgpack", "Flax"),
        ("model.onnx", "ONNX"),
        ("adapter_model.safetensors", "an adapter"),
        ("model.fp16.safetensors", "another name"),
        ("bert_model.ckpt.index", "TensorFlow"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        Checkpoint::new("", None, "gelu").write(dir.path());
        fs::remove_file(dir.path().join("model.safetensors")).unwrap();
        fs::write(dir.path().join(name), "").unwrap();
        let fault = fault(dir.path());
        assert!(fault.contains(&format!("`{name}` is (")), "{fault}");
        assert!(
            fault.contains(expected) && fault.contains("save_pretrained"),
            "{fault}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", None, "gelu").write(dir.path());
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n";
    fs::write(dir.path().join("model.safetensors"), pointer).unwrap();
    assert!(fault(dir.path()).contains("git lfs pull"));
}

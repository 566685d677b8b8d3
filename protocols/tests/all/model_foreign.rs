//! Checkpoints that ask for another computation than the one here are refused by key or tensor; what changes nothing passes,
//! and what is missing has the ecosystem's value or is named.

use crate::model_checkpoint::{TOKENS, fault, fault_of};
use crate::support::{Checkpoint, LAYERS, POSITIONS};
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::{ActivationFunction, Head};
use qbench_protocols::model::float::FloatModel;
use qbench_protocols::model::reference_float::FloatReference;
use serde_json::json;
use std::fs;

fn load(checkpoint: &Checkpoint) -> Result<FloatModel, String> {
    let dir = tempfile::tempdir().unwrap();
    checkpoint.write(dir.path());
    checkpoint::load(dir.path()).map_err(|e| e.to_string())
}

fn output(model: &FloatModel) -> Vec<f32> {
    let input = model.embeddings.as_ref().unwrap().embed(&TOKENS).unwrap();
    FloatReference::run(model, &[input]).unwrap().remove(0).data
}

fn add(checkpoint: &mut Checkpoint, name: &str, shape: &[usize]) {
    let values = vec![0.25; shape.iter().product()];
    checkpoint
        .tensors
        .insert(name.into(), (shape.to_vec(), values));
}

#[test]
fn keys_that_change_what_is_computed_are_refused_with_their_value() {
    for (key, value) in [
        ("is_decoder", json!(true)),
        ("add_cross_attention", json!(true)),
        ("is_encoder_decoder", json!(true)),
        ("cross_attention_hidden_size", json!(12)),
        ("pruned_heads", json!({"0": [1]})),
        (
            "quantization_config",
            json!({"quant_method": "bitsandbytes"}),
        ),
        ("auto_map", json!({"AutoModel": "modeling.Other"})),
        ("position_embedding_type", json!("relative_key_query")),
        ("position_embedding_type", json!("alibi")),
        ("position_embedding_type", json!(null)),
        ("position_biased_input", json!(false)),
        ("embedding_size", json!(6)),
        ("num_key_value_heads", json!(1)),
        ("head_dim", json!(64)),
        ("rope_theta", json!(10000.0)),
        ("alibi_starting_size", json!(512)),
        ("relative_attention", json!(true)),
        ("feed_forward_type", json!("geglu")),
        ("normalization_type", json!("no_norm")),
        ("model_type", json!("distilbert")),
        ("model_type", json!(7)),
        ("hidden_act", json!("gelu_new")),
        ("hidden_act", json!("gelu_fast")),
        ("hidden_act", json!(null)),
        ("layer_norm_eps", json!(-1e-12)),
        ("layer_norm_eps", json!(0.0)),
        ("hidden_size", json!(12.5)),
        ("num_hidden_layers", json!(-1)),
        ("vocab_size", json!(1u64 << 40)),
    ] {
        let shown = value.as_str().map_or(value.to_string(), str::to_owned);
        let fault = fault_of(|c| c.config[key] = value.clone());
        assert!(fault.contains("config.json: "), "{fault}");
        assert!(
            fault.contains(&format!("`{shown}`")) && fault.contains("expected"),
            "{key}: {fault}"
        );
        assert!(fault.contains(key) || key == "model_type", "{key}: {fault}");
    }
}

#[test]
fn keys_that_change_nothing_pass() {
    let plain = output(&load(&Checkpoint::new("", Some(2), "gelu")).unwrap());
    let mut checkpoint = Checkpoint::new("", Some(2), "gelu");
    for (key, value) in [
        ("is_decoder", json!(false)),
        ("add_cross_attention", json!(null)),
        ("cross_attention_hidden_size", json!(null)),
        ("pruned_heads", json!({})),
        ("quantization_config", json!(null)),
        ("position_embedding_type", json!("absolute")),
        ("embedding_size", json!(12)),
        ("head_dim", json!(4)),
        ("chunk_size_feed_forward", json!(4)),
        ("torch_dtype", json!("float16")),
        ("num_labels", json!(2)),
        ("id2label", json!({"0": "no", "1": "yes"})),
        ("problem_type", json!("multi_label_classification")),
        ("classifier_dropout", json!(0.1)),
        ("hidden_dropout_prob", json!(0.1)),
        ("use_cache", json!(true)),
        ("tie_word_embeddings", json!(true)),
        ("pad_token_id", json!(0)),
        ("pooler_fc_size", json!(768)),
        ("architectures", json!(null)),
        ("a_key_that_nobody_knows", json!(["x"])),
    ] {
        checkpoint.config[key] = value;
    }
    assert_eq!(output(&load(&checkpoint).unwrap()), plain);
}

#[test]
fn heads_that_are_not_implemented_are_refused_by_name() {
    for name in [
        "BertForTokenClassification",
        "BertForQuestionAnswering",
        "BertForMaskedLM",
        "BertForMultipleChoice",
        "BertForNextSentencePrediction",
        "BertForPreTraining",
        "BertLMHeadModel",
        "RobertaModel",
        "Other\nName",
    ] {
        for labels in [None, Some(9)] {
            let fault = {
                let mut checkpoint = Checkpoint::new("bert.", labels, "gelu");
                checkpoint.config["architectures"] = json!([name]);
                load(&checkpoint).err().unwrap()
            };
            assert!(fault.contains("`architectures` names `"), "{fault}");
            assert!(fault.contains(&name.escape_debug().to_string()), "{fault}");
            assert!(fault.contains("BertForSequenceClassification"), "{fault}");
            assert!(!fault.contains('\n'), "{fault}");
        }
    }
    for (names, labels, expected) in [
        (
            json!(["BertModel"]),
            Some(2),
            "holds `classifier.weight`, but `architectures`",
        ),
        (
            json!(["BertForSequenceClassification"]),
            None,
            "has no tensor `classifier.weight`",
        ),
        (
            json!(["BertModel", "BertForSequenceClassification"]),
            Some(2),
            "expected one architecture",
        ),
        (json!("BertModel"), None, "expected a list of names"),
    ] {
        let mut checkpoint = Checkpoint::new("bert.", labels, "gelu");
        checkpoint.config["architectures"] = names;
        let fault = load(&checkpoint).err().unwrap();
        assert!(
            fault.contains(expected),
            "expected `{expected}` in `{fault}`"
        );
    }
}

#[test]
fn heads_that_are_implemented_are_read_under_their_names() {
    for (name, labels, head) in [
        ("BertModel", None, Head::Hidden),
        (
            "BertForSequenceClassification",
            Some(3),
            Head::Classifier { labels: 3 },
        ),
    ] {
        for prefix in ["", "bert."] {
            let mut checkpoint = Checkpoint::new(prefix, labels, "gelu");
            checkpoint.config["architectures"] = json!([name]);
            // An old checkpoint, whose architecture says what it is.
            checkpoint
                .config
                .as_object_mut()
                .unwrap()
                .remove("model_type");
            assert_eq!(load(&checkpoint).unwrap().config.head, head);
        }
    }
    let fault = fault_of(|c| drop(c.config.as_object_mut().unwrap().remove("model_type")));
    assert!(fault.contains("has no `model_type`"), "{fault}");
}

#[test]
fn labels_that_the_weights_do_not_have_are_refused() {
    for (key, value) in [("num_labels", json!(5)), ("id2label", json!({"0": "only"}))] {
        let fault = fault_of(|c| c.config[key] = value);
        assert!(
            fault.contains("has 2 rows") && fault.contains(key),
            "{fault}"
        );
    }
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

#[test]
fn what_is_no_configuration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", None, "gelu").write(dir.path());
    for text in ["[]", "3", "\"bert\"", "null", "{\"model_type\": NaN}"] {
        fs::write(dir.path().join("config.json"), text).unwrap();
        let fault = fault(dir.path());
        assert!(
            fault.contains("is cut short or not a BERT configuration"),
            "{fault}"
        );
    }
}

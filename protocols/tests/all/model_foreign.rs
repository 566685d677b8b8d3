//! Configurations that ask for another computation than the one here are refused by key and value; what changes nothing passes.

use crate::model_checkpoint::{TOKENS, fault, fault_of};
use crate::support::Checkpoint;
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::Head;
use qbench_protocols::model::float::FloatModel;
use qbench_protocols::model::reference_float::FloatReference;
use serde_json::json;
use std::fs;

pub fn load(checkpoint: &Checkpoint) -> Result<FloatModel, String> {
    let dir = tempfile::tempdir().unwrap();
    checkpoint.write(dir.path());
    checkpoint::load(dir.path()).map_err(|e| e.to_string())
}

pub fn output(model: &FloatModel) -> Vec<f32> {
    let input = model.embeddings.as_ref().unwrap().embed(&TOKENS).unwrap();
    FloatReference::run(model, &[input]).unwrap().remove(0).data
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
        ("model_type", json!("electra")),
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

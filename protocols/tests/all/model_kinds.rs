//! BERT's relatives against their original software, on tiny random checkpoints that `scripts/golden_kinds.py` made; and what of them
//! is refused.

use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::Head;
use qbench_protocols::model::quantize::{Quantization, quantize};
use qbench_protocols::model::reference_float::FloatReference;
use qbench_protocols::model::store;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ids: Vec<u32>,
    /// Of a pair of texts.
    types: Option<Vec<u32>>,
    length: usize,
    /// The whole output, or its first and last 60 values.
    output: Vec<f32>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/kinds")
        .join(name)
}

#[test]
fn every_kind_gives_what_its_original_gives() {
    for (name, head) in [
        ("bert-pair", Head::Classifier { labels: 2 }),
        ("roberta", Head::Hidden),
        ("roberta-classifier", Head::Classifier { labels: 3 }),
        ("mpnet", Head::Hidden),
        ("mpnet-classifier", Head::Classifier { labels: 2 }),
        ("distilbert", Head::Hidden),
    ] {
        let dir = folder(name);
        let model = checkpoint::load(&dir).unwrap();
        assert_eq!(model.config.head, head, "{name}");
        assert_eq!(
            model.config.relative_positions,
            name.starts_with("mpnet"),
            "{name}"
        );
        let golden = fs::read(dir.join("golden.json")).unwrap();
        let golden: Golden = serde_json::from_slice(&golden).unwrap();
        let embeddings = model.embeddings.as_ref().unwrap();
        for case in &golden.cases {
            let types = case.types.as_deref();
            let input = embeddings.embed_typed(&case.ids, types).unwrap();
            let output = FloatReference::run(&model, &[input]).unwrap().remove(0);
            assert_eq!(output.data.len(), case.length, "{name}");
            let (first, last) = case.output.split_at(case.output.len().min(60));
            let begin = output.data.iter().zip(first);
            let end = output.data[case.length - last.len()..].iter().zip(last);
            for (actual, expected) in begin.chain(end) {
                assert!(
                    (actual - expected).abs() < 1e-4,
                    "{name}: {actual}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn types_that_a_model_does_not_have_are_refused() {
    let load = |name| checkpoint::load(&folder(name)).unwrap().embeddings.unwrap();
    let fault = |types: &[u32]| {
        let refused = load("bert-pair").embed_typed(&[0, 7, 2], Some(types));
        refused.unwrap_err().to_string()
    };
    assert!(fault(&[0, 2, 1]).contains("token 1 is of type 2, but the model has 2 types"));
    assert!(fault(&[0, 1]).contains("a type for each token"));
    // A model without types takes no note of them.
    let (embeddings, ids) = (load("distilbert"), [0, 7, 2]);
    assert_eq!(
        embeddings.embed_typed(&ids, Some(&[0, 1, 1])).unwrap(),
        embeddings.embed(&ids).unwrap()
    );
}

/// What a model folder keeps of a kind: embeddings with and without token types and padding, and the bias of scores.
#[test]
fn a_model_folder_holds_what_makes_the_kind() {
    for name in ["roberta", "mpnet-classifier", "distilbert"] {
        let model = checkpoint::load(&folder(name)).unwrap();
        let embeddings = model.embeddings.as_ref().unwrap();
        let inputs = [embeddings.embed(&[0, 7, 1, 9, 2]).unwrap()];
        let quantized = quantize(&model, &Quantization::of_bits(8), &inputs).unwrap();
        let dir = tempfile::tempdir().unwrap();
        store::save(dir.path(), &quantized, Some(embeddings), &[]).unwrap();
        assert_eq!(store::load_private(dir.path()).unwrap(), quantized);
        let public = store::load_public(dir.path()).unwrap();
        assert_eq!(public.embeddings.as_ref(), Some(embeddings));
        assert_eq!(public.config, model.config);
    }
}

/// The fault of a checkpoint with another configuration.
fn fault(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let config = fs::read(folder(name).join("config.json")).unwrap();
    let mut config = serde_json::from_slice(&config).unwrap();
    change(&mut config);
    fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    let weights = "model.safetensors";
    fs::copy(folder(name).join(weights), dir.path().join(weights)).unwrap();
    match checkpoint::load(dir.path()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("loaded"),
    }
}

#[test]
fn what_is_not_computed_is_refused() {
    let architecture = |name: &'static str| move |c: &mut Value| c["architectures"] = json!([name]);
    for (fault, expected) in [
        // Its head has a ReLU.
        (
            fault(
                "distilbert",
                architecture("DistilBertForSequenceClassification"),
            ),
            "it must be `DistilBertModel`",
        ),
        (
            fault("roberta", architecture("RobertaForTokenClassification")),
            "it must be `RobertaForSequenceClassification`, or `RobertaModel`",
        ),
        // Another kind's head, and another kind.
        (
            fault("mpnet", architecture("BertModel")),
            "it must be `MPNetForSequenceClassification`, or `MPNetModel`",
        ),
        (
            fault("roberta", |c| c["model_type"] = json!("camembert")),
            "expected one of `bert`, `distilbert`, `roberta`, `mpnet`",
        ),
        (
            fault("mpnet", |c| c["model_type"] = json!("bert")),
            "names `MPNetModel`",
        ),
        (
            fault("roberta", |c| c["pad_token_id"] = json!(159)),
            "of which the first 160 stand for padding",
        ),
        (
            fault("distilbert", |c| c["activation"] = json!("gelu_new")),
            "`activation` is `gelu_new`",
        ),
        (
            fault("mpnet", |c| c["is_decoder"] = json!(true)),
            "`is_decoder` is `true`",
        ),
        (
            fault("mpnet-classifier", architecture("MPNetModel")),
            "names `MPNetModel`, which has no head",
        ),
        (
            fault("mpnet-classifier", architecture("MPNetForMaskedLM")),
            "which has no head",
        ),
    ] {
        assert!(
            fault.contains(expected),
            "expected `{expected}` in `{fault}`"
        );
    }
    // A masked language model's folder with the encoder alone is read, as the original's AutoModel reads it.
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        let text = fs::read(folder("mpnet").join(file)).unwrap();
        fs::write(dir.path().join(file), text).unwrap();
    }
    let path = dir.path().join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("MPNetModel", "MPNetForMaskedLM")).unwrap();
    assert_eq!(
        checkpoint::load(dir.path()).unwrap().config.head,
        Head::Hidden
    );
}

//! The graph in which models are trained (`scripts/train/graph.py`) and the integer reference are one model: with cuts that round to
//! the nearest they give the same logits, and the same numbers wrap. `scripts/train/golden.py` writes what is expected.

use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::store::{PublicModel, load_private, load_public};
use qbench_protocols::model::walk::walk;
use qbench_protocols::quantized::carries::Carries;
use qbench_protocols::quantized::integer::{IntegerModel, PRODUCT, output_unit};
use qbench_protocols::quantized::reference::IntegerReference;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn logits(
    model: &QuantizedModel,
    public: &PublicModel,
    index_bits: u32,
    [tokens, types]: [&[u32]; 2],
    carries: Carries,
) -> (Vec<f64>, u64) {
    let embeddings = public.embeddings.as_ref().unwrap();
    let input = embeddings.embed_typed(tokens, Some(types)).unwrap();
    let indices = IntegerModel::quantize_input(public.input_range, index_bits, &input);
    let integers = IntegerModel::new(model, index_bits, tokens.len()).unwrap();
    let mut reference = IntegerReference::new(&integers, tokens.len(), indices.into_vec(), carries);
    walk(&mut reference, &model.config).unwrap();
    let unit = output_unit(model.config.head, public.output_range, index_bits);
    let logits = reference.output.iter();
    let logits = logits.map(|v| PRODUCT.signed(*v) as f64 * unit).collect();
    let wrapped = reference.sites.into_inner();
    (logits, wrapped.iter().map(|site| site.wrapped).sum())
}

fn numbers(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Holds a model to what the graph has computed with it.
fn hold(dir: &Path, cases: &Path, index_bits: u32) {
    let (model, public) = (load_private(dir).unwrap(), load_public(dir).unwrap());
    let cases = fs::read_to_string(cases).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let (tokens, types) = (numbers(&case["tokens"]), numbers(&case["types"]));
        let of = |carries| logits(&model, &public, index_bits, [&tokens, &types], carries);
        let (nearest, wrapped) = of(Carries::Nearest);
        let expected: Vec<f64> = serde_json::from_value(case["logits"].clone()).unwrap();
        for (ours, theirs) in nearest.iter().zip(&expected) {
            assert!(
                (ours - theirs).abs() < 1e-5,
                "index_bits = {index_bits}, {} tokens: {nearest:?}, and the graph {expected:?}",
                tokens.len()
            );
        }
        let expected = case["wrapped"].as_object().unwrap();
        let expected: u64 = expected.values().filter_map(Value::as_u64).sum();
        assert_eq!(wrapped, expected, "index_bits = {index_bits}");
        // Roundings as a run has them move the logits, so the comparison sees them.
        assert_ne!(of(Carries::random(1)).0, nearest);
    }
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/trained")
}

#[test]
fn the_training_graph_is_the_engine_s() {
    for index_bits in 4..=8 {
        let dir = data().join(format!("index{index_bits}"));
        assert_eq!(load_public(&dir).unwrap().labels, ["low", "high"]);
        hold(&dir, &dir.join("cases.json"), index_bits);
    }
}

#[test]
fn the_model_that_ships_is_what_was_trained() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/sst2");
    let public = load_public(&dir).unwrap();
    assert_eq!(public.labels, ["negative", "positive"]);
    assert_eq!(public.trained_for["index_bits"], "4");
    hold(&dir, &data().join("sst2.json"), 4);
}

//! The model folder: what is saved comes back, and what is broken is refused with the fault named.

use crate::support::Checkpoint;
use qbench_protocols::Error;
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::{Head, ModelConfig};
use qbench_protocols::model::embeddings::Embeddings;
use qbench_protocols::model::quantize::{Quantization, quantize};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::store::{PRIVATE_FILE, PUBLIC_FILE, load_private, load_public, save};
use qbench_protocols::model::synthetic::synthetic;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn real() -> (QuantizedModel, Embeddings) {
    of_bits(1)
}

fn of_bits(weight_bits: u32) -> (QuantizedModel, Embeddings) {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", Some(3), "gelu").write(dir.path());
    let float = checkpoint::load(dir.path()).unwrap();
    let embeddings = float.embeddings.clone().unwrap();
    let inputs = [embeddings.embed(&[2, 10, 11, 3]).unwrap()];
    (
        quantize(&float, &Quantization::of_bits(weight_bits), &inputs).unwrap(),
        embeddings,
    )
}

fn saved() -> TempDir {
    let (model, embeddings) = real();
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), &model, Some(&embeddings), &[]).unwrap();
    dir
}

#[test]
fn a_real_model_comes_back_bit_for_bit() {
    let (model, embeddings) = real();
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("deep/folder");
    save(&dir, &model, Some(&embeddings), &[]).unwrap();
    assert_eq!(load_private(&dir).unwrap(), model);
    let public = load_public(&dir).unwrap();
    assert_eq!(public.config, model.config);
    assert_eq!(public.input_range, model.input_range);
    assert_eq!(
        public.output_range,
        model.head.as_ref().unwrap().logit_range
    );
    assert_eq!(public.embeddings, Some(embeddings.clone()));

    // Saving again replaces, gives the same bytes, and leaves nothing else behind.
    let bytes = |name| fs::read(dir.join(name)).unwrap();
    let before = [bytes(PRIVATE_FILE), bytes(PUBLIC_FILE)];
    save(&dir, &model, Some(&embeddings), &[]).unwrap();
    assert_eq!(before, [bytes(PRIVATE_FILE), bytes(PUBLIC_FILE)]);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
}

#[test]
fn weights_of_any_bits_come_back() {
    for bits in 1..=8 {
        let (model, _) = of_bits(bits);
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &model, None, &[]).unwrap();
        let back = load_private(dir.path()).unwrap();
        assert_eq!(
            (&back, back.layers[0].query.bits()),
            (&model, bits as usize)
        );
    }
}

#[test]
fn synthetic_models_come_back_with_and_without_head() {
    let mut config = ModelConfig::preset("bert-tiny").unwrap();
    for head in [Head::Classifier { labels: 4 }, Head::Hidden] {
        config.head = head;
        let model = synthetic(&config, 1).unwrap();
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &model, None, &[]).unwrap();
        assert_eq!(load_private(dir.path()).unwrap(), model);
        let public = load_public(dir.path()).unwrap();
        assert_eq!(public.output_range, model.output_range().unwrap());
        assert!(public.embeddings.is_none());
    }
}

#[test]
fn the_public_part_holds_no_weight_of_the_encoder() {
    let dir = saved();
    let bytes = fs::read(dir.path().join(PUBLIC_FILE)).unwrap();
    let mut names: Vec<String> = SafeTensors::deserialize(&bytes)
        .unwrap()
        .names()
        .iter()
        .map(|n| n.to_string())
        .collect();
    names.sort();
    let embeddings = [
        "epsilon",
        "norm_beta",
        "norm_gamma",
        "position",
        "token_type",
        "word",
    ];
    let mut expected: Vec<String> = embeddings
        .iter()
        .map(|n| format!("embeddings.{n}"))
        .collect();
    expected.extend(["input.range".into(), "output.range".into()]);
    assert_eq!(names, expected);
}

#[test]
fn a_model_whose_tensors_do_not_fit_is_not_saved() {
    let (mut model, _) = real();
    model.layers[0].key.bias.pop();
    let dir = tempfile::tempdir().unwrap();
    let error = save(dir.path(), &model, None, &[]).unwrap_err().to_string();
    assert!(
        error.contains("`layer0/attention/key.bias` does not fit its shape [12]"),
        "{error}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Rewrites a file with its header or tensors changed.
fn rewrite(path: &Path, change: impl FnOnce(&mut Value, &mut Tensors)) {
    let bytes = fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut json: Value =
        serde_json::from_str(&header.metadata().clone().unwrap()["qbench-model"]).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let own = |(name, t): (&str, TensorView<'_>)| {
        (
            name.to_owned(),
            (t.dtype(), t.shape().to_vec(), t.data().to_vec()),
        )
    };
    let mut tensors: Tensors = file.iter().map(own).collect();
    change(&mut json, &mut tensors);
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        (
            name.as_str(),
            TensorView::new(*dtype, shape.clone(), data).unwrap(),
        )
    });
    let metadata =
        (!json.is_null()).then(|| HashMap::from([("qbench-model".to_owned(), json.to_string())]));
    fs::write(path, safetensors::serialize(views, metadata).unwrap()).unwrap();
}

fn fault(dir: &Path, name: &str) -> String {
    let error = match name {
        PRIVATE_FILE => load_private(dir).map(drop),
        _ => load_public(dir).map(drop),
    };
    match error {
        Err(Error::Model { path, what }) => {
            assert!(path.ends_with(name), "{path}");
            what
        }
        Err(other) => panic!("another kind of error: {other}"),
        Ok(()) => panic!("loaded"),
    }
}

#[test]
fn missing_cut_and_foreign_files_are_refused() {
    let dir = saved();
    for name in [PRIVATE_FILE, PUBLIC_FILE] {
        let path = dir.path().join(name);
        let whole = fs::read(&path).unwrap();
        for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(
                fault(dir.path(), name).contains("is cut short"),
                "{length} bytes"
            );
        }
        fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
        assert!(fault(dir.path(), name).contains("not a safetensors file"));
        fs::remove_file(&path).unwrap();
        assert!(fault(dir.path(), name).contains("cannot be read"));
        fs::write(&path, &whole).unwrap();
    }
    fs::copy(dir.path().join(PUBLIC_FILE), dir.path().join(PRIVATE_FILE)).unwrap();
    let fault = fault(dir.path(), PRIVATE_FILE);
    assert!(
        fault.contains("is the Public part of a model, expected the Private part"),
        "{fault}"
    );
}

#[test]
fn broken_contents_are_refused_with_the_fault_named() {
    type Change = fn(&mut Value, &mut Tensors);
    const QUERY: &str = "layer1/attention/query";
    fn put(tensors: &mut Tensors, name: &str, index: usize, value: f32) {
        let data = &mut tensors.get_mut(name).unwrap().2;
        data[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
    }
    let private: &[(Change, &str)] = &[
        (|h, _| *h = Value::Null, "is no model of this project"),
        (
            |h, _| h["version"] = json!(1),
            "has format version 1, but this program reads version 3",
        ),
        (|h, _| *h = json!({"version": 7}), "has format version 7"),
        (|h, _| *h = json!({"version": 3}), "metadata is broken"),
        (
            |h, _| h["config"]["heads"] = json!(5),
            "not a multiple of heads = 5",
        ),
        (
            |h, _| h["config"]["activation"] = json!("swish"),
            "metadata is broken",
        ),
        (
            |h, _| h["config"]["layer_norm_epsilon"] = json!(-1.0),
            "layer_norm_epsilon is -1",
        ),
        (
            |h, _| h["config"]["layers"] = json!(3),
            "has ranges of 2 layers, and the model has 3",
        ),
        (
            |h, _| h["config"]["hidden"] = json!(24),
            "expected shape [1, 24, 3], has [1, 12, 2]",
        ),
        (
            |_, t| drop(t.remove("layer1/attention/query.bias")),
            "no tensor `layer1/attention/query.bias`",
        ),
        (
            |_, t| t.get_mut("layer1/attention/query.planes").unwrap().1 = vec![1, 24],
            "tensor `layer1/attention/query.planes`: expected shape [1, 12, 2], has [1, 24]",
        ),
        (
            |_, t| t.get_mut("layer1/attention/query.bias").unwrap().0 = Dtype::I32,
            "tensor `layer1/attention/query.bias`: expected type F32, has I32",
        ),
        (
            |_, t| put(t, &format!("{QUERY}.bias"), 2, f32::NAN),
            "element 2 is NaN, but must be finite",
        ),
        (
            |_, t| put(t, "head/pooler.bias", 0, f32::INFINITY),
            "element 0 is inf, but must be finite",
        ),
        (
            |_, t| put(t, &format!("{QUERY}.row_scale"), 4, 0.0),
            "element 4 is 0, but must be positive",
        ),
        (
            |_, t| put(t, &format!("{QUERY}.row_scale"), 4, -2.0),
            "element 4 is -2, but must be positive",
        ),
        (
            |_, t| put(t, "layer0.ranges", 3, 0.0),
            "`layer0.ranges`: element 3 is 0, but must be positive",
        ),
        (
            |_, t| put(t, "head.ranges", 1, f32::NAN),
            "`head.ranges`: element 1 is NaN",
        ),
    ];
    let public: &[(Change, &str)] = &[
        (|h, _| h["version"] = json!(0), "has format version 0"),
        (
            |_, t| put(t, "input.range", 0, -1.0),
            "`input.range`: element 0 is -1",
        ),
        (
            |_, t| drop(t.remove("output.range")),
            "has no tensor `output.range`",
        ),
        (
            |_, t| drop(t.remove("embeddings.position")),
            "has no tensor `embeddings.position`",
        ),
        (
            |h, _| h["config"]["max_positions"] = json!(512),
            "expected 512 rows, has 9",
        ),
        (
            |_, t| put(t, "embeddings.word", 5, f32::NAN),
            "`embeddings.word`: element 5 is NaN",
        ),
        (
            |_, t| put(t, "embeddings.epsilon", 0, 0.0),
            "`embeddings.epsilon`: element 0 is 0",
        ),
        (
            |_, t| t.get_mut("embeddings.word").unwrap().1 = vec![12, 17],
            "`embeddings.word`: expected shape [12, 12], has [12, 17]",
        ),
    ];
    for (name, cases) in [(PRIVATE_FILE, private), (PUBLIC_FILE, public)] {
        for (change, expected) in cases {
            let dir = saved();
            rewrite(&dir.path().join(name), change);
            let fault = fault(dir.path(), name);
            assert!(
                fault.contains(expected),
                "expected `{expected}` in `{fault}`"
            );
        }
    }
}

//! The tokenizer and the float reference against the original software on real encoders: `scripts/fetch_minilm.sh` and
//! `scripts/fetch_mpnet.sh` fetch the checkpoints, `scripts/golden_encoders.py` made the values.

use qbench_protocols::model::checkpoint;
use qbench_protocols::model::reference_float::FloatReference;
use qbench_tokenizer::Tokenizer;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    first_token: Vec<f32>,
    every_token: Vec<Vec<f32>>,
}

#[test]
fn minilm_agrees_with_the_original_software() {
    agrees("minilm-l6", "QBENCH_MINILM", "scripts/fetch_minilm.sh");
}

#[test]
fn mpnet_agrees_with_the_original_software() {
    agrees("mpnet-base", "QBENCH_MPNET", "scripts/fetch_mpnet.sh");
}

fn agrees(name: &str, variable: &str, script: &str) {
    let crate_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let dir = std::env::var_os(variable)
        .map_or_else(|| crate_folder.join("../models").join(name), PathBuf::from);
    if !dir.join(checkpoint::WEIGHTS_FILE).exists() {
        println!("skipped: models/{name} not fetched ({script})");
        return;
    }
    let golden =
        std::fs::read(crate_folder.join(format!("tests/data/{name}_golden.json"))).unwrap();
    let golden: Golden = serde_json::from_slice(&golden).unwrap();
    let tokenizer = Tokenizer::of_checkpoint(&dir).unwrap();
    let model = checkpoint::load(&dir).unwrap();
    let embeddings = model.embeddings.as_ref().unwrap();
    let mut inputs = Vec::new();
    for case in &golden.cases {
        assert_eq!(
            tokenizer.encode(&case.text).unwrap(),
            case.ids,
            "{}",
            case.text
        );
        inputs.push(embeddings.embed(&case.ids).unwrap());
    }
    let outputs = FloatReference::run(&model, &inputs).unwrap();
    let mut worst = 0.0f32;
    for (case, output) in golden.cases.iter().zip(&outputs) {
        let rows: Vec<&[f32]> = output.data.chunks(output.columns).collect();
        assert_eq!(rows.len(), case.ids.len());
        assert_eq!(case.first_token.len(), output.columns);
        let first = rows[0].iter().zip(&case.first_token);
        let every = rows.iter().zip(&case.every_token);
        for (actual, expected) in first.chain(every.flat_map(|(a, e)| a.iter().zip(e))) {
            worst = worst.max((actual - expected).abs());
        }
    }
    println!("largest difference to the original: {worst:e}");
    assert!(worst < 1e-4, "largest difference {worst}");
}

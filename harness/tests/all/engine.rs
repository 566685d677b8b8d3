//! The proposed system through the whole harness: three processes, real checkpoints, checked outputs.

#[path = "../../../protocols/tests/all/support.rs"]
#[allow(dead_code)]
pub mod checkpoint;

use checkpoint::Checkpoint;
use std::path::Path;
use std::process::{Command, Output};

fn qbench(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn rows_are_exact_and_cost_what_is_declared() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = "[model]\npreset = \"bert-tiny\"\n[sweep]\nsystem = \"lut-rss\"\nseq_len = [1, 6]\n\
                    index_bits = [4, 8]\nthreads = 2\n[run]\nrepetitions = 1\nwarmup = 0\n\
                    timeout = \"1min\"\n";
    std::fs::write(dir.path().join("engine.toml"), scenario).unwrap();
    let output = qbench(dir.path(), &["run", "engine.toml", "--out", "out"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut reader = csv::Reader::from_path(dir.path().join("out/runs.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap();
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        assert!(row[column("verified")].contains("bit-exact"), "{row:?}");
        assert_eq!(&row[column("declared_equals_counted")], "true");
        rows += 1;
    }
    assert_eq!(rows, 4);
    let steps = std::fs::read_to_string(dir.path().join("out/steps.csv")).unwrap();
    assert!(steps.contains(",online,layer1/attention/softmax/"));
}

#[test]
fn a_checkpoint_answers_in_private() {
    let dir = tempfile::tempdir().unwrap();
    for (name, labels, answer) in [
        ("classifier", Some(3), "logits ["),
        ("encoder", None, "cosine"),
    ] {
        let model = dir.path().join(name);
        std::fs::create_dir(&model).unwrap();
        Checkpoint::new("bert.", labels, "gelu").write(&model);
        for _ in 0..2 {
            let arguments = [
                "infer", "--model", name, "--text", "a cafe", "--text", "the play",
            ];
            let output = qbench(dir.path(), &arguments);
            let (said, errors) = (text(&output.stdout), text(&output.stderr));
            assert!(output.status.success(), "{errors}");
            assert!(
                said.contains("bit-exact") && said.contains(answer),
                "{said}"
            );
        }
        assert!(model.join("qbench-model/public.safetensors").exists());
    }
    let long = "a b c a b c a b c a b c";
    let output = qbench(dir.path(), &["infer", "--model", "encoder", "--text", long]);
    assert!(
        text(&output.stderr).contains("at most 9"),
        "{}",
        text(&output.stderr)
    );
    let output = qbench(dir.path(), &["infer", "--model", "nowhere", "--text", "a"]);
    assert!(
        text(&output.stderr).contains("holds no model"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_model_folder_runs_in_a_scenario() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("encoder");
    std::fs::create_dir(&model).unwrap();
    Checkpoint::new("", None, "relu").write(&model);
    let infer = qbench(dir.path(), &["infer", "--model", "encoder", "--text", "a"]);
    assert!(infer.status.success(), "{}", text(&infer.stderr));
    let scenario = "[model]\ndir = \"encoder/qbench-model\"\n[sweep]\nsystem = \"lut-rss\"\nseq_len = SEQ\n\
                    [run]\nrepetitions = 1\nwarmup = 0\ntimeout = \"1min\"\n";
    for (seq_len, fits) in [("[2, 9]", true), ("10", false)] {
        std::fs::write(
            dir.path().join("dir.toml"),
            scenario.replace("SEQ", seq_len),
        )
        .unwrap();
        let output = qbench(dir.path(), &["run", "dir.toml", "--out", "out"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.success(), fits, "{said}");
        assert_eq!(said.contains("beyond the 9 positions"), !fits, "{said}");
    }
}

//! A task's metric through private inference: rows an example, a start that goes on, what is refused.

use crate::engine::checkpoint::Checkpoint;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const EXAMPLES: &str = "id\tone\ttwo\tscore\tclass\n\
    a\ta b\tthe cafe\t1.5\t0\n\
    b\tplaying, a\ta b c\t3\t1\n\
    c\tthe\tthe a\t4.5\t2\n\
    d\ta a a\tb\t0\t1\n";

fn place(labels: Option<usize>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    Checkpoint::new("bert.", labels, "gelu").write(&dir.path().join("m"));
    fs::write(dir.path().join("dev.tsv"), EXAMPLES).unwrap();
    let texts = EXAMPLES.lines().skip(1);
    let texts = texts.flat_map(|line| line.split('\t').skip(1).take(2));
    let texts: Vec<&str> = texts.collect();
    fs::write(dir.path().join("texts.txt"), texts.join("\n")).unwrap();
    dir
}

fn evaluate(dir: &Path, more: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qbench"));
    command.current_dir(dir).args([
        "evaluate",
        "--model",
        "m",
        "--weight-bits",
        "8",
        "--calibrate",
        "texts.txt",
        "--file",
        "dev.tsv",
        "--out",
        "out",
    ]);
    let output = command.args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        Some(1) => Err(text(output.stderr)),
        other => panic!("{other:?}: {}", text(output.stderr)),
    }
}

const SIMILARITY: [&str; 8] = [
    "--text", "one", "--text", "two", "--label", "score", "--metric", "pearson",
];
const CLASSES: [&str; 6] = ["--text", "one", "--label", "class", "--metric", "accuracy"];

fn of<'a>(system: &'a str, task: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&["--system", system], task, more].concat()
}

fn rows(dir: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(dir.join("out/runs.csv")).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn pairs_are_compared_and_a_second_system_joins_them() {
    let dir = place(None);
    let said = evaluate(dir.path(), &of("lut-fine", &SIMILARITY, &[])).unwrap();
    assert!(
        said.contains("lut-fine, none: 4 examples, pearson "),
        "{said}"
    );
    let first = rows(dir.path());
    assert_eq!(first.len(), 4);
    for row in &first {
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        assert!(
            (number("prediction") - number("float_prediction")).abs() < 0.3,
            "{row:?}"
        );
    }
    // Nothing is left to do: the rows stay as they are, to the byte.
    let text = fs::read(dir.path().join("out/runs.csv")).unwrap();
    evaluate(dir.path(), &of("lut-fine", &SIMILARITY, &[])).unwrap();
    assert_eq!(fs::read(dir.path().join("out/runs.csv")).unwrap(), text);
    // Half of it is gone: the rest is made again.
    let lines: Vec<&str> = std::str::from_utf8(&text).unwrap().lines().collect();
    fs::write(
        dir.path().join("out/runs.csv"),
        lines[..3].join("\n") + "\n",
    )
    .unwrap();
    evaluate(dir.path(), &of("lut-fine", &SIMILARITY, &[])).unwrap();
    let again = rows(dir.path());
    assert_eq!((again.len(), &again[..2]), (4, &first[..2]));
    for (a, b) in again.iter().zip(&first) {
        for column in [
            "cell",
            "repetition",
            "label",
            "float_prediction",
            "online_total_bytes",
        ] {
            assert_eq!(a[column], b[column], "{a:?}");
        }
    }
    let said = evaluate(
        dir.path(),
        &of("lut-rss", &SIMILARITY, &["--set", "index_bits=4"]),
    )
    .unwrap();
    assert!(
        said.contains("lut-fine") && said.contains("lut-rss"),
        "{said}"
    );
    assert_eq!(rows(dir.path()).len(), 8);
    // Times of more threads are another cell's.
    evaluate(
        dir.path(),
        &of("lut-fine", &SIMILARITY, &["--threads", "2"]),
    )
    .unwrap();
    assert_eq!(rows(dir.path()).len(), 12);
    let metrics = fs::read_to_string(dir.path().join("out/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 4, "{metrics}");
}

#[test]
fn classes_are_counted_over_the_examples_that_are_drawn() {
    let dir = place(Some(3));
    let said = evaluate(
        dir.path(),
        &of("lut-rss", &CLASSES, &["--examples", "3", "--seed", "5"]),
    );
    let rows = rows(dir.path());
    assert_eq!(rows.len(), 3);
    let right = rows.iter().filter(|row| row["label"] == row["prediction"]);
    let value = format!("3 examples, accuracy {:.4}", right.count() as f64 / 3.0);
    let said = said.unwrap();
    assert!(said.contains(&value), "{said}");
    // What `infer` takes for itself.
    assert!(rows.iter().all(|row| row["index_bits"] == "8"));
}

/// Two texts of a classifier are one sequence, the second of another type.
#[test]
fn pairs_of_a_classifier_are_one_sequence() {
    let dir = place(Some(3));
    fs::write(
        dir.path().join("dev.tsv"),
        EXAMPLES.replace("playing, a", "playing"),
    )
    .unwrap();
    let path = dir.path().join("m/tokenizer.json");
    let mut tokenizer: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let pair = |more: [u32; 2]| {
        serde_json::json!([
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": more[0]}},
            {"SpecialToken": {"id": "[SEP]", "type_id": more[1]}},
        ])
    };
    tokenizer["post_processor"]["pair"] = pair([1, 1]);
    fs::write(&path, tokenizer.to_string()).unwrap();
    let task = [
        "--text", "one", "--text", "two", "--label", "class", "--metric", "accuracy",
    ];
    evaluate(dir.path(), &of("lut-fine", &task, &[])).unwrap();
    let rows = rows(dir.path());
    // [CLS] a b [SEP] the cafe [SEP]
    assert_eq!((rows.len(), &rows[0]["tokens"][..]), (4, "7"));
    tokenizer["post_processor"]["pair"] = pair([0, 0]);
    fs::write(&path, tokenizer.to_string()).unwrap();
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    let error = evaluate(dir.path(), &of("lut-fine", &task, &[])).unwrap_err();
    assert!(
        error.contains("frames a pair of texts otherwise"),
        "{error}"
    );
}

#[test]
fn what_a_model_cannot_do_is_refused() {
    let (encoder, classifier) = (place(None), place(Some(3)));
    let refused = |dir: &tempfile::TempDir, arguments: &[&str], expected: &str| {
        let error = evaluate(dir.path(), arguments).unwrap_err();
        assert!(
            error.contains(expected),
            "expected `{expected}` in `{error}`"
        );
    };
    refused(
        &encoder,
        &of("lut-rss", &CLASSES, &[]),
        "has no head: it takes two texts",
    );
    refused(
        &classifier,
        &of("lut-rss", &SIMILARITY, &[]),
        "it gives a class",
    );
    let correlation = ["--text", "one", "--label", "score", "--metric", "spearman"];
    refused(
        &classifier,
        &of("lut-rss", &correlation, &[]),
        "has 3 labels: it gives a class",
    );
    let misnamed = ["--text", "on", "--label", "class", "--metric", "accuracy"];
    refused(
        &classifier,
        &of("lut-rss", &misnamed, &[]),
        "has no column `on`",
    );
    let unknown = ["--text", "one", "--label", "class", "--metric", "acuracy"];
    refused(
        &classifier,
        &of("lut-rss", &unknown, &[]),
        "unknown `acuracy`",
    );
    assert!(!classifier.path().join("out").exists());

    // Nobody's files are taken for ours, and one folder holds one task.
    fs::create_dir(classifier.path().join("out")).unwrap();
    fs::write(classifier.path().join("out/thesis.tex"), "").unwrap();
    refused(
        &classifier,
        &of("lut-rss", &CLASSES, &[]),
        "is not empty and is no run of qbench",
    );
    fs::remove_file(classifier.path().join("out/thesis.tex")).unwrap();
    evaluate(
        classifier.path(),
        &of("lut-rss", &CLASSES, &["--examples", "1"]),
    )
    .unwrap();
    // Some go on with more.
    evaluate(
        classifier.path(),
        &of("lut-rss", &CLASSES, &["--examples", "2"]),
    )
    .unwrap();
    assert!(rows(classifier.path()).len() >= 2);
    fs::write(
        classifier.path().join("dev.tsv"),
        EXAMPLES.replace("4.5", "4"),
    )
    .unwrap();
    refused(
        &classifier,
        &of("lut-rss", &CLASSES, &["--examples", "1"]),
        "holds a run of another plan",
    );
}

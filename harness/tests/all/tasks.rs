//! `[task]` in scenarios: a row an example, systems by turns, a start that goes on, what is refused.

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

const CLASSES: &str = r#"
[task]
name = "sst-2"
file = "dev.tsv"
text = "one"
label = "class"
metric = "accuracy"
float = "m"
"#;

const SIMILARITY: &str = r#"
[task]
file = "dev.tsv"
text = ["one", "two"]
label = "score"
metric = "spearman"
"#;

const REST: &str = r#"
[model]
dir = "m/qbench-model"
[sweep]
system = ["lut-rss", "lut-trunc"]
"#;

fn qbench(dir: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qbench"));
    let output = command.current_dir(dir).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    match output.status.success() {
        true => Ok(said),
        false => Err(said),
    }
}

fn place(labels: Option<usize>, scenario: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    Checkpoint::new("bert.", labels, "gelu").write(&dir.path().join("m"));
    fs::write(dir.path().join("dev.tsv"), EXAMPLES).unwrap();
    fs::write(dir.path().join("t.toml"), scenario).unwrap();
    qbench(dir.path(), &["infer", "--model", "m", "--text", "a b"]).unwrap();
    dir
}

fn rows(dir: &Path, file: &str) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(dir.join("out").join(file)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

const RUN: [&str; 4] = ["run", "t.toml", "--out", "out"];

#[test]
fn a_few_examples_go_on_to_all_and_are_scored() {
    let dir = place(Some(3), &format!("{CLASSES}{REST}"));
    let of_two = [&RUN[..], &["--set", "task.examples=2"]].concat();
    let said = qbench(dir.path(), &of_two).unwrap();
    assert!(
        said.contains("4 measured, 0 had their rows already, 0 errors"),
        "{said}"
    );
    let first = rows(dir.path(), "runs.csv");
    let said = qbench(dir.path(), &RUN).unwrap();
    assert!(
        said.contains("4 measured, 4 had their rows already, 0 errors"),
        "{said}"
    );
    let all = rows(dir.path(), "runs.csv");
    assert_eq!(all.len(), 8);
    assert_eq!(all[..4], first);
    let said = qbench(dir.path(), &RUN).unwrap();
    assert!(said.contains("writing the report again"), "{said}");

    for row in &all {
        assert_eq!((&row["task"][..], &row["error"][..]), ("sst-2", ""));
        assert!(row["online_ns"].parse::<u64>().unwrap() > 0);
        assert!(!row["ideal_prediction"].is_empty());
        let line: Vec<&str> = EXAMPLES.lines().collect();
        let line: Vec<&str> = line[1 + row["repetition"].parse::<usize>().unwrap()]
            .split('\t')
            .collect();
        assert_eq!(row["label"], line[4]);
    }
    let metrics = rows(dir.path(), "metrics.csv");
    assert_eq!(metrics.len(), 2);
    for line in &metrics {
        let own: Vec<_> = all
            .iter()
            .filter(|r| r["system"] == line["system"])
            .collect();
        let right = own.iter().filter(|r| r["label"] == r["prediction"]).count();
        let value: f64 = line["private"].parse().unwrap();
        assert!((value - right as f64 / 4.0).abs() < 1e-9, "{line:?}");
        assert_eq!(line["examples"], "4");
    }
    let page = fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    assert!(page.contains("Task sst-2") && page.contains("Table 1 of arXiv 2508.01636"));
    assert!(page.contains("against online time"));
}

#[test]
fn two_texts_without_a_head_are_two_inferences() {
    let dir = place(None, &format!("{SIMILARITY}{REST}"));
    let said = qbench(
        dir.path(),
        &[&RUN[..], &["--only", "system=lut-rss"]].concat(),
    )
    .unwrap();
    assert!(said.contains("4 measured"), "{said}");
    let rows = rows(dir.path(), "runs.csv");
    for row in &rows {
        let (tokens, prediction): (usize, f64) = (
            row["tokens"].parse().unwrap(),
            row["prediction"].parse().unwrap(),
        );
        assert!(tokens > 4 && prediction.abs() <= 1.0001, "{row:?}");
        // Rounds of both, one after the other.
        assert!(row["online_rounds"].parse::<u64>().unwrap() > 40, "{row:?}");
        assert!(!row["ideal_prediction"].is_empty());
    }
}

#[test]
fn what_is_no_task_is_refused_with_what_would_be_right() {
    let dir = place(Some(3), "");
    let refused = |scenario: &str, expected: &str| {
        fs::write(dir.path().join("t.toml"), scenario).unwrap();
        let said = qbench(dir.path(), &RUN).unwrap_err();
        assert!(said.contains(expected), "expected `{expected}` in `{said}`");
        assert!(!dir.path().join("out").exists());
    };
    let with = |from: &str, to: &str| format!("{}{REST}", CLASSES.replace(from, to));
    refused(&with("label = \"class\"", ""), "`task.label`: is missing");
    refused(&with("accuracy", "acuracy"), "did you mean `accuracy`");
    refused(
        &with("accuracy", "spearman"),
        "it gives a class: use accuracy",
    );
    refused(&with("dev.tsv", "nowhere.tsv"), "cannot read nowhere.tsv");
    refused(
        &with("\"one\"", "\"ones\""),
        "no column `ones`; did you mean `one`?",
    );
    refused(
        &with("\"one\"", "[\"one\", \"two\", \"id\"]"),
        "one column of texts, or two",
    );
    let more = |text: &str| format!("{CLASSES}{REST}{text}");
    refused(&more("seq_len = 8\n"), "each example has its own length");
    refused(
        &more("[run]\nrepetitions = 3\n"),
        "each example is run once",
    );
    let synthetic = REST.replace("dir = \"m/qbench-model\"", "preset = \"bert-tiny\"");
    refused(
        &format!("{CLASSES}{synthetic}"),
        "a synthetic model says nothing of texts",
    );
    let verify = more("[run]\nverify = false\n");
    refused(&verify, "a task needs checked outputs");
}

/// A checkpoint is quantized once for each width, and the rows say which is which.
#[test]
fn widths_of_a_checkpoint_are_swept() {
    let rest = r#"
[model]
dir = "m"
[sweep]
system = "lut-fine"
weight_bits = [1, 8]
activation_bits = [3, 7]
"#;
    let dir = place(Some(3), &format!("{CLASSES}{rest}"));
    let of_two = [&RUN[..], &["--set", "task.examples=2"]].concat();
    let said = qbench(dir.path(), &of_two).unwrap();
    assert!(
        said.contains("8 measured, 0 had their rows already, 0 errors"),
        "{said}"
    );
    let metrics = rows(dir.path(), "metrics.csv");
    let mut widths: Vec<(&str, &str)> = metrics
        .iter()
        .map(|line| (&line["weight_bits"][..], &line["activation_bits"][..]))
        .collect();
    widths.sort_unstable();
    assert_eq!(widths, [("1", "3"), ("1", "7"), ("8", "3"), ("8", "7")]);
    let rows = rows(dir.path(), "runs.csv");
    let bytes = |bits: &str| -> u64 {
        let mut found = rows.iter();
        let row = found.find(|row| row["activation_bits"] == bits).unwrap();
        row["online_total_bytes"].parse().unwrap()
    };
    assert!(bytes("3") < bytes("7"));
    let figures = fs::read_dir(dir.path().join("out/figures")).unwrap();
    let mut names = figures.map(|entry| entry.unwrap().file_name());
    assert!(names.any(|name| name.to_string_lossy().ends_with("metric-lines.svg")));
    let synthetic = rest.replace("dir = \"m\"", "preset = \"bert-tiny\"") + "seq_len = 8\n";
    fs::write(dir.path().join("t.toml"), synthetic).unwrap();
    let said = qbench(dir.path(), &["list", "t.toml"]).unwrap_err();
    assert!(
        said.contains("is of the quantized form of a checkpoint"),
        "{said}"
    );
}

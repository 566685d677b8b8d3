//! Bit plans from the command line: what they change, what is refused, and what a bit more or less costs.

use crate::engine::checkpoint::Checkpoint;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs `qbench` beside a checkpoint `m`, a plan and texts.
fn qbench(dir: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qbench"));
    let output = command.args(arguments).current_dir(dir).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        Some(1) => Err(text(output.stderr)),
        other => panic!("{other:?}: {}", text(output.stderr)),
    }
}

fn place(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    Checkpoint::new("bert.", Some(3), "gelu").write(&dir.path().join("m"));
    fs::write(dir.path().join("plan.toml"), plan).unwrap();
    fs::write(dir.path().join("texts.txt"), "a b\n\nthe cafe, playing\n").unwrap();
    dir
}

const PLAN: &str = "[all]\ninner = { bits = 7, headroom = 1.4 }\n[layer.1]\nsum = { bits = 13, percentile = 99.0 }\n";

#[test]
fn a_plan_changes_what_is_computed_and_sent() {
    let dir = place(PLAN);
    let infer = |more: &[&str]| {
        let fixed = [
            "infer",
            "--model",
            "m",
            "--system",
            "lut-fine",
            "--text",
            "a b",
            "--weight-bits",
            "8",
        ];
        qbench(dir.path(), &[&fixed, more].concat()).unwrap()
    };
    let private = || fs::read(dir.path().join("m/qbench-model-8bit/private.safetensors")).unwrap();
    let bytes_of = |said: &str| {
        let line = said.lines().find(|line| line.contains("offline")).unwrap();
        line.split_whitespace().rev().nth(3).unwrap().to_owned()
    };
    let default = infer(&[]);
    let form = private();
    let planned = infer(&["--bit-plan", "plan.toml"]);
    for said in [&default, &planned] {
        assert!(said.contains("bit-exact"), "{said}");
    }
    assert_ne!(bytes_of(&default), bytes_of(&planned));
    assert_ne!(private(), form);
    // Ranges alone: as long, and another model all the same.
    let form = private();
    fs::write(dir.path().join("plan.toml"), PLAN.replace("1.4", "1.5")).unwrap();
    let other = infer(&["--bit-plan", "plan.toml"]);
    assert_eq!(bytes_of(&other), bytes_of(&planned));
    assert_ne!(private(), form);
}

#[test]
fn a_plan_that_cannot_be_right_is_one_error() {
    for (plan, expected) in [
        (
            "[all]\nindex = { bits = 9 }",
            "`index` must have 2 to 7 bits, not 9",
        ),
        (
            "[layer.2]\nindex = { bits = 5 }",
            "names layer `2`, and m has layers 0 to 1",
        ),
        ("[all]\nindx = { bits = 5 }", "there is no site `indx`"),
        ("all", "bit plan plan.toml"),
    ] {
        let dir = place(plan);
        let arguments = [
            "infer",
            "--model",
            "m",
            "--text",
            "a",
            "--bit-plan",
            "plan.toml",
        ];
        let error = qbench(dir.path(), &arguments).unwrap_err();
        assert!(
            error.contains(expected),
            "expected `{expected}` in `{error}`"
        );
        assert!(!dir.path().join("m/qbench-model").exists());
    }
    let dir = place(PLAN);
    let arguments = ["infer", "--model", "m", "--text", "a"];
    qbench(dir.path(), &arguments).unwrap();
    let arguments = [
        "infer",
        "--model",
        "m/qbench-model",
        "--text",
        "a",
        "--bit-plan",
        "plan.toml",
    ];
    let error = qbench(dir.path(), &arguments).unwrap_err();
    assert!(error.contains("is quantized already"), "{error}");
}

#[test]
fn every_site_is_said_with_a_bit_less_and_a_bit_more() {
    let dir = place(PLAN);
    let fixed = [
        "sensitivity",
        "--model",
        "m",
        "--weight-bits",
        "8",
        "--texts",
        "texts.txt",
        "--csv",
        "s.csv",
    ];
    let said = qbench(dir.path(), &fixed).unwrap();
    assert!(said.contains("m, 2 texts: error "), "{said}");
    let bits = |site: &str| {
        let line = said
            .lines()
            .find(|line| line.split_whitespace().next() == Some(site));
        line.unwrap_or_else(|| panic!("no {site} in {said}"))
            .split_whitespace()
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (bits("inner"), bits("sum"), bits("variance")),
        ("5".into(), "12".into(), "12".into())
    );
    let csv = fs::read_to_string(dir.path().join("s.csv")).unwrap();
    assert!(csv.starts_with("site,layer,bits,plan_bits,relative_rms_error,wrapped,values\n,,,,0."));
    assert!(
        csv.contains("\ninner,,4,5,") && csv.contains("\ninner,,6,5,"),
        "{csv}"
    );

    let planned = [&fixed[..], &["--bit-plan", "plan.toml", "--by-layer"]].concat();
    let said = qbench(dir.path(), &planned).unwrap();
    for expected in ["layer0 sum", "layer1 sum", "layer0 inner"] {
        assert!(said.contains(expected), "{said}");
    }
    let csv = fs::read_to_string(dir.path().join("s.csv")).unwrap();
    assert!(
        csv.contains("\nsum,1,12,13,") && csv.contains("\nsum,0,11,12,"),
        "{csv}"
    );
    let error = qbench(
        dir.path(),
        &["sensitivity", "--model", "m", "--texts", "no.txt"],
    );
    assert!(
        error
            .unwrap_err()
            .contains("cannot read the sentences of no.txt")
    );
}

//! A machine that is held to fewer instruction sets: the parties compute the same, and what was measured says so.

use std::path::Path;
use std::process::{Command, Output};

fn qbench(dir: &Path, isa: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args(arguments)
        .current_dir(dir)
        .env("QBENCH_ISA", isa)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn runs_are_exact_and_are_another_machines() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = "[model]\npreset = \"bert-tiny\"\n[sweep]\nsystem = [\"lut-rss\", \"lut-fine\"]\nseq_len = 6\n\
                    [run]\nrepetitions = 1\nwarmup = 0\ntimeout = \"1min\"\n";
    std::fs::write(dir.path().join("held.toml"), scenario).unwrap();
    for isa in ["avx2", "portable"] {
        let run = ["run", "held.toml", "--out", isa];
        let output = qbench(dir.path(), isa, &run);
        assert!(output.status.success(), "{}", said(&output));
        let read = |file: &str| std::fs::read_to_string(dir.path().join(isa).join(file)).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&read("manifest.json")).unwrap();
        let machine = &manifest["machine"];
        assert_eq!(machine["isa"], isa);
        let name = machine["name"].as_str().unwrap();
        assert!(name.ends_with(&format!("-{isa}")), "{name}");
        assert!(!machine["cpu_flags"].to_string().contains("avx512"));
        assert_eq!(read("runs.csv").matches(&format!(",{name},")).count(), 2);
        assert!(read("report.html").contains("held to (QBENCH_ISA)"));

        let refused = qbench(dir.path(), "native", &run);
        let error = said(&refused);
        assert!(!refused.status.success() && error.contains(isa), "{error}");
    }
}

#[test]
fn doctor_says_what_the_kernels_are_held_to() {
    let dir = tempfile::tempdir().unwrap();
    for (isa, expected) in [("avx2", true), ("native", false)] {
        let output = qbench(dir.path(), isa, &["doctor"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.contains("QBENCH_ISA holds"), expected, "{text}");
    }
}

#[test]
fn an_unknown_value_is_one_error_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["doctor"][..], &["list"]] {
        let output = qbench(dir.path(), "avx9", arguments);
        assert!(!output.status.success() && output.stdout.is_empty());
        let expected = "error: QBENCH_ISA is `avx9`, and takes one of portable, avx2, native\n";
        assert_eq!(said(&output), expected);
    }
}

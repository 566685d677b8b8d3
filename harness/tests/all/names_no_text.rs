//! Folders and arguments whose bytes are no UTF-8.

use crate::engine::checkpoint::Checkpoint;
use crate::support::scenario;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const NAME: &[u8] = b"m\xff";

fn qbench(dir: &Path, arguments: &[&[u8]]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qbench"))
        .args(arguments.iter().map(|a| OsStr::from_bytes(a)))
        .current_dir(dir)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_checkpoint_answers_from_any_folder() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join(OsStr::from_bytes(NAME));
    fs::create_dir(&model).unwrap();
    Checkpoint::new("bert.", Some(3), "gelu").write(&model);
    let began = Instant::now();
    for more in [&[][..], &[&b"--quantized"[..], b"q\xfe"]] {
        let arguments = [&[&b"infer"[..], b"--model", NAME, b"--text", b"a"], more].concat();
        let output = qbench(dir.path(), &arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("logits ["));
    }
    assert!(began.elapsed() < Duration::from_secs(300));
    assert!(
        dir.path()
            .join(OsStr::from_bytes(b"q\xfe/made.json"))
            .exists()
    );
    let arguments = [
        &b"cost"[..],
        b"--system",
        b"lut-rss",
        b"--model",
        NAME,
        b"--seq",
        b"4",
    ];
    let output = qbench(dir.path(), &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_run_goes_into_any_folder_and_its_command_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    // With material on the disk, whose folder the parties are told.
    let text_of = scenario("lut-rss", "material = \"disk\"\n");
    fs::write(dir.path().join(OsStr::from_bytes(b"s\xff.toml")), text_of).unwrap();
    let output = qbench(dir.path(), &[b"run", b"s\xff.toml", b"--out", NAME]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = dir.path().join(OsStr::from_bytes(NAME));
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["starts"][0]["command"][4], "m\\xff");
    assert_eq!(manifest["scenario"], "s\\xff");
    for command in [&b"report"[..], b"cmp"] {
        let output = qbench(dir.path(), &[command, NAME]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let output = qbench(dir.path(), &[b"archive", NAME, b"--to", b"a\xff"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // An argument that must be text is refused as one.
    let output = qbench(dir.path(), &[b"run", b"s\xff.toml", b"--set", b"\xff"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

//! What is printed: readers that leave, disks that are full, and standard error that cannot be written.

use crate::fixture::{Fixture, LAN, SYSTEMS};
use crate::support::{Place, said, scenario};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A scenario of several repetitions.
fn several() -> Place {
    let text = scenario("own", "").replace("repetitions = 1", "repetitions = 3");
    Place::new(&text)
}

#[test]
fn progress_that_cannot_be_written_never_ends_a_run() {
    let place = several();
    let mut command = place.command(&["run", "test.toml", "--out", "out"]);
    let status = command.stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(place.rows().len(), 3);

    // `2>&1 | head -1`
    let place = several();
    let mut command = place.command(&["run", "test.toml", "--out", "out"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(0), "after {line}");
    assert_eq!(place.rows().len(), 3);
}

/// Commands that print, with a run `out` and a scenario `test.toml`.
const PRINT: &[&[&str]] = &[
    &["list"],
    &["list", "test.toml"],
    &[
        "cost",
        "--system",
        "lut-rss",
        "--model",
        "bert-tiny",
        "--seq",
        "8",
        "--by-layer",
    ],
    &["cmp", "out", "--csv", "ratios.csv"],
    &["diff", "out", "out"],
    &["predict", "out", "--link", "1gbit,10ms"],
    &["archive", "out", "--to", "archive"],
    &["report", "--published"],
    &["link", "list"],
    &["doctor"],
    &["--help"],
    &["help", "run"],
    &["--version"],
];

/// A place with a run, its report, and a scenario.
fn printing() -> Place {
    let place = Place::of_qbench(&scenario("lut-rss", ""));
    Fixture::new(&place.path("out"))
        .sweep(&SYSTEMS, &[8], &[LAN], 2, true)
        .write("[[figure]]\nkind = \"lines\"\ny = \"online_seconds\"\n");
    let report = place.output(&["report", "out"]);
    assert!(report.status.success(), "{}", said(&report));
    place
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let place = printing();
    for arguments in PRINT {
        let mut command = place.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // At once, as `true` does.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?} {}",
            said(&output)
        );
        assert!(
            !said(&output).contains("error"),
            "{arguments:?} {}",
            said(&output)
        );
    }
    // What a command writes besides is whole.
    for file in ["ratios.csv", "out/predicted.csv", "archive/runs.csv"] {
        assert!(place.path(file).exists(), "{file}");
    }
}

#[test]
fn a_full_disk_under_the_output_is_one_clear_error() {
    let place = printing();
    for arguments in PRINT.iter().filter(|a| **a != ["link", "list"]) {
        let mut command = place.command(arguments);
        command.stdout(full()).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?} {}",
            said(&output)
        );
        let log = said(&output);
        let errors: Vec<&str> = log.lines().filter(|l| l.starts_with("error:")).collect();
        assert_eq!(errors.len(), 1, "{arguments:?} {log}");
        assert!(
            errors[0].contains("cannot write to standard output: No space left"),
            "{log}"
        );
    }
}

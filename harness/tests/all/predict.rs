//! Traces of real runs, replayed.

use crate::support::{Place, said, scenario};
use std::collections::HashMap;
use std::path::Path;

/// Two links that are far apart, so that noise is small against what is predicted.
fn two_links() -> String {
    let text = scenario(
        "lut-rss",
        "[[figure]]\nkind = \"heatmap\"\ntitle = \"map\"\n",
    );
    text.replace(
        "link = \"slow\"\n[link.slow]\nbandwidth = \"1gbit\"\nrtt = \"2ms\"\n",
        "",
    )
    .replace(
        "[run]",
        "[grid]\nbandwidth = [\"20mbit\", \"200mbit\"]\nrtt = [\"10ms\", \"40ms\"]\n[run]",
    )
}

fn table(path: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap()
}

#[test]
fn a_run_predicts_its_other_links_and_its_rounds() {
    let place = Place::of_qbench(&two_links());
    let output = place.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let rows = place.rows();
    assert_eq!(rows.len(), 4);

    let output = place.output(&["predict", "out", "--validate"]);
    assert!(output.status.success(), "{}", said(&output));
    let held = table(&place.path("out/validation.csv"));
    assert_eq!(held.len(), 8, "two phases of four cells");
    for cell in &held {
        // A loose bound for machines with other work; predictions are within some percent on a quiet one.
        let error = number(cell, "error_percent");
        assert!(error.abs() < 40.0, "{cell:?}");
        assert!(
            !cell["link"].starts_with(&cell["from_trace_of"]),
            "{cell:?}"
        );
    }

    // Rounds by replay are the rounds that the parties counted.
    let output = place.output(&[
        "predict",
        "out",
        "--link",
        "1gbit,1ms",
        "--link",
        "10mbit,80ms",
    ]);
    assert!(output.status.success(), "{}", said(&output));
    let predicted = table(&place.path("out/predicted.csv"));
    assert_eq!(predicted.len(), 2);
    for phase in ["offline", "online"] {
        assert_eq!(
            predicted[0][&format!("{phase}_rounds")],
            rows[0][&format!("{phase}_rounds")]
        );
        let seconds = format!("{phase}_s");
        assert!(number(&predicted[0], &seconds) < number(&predicted[1], &seconds));
    }
    // Latency is never below what rounds alone take.
    let floor = number(&predicted[1], "online_rounds") * 0.04;
    assert!(number(&predicted[1], "online_s") >= floor);

    // What was said before is never overwritten, and not written twice.
    for (arguments, file) in [
        (
            &["predict", "out", "--link", "1gbit,1ms"][..],
            "predicted-2.csv",
        ),
        (
            &["predict", "out", "--link", "1gbit,1ms"],
            "predicted-2.csv",
        ),
        (&["predict", "out", "--grid"], "predicted-3.csv"),
    ] {
        assert!(place.output(arguments).status.success());
        assert!(place.path("out").join(file).exists());
    }
    assert_eq!(table(&place.path("out/predicted-3.csv")).len(), 400);
    assert!(!place.path("out/predicted-4.csv").exists());

    let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("Prediction against measurement"));
    assert!(page.contains("The links as they were"));
    assert!(
        place
            .path("out/figures/01-online_seconds-heatmap.svg")
            .exists()
    );
}

#[test]
fn what_cannot_be_predicted_says_why() {
    let place = Place::of_qbench(&scenario("lut-rss", "trace = false\n"));
    assert!(place.run(&[]).status.success());
    assert!(!place.path("out/trace").exists());
    let output = place.output(&["predict", "out", "--grid"]);
    assert!(
        said(&output).contains("no whole traces"),
        "{}",
        said(&output)
    );
    let place = Place::of_qbench(&scenario("lut-rss", ""));
    assert!(place.run(&[]).status.success());
    for (arguments, word) in [
        (&["--validate"][..], "differ in their link only"),
        (&["--link", "100mbit"], "round trip"),
        (&["--link", "100mbit,40"], "unit"),
        (&["--grid", "--compute", "fast"], "wall, cpu and none"),
        (&[], "--link"),
    ] {
        let all: Vec<&str> = ["predict", "out"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let output = place.output(&all);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(word), "{}", said(&output));
    }
    let trace = std::fs::read_dir(place.path("out/trace")).unwrap();
    let trace = trace.map(|file| file.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&trace).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&trace, bytes).unwrap();
    let output = place.output(&["predict", "out", "--grid"]);
    assert!(said(&output).contains("was damaged"), "{}", said(&output));
}

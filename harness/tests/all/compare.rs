//! Systems beside each other, and a run beside an earlier one.

use crate::fixture::{Fixture, LAN, SYSTEMS, WAN};
use crate::support::{Place, said};
use std::collections::HashMap;
use std::path::Path;
use std::process::Output;

fn place() -> Place {
    Place::of_qbench("")
}

fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn table(path: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// The line of a system and phase under a heading that holds `heading`.
fn line<'a>(text: &'a str, heading: &str, system: &str, phase: usize) -> Vec<&'a str> {
    let rest = &text[text
        .find(heading)
        .unwrap_or_else(|| panic!("{heading} in {text}"))..];
    let lines: Vec<&str> = rest.lines().collect();
    let at = lines.iter().position(|l| l.starts_with(system)).unwrap();
    lines[at + phase].split_whitespace().collect()
}

#[test]
fn pairs_within_a_run_cancel_the_drift_of_the_machine() {
    let place = place();
    Fixture::new(&place.path("a"))
        .sweep(&SYSTEMS, &[8, 32], &[LAN, WAN], 4, false)
        .write("");
    let output = place.output(&["cmp", "a", "--csv", "ratios.csv"]);
    let text = printed(&output);
    // Every combination of settings has its own table.
    assert_eq!(text.matches("crypten / system").count(), 4 + 1, "{text}");
    assert!(text.contains("bert-base, 12 layers, n = 8, 1 thread, lan (5gbit, 0.2ms RTT, shaped)"));
    assert!(
        text.contains("max_protocol does not apply to crypten"),
        "{text}"
    );
    let said = "activation differs: lut-rss has relu, crypten has gelu";
    assert_eq!(text.matches(said).count(), 1, "{text}");
    let online = line(&text, "n = 8, 1 thread, lan", "lut-rss", 0);
    assert_eq!(online[..4], ["lut-rss", "-", "online", "4"], "{text}");
    let base = line(&text, "n = 8, 1 thread, lan", "crypten ", 0);
    assert_eq!(base.last(), Some(&"base"));
    // No offline phase: no ratio, nothing invented.
    let none = line(&text, "n = 8, 1 thread, lan", "crypten-pypi", 1);
    assert_eq!((none[0], none.last()), ("offline", Some(&"-")), "{text}");

    let rows = table(&place.path("ratios.csv"));
    let of = |system: &str, quantity: &str, seq_len: &str, link: &str| {
        let mut found = rows.iter().filter(|row| {
            row["system"] == system
                && row["quantity"] == quantity
                && row["seq_len"] == seq_len
                && row["link"] == link
        });
        let row = found.next().unwrap().clone();
        assert!(found.next().is_none());
        row
    };
    let number = |row: &HashMap<String, String>, column: &str| row[column].parse::<f64>().unwrap();
    for (seq_len, link) in [("8", "lan"), ("32", "lan"), ("8", "wan"), ("32", "wan")] {
        let row = of("lut-rss", "online_seconds", seq_len, link);
        assert_eq!(
            (&*row["ratio_how"], &*row["ratio_repetitions"]),
            ("paired", "4")
        );
        // Drift between repetitions is a quarter; the pairs differ by their own noise only.
        assert!(number(&row, "high") > 1.2 * number(&row, "low"), "{row:?}");
        assert!(
            number(&row, "ratio_high") < 1.1 * number(&row, "ratio_low"),
            "{row:?}"
        );
        assert!(number(&row, "ratio") > 2.0);
        let bytes = of("lut-rss", "online_bytes", seq_len, link);
        let expected = 553_000.0 * seq_len.parse::<f64>().unwrap();
        assert_eq!(number(&bytes, "median"), expected);
        assert_eq!(of("crypten", "online_seconds", seq_len, link)["ratio"], "");
    }
    let format = include_str!("../../../docs/FORMAT.md");
    for column in rows[0].keys() {
        assert!(
            format.contains(&format!("`{column}`")),
            "{column} is not documented"
        );
    }
}

#[test]
fn ratios_never_mix_settings() {
    let place = place();
    Fixture::new(&place.path("a"))
        .sweep(&SYSTEMS[..1], &[8], &[LAN], 3, false)
        .sweep(&SYSTEMS[1..2], &[128], &[LAN], 3, false)
        .sweep(&SYSTEMS[1..2], &[8], &[WAN], 3, false)
        .write("");
    let text = printed(&place.output(&["cmp", "a"]));
    assert!(!text.contains("crypten / system"), "{text}");
    assert!(text.contains("nothing to compare"), "{text}");
}

#[test]
fn ratios_across_runs_are_marked() {
    let place = place();
    Fixture::new(&place.path("a"))
        .sweep(&SYSTEMS[..1], &[8], &[LAN], 3, false)
        .write("");
    Fixture::new(&place.path("b"))
        .sweep(&SYSTEMS[1..2], &[8], &[LAN], 3, false)
        .write("");
    let output = place.output(&["cmp", "a", "b", "--base", "lut-rss", "--csv", "t.csv"]);
    let text = printed(&output);
    assert!(
        text.contains("~ unpaired") && text.contains("[1] a"),
        "{text}"
    );
    let online = line(&text, "n = 8", "crypten [2]", 0);
    assert!(online.iter().any(|word| word.starts_with('~')), "{text}");
    let rows = table(&place.path("t.csv"));
    let how = |row: &HashMap<String, String>| row["ratio_how"].clone();
    assert!(rows.iter().all(|row| how(row) != "paired"));
    assert!(rows.iter().any(|row| how(row) == "unpaired"));
}

#[test]
fn differences_beyond_intervals_are_flagged() {
    let place = place();
    let systems = &SYSTEMS[..1];
    Fixture::new(&place.path("old"))
        .sweep(systems, &[8, 16], &[LAN], 3, false)
        .write("");
    let same = printed(&place.output(&["diff", "old", "old"]));
    assert!(
        same.contains("cells in both: 2, changed beyond their intervals: 0"),
        "{same}"
    );
    assert!(!same.contains("warning"), "{same}");

    // Half the computing and one byte a token more; another length; another link mode.
    let [mut lut, ..] = SYSTEMS;
    lut.compute_ns = [90_000_000, 20_000_000];
    lut.bytes[1] += 1;
    Fixture::new(&place.path("new"))
        .sweep(&[lut], &[8, 32], &[LAN], 3, false)
        .write("");
    let runs = place.path("new/runs.csv");
    let text = std::fs::read_to_string(&runs).unwrap();
    let text = text
        .replace(",shaped,", ",relay,")
        .replace(",made-up,", ",other,");
    std::fs::write(&runs, text).unwrap();
    let diff = printed(&place.output(&["diff", "old", "new"]));
    assert!(
        diff.contains("the machines differ: made-up and other"),
        "{diff}"
    );
    assert!(
        diff.contains("emulated differently: shaped and relay"),
        "{diff}"
    );
    let of = |name: &str| {
        let found = diff.lines().find(|l| l.trim_start().starts_with(name));
        found
            .unwrap_or_else(|| panic!("{name} in {diff}"))
            .to_owned()
    };
    assert!(of("online ").contains("CHANGED (less)"), "{diff}");
    assert!(!of("offline ").contains("CHANGED"), "{diff}");
    assert!(of("online bytes").contains("CHANGED (more)"), "{diff}");
    assert!(!diff.contains("offline bytes"), "{diff}");
    assert!(
        diff.contains("cells in both: 1, changed beyond their intervals: 1")
            && diff.contains("only in the old run: 1, only in the new: 1")
    );
}

#[test]
fn runs_of_before_activations_were_recorded_are_matched() {
    let place = place();
    for folder in ["old", "new"] {
        Fixture::new(&place.path(folder))
            .sweep(&SYSTEMS[..2], &[8], &[LAN], 2, false)
            .write("");
    }
    let runs = place.path("old/runs.csv");
    let text = std::fs::read_to_string(&runs).unwrap();
    std::fs::write(&runs, text.replace(",relu,", ",,")).unwrap();
    let diff = printed(&place.output(&["diff", "old", "new"]));
    assert!(
        diff.contains("cells in both: 2, changed beyond their intervals: 0"),
        "{diff}"
    );
}

#[test]
fn one_repetition_has_no_interval_to_change_beyond() {
    let place = place();
    let [mut lut, ..] = SYSTEMS;
    Fixture::new(&place.path("old"))
        .sweep(&SYSTEMS[..1], &[8], &[LAN], 1, false)
        .write("");
    lut.compute_ns = [1, 1];
    Fixture::new(&place.path("new"))
        .sweep(&[lut], &[8], &[LAN], 1, false)
        .write("");
    let diff = printed(&place.output(&["diff", "old", "new"]));
    assert!(
        diff.contains("one repetition") && !diff.contains("CHANGED"),
        "{diff}"
    );
}

#[test]
fn folders_that_are_no_runs_are_said() {
    let place = place();
    Fixture::new(&place.path("results/a"))
        .row(&[("system", "own"), ("error", "out of luck")])
        .write("");
    Fixture::new(&place.path("results/b"))
        .sweep(&SYSTEMS[..1], &[8], &[LAN], 1, false)
        .write("");
    for (arguments, part) in [
        (
            &["cmp", "nowhere"][..],
            "nowhere is no run: it has no runs.csv: it does not exist",
        ),
        (
            &["cmp", "results"],
            "results is no run: it has no runs.csv; the runs in it are 2 (such as results/b)",
        ),
        (
            &["cmp", "results/a"],
            "results/a: no repetition has finished without an error",
        ),
        (&["diff", "results/b", "nowhere"], "nowhere is no run"),
        (
            &["cmp", "results/b", "--base", "lut-rs"],
            "did you mean `lut-rss`",
        ),
    ] {
        let output = place.output(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(part), "{}", said(&output));
    }
    assert_eq!(place.output(&["cmp"]).status.code(), Some(2));
}

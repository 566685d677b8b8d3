//! Figures of made-up runs. `QBENCH_TEST_KEEP=DIR` keeps them there, to be looked at.

use crate::fixture::{Fixture, LAN, NamedLink, Profile, SYSTEMS, WAN};
use crate::support::{Place, said};
use std::path::PathBuf;

const ALL: &str = r#"
[[figure]]
kind = "speedup"
y = ["online_seconds", "offline_seconds"]
[[figure]]
kind = "bars"
y = ["online_bytes", "offline_bytes", "online_rounds"]
panel = []
title = "Traffic and rounds"
[[figure]]
kind = "stacked"
title = "Where the online time goes"
[[figure]]
kind = "growth"
y = ["online_seconds", "online_bytes"]
[[figure]]
kind = "pareto"
[[figure]]
kind = "speedup"
base = "lut-rss"
[[figure]]
kind = "lines"
y = "online_seconds"
title = "Latency"
[[figure]]
kind = "bars"
y = ["online_seconds", "online_bytes"]
panel = "link"
published = true
log = true
title = "Measured and as published"
[[figure]]
kind = "stacked"
share = false
title = "Where the online time goes, seconds"
"#;

/// Draws a run's figures; returns its folder.
fn drawn(
    name: &str,
    systems: &[Profile],
    lengths: &[usize],
    links: &[NamedLink],
    traces: bool,
    figures: &str,
) -> (Place, PathBuf) {
    let place = Place::of_qbench("");
    let dir = match std::env::var("QBENCH_TEST_KEEP") {
        Ok(keep) => PathBuf::from(keep).join(name),
        Err(_) => place.path(name),
    };
    Fixture::new(&dir)
        .sweep(systems, lengths, links, 3, traces)
        .write(figures);
    let output = place.output(&["report", dir.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    (place, dir)
}

fn svg(dir: &std::path::Path, stem: &str) -> String {
    let path = dir.join("figures").join(stem).with_extension("svg");
    let text = std::fs::read_to_string(&path);
    // Text in the drawing, without its place.
    text.unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .replace('\n', " ")
}

#[test]
fn every_kind_is_drawn_for_several_systems() {
    let lengths = [8, 16, 32, 64, 128];
    let (_place, dir) = drawn("three", &SYSTEMS, &lengths, &[LAN, WAN], false, ALL);
    let count = std::fs::read_dir(dir.join("figures")).unwrap().count();
    assert_eq!(count, 2 * 9, "nine figures, each as SVG and PNG");
    let speedup = svg(&dir, "01-online_seconds-offline_seconds-speedup");
    assert!(speedup.contains("Speedup over crypten"));
    // Colours of lut-rss and crypten-pypi, and none of the base, which has no bar.
    assert!(speedup.contains("#0072B2") && !speedup.contains("#D55E00"));
    let growth = svg(&dir, "04-online_seconds-online_bytes-growth");
    assert!(
        growth.contains("n^1.00 (last 3 of 5 points)"),
        "bytes are linear"
    );
    let traffic = svg(&dir, "02-online_bytes-offline_bytes-online_rounds-bars");
    assert!(traffic.contains("log"), "several decades");
    let stacked = svg(&dir, "03-online_seconds-stacked");
    assert!(stacked.contains("share of the online time") && stacked.contains("crypten"));
    assert!(!stacked.contains("crypten-pypi"), "it has no steps");
    let pareto = svg(&dir, "05-online_seconds-pareto");
    assert!(pareto.contains("n = 128") && !pareto.contains("crypten-pypi"));
    let published = svg(&dir, "08-online_seconds-online_bytes-bars");
    assert!(published.contains("as published"));
    let page = std::fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.contains("<h2>Systems beside each other</h2>"));
    assert!(page.contains("crypten / system"));
}

#[test]
fn figures_of_several_systems_are_left_out_for_one() {
    let (_place, dir) = drawn(
        "one",
        &SYSTEMS[..1],
        &[8],
        &[LAN],
        true,
        "[[figure]]\nkind = \"speedup\"\n[[figure]]\nkind = \"speedup-map\"\n[[figure]]\nkind = \"stacked\"\n",
    );
    assert_eq!(std::fs::read_dir(dir.join("figures")).unwrap().count(), 2);
    let page = std::fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(!page.contains("Systems beside each other"));
}

#[test]
fn the_default_figures_show_the_speedup() {
    let (_place, dir) = drawn("default", &SYSTEMS, &[8, 32], &[LAN, WAN], false, "");
    svg(&dir, "02-online_seconds-offline_seconds-speedup");
    assert_eq!(std::fs::read_dir(dir.join("figures")).unwrap().count(), 8);
}

#[test]
fn maps_of_two_systems_have_a_break_even_line() {
    // Fast in computing and slow in rounds against the opposite.
    let [mut lut, mut crypten, _] = SYSTEMS;
    lut.rounds[1] = 3000;
    crypten.rounds[1] = 300;
    crypten.bytes[1] = 20_000_000;
    let links = [
        ("100mbit-1ms", 100_000_000, 1_000_000),
        ("5gbit-1ms", 5_000_000_000, 1_000_000),
        ("100mbit-80ms", 100_000_000, 80_000_000),
        ("5gbit-80ms", 5_000_000_000, 80_000_000),
        ("1gbit-10ms", 1_000_000_000, 10_000_000),
    ];
    let figures = "[[figure]]\nkind = \"speedup-map\"\ny = [\"online_seconds\", \"total_seconds\"]\n\
                   [[figure]]\nkind = \"heatmap\"\ntitle = \"Time\"\n";
    let (_place, dir) = drawn("map", &[lut, crypten], &[32], &links, true, figures);
    let map = svg(&dir, "01-online_seconds-total_seconds-speedup-map");
    assert!(map.contains("online: crypten / lut-rss"), "{map}");
    assert!(map.contains("break-even"));
    let times = svg(&dir, "02-online_seconds-heatmap");
    assert!(times.contains("lut-rss, online") && !times.contains("crypten / lut-rss"));
}

#[test]
fn characters_that_the_pngs_lack_are_said_once() {
    let place = Place::of_qbench("");
    let dir = place.path("han");
    let figure = "[[figure]]\nkind = \"lines\"\ny = \"online_seconds\"\ntitle = \"延迟 µ\"\n";
    Fixture::new(&dir)
        .sweep(&SYSTEMS[..1], &[8], &[("局域网", LAN.1, LAN.2)], 2, false)
        .write(&figure.repeat(2));
    let output = place.output(&["report", "han"]);
    let log = said(&output);
    assert!(output.status.success(), "{log}");
    assert_eq!(
        log.matches("note: the font of the PNGs").count(),
        1,
        "{log}"
    );
    assert!(log.contains("`域局延网迟`"), "{log}");
    let text = svg(&dir, "01-online_seconds-lines");
    assert!(text.contains("延迟 µ") && text.contains("局域网"));
}

/// A run of before titles were checked, or one that was written by another program.
#[test]
fn characters_that_xml_cannot_hold_are_replaced() {
    let place = Place::of_qbench("");
    let dir = place.path("old");
    Fixture::new(&dir)
        .sweep(&SYSTEMS[..1], &[8], &[("l\u{1}n", LAN.1, LAN.2)], 2, false)
        .write("[[figure]]\nkind = \"lines\"\ny = \"online_seconds\"\ntitle = \"TITLE\"\n");
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    let manifest = manifest
        .replace("TITLE", "a\\u0001b\\u001b[31m")
        .replace("\"made up\"", "\"top\\u0000\\u000btitle\"");
    std::fs::write(dir.join("manifest.json"), manifest).unwrap();
    let output = place.output(&["report", "old"]);
    assert!(output.status.success(), "{}", said(&output));
    for path in ["figures/01-online_seconds-lines.svg", "report.html"] {
        let text = std::fs::read_to_string(dir.join(path)).unwrap();
        let bad = text
            .chars()
            .find(|c| c.is_control() && !"\n\t".contains(*c));
        assert_eq!(bad, None, "{path}");
        assert!(
            text.contains("l\u{fffd}n") && text.contains("a\u{fffd}b"),
            "{path}"
        );
    }
}

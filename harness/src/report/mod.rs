//! `report.html`: one self-contained page of a run, made from its CSV files.

mod links;
mod paper;
mod systems;
mod tables;
pub mod task;

use crate::figures;
use crate::names::is_text;
use crate::predict::validate;
use crate::record::manifest::Manifest;
use crate::record::runs::RunRow;
use crate::record::steps::StepRow;
use crate::record::trace;
use anyhow::{Context, Result};
use qbench_protocols::system::System;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const STYLE: &str = "
:root{color-scheme:light}
body{font:16px/1.5 system-ui,sans-serif;max-width:1340px;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem}
.question{font-size:1.1rem;color:#444}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
td.text{text-align:left;white-space:normal}
thead th{border-bottom:2px solid #888;vertical-align:bottom}
.range{color:#777;font-size:.85em}
.error{background:#fdeeee}
svg{max-width:100%;height:auto}
pre{background:#f5f5f5;padding:.8rem;overflow-x:auto;font-size:.85rem}
dl{display:grid;grid-template-columns:max-content auto;gap:.1rem 1rem;font-size:.9rem}
dt{color:#666}dd{margin:0}
";

/// What a reader must know to read the numbers right.
const CAVEATS: &[&str] = &[
    "The three parties share this machine's cores, memory bandwidth and caches: where they compute at the \
     same time, times are longer than on three machines. CPU seconds a party are in runs.csv.",
    "Rounds are the longest chain of dependent messages over all parties; messages that cross on the way \
     count once. Other papers count otherwise.",
    "Bytes are payload as the programs sent it, summed over all six directed pairs of parties, without \
     TCP/IP headers. MB are 10^6 bytes.",
    "Offline time is measured with the parties connected and the weights shared; online time runs from a \
     common start after the input is embedded and offline is over, to the end of the slowest party.",
    "A shaped link is the ideal model of bandwidth and delay inside the transport: it has no slow start, \
     no loss and no headers. RTT is both ways.",
    "Over relay and netem links real TCP runs: a queue that is full drops, as a router's does, and the sender \
     slows down. Frames dropped during a repetition are in runs.csv (dropped_frames).",
    "Predicted times replay the recorded messages over the ideal model of a link; they are never mixed into \
     tables of measured ones.",
    "Published numbers are as printed, from other machines and other code; they show scale and trend, and \
     a ratio to ours is no speedup.",
];

/// Draws the figures and writes `report.html`; returns its path. `systems` are those that can be measured here.
///
/// # Errors
/// Files that cannot be written.
pub fn write(
    systems: &[&'static dyn System],
    dir: &Path,
    manifest: &Manifest,
    rows: &[RunRow],
    steps: &[StepRow],
) -> Result<PathBuf> {
    let good: Vec<RunRow> = rows
        .iter()
        .filter(|r| r.error.is_empty())
        .cloned()
        .collect();
    let folder = dir.join("figures");
    let traces = trace::read_all(dir);
    let drawn = figures::draw_all(&manifest.figures, &good, steps, &traces, &folder)?;
    let mut page = String::new();
    let title = escape(&manifest.title);
    // Writing into a string cannot fail; `?` only passes the type on.
    write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n\
         <p class=\"question\">{}</p>\n",
        escape(&manifest.question)
    )?;
    for (stem, title) in &drawn {
        let svg = std::fs::read_to_string(folder.join(stem).with_extension("svg"))
            .with_context(|| format!("reading figure {stem}"))?;
        let svg = svg.split_once("<svg").map_or("", |(_, rest)| rest);
        writeln!(
            page,
            "<figure><svg role=\"img\" aria-label=\"{}\"{svg}</figure>",
            escape(title)
        )?;
    }
    page += &task::write(&good, dir)?;
    page += &paper::write(systems, &manifest.tables, &good, dir)?;
    page += &systems::systems_beside(&good);
    page += "<h2>Measured</h2>\n<p>Median, and the range below it: the 95 % bootstrap interval of the \
             median from six repetitions on, smallest to largest with fewer.</p>\n";
    page += &tables::measured(&good);
    page += &links::links(&good);
    page += &links::predictions(&validate::hold(&traces, &good)?);
    page += &tables::published(&good)?;
    page += &tables::errors(rows);
    page += &left_out(manifest);
    page += "<h2>How to read this</h2>\n<ul>\n";
    for caveat in CAVEATS {
        writeln!(page, "<li>{}</li>", escape(caveat))?;
    }
    page += "</ul>\n";
    page += &provenance(manifest);
    page += "</body></html>\n";
    let path = dir.join("report.html");
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// External systems whose cells the last start left out, with the reason.
fn left_out(manifest: &Manifest) -> String {
    let states = manifest.starts.last().map_or(&[][..], |s| &s.externals);
    let items: Vec<String> = states
        .iter()
        .filter(|state| state.left_out)
        .map(|state| {
            let (id, said) = (escape(&state.declared.id), escape(&state.said));
            format!("<li>{id}: {said}</li>\n")
        })
        .collect();
    if items.is_empty() {
        return String::new();
    }
    format!("<h2>Left out</h2>\n<ul>\n{}</ul>\n", items.concat())
}

/// Machine, commands and the scenario as it was.
fn provenance(manifest: &Manifest) -> String {
    let machine = &manifest.machine;
    let mut text = String::from("<h2>Where this comes from</h2>\n<dl>\n");
    let mut entry = |name: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("<dt>{name}</dt><dd>{}</dd>\n", escape(value));
        }
    };
    entry("machine", &machine.cpu_model);
    if machine.cores > 0 {
        let memory = crate::units::bytes_text(machine.memory_bytes);
        entry("cores, memory", &format!("{}, {memory}", machine.cores));
    }
    entry("instruction sets", &machine.cpu_flags.join(" "));
    entry("held to (QBENCH_ISA)", &machine.isa);
    entry("kernel", &machine.kernel);
    let externals = manifest.starts.last().map_or(&[][..], |s| &s.externals);
    for state in externals.iter().filter(|state| !state.left_out) {
        let words = [
            &state.declared.command.join(" "),
            &state.said,
            &state.declared.about,
        ];
        let words: Vec<&str> = words
            .map(String::as_str)
            .into_iter()
            .filter(|w| !w.is_empty())
            .collect();
        entry(&escape(&state.declared.id), &words.join("; "));
    }
    entry("changes to the scenario", &manifest.overrides.join(" "));
    for start in &manifest.starts {
        let command = start.command.join(" ");
        entry(
            &format!("start {}", start.time),
            &format!("{command} (source {}) {}", start.commit, start.limits),
        );
    }
    text += "</dl>\n";
    if !manifest.scenario_text.is_empty() {
        text += &format!("<pre>{}</pre>\n", escape(&manifest.scenario_text));
    }
    text
}

/// Text inside HTML.
pub(crate) fn escape(text: &str) -> String {
    let kept = |c: char| {
        if is_text(c) {
            c
        } else {
            char::REPLACEMENT_CHARACTER
        }
    };
    let text: String = text.chars().map(kept).collect();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

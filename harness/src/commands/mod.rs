//! The commands; each returns whether all went well.

pub mod archive;
pub mod cmp;
pub mod cost;
pub mod diff;
pub mod evaluate;
pub mod infer;
pub mod link;
pub mod list;
pub mod predict;
pub mod published;
pub mod run;
pub mod sensitivity;
pub mod splice;

use crate::cli::{ModelArguments, ScenarioArguments};
use crate::link::{LinkMode, choose};
use crate::models::checkpoint::{self, How};
use crate::names::text_of;
use crate::scenario::plan::{self, Plan};
use crate::scenario::{Scenario, parse};
use anyhow::{Context, Result};
use qbench_protocols::system::System;
use std::path::{Path, PathBuf};

/// Reads a scenario with what the command line changes of it; also returns the file's text.
fn read(
    systems: &[&'static dyn System],
    path: &Path,
    changes: &ScenarioArguments,
) -> Result<(Scenario, Plan, String)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read scenario {}", path.display()))?;
    let known = parse::Known::of(systems);
    let mut scenario = parse::scenario(&text_of(path.as_os_str()), &text, &changes.set, &known)?;
    if changes.quick {
        plan::quicken(&mut scenario);
    }
    let auto = scenario.links.iter().filter(|l| l.mode == LinkMode::Auto);
    scenario.auto_links = auto.map(|l| l.name.clone()).collect();
    if let Some(note) = choose::resolve(&mut scenario.links) {
        crate::note!("{note}");
    }
    let plan = plan::plan(&scenario, systems, &changes.only)?;
    Ok((scenario, plan, text))
}

/// The folder of a model that the command line names, quantized first where it is a checkpoint.
fn model_folder(arguments: &ModelArguments) -> Result<PathBuf> {
    let how = How {
        activation_bits: None,
        form: arguments.quantized.as_deref(),
        weight_bits: arguments.weight_bits,
        calibration: arguments.calibrate.as_deref(),
        plan: arguments.bit_plan.as_deref(),
    };
    checkpoint::model_folder(&arguments.dir, how)
}

/// Lays out lines of cells in columns, the first one left and the others right aligned.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            rows.iter()
                .filter_map(|r| r.get(c))
                .map(|v| v.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(i, (v, w))| {
                if i == 0 {
                    format!("{v:<w$}")
                } else {
                    format!("{v:>w$}")
                }
            })
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

//! `[[figure]]`.

use super::{choice, missing};
use crate::names::suggestion;
use crate::quantities::{self, Quantity};
use crate::scenario::tree::{Node, Problem, Value};
use crate::scenario::{FIGURE_KINDS, FigureKind, FigureSpec, Sweep, figures};
use qbench_protocols::phase::Phase;
use qbench_protocols::system::Setting;

/// A column or quantity by name.
fn one_of(node: &Node, known: &[&str]) -> Result<String, Problem> {
    let text = node.text()?;
    if known.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(node.problem(format!("unknown `{text}`{}", suggestion(text, known))))
    }
}

/// Reads every `[[figure]]`; the default set where there is none.
pub(super) fn figures(
    root: &Node,
    of_task: Option<&Sweep>,
    systems: &[&str],
    settings: &[Setting],
) -> Result<Vec<FigureSpec>, Problem> {
    let dimensions = quantities::dimensions(settings);
    let Some(list) = root.get("figure") else {
        return Ok(of_task.map_or_else(figures::default_set, figures::task_set));
    };
    let Value::List(items) = &list.value else {
        return Err(list.problem("write [[figure]], with two brackets"));
    };
    let mut figures = Vec::new();
    for node in items {
        node.keys(&[
            "kind",
            "x",
            "y",
            "panel",
            "series",
            "title",
            "published",
            "base",
            "over",
            "log",
            "share",
        ])?;
        let kind = match node.get("kind") {
            Some(kind) => choice(kind, FIGURE_KINDS)?,
            None => return Err(missing(node, "figure.kind", "kind = \"lines\"")),
        };
        only_for(
            node,
            "base",
            kind,
            &[FigureKind::Speedup, FigureKind::SpeedupMap],
        )?;
        only_for(node, "over", kind, &[FigureKind::Speedup])?;
        if let (Some(_), Some(over)) = (node.get("base"), node.get("over")) {
            return Err(over.problem(
                "ratios are of a base to the others, or of the others over one: write one of both",
            ));
        }
        only_for(node, "log", kind, &[FigureKind::Bars])?;
        only_for(node, "share", kind, &[FigureKind::Stacked])?;
        let columns = |key: &str, default: &[&str], known: &[&str]| match node.get(key) {
            None => Ok(default.iter().map(|d| (*d).to_owned()).collect()),
            Some(Node {
                value: Value::List(items),
                ..
            }) if items.is_empty() => Ok(Vec::new()),
            Some(n) => n
                .list()?
                .into_iter()
                .map(|item| one_of(item, known))
                .collect(),
        };
        let column = |key: &str, default: &str, known: &[&str]| match node.get(key) {
            None => Ok(default.to_owned()),
            Some(n) => one_of(n, known),
        };
        let default_y: &[&str] = match kind {
            FigureKind::Lines | FigureKind::Bars => &[],
            _ => &["online_seconds"],
        };
        // Against each other stand two quantities, over anything else a column.
        let (default_x, known_x) = match kind {
            FigureKind::Pareto => ("offline_seconds", quantities::names()),
            _ => ("seq_len", dimensions.clone()),
        };
        let flag = |key: &str| node.get(key).map(Node::truth).transpose();
        let x = column("x", default_x, &known_x)?;
        let x_label = settings.iter().find(|s| s.key == x);
        let spec = FigureSpec {
            kind,
            x_label: x_label.map(|s| s.label.to_owned()),
            x,
            y: columns("y", default_y, &quantities::names())?,
            panel: columns("panel", &["link"], &dimensions)?,
            series: column("series", "system", &dimensions)?,
            title: node.get("title").map_or(Ok(""), Node::line)?.to_owned(),
            published: flag("published")?.unwrap_or(false),
            base: node.get("base").map(|n| one_of(n, systems)).transpose()?,
            over: node.get("over").map(|n| one_of(n, systems)).transpose()?,
            log: flag("log")?,
            share: flag("share")?,
        };
        if spec.y.is_empty() {
            return Err(missing(node, "figure.y", "y = \"online_seconds\""));
        }
        let is_phase = |y: &String| {
            Phase::ALL
                .iter()
                .any(|p| *y == format!("{}_seconds", p.name()))
        };
        if kind == FigureKind::Stacked && !(spec.y.len() == 1 && spec.y.iter().all(is_phase)) {
            let what = "a stacked figure shows one phase by step: y = \"online_seconds\"";
            return Err(node.problem(what));
        }
        let is_time = |y: &String| matches!(Quantity::find(y), Some(Quantity::Seconds(_)));
        let is_map = matches!(kind, FigureKind::Heatmap | FigureKind::SpeedupMap);
        if is_map && !spec.y.iter().all(is_time) {
            let what = "a heat map shows predicted times: y = \"online_seconds\"";
            return Err(node.problem(what));
        }
        if kind == FigureKind::Growth
            && !matches!(spec.x.as_str(), "seq_len" | "layers" | "threads")
        {
            let what = "growth is fitted over numbers: x = \"seq_len\", \"layers\" or \"threads\"";
            return Err(node.problem(what));
        }
        if kind == FigureKind::Speedup && spec.series != "system" {
            return Err(
                node.problem("the series of a speedup figure are systems: leave `series` out")
            );
        }
        figures.push(spec);
    }
    Ok(figures)
}

/// Refuses a key that says nothing to a kind of figure.
fn only_for(node: &Node, key: &str, kind: FigureKind, kinds: &[FigureKind]) -> Result<(), Problem> {
    match node.get(key) {
        Some(value) if !kinds.contains(&kind) => {
            let names: Vec<&str> = FIGURE_KINDS
                .iter()
                .filter(|(_, kind)| kinds.contains(kind))
                .map(|(name, _)| *name)
                .collect();
            Err(value.problem(format!("is for figures of kind {}", names.join(" and "))))
        }
        _ => Ok(()),
    }
}

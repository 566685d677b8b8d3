//! `[[figure]]`.

use super::{choice, missing};
use crate::record::quantities::{self, Quantity};
use crate::scenario::tree::{Node, Problem, Value, suggestion};
use crate::scenario::{FigureKind, FigureSpec};
use qbench_protocols::system::Phase;

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
pub(super) fn figures(root: &Node) -> Result<Vec<FigureSpec>, Problem> {
    let Some(list) = root.get("figure") else {
        return Ok(crate::figures::default_set());
    };
    let Value::List(items) = &list.value else {
        return Err(list.problem("write [[figure]], with two brackets"));
    };
    let mut figures = Vec::new();
    for node in items {
        node.keys(&["kind", "x", "y", "panel", "series", "title", "published"])?;
        let kinds = [
            ("lines", FigureKind::Lines),
            ("bars", FigureKind::Bars),
            ("stacked", FigureKind::Stacked),
            ("heatmap", FigureKind::Heatmap),
        ];
        let kind = match node.get("kind") {
            Some(kind) => choice(kind, &kinds)?,
            None => return Err(missing(node, "figure.kind", "kind = \"lines\"")),
        };
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
            FigureKind::Stacked | FigureKind::Heatmap => &["online_seconds"],
            _ => &[],
        };
        let spec = FigureSpec {
            kind,
            x: column("x", "seq_len", quantities::DIMENSIONS)?,
            y: columns("y", default_y, &quantities::names())?,
            panel: columns("panel", &["link"], quantities::DIMENSIONS)?,
            series: column("series", "system", quantities::DIMENSIONS)?,
            title: node.get("title").map_or(Ok(""), Node::text)?.to_owned(),
            published: node.get("published").map_or(Ok(false), Node::truth)?,
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
        if kind == FigureKind::Heatmap && !spec.y.iter().all(is_time) {
            let what = "a heat map shows predicted times: y = \"online_seconds\"";
            return Err(node.problem(what));
        }
        figures.push(spec);
    }
    Ok(figures)
}

//! `[task]`.

use super::{choice, missing};
use crate::scenario::ModelChoice;
use crate::scenario::task::Task;
use crate::scenario::tree::{Node, Problem};
use crate::task::metrics::Metric;

/// Reads `[task]`, where there is one.
pub(super) fn task(root: &Node, model: &ModelChoice) -> Result<Option<Task>, Problem> {
    const EXAMPLE: &str = "[task] file = \"SST-2/dev.tsv\" text = \"sentence\" label = \"label\" metric = \"accuracy\"";
    let Some(table) = root.get("task") else {
        return Ok(None);
    };
    table.keys(&[
        "name", "file", "text", "label", "metric", "examples", "seed", "float",
    ])?;
    if let ModelChoice::Synthetic { .. } = model {
        return Err(table.problem(
            "a synthetic model says nothing of texts: name a model folder, [model] dir = \"models/sst2\"",
        ));
    }
    for (place, key, why) in [
        ("sweep", "seq_len", "each example has its own length"),
        ("run", "repetitions", "each example is run once"),
        ("run", "warmup", "each example is run once"),
    ] {
        if let Some(node) = root.get(place).and_then(|table| table.get(key)) {
            return Err(node.problem(format!("not beside [task], where {why}: remove this key")));
        }
    }
    if root.get("extrapolate").is_some() {
        return Err(table.problem("a task is run with all layers: remove [extrapolate]"));
    }
    let verify = root.get("run").and_then(|run| run.get("verify"));
    if let Some(node) = verify
        && !node.truth()?
    {
        return Err(node.problem("a task needs checked outputs: remove this key"));
    }
    let need = |key: &str| {
        let node = table.get(key);
        node.ok_or_else(|| missing(table, &format!("task.{key}"), EXAMPLE))
    };
    let text = need("text")?;
    let texts = text.list()?.into_iter();
    let texts = texts.map(|node| Ok(node.text()?.to_owned()));
    let texts = texts.collect::<Result<Vec<_>, Problem>>()?;
    if !(1..=2).contains(&texts.len()) {
        return Err(text.problem("one column of texts, or two"));
    }
    Ok(Some(Task {
        name: table.get("name").map_or(Ok("task"), Node::line)?.to_owned(),
        file: need("file")?.text()?.into(),
        texts,
        label: need("label")?.text()?.to_owned(),
        metric: choice(need("metric")?, Metric::NAMES)?,
        examples: match table.get("examples") {
            Some(node) => Some(node.whole(1..=u64::from(u32::MAX))? as usize),
            None => None,
        },
        seed: match table.get("seed") {
            Some(node) => node.whole(0..=i64::MAX as u64)?,
            None => 1,
        },
        float: match table.get("float") {
            Some(node) => Some(node.text()?.into()),
            None => None,
        },
    }))
}

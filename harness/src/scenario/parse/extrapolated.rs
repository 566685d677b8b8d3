//! `[extrapolate.SYSTEM]`: systems of which fewer layers run than the model has.

use super::super::extrapolated::Extrapolation;
use super::super::tree::{Node, Problem, Value};
use super::super::{ModelChoice, Sweep};
use super::missing;
use crate::names::suggestion;

/// The extrapolations of a scenario, of the systems and links that it sweeps.
pub(super) fn extrapolations(
    root: &Node,
    sweep: &Sweep,
    model: &ModelChoice,
) -> Result<Vec<Extrapolation>, Problem> {
    let Some(table) = root.get("extrapolate") else {
        return Ok(Vec::new());
    };
    let Value::Table(entries) = &table.value else {
        return Err(table.problem("expected tables such as [extrapolate.lut-mul]"));
    };
    if let ModelChoice::Folder(_) = model {
        return Err(table.problem("a model folder has the layers that it has"));
    }
    entries
        .iter()
        .map(|(system, node)| extrapolation(system, node, sweep))
        .collect()
}

fn extrapolation(system: &str, node: &Node, sweep: &Sweep) -> Result<Extrapolation, Problem> {
    if !matches!(node.value, Value::Table(_)) {
        return Err(node.problem("expected a table such as [extrapolate.lut-mul]"));
    }
    node.keys(&["layers", "link", "from_seq_len"])?;
    let known = |name: &str, names: &[String], node: &Node, what: &str| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names.contains(&name) {
            true => Ok(name.to_owned()),
            false => Err(node.problem(format!(
                "{what} `{name}` is not swept{}",
                suggestion(name, &names)
            ))),
        }
    };
    let Some(layers) = node.get("layers") else {
        let field = format!("extrapolate.{system}.layers");
        return Err(missing(node, &field, "layers = 1"));
    };
    let links = node.get("link").map_or(Ok(Vec::new()), Node::list)?;
    Ok(Extrapolation {
        system: known(system, &sweep.systems, node, "system")?,
        layers: layers.whole(1..=1024)? as usize,
        links: links
            .into_iter()
            .map(|link| known(link.text()?, &sweep.links, link, "link"))
            .collect::<Result<_, _>>()?,
        from_seq_len: match node.get("from_seq_len") {
            Some(node) => node.whole(1..=u64::from(u32::MAX))? as usize,
            None => 1,
        },
    })
}

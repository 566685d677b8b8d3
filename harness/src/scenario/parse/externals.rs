//! `[external.NAME]`: programs that the harness drives and does not contain.

use super::super::tree::{Node, Problem, Value};
use super::missing;
use crate::scenario::External;

/// The external systems of a scenario; `systems` are the ids that are taken.
pub(super) fn externals(root: &Node, systems: &[&str]) -> Result<Vec<External>, Problem> {
    let Some(table) = root.get("external") else {
        return Ok(Vec::new());
    };
    let Value::Table(entries) = &table.value else {
        return Err(table.problem("expected tables such as [external.other-system]"));
    };
    entries
        .iter()
        .map(|(id, node)| external(id, node, systems))
        .collect()
}

fn external(id: &str, node: &Node, systems: &[&str]) -> Result<External, Problem> {
    if !matches!(node.value, Value::Table(_)) {
        return Err(node.problem("expected a table such as [external.other-system]"));
    }
    node.keys(&["command", "check", "parties", "about"])?;
    if systems.contains(&id) {
        return Err(node.problem(format!(
            "`{id}` is a system of qbench's own: choose another name"
        )));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.is_empty() || !id.chars().all(fits) {
        return Err(node.problem("a system's name has letters, digits and dashes only"));
    }
    let Some(command) = node.get("command") else {
        let field = format!("external.{id}.command");
        return Err(missing(node, &field, "command = [\"python3\", \"run.py\"]"));
    };
    Ok(External {
        id: id.to_owned(),
        command: words(command)?,
        check: node.get("check").map_or(Ok(Vec::new()), words)?,
        parties: node.get("parties").map_or(Ok(vec![0, 1, 2]), parties)?,
        about: node.get("about").map_or(Ok(""), Node::line)?.to_owned(),
    })
}

/// Program and arguments.
fn words(node: &Node) -> Result<Vec<String>, Problem> {
    let list = node.list()?;
    let words: Vec<String> = list
        .into_iter()
        .map(|word| word.text().map(str::to_owned))
        .collect::<Result<_, _>>()?;
    match words.first() {
        Some(program) if !program.trim().is_empty() => Ok(words),
        _ => Err(node.problem("the program's name is empty")),
    }
}

fn parties(node: &Node) -> Result<Vec<usize>, Problem> {
    let mut parties = Vec::new();
    for item in node.list()? {
        let party = item.whole(0..=2)? as usize;
        if parties.contains(&party) {
            return Err(item.problem("the same party stands here twice"));
        }
        parties.push(party);
    }
    if parties.len() < 2 {
        return Err(node.problem("a program needs two parties at least, such as [1, 2]"));
    }
    parties.sort_unstable();
    Ok(parties)
}

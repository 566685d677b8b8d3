//! `[[table]]`.

use super::{choice, missing};
use crate::scenario::tree::{Node, Problem, Value};
use crate::scenario::{PAPER_TABLES, TABLE_KINDS, TableSpec};

/// Reads every `[[table]]`.
pub(super) fn tables(root: &Node) -> Result<Vec<TableSpec>, Problem> {
    const EXAMPLE: &str = "[[table]] kind = \"paper\" published = \"table4\"";
    let Some(list) = root.get("table") else {
        return Ok(Vec::new());
    };
    let Value::List(items) = &list.value else {
        return Err(list.problem("write [[table]], with two brackets"));
    };
    let mut tables = Vec::new();
    for node in items {
        node.keys(&["kind", "published"])?;
        let key = |key: &str| {
            let found = node.get(key);
            found.ok_or_else(|| missing(node, &format!("table.{key}"), EXAMPLE))
        };
        tables.push(TableSpec {
            kind: choice(key("kind")?, TABLE_KINDS)?,
            published: choice(key("published")?, PAPER_TABLES)?,
        });
    }
    Ok(tables)
}

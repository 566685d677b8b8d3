//! Reads a scenario file. Every refusal names file, line and field, and says what would be right.

mod externals;
mod extrapolated;
mod figures;
mod links;
mod model;
mod sweep;
mod tables;
mod task;

use super::tree::{Node, Problem, Value};
use super::{RunSettings, Scenario};
use crate::names::suggestion;
use crate::units::{ByteSize, parse_duration};
use qbench_protocols::system::settings::{AUTO, Values};
use qbench_protocols::system::{Setting, System};
use std::path::Path;
use std::time::Duration;

/// What a scenario may name.
pub struct Known<'a> {
    /// Ids of the systems.
    pub systems: Vec<&'a str>,
    /// All their settings.
    pub settings: Vec<Setting>,
}

impl Known<'_> {
    /// Of these systems.
    pub fn of(systems: &[&'static dyn System]) -> Self {
        Self {
            systems: systems.iter().map(|s| s.id()).collect(),
            settings: crate::systems::settings(systems),
        }
    }
}

/// Reads a scenario; `overrides` are the `--set key=value` of the command line, in order.
///
/// # Errors
/// The first thing that does not fit.
pub fn scenario(
    file: &str,
    text: &str,
    overrides: &[String],
    known: &Known<'_>,
) -> Result<Scenario, Problem> {
    let mut root = super::tree::parse(file, text)?;
    for setting in overrides {
        apply(&mut root, setting)?;
    }
    root.keys(&[
        "title",
        "question",
        "model",
        "task",
        "sweep",
        "link",
        "grid",
        "run",
        "figure",
        "table",
        "external",
        "extrapolate",
    ])?;
    let name = Path::new(file).file_stem().map_or_else(
        || "scenario".to_owned(),
        |s| s.to_string_lossy().into_owned(),
    );
    let mut links = links::links(&root)?;
    let grid = links::grid(&root, &links)?;
    links.extend(grid.iter().cloned());
    let model = model::model(&root)?;
    let task = task::task(&root, &model)?;
    let externals = externals::externals(&root, &known.systems)?;
    let mut systems = known.systems.clone();
    systems.extend(externals.iter().map(|e| e.id.as_str()));
    let sweep = sweep::sweep(
        &root,
        &model,
        task.is_some(),
        &systems,
        &known.settings,
        &links,
        &grid,
    )?;
    let extrapolations = extrapolated::extrapolations(&root, &sweep, &model)?;
    let figures = figures::figures(
        &root,
        task.as_ref().map(|_| &sweep),
        &systems,
        &known.settings,
    )?;
    Ok(Scenario {
        title: root
            .get("title")
            .map_or(Ok(name.as_str()), Node::line)?
            .to_owned(),
        question: root.get("question").map_or(Ok(""), Node::text)?.to_owned(),
        name,
        model,
        task,
        sweep,
        links,
        run: run(&root)?,
        externals,
        extrapolations,
        auto_links: Vec::new(),
        figures,
        tables: tables::tables(&root)?,
    })
}

/// Applies one `--set key=value`; the value is TOML, or plain text.
fn apply(root: &mut Node, setting: &str) -> Result<(), Problem> {
    let place = format!("--set {setting}");
    let Some((path, value)) = setting.split_once('=') else {
        return Err(Problem {
            place,
            field: String::new(),
            what: "write --set key=value, such as --set run.repetitions=3".into(),
        });
    };
    let path = path.trim();
    let parsed = super::tree::parse("set", &format!("value = {value}"))
        .ok()
        .and_then(|node| node.get("value").map(|n| n.value.clone()))
        .unwrap_or_else(|| Value::Text(value.to_owned()));
    let node = relocate(parsed, &place, path);
    root.set(path, node);
    Ok(())
}

/// Gives a value from the command line its place and field.
fn relocate(value: Value, place: &str, field: &str) -> Node {
    let value = match value {
        Value::List(items) => Value::List(
            items
                .into_iter()
                .map(|item| relocate(item.value, place, field))
                .collect(),
        ),
        Value::Table(entries) => Value::Table(
            entries
                .into_iter()
                .map(|(k, n)| {
                    let field = format!("{field}.{k}");
                    (k, relocate(n.value, place, &field))
                })
                .collect(),
        ),
        other => other,
    };
    Node {
        place: place.to_owned(),
        field: field.to_owned(),
        value,
    }
}

fn missing(node: &Node, field: &str, example: &str) -> Problem {
    Problem {
        place: node.place.clone(),
        field: field.to_owned(),
        what: format!("is missing; write for example {example}"),
    }
}

/// Looks a name up in a table of names.
fn choice<T: Copy>(node: &Node, table: &[(&str, T)]) -> Result<T, Problem> {
    let text = node.text()?;
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    match table.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(*value),
        None => Err(node.problem(format!("unknown `{text}`{}", suggestion(text, &names)))),
    }
}

/// The value of a system's setting.
fn setting(node: &Node, setting: &Setting) -> Result<String, Problem> {
    match setting.values {
        Values::Whole(least, most) => Ok(node.whole(least..=most)?.to_string()),
        Values::Names(names) => match node.text()? {
            text if names.contains(&text) => Ok(text.to_owned()),
            text => Err(node.problem(format!("unknown `{text}`{}", suggestion(text, names)))),
        },
    }
}

/// The same where the value may be left open.
fn setting_or_auto(node: &Node, of: &Setting) -> Result<String, Problem> {
    match (of.auto, node.text()) {
        (true, Ok(AUTO)) => Ok(AUTO.to_owned()),
        _ => setting(node, of),
    }
}

fn run(root: &Node) -> Result<RunSettings, Problem> {
    let mut settings = RunSettings::default();
    let Some(table) = root.get("run") else {
        return Ok(settings);
    };
    table.keys(&[
        "repetitions",
        "warmup",
        "timeout",
        "seed",
        "memory_limit",
        "material",
        "port",
        "verify",
        "trace",
    ])?;
    if let Some(node) = table.get("repetitions") {
        settings.repetitions = node.whole(1..=10_000)? as usize;
    }
    if let Some(node) = table.get("warmup") {
        settings.warmup = node.whole(0..=1000)? as usize;
    }
    if let Some(node) = table.get("timeout") {
        settings.timeout = node.unit(parse_duration)?;
        if settings.timeout < Duration::from_secs(1) {
            return Err(node.problem("a timeout under one second ends sound runs; write \"10min\""));
        }
    }
    if let Some(node) = table.get("seed") {
        settings.seed = node.whole(0..=i64::MAX as u64)?;
    }
    if let Some(node) = table.get("memory_limit") {
        settings.memory_limit = Some(node.unit(ByteSize::parse)?.bytes);
    }
    if let Some(node) = table.get("material") {
        settings.material_in_memory = match node.text()? {
            "memory" => None,
            "disk" => Some(0),
            _ => match node.unit(ByteSize::parse) {
                Ok(size) => Some(size.bytes),
                Err(_) => {
                    let expected = "expected \"memory\", \"disk\", or a size such as \"12GiB\"";
                    return Err(node.problem(expected));
                }
            },
        };
    }
    if let Some(node) = table.get("port") {
        settings.port = Some(node.whole(1..=65_533)? as u16);
    }
    if let Some(node) = table.get("verify") {
        settings.verify = node.truth()?;
    }
    if let Some(node) = table.get("trace") {
        settings.trace = node.truth()?;
    }
    Ok(settings)
}

//! Reads a scenario file. Every refusal names file, line and field, and says what would be right.

use super::tree::{Node, Problem, Value, suggestion};
use super::units::{Bandwidth, ByteSize, Rtt, parse_duration};
use super::{
    ACTIVATIONS, FigureKind, FigureSpec, MAX_PROTOCOLS, ModelChoice, RunSettings, Scenario, Sweep,
    VARIANCE_PROTOCOLS,
};
use crate::links::{Link, LinkMode};
use crate::record::quantities;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::system::Phase;
use std::path::Path;
use std::time::Duration;

/// Reads a scenario; `overrides` are the `--set key=value` of the command line, in order.
///
/// # Errors
/// The first thing that does not fit.
pub fn scenario(
    file: &str,
    text: &str,
    overrides: &[String],
    systems: &[&str],
) -> Result<Scenario, Problem> {
    let mut root = super::tree::parse(file, text)?;
    for setting in overrides {
        apply(&mut root, setting)?;
    }
    root.keys(&[
        "title", "question", "model", "sweep", "link", "run", "figure",
    ])?;
    let name = Path::new(file).file_stem().map_or_else(
        || "scenario".to_owned(),
        |s| s.to_string_lossy().into_owned(),
    );
    let links = links(&root)?;
    let model = model(&root)?;
    let sweep = sweep(&root, &model, systems, &links)?;
    Ok(Scenario {
        title: root
            .get("title")
            .map_or(Ok(name.as_str()), Node::text)?
            .to_owned(),
        question: root.get("question").map_or(Ok(""), Node::text)?.to_owned(),
        name,
        model,
        sweep,
        links,
        run: run(&root)?,
        figures: figures(&root)?,
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

fn model(root: &Node) -> Result<ModelChoice, Problem> {
    let Some(table) = root.get("model") else {
        return Err(missing(root, "model", "[model] preset = \"bert-base\""));
    };
    table.keys(&[
        "preset",
        "dir",
        "layers",
        "hidden",
        "heads",
        "feed_forward",
        "activation",
    ])?;
    if let Some(dir) = table.get("dir") {
        for other in [
            "preset",
            "layers",
            "hidden",
            "heads",
            "feed_forward",
            "activation",
        ] {
            if let Some(node) = table.get(other) {
                return Err(
                    node.problem("a model folder brings its own architecture: remove this key")
                );
            }
        }
        return Ok(ModelChoice::Folder(dir.text()?.into()));
    }
    let number = |key: &str| {
        let node = table.get(key);
        node.map(|n| n.whole(1..=65_536).map(|v| v as usize))
            .transpose()
    };
    let (layers, hidden, heads) = (number("layers")?, number("hidden")?, number("heads")?);
    let feed_forward = number("feed_forward")?;
    let mut config = match table.get("preset") {
        Some(node) => {
            let name = node.text()?;
            ModelConfig::preset(name).ok_or_else(|| {
                node.problem(format!(
                    "unknown preset `{name}`{}",
                    suggestion(name, &ModelConfig::PRESETS)
                ))
            })?
        }
        None => {
            let need = |value: Option<usize>, key: &str| {
                let example =
                    "[model] layers = 2 hidden = 128 heads = 2, or preset = \"bert-base\"";
                value.ok_or_else(|| missing(table, &format!("model.{key}"), example))
            };
            let hidden = need(hidden, "hidden")?;
            ModelConfig {
                name: String::new(),
                layers: need(layers, "layers")?,
                hidden,
                heads: need(heads, "heads")?,
                feed_forward: 4 * hidden,
                max_positions: 512,
                activation: ActivationFunction::Relu,
                head: Head::Classifier { labels: 2 },
                layer_norm_epsilon: 1e-12,
            }
        }
    };
    let preset = config.clone();
    config.layers = layers.unwrap_or(config.layers);
    config.hidden = hidden.unwrap_or(config.hidden);
    config.heads = heads.unwrap_or(config.heads);
    config.feed_forward = feed_forward.unwrap_or(match hidden {
        Some(hidden) => 4 * hidden,
        None => config.feed_forward,
    });
    if let Some(node) = table.get("activation") {
        config.activation = choice(node, ACTIVATIONS)?;
    }
    config.check().map_err(|what| table.problem(what))?;
    if config != preset || config.name.is_empty() {
        let base = if preset.name.is_empty() {
            "bert"
        } else {
            &preset.name
        };
        config.name = format!(
            "{base}-{}x{}h{}f{}",
            config.layers, config.hidden, config.heads, config.feed_forward
        );
    }
    Ok(ModelChoice::Synthetic(config))
}

/// The values of one sweep key, each read by `read`.
fn values<T: PartialEq>(
    sweep: &Node,
    key: &str,
    default: Option<T>,
    read: impl Fn(&Node) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    let Some(node) = sweep.get(key) else {
        return match default {
            Some(value) => Ok(vec![value]),
            None => Ok(Vec::new()),
        };
    };
    let mut values = Vec::new();
    for item in node.list()? {
        let value = read(item)?;
        if values.contains(&value) {
            return Err(item.problem("the same value stands here twice"));
        }
        values.push(value);
    }
    Ok(values)
}

fn sweep(
    root: &Node,
    model: &ModelChoice,
    systems: &[&str],
    links: &[Link],
) -> Result<Sweep, Problem> {
    const EXAMPLE: &str = "[sweep] system = \"lut-rss\" seq_len = [8, 16] link = \"lan\"";
    let Some(table) = root.get("sweep") else {
        return Err(missing(root, "sweep", EXAMPLE));
    };
    table.keys(&[
        "system",
        "seq_len",
        "threads",
        "link",
        "index_bits",
        "max_protocol",
        "variance_protocol",
        "layers",
    ])?;
    for key in ["system", "seq_len"] {
        if table.get(key).is_none() {
            return Err(missing(table, &format!("sweep.{key}"), EXAMPLE));
        }
    }
    let longest = match model {
        ModelChoice::Synthetic(config) => config.max_positions as u64,
        ModelChoice::Folder(_) => u64::from(u32::MAX),
    };
    let names: Vec<&str> = links.iter().map(|l| l.name.as_str()).collect();
    let known = |node: &Node, what: &str, names: &[&str]| {
        let text = node.text()?;
        if names.contains(&text) {
            Ok(text.to_owned())
        } else {
            Err(node.problem(format!(
                "unknown {what} `{text}`{}",
                suggestion(text, names)
            )))
        }
    };
    let layers = values(table, "layers", None, |n| {
        n.whole(1..=1024).map(|v| v as usize)
    })?;
    if let (Some(node), ModelChoice::Folder(_)) = (table.get("layers"), model) {
        return Err(node.problem("layers cannot be swept over a model folder"));
    }
    Ok(Sweep {
        systems: values(table, "system", None, |n| known(n, "system", systems))?,
        seq_lens: values(table, "seq_len", None, |n| {
            let value = n.whole(1..=u64::from(u32::MAX))?;
            if value > longest {
                return Err(n.problem(format!("{value} is beyond the model's {longest} positions")));
            }
            Ok(value as usize)
        })?,
        threads: values(table, "threads", Some(1), |n| {
            n.whole(1..=1024).map(|v| v as usize)
        })?,
        links: values(table, "link", Some("none".to_owned()), |n| {
            known(n, "link", &names)
        })?,
        index_bits: values(table, "index_bits", Some(4), |n| {
            n.whole(4..=8).map(|v| v as u32)
        })?,
        max_protocols: values(table, "max_protocol", Some(Default::default()), |n| {
            choice(n, MAX_PROTOCOLS)
        })?,
        variance_protocols: values(table, "variance_protocol", Some(Default::default()), |n| {
            choice(n, VARIANCE_PROTOCOLS)
        })?,
        layers,
    })
}

fn links(root: &Node) -> Result<Vec<Link>, Problem> {
    let mut links = vec![Link::loopback()];
    let Some(table) = root.get("link") else {
        return Ok(links);
    };
    let Value::Table(entries) = &table.value else {
        return Err(table.problem("expected tables such as [link.lan]"));
    };
    for (name, node) in entries {
        if name == "none" {
            return Err(node.problem("`none` is loopback as it is, and cannot be described again"));
        }
        node.keys(&["bandwidth", "rtt", "mode"])?;
        let mode = node.get("mode").map_or(Ok(LinkMode::Shaped), |n| {
            choice(n, &[("shaped", LinkMode::Shaped), ("none", LinkMode::None)])
        })?;
        let bandwidth = node
            .get("bandwidth")
            .map(|n| n.unit(Bandwidth::parse))
            .transpose()?;
        let rtt = node.get("rtt").map(|n| n.unit(Rtt::parse)).transpose()?;
        if mode == LinkMode::None {
            if let Some(n) = node.get("bandwidth").or(node.get("rtt")) {
                return Err(n.problem("mode = \"none\" is loopback as it is: remove this key"));
            }
        } else if bandwidth.is_none() || rtt.is_none() {
            let key = if rtt.is_none() { "rtt" } else { "bandwidth" };
            let example = format!("[link.{name}] bandwidth = \"100mbit\" rtt = \"40ms\"");
            return Err(missing(node, &format!("link.{name}.{key}"), &example));
        }
        links.push(Link {
            name: name.clone(),
            mode,
            bandwidth,
            rtt: rtt.unwrap_or_default(),
        });
    }
    Ok(links)
}

fn run(root: &Node) -> Result<RunSettings, Problem> {
    let mut settings = RunSettings {
        repetitions: 5,
        warmup: 1,
        timeout: Duration::from_secs(600),
        seed: 1,
        memory_limit: None,
        port: None,
        verify: true,
    };
    let Some(table) = root.get("run") else {
        return Ok(settings);
    };
    table.keys(&[
        "repetitions",
        "warmup",
        "timeout",
        "seed",
        "memory_limit",
        "port",
        "verify",
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
    if let Some(node) = table.get("port") {
        settings.port = Some(node.whole(1..=65_533)? as u16);
    }
    if let Some(node) = table.get("verify") {
        settings.verify = node.truth()?;
    }
    Ok(settings)
}

/// A column or quantity by name.
fn one_of(node: &Node, known: &[&str]) -> Result<String, Problem> {
    let text = node.text()?;
    if known.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(node.problem(format!("unknown `{text}`{}", suggestion(text, known))))
    }
}

fn figures(root: &Node) -> Result<Vec<FigureSpec>, Problem> {
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
            FigureKind::Stacked => &["online_seconds"],
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
        figures.push(spec);
    }
    Ok(figures)
}

//! `[sweep]`.

use super::{choice, missing, setting_or_auto};
use crate::link::Link;
use crate::names::{ACTIVATIONS, suggestion};
use crate::scenario::tree::{Node, Problem};
use crate::scenario::{ModelChoice, Sweep};
use qbench_protocols::system::Setting;

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

/// Refuses links that are one under two names: what a link is called is not part of what is measured.
fn differ(given: &Node, names: &[String], links: &[Link]) -> Result<(), Problem> {
    let of = |name: &String| links.iter().find(|link| link.name == *name);
    let swept: Vec<&Link> = names.iter().filter_map(of).collect();
    for (place, link) in swept.iter().enumerate() {
        if let Some(same) = swept[..place].iter().find(|other| other.is_as(link)) {
            return Err(given.problem(format!(
                "`{}` and `{}` are one link under two names, {} in mode `{}`: sweep one of them",
                same.name,
                link.name,
                same.describe(),
                same.mode.name()
            )));
        }
    }
    Ok(())
}

/// Reads `[sweep]`: what varies, each a value or a list; the links of the grid where it names none.
pub(super) fn sweep(
    root: &Node,
    model: &ModelChoice,
    has_task: bool,
    systems: &[&str],
    settings: &[Setting],
    links: &[Link],
    grid: &[Link],
) -> Result<Sweep, Problem> {
    const EXAMPLE: &str = "[sweep] system = \"lut-rss\" seq_len = [8, 16] link = \"lan\"";
    let Some(table) = root.get("sweep") else {
        return Err(missing(root, "sweep", EXAMPLE));
    };
    let mut keys = vec![
        "system",
        "seq_len",
        "threads",
        "link",
        "layers",
        "activation",
        "weight_bits",
        "activation_bits",
    ];
    keys.extend(settings.iter().map(|setting| setting.key));
    table.keys(&keys)?;
    for key in ["system", "seq_len"] {
        // The examples of a task have lengths of their own.
        if table.get(key).is_none() && !(has_task && key == "seq_len") {
            return Err(missing(table, &format!("sweep.{key}"), EXAMPLE));
        }
    }
    let longest = match model {
        ModelChoice::Synthetic { config, .. } => config.max_positions as u64,
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
    let activations = values(table, "activation", None, |n| choice(n, ACTIVATIONS))?;
    if let ModelChoice::Folder(_) = model {
        for key in ["layers", "activation"] {
            if let Some(node) = table.get(key) {
                return Err(node.problem(format!("{key} cannot be swept over a model folder")));
            }
        }
    }
    let bits = |key: &str, range: std::ops::RangeInclusive<u64>| {
        if let (ModelChoice::Synthetic { .. }, Some(node)) = (model, table.get(key)) {
            let what = "is of the quantized form of a checkpoint: name one, [model] dir = \"models/minilm-l6\"";
            return Err(node.problem(what));
        }
        values(table, key, None, |n| {
            n.whole(range.clone()).map(|v| v as u32)
        })
    };
    Ok(Sweep {
        weight_bits: bits("weight_bits", 1..=8)?,
        activation_bits: bits("activation_bits", 2..=7)?,
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
        links: match table.get("link") {
            // A grid is there to be swept.
            None if !grid.is_empty() => grid.iter().map(|link| link.name.clone()).collect(),
            given => {
                let names = values(table, "link", Some("none".to_owned()), |n| {
                    known(n, "link", &names)
                })?;
                if let Some(given) = given {
                    differ(given, &names, links)?;
                }
                names
            }
        },
        settings: settings
            .iter()
            .map(|s| {
                let default = Some(s.default.to_owned());
                let values = values(table, s.key, default, |n| setting_or_auto(n, s))?;
                Ok((*s, values))
            })
            .collect::<Result<_, Problem>>()?,
        layers,
        activations,
    })
}

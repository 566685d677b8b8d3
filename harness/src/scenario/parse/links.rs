//! `[link.NAME]`: bandwidth, round trip and mode, and the pairs of parties that differ.

use super::super::tree::{Node, Problem, Value};
use super::{choice, missing};
use crate::link::{Exception, Link, LinkMode, MODES};
use crate::units::{Bandwidth, Rtt};

/// What a link's table may hold.
const KEYS: &[&str] = &[
    "bandwidth",
    "rtt",
    "mode",
    "p0_p1",
    "p0_p2",
    "p1_p2",
    "p0_to_p1",
    "p0_to_p2",
    "p1_to_p0",
    "p1_to_p2",
    "p2_to_p0",
    "p2_to_p1",
];

/// The links of a scenario, and `none`, which every scenario knows.
pub fn links(root: &Node) -> Result<Vec<Link>, Problem> {
    let mut links = vec![Link::loopback()];
    let Some(table) = root.get("link") else {
        return Ok(links);
    };
    let Value::Table(entries) = &table.value else {
        return Err(table.problem("expected tables such as [link.lan]"));
    };
    for (name, node) in entries {
        if name.chars().any(char::is_control) || name.trim().is_empty() {
            return Err(node
                .problem("a link's name has letters that can be seen, and no control characters"));
        }
        if name == "none" {
            return Err(node.problem("`none` is loopback as it is, and cannot be described again"));
        }
        links.push(link(name, node)?);
    }
    Ok(links)
}

/// `[grid]`: a link for each bandwidth and round trip, named after both; `described` are the links that have names already.
pub fn grid(root: &Node, described: &[Link]) -> Result<Vec<Link>, Problem> {
    let Some(table) = root.get("grid") else {
        return Ok(Vec::new());
    };
    table.keys(&["bandwidth", "rtt", "mode"])?;
    let mode = table
        .get("mode")
        .map_or(Ok(LinkMode::Shaped), |n| choice(n, MODES))?;
    let list = |key: &str, example: &str| match table.get(key) {
        Some(node) => node.list(),
        None => Err(missing(table, &format!("grid.{key}"), example)),
    };
    let rtts = list("rtt", "rtt = [\"1ms\", \"40ms\"]")?;
    let mut links = Vec::new();
    for given in list("bandwidth", "bandwidth = [\"100mbit\", \"1gbit\"]")? {
        let bandwidth = rate(given)?;
        for node in &rtts {
            let rtt = node.unit(Rtt::parse)?;
            let name = format!("{bandwidth}-{rtt}");
            if links.iter().any(|l: &Link| l.name == name) {
                return Err(given.problem(format!(
                    "two links of this grid are called `{name}`: bandwidths and round trips must differ as they are written"
                )));
            }
            if described.iter().any(|l| l.name == name) {
                return Err(given.problem(format!(
                    "a link of this grid is called `{name}`, as a [link.\"{name}\"] is: choose another name for that"
                )));
            }
            links.push(Link {
                name,
                mode,
                bandwidth: Some(bandwidth),
                rtt,
                exceptions: Vec::new(),
            });
        }
    }
    Ok(links)
}

fn link(name: &str, node: &Node) -> Result<Link, Problem> {
    let Value::Table(entries) = &node.value else {
        return Err(node.problem("expected a table such as [link.lan]"));
    };
    node.keys(KEYS)?;
    let mode = node
        .get("mode")
        .map_or(Ok(LinkMode::Shaped), |n| choice(n, MODES))?;
    let bandwidth = bandwidth(node)?;
    let rtt = rtt(node)?;
    let mut exceptions = Vec::new();
    for (key, entry) in entries {
        if matches!(key.as_str(), "bandwidth" | "rtt" | "mode") {
            continue;
        }
        exceptions.push(exception(key, entry)?);
    }
    if mode == LinkMode::None {
        if let Some((_, n)) = entries.iter().find(|(key, _)| key != "mode") {
            return Err(n.problem("mode = \"none\" is loopback as it is: remove this key"));
        }
    } else if bandwidth.is_none() || rtt.is_none() {
        let key = if rtt.is_none() { "rtt" } else { "bandwidth" };
        let example = format!("[link.{name}] bandwidth = \"100mbit\" rtt = \"40ms\"");
        return Err(missing(node, &format!("link.{name}.{key}"), &example));
    }
    Ok(Link {
        name: name.to_owned(),
        mode,
        bandwidth,
        rtt: rtt.unwrap_or_default(),
        exceptions,
    })
}

/// `p0_p1 = { .. }` holds for both directions of a pair, `p0_to_p1 = { .. }` for one.
fn exception(key: &str, node: &Node) -> Result<Exception, Problem> {
    let pairs = [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0), (2, 1)];
    for (index, (a, b)) in pairs.into_iter().enumerate() {
        let directed = key == format!("p{a}_to_p{b}");
        // A pair is written with the lower party first.
        if !directed && (index >= 3 || key != format!("p{a}_p{b}")) {
            continue;
        }
        if directed {
            if let Some(n) = node.get("rtt") {
                return Err(n.problem(
                    "a round trip goes both ways: give it to the pair, such as p0_p1 = { rtt = \"40ms\" }",
                ));
            }
            node.keys(&["bandwidth"])?;
        } else {
            node.keys(&["bandwidth", "rtt"])?;
        }
        return Ok(Exception {
            parties: (a, b),
            directed,
            bandwidth: bandwidth(node)?,
            rtt: rtt(node)?,
        });
    }
    // The table's keys were checked before.
    Err(node.problem("expected a pair such as p0_p1 or p1_to_p0"))
}

/// Under this a link's probe alone takes minutes, bits a second.
const LEAST_RATE: u64 = 64_000;

fn rate(node: &Node) -> Result<Bandwidth, Problem> {
    let rate = node.unit(Bandwidth::parse)?;
    if rate.bits_per_second < LEAST_RATE {
        return Err(node.problem(format!(
            "{rate} is too slow to be probed before each repetition: 64kbit is the least (qbench predict takes any)"
        )));
    }
    Ok(rate)
}

fn bandwidth(node: &Node) -> Result<Option<Bandwidth>, Problem> {
    let entry = node.get("bandwidth");
    entry.map(rate).transpose()
}

fn rtt(node: &Node) -> Result<Option<Rtt>, Problem> {
    node.get("rtt").map(|n| n.unit(Rtt::parse)).transpose()
}

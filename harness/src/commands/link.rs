//! `qbench link`: any program over an emulated link.

use crate::cli::{LinkAction, LinkExecArguments};
use crate::link::rig::shared;
use crate::link::{Link, LinkMode, MODES, choose};
use crate::names::text_of;
use crate::scenario::parse;
use crate::units::{Bandwidth, Rtt};
use anyhow::{Context, Result, anyhow, bail};
use qbench_protocols::system::System;

/// Does one of the actions.
///
/// # Errors
/// A link that cannot be had, a command that cannot be started.
pub fn link(systems: &[&'static dyn System], action: &LinkAction) -> Result<bool> {
    match action {
        LinkAction::Exec(arguments) => {
            let link = wanted(systems, arguments)?;
            let name = arguments.name.as_deref();
            shared::exec(&link, name, arguments.party, &arguments.command)?;
        }
        LinkAction::List => {
            for (name, entry) in shared::list()? {
                match entry {
                    Some(entry) => crate::say!(
                        "{name}  {} {}, held by process {}",
                        entry.link.mode.name(),
                        entry.link.describe(),
                        entry.pid
                    ),
                    None => crate::say!("{name}  its holder is gone: qbench link clean"),
                }
            }
        }
        LinkAction::Clean => {
            for line in shared::clean()? {
                crate::say!("{line}");
            }
        }
    }
    Ok(true)
}

/// The links that need no scenario file.
///
/// # Errors
/// A name that is none of them.
pub fn built_in(name: &str, mode: LinkMode) -> Result<Link> {
    let of = |bandwidth: &str, rtt: &str| described(name, mode, bandwidth, rtt);
    match name {
        "none" => Ok(Link::loopback()),
        "lan" => of("5gbit", "0.2ms"),
        "wan" => of("100mbit", "40ms"),
        other => {
            bail!("--link {other}: there are none, lan (5gbit, 0.2ms) and wan (100mbit, 40ms)")
        }
    }
}

fn described(name: &str, mode: LinkMode, bandwidth: &str, rtt: &str) -> Result<Link> {
    Ok(Link {
        name: name.to_owned(),
        mode,
        bandwidth: Some(Bandwidth::parse(bandwidth).map_err(|e| anyhow!(e))?),
        rtt: Rtt::parse(rtt).map_err(|e| anyhow!(e))?,
        exceptions: Vec::new(),
    })
}

fn wanted(systems: &[&'static dyn System], arguments: &LinkExecArguments) -> Result<Link> {
    let modes: Vec<&str> = ["auto", "netem", "relay"].to_vec();
    let mode = MODES
        .iter()
        .find(|(name, _)| *name == arguments.mode && modes.contains(name))
        .map(|(_, mode)| *mode)
        .with_context(|| {
            format!(
                "--mode {}: programs that are not ours take auto, netem or relay",
                arguments.mode
            )
        })?;
    let mut link = match (&arguments.scenario, &arguments.bandwidth, &arguments.rtt) {
        (Some(path), None, None) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read scenario {}", path.display()))?;
            let known = parse::Known::of(systems);
            let scenario = parse::scenario(&text_of(path.as_os_str()), &text, &[], &known)?;
            let found = scenario
                .links
                .into_iter()
                .find(|l| l.name == arguments.link);
            let mut link = found.with_context(|| {
                format!("{} describes no link `{}`", path.display(), arguments.link)
            })?;
            link.mode = mode;
            link
        }
        (None, None, None) => built_in(&arguments.link, mode)?,
        (None, Some(bandwidth), Some(rtt)) => described(&arguments.link, mode, bandwidth, rtt)?,
        _ => bail!("give --bandwidth and --rtt together, and not with --scenario"),
    };
    if link.bandwidth.is_none() {
        bail!("--link none is loopback: run the command without qbench");
    }
    choose::resolve(std::slice::from_mut(&mut link));
    if !link.mode.in_namespaces() {
        choose::check(&Link {
            mode: LinkMode::Relay,
            ..link.clone()
        })?;
    }
    choose::check(&link)?;
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_by_name_know_each_other() {
        let unknown = built_in("moon", LinkMode::Relay).unwrap_err();
        assert!(unknown.to_string().contains("wan"));
        assert_eq!(
            built_in("lan", LinkMode::Relay).unwrap().mode,
            LinkMode::Relay
        );
    }
}

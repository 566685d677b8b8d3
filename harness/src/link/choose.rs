//! Which link modes work here: `auto` takes the best, and a mode that cannot be had is refused before
//! anything runs.

use super::{Link, LinkMode, netem, rig};
use anyhow::{Result, bail};

/// What a probe of a mode says.
type Probe = fn() -> Result<(), String>;

/// From the best to the one that always works.
const CANDIDATES: [(LinkMode, &[Probe]); 2] = [
    (LinkMode::Netem, &[rig::available, netem::available]),
    (LinkMode::Relay, &[rig::available]),
];

/// Gives every `auto` link the best mode that works here; says which, and why not a better one. Probes only
/// if there is such a link.
pub fn resolve(links: &mut [Link]) -> Option<String> {
    if links.iter().all(|link| link.mode != LinkMode::Auto) {
        return None;
    }
    let (mode, reason) = best(&CANDIDATES);
    for link in links.iter_mut().filter(|l| l.mode == LinkMode::Auto) {
        link.mode = mode;
    }
    let because = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    };
    Some(format!("link mode auto is `{}` here{because}", mode.name()))
}

fn best(candidates: &[(LinkMode, &[Probe])]) -> (LinkMode, String) {
    let mut reasons = Vec::new();
    for (mode, probes) in candidates {
        match probes.iter().find_map(|probe| probe().err()) {
            None => return (*mode, reasons.join("; ")),
            Some(reason) => reasons.push(format!("no {}: {reason}", mode.name())),
        }
    }
    reasons.dedup();
    (LinkMode::Shaped, reasons.join("; "))
}

/// Refuses a link whose mode cannot be had here.
///
/// # Errors
/// One line that says what is missing, and what would work.
pub fn check(link: &Link) -> Result<()> {
    let probes = CANDIDATES.iter().find(|(mode, _)| *mode == link.mode);
    let missing = probes.and_then(|(_, probes)| probes.iter().find_map(|probe| probe().err()));
    if let Some(missing) = missing {
        bail!(
            "link `{}`: mode `{}` cannot be had here: {missing}. mode = \"auto\" takes the best that works, \
             \"shaped\" needs no rights",
            link.name,
            link.mode.name()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_works_is_taken_with_the_reason_why_no_better_one() {
        let no: Probe = || Err("it is not there".into());
        let yes: Probe = || Ok(());
        let (mode, reason) = best(&[(LinkMode::Netem, &[yes, no]), (LinkMode::Relay, &[yes])]);
        assert_eq!(mode, LinkMode::Relay);
        assert_eq!(reason, "no netem: it is not there");
        assert_eq!(best(&[(LinkMode::Netem, &[yes])]).0, LinkMode::Netem);
        assert_eq!(best(&[(LinkMode::Netem, &[no])]).0, LinkMode::Shaped);
    }
}

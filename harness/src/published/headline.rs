//! The paper's headline factors, each beside what like for like gives in runs of ours: the same length, link and phase on both sides.

use super::page::table as markdown;
use crate::compare::groups::{Entry, Group, groups};
use crate::compare::ratio::Ratio;
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::units::{digits, time_text};
use anyhow::{Result, bail};
use qbench_protocols::phase::Phase;

/// A factor of the paper's abstract.
struct Claim {
    factor: &'static str,
    system: &'static str,
    /// What the paper divides.
    of: &'static str,
}

/// As the abstract has them; that the tables give these factors is checked by `page::headline::claimed`.
const CLAIMS: [Claim; 3] = [
    Claim {
        factor: "8x",
        system: "lut-mul",
        of: "Table 3: online, WAN, n = 8 to 32, 96 threads on both sides",
    },
    Claim {
        factor: "9x",
        system: "sigma",
        of: "Table 2: online, LAN, 4 threads; its length is not stated, ours is n = 8",
    },
    Claim {
        factor: "22x",
        system: "crypten",
        of: "Table 2: online, LAN; a GPU at n = 128 over 96 threads at n = 8",
    },
];

const ONLINE: Quantity = Quantity::Seconds(Some(Phase::Online));
const OFFLINE: Quantity = Quantity::Seconds(Some(Phase::Offline));

/// The table: a line for each claim, length and link that was measured.
///
/// # Errors
/// Rows without `lut-rss`, or without any of the systems that it is compared with.
pub fn table(rows: &[RunRow]) -> Result<String> {
    let groups = groups(&[rows]);
    let mut body: Vec<Vec<String>> = Vec::new();
    for claim in &CLAIMS {
        for group in &groups {
            body.extend(
                line(claim, group)
                    .into_iter()
                    .filter(|line| !body.contains(line))
                    .collect::<Vec<_>>(),
            );
        }
    }
    if body.is_empty() {
        bail!("no row of `lut-rss` stands beside one of a system that the paper compares it with");
    }
    let head = [
        "claimed",
        "over",
        "of",
        "tokens",
        "link",
        "online, it / `lut-rss`",
        "offline, it / `lut-rss`",
        "online here, `lut-rss` / it",
        "offline here, `lut-rss` / it",
    ];
    Ok(markdown(&head, &body))
}

/// The online factors of the table, and the offline ones: medians, of what is there.
pub fn factors(rows: &[RunRow]) -> [Vec<f64>; 2] {
    let groups = groups(&[rows]);
    let pairs = CLAIMS
        .iter()
        .flat_map(|claim| groups.iter().filter_map(|group| pair(claim, group)));
    let pairs: Vec<_> = pairs.collect();
    [ONLINE, OFFLINE].map(|quantity| {
        let ratios = pairs
            .iter()
            .filter_map(|(own, other)| own.ratio(other, quantity));
        ratios.map(|ratio| ratio.summary.median).collect()
    })
}

/// `lut-rss`, and the system that a claim is of.
fn pair<'a, 'b>(claim: &Claim, group: &'b Group<'a>) -> Option<(&'b Entry<'a>, &'b Entry<'a>)> {
    let of = |system: &str| group.entries.iter().find(|entry| entry.system == system);
    Some((of("lut-rss")?, of(claim.system)?))
}

fn line(claim: &Claim, group: &Group<'_>) -> Option<Vec<String>> {
    let (own, other) = pair(claim, group)?;
    let factor = |quantity| {
        let ratio = own.ratio(other, quantity);
        ratio.map_or_else(|| "-".to_owned(), |ratio| text(&ratio))
    };
    let seconds = |entry: &Entry<'_>, quantity| {
        let summary = entry.summary(quantity);
        summary.map_or_else(|| "-".to_owned(), |s| time_text(s.median * 1e9))
    };
    let both = |quantity| format!("{} / {}", seconds(own, quantity), seconds(other, quantity));
    let few = other
        .rows
        .iter()
        .find_map(|row| row.extrapolated_from_layers);
    let few = few.map_or_else(String::new, |few| format!(", layers from {few}"));
    Some(vec![
        claim.factor.to_owned(),
        format!("`{}`{few}", claim.system),
        claim.of.to_owned(),
        group.settings.value("seq_len").to_owned(),
        group.settings.value("link").to_uppercase(),
        factor(ONLINE),
        factor(OFFLINE),
        both(ONLINE),
        both(OFFLINE),
    ])
}

/// `25.6 (24.8 to 32.1)`; `~` where the repetitions did not run next to each other.
fn text(ratio: &Ratio) -> String {
    let summary = ratio.summary;
    let mark = if ratio.paired { "" } else { "~" };
    match summary.count {
        1 => format!("{mark}{}", digits(summary.median)),
        _ => format!(
            "{mark}{} ({} to {})",
            digits(summary.median),
            digits(summary.low),
            digits(summary.high)
        ),
    }
}

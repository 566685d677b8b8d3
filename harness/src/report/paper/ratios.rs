//! Ratios of the other systems to the proposed one, published and ours, like for like.

use super::measured::{Group, groups, ratio};
use super::render::{Grid, range};
use super::{BASE, Paper, phase};
use crate::published::Number;
use crate::quantities::Quantity;
use crate::stats::Summary;
use anyhow::Result;

/// One ratio, published, ours, or both; where it is neither, the remark says why.
pub struct Line {
    table: &'static str,
    quantity: Quantity,
    system: String,
    seq_len: Option<usize>,
    threads: Option<usize>,
    published: Option<f64>,
    ours: Option<Summary>,
    remark: String,
}

pub fn lines(paper: &Paper<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for &quantity in paper.quantities {
        let groups = groups(paper, quantity);
        let numbers: Vec<&Number> = paper
            .published
            .of_table(paper.table)
            .filter(|n| n.quantity == quantity)
            .collect();
        let mut systems: Vec<&str> = numbers.iter().map(|n| n.system.as_str()).collect();
        systems.extend(groups.iter().map(|g| g.system));
        let mut seen = vec![BASE];
        for system in systems {
            if seen.contains(&system) {
                continue;
            }
            seen.push(system);
            let own: Vec<&Group<'_>> = groups.iter().filter(|g| g.system == system).collect();
            let mut shown: Vec<(usize, Option<usize>)> = Vec::new();
            for number in numbers.iter().filter(|n| n.system == system) {
                let (published, mut reasons) = of_published(number, &numbers);
                let ours = number.seq_len.and_then(|n| {
                    let partner = own.iter().find(|g| {
                        g.seq_len == n && (g.threads.is_none() || g.threads == number.threads)
                    })?;
                    shown.push((n, partner.threads));
                    of_ours(partner, &groups, quantity)
                });
                if own.is_empty() {
                    reasons.push(paper.absence(system).to_owned());
                }
                let ours = ours.map(|(ratio, remark)| {
                    reasons.extend(Some(remark).filter(|r| !r.is_empty()));
                    ratio
                });
                lines.push(Line {
                    table: paper.table,
                    quantity,
                    system: system.to_owned(),
                    seq_len: number.seq_len,
                    threads: number.threads,
                    published,
                    ours,
                    remark: reasons.join("; "),
                });
            }
            for group in own {
                if shown.contains(&(group.seq_len, group.threads)) {
                    continue;
                }
                let (ours, remark) = match of_ours(group, &groups, quantity) {
                    Some((ratio, remark)) => (Some(ratio), remark),
                    None => (
                        None,
                        "this run has no one cell of lut-rss under the same conditions".into(),
                    ),
                };
                lines.push(Line {
                    table: paper.table,
                    quantity,
                    system: system.to_owned(),
                    seq_len: Some(group.seq_len),
                    threads: group.threads,
                    published: None,
                    ours,
                    remark,
                });
            }
        }
    }
    lines
}

/// The published ratio, or why there is none.
fn of_published(number: &Number, numbers: &[&Number]) -> (Option<f64>, Vec<String>) {
    let refuse = |reason: String| (None, vec![format!("published ratio not formed: {reason}")]);
    if number.seq_len.is_none() {
        let note = match number.note.as_str() {
            "" => String::new(),
            note => format!("; {note}"),
        };
        return refuse(format!("sequence length not stated{note}"));
    }
    if number.is_from_elsewhere() {
        return refuse(number.note.clone());
    }
    let same = |base: &&&Number| {
        base.system == BASE
            && (base.seq_len, base.threads, &base.device, &base.network)
                == (
                    number.seq_len,
                    number.threads,
                    &number.device,
                    &number.network,
                )
            && base.model == number.model
            && !base.is_from_elsewhere()
    };
    match numbers.iter().find(same) {
        Some(base) => (Some(number.value / base.value), Vec::new()),
        None => refuse("lut-rss is not printed under the same conditions".into()),
    }
}

/// Ours, and what else differs between the two.
fn of_ours(
    group: &Group<'_>,
    groups: &[Group<'_>],
    quantity: Quantity,
) -> Option<(Summary, String)> {
    let same = |base: &&Group<'_>| {
        base.system == BASE && (base.seq_len, base.threads) == (group.seq_len, group.threads)
    };
    let mut bases = groups.iter().filter(same);
    let base = bases.next()?;
    // With several variants of the proposed system no one ratio is the ratio.
    if bases.next().is_some() {
        return None;
    }
    let (above, below) = (group.activation(), base.activation());
    let remark = match above == below {
        true => group.variant.clone(),
        false => format!("{above} against {below}"),
    };
    Some((ratio(group, base, quantity)?, remark))
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}

pub fn csv(lines: &[Line]) -> Result<String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "table",
        "system",
        "divided_by",
        "phase",
        "seq_len",
        "threads",
        "published_ratio",
        "ratio",
        "low",
        "high",
        "pairs",
        "remark",
    ])?;
    for line in lines {
        let ours =
            |pick: fn(&Summary) -> f64| text(line.ours.as_ref().map(|s| format!("{:.3}", pick(s))));
        out.write_record([
            line.table,
            &line.system,
            BASE,
            phase(line.quantity),
            &text(line.seq_len),
            &text(line.threads),
            &text(line.published.map(|v| format!("{v:.3}"))),
            &ours(|s| s.median),
            &ours(|s| s.low),
            &ours(|s| s.high),
            &text(line.ours.map(|s| s.count)),
            &line.remark,
        ])?;
    }
    Ok(String::from_utf8(out.into_inner()?)?)
}

pub fn grid(lines: &[Line]) -> Grid {
    let mut grid = Grid::new(&[
        "system",
        "phase",
        "n",
        "threads",
        "published ratio",
        "our ratio",
        "pairs",
        "remark",
    ]);
    for line in lines {
        grid.line(vec![
            format!("{} / {BASE}", line.system),
            phase(line.quantity).to_owned(),
            line.seq_len
                .map_or_else(|| "not stated".into(), |n| n.to_string()),
            text(line.threads),
            text(line.published.map(|v| format!("{v:.2}"))),
            text(line.ours.map(|s| range(&s, 1.0))),
            text(line.ours.map(|s| s.count)),
            line.remark.clone(),
        ]);
    }
    grid
}

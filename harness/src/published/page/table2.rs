//! Table 2: cells of different sequence lengths, devices and networks.

use super::{listed, table};
use crate::published::{Number, Published};
use crate::quantities::Quantity;
use anyhow::{Context, Result, ensure};
use qbench_protocols::phase::Phase;

/// Two numbers are the same if they differ by less than a figure can be read.
const READING: f64 = 0.001;

/// The LAN number of Fig. 5 that a cell equals: the only one with its threads.
fn in_fig5<'a>(published: &'a Published, cell: &Number) -> Result<&'a Number> {
    let online = Quantity::Seconds(Some(Phase::Online));
    let equal: Vec<&Number> = published
        .of_table("fig5")
        .filter(|n| n.quantity == online && n.network == cell.network)
        .filter(|n| n.threads == cell.threads)
        .filter(|n| (n.value / cell.value - 1.0).abs() < READING)
        .collect();
    ensure!(
        equal.len() == 1,
        "{} of {} equals {} numbers of Fig. 5, not one",
        cell.printed,
        cell.system,
        equal.len()
    );
    Ok(equal[0])
}

/// Numbers of the SIGMA paper that a cell equals once rounded to their two decimals.
fn in_sigma<'a>(published: &'a Published, cell: &Number) -> Vec<&'a Number> {
    published
        .of_table("bert")
        .filter(|n| n.system == cell.system && n.quantity == cell.quantity)
        .filter(|n| (n.value - cell.value).abs() <= 0.005)
        .collect()
}

pub(super) fn section(published: &Published) -> Result<String> {
    let cells: Vec<&Number> = published.of_table("table2").collect();
    ensure!(
        cells.iter().all(|c| c.seq_len.is_none()),
        "a sequence length is stated, so this section is not true"
    );
    let mut lines = Vec::new();
    let (mut ours, mut lengths) = (Vec::new(), Vec::new());
    let mut theirs = None;
    for cell in &cells {
        let equals = match cell.system.as_str() {
            "lut-rss" => {
                let figure = in_fig5(published, cell)?;
                ours.push(*cell);
                lengths.extend(figure.seq_len);
                conditions(figure, "Fig. 5")
            }
            system => match in_sigma(published, cell)[..] {
                [] => "no number at hand".to_owned(),
                [number] => {
                    if system == "crypten" {
                        theirs = Some((*cell, number));
                    }
                    conditions(number, "SIGMA paper")
                }
                _ => "several numbers at hand".to_owned(),
            },
        };
        let threads = cell
            .threads
            .map_or_else(String::new, |t| format!(", {t} threads"));
        lines.push(vec![
            cell.system.clone(),
            format!("{}{threads}", cell.device),
            cell.printed.clone(),
            equals,
        ]);
    }
    lengths.dedup();
    ensure!(
        lengths.len() == 1,
        "the lut-rss cells are of one length in Fig. 5"
    );
    let short = lengths[0];
    let (crypten, original) =
        theirs.context("CrypTen's cell equals no number of the SIGMA paper")?;
    let long = original.seq_len.context("the SIGMA paper states lengths")?;
    ensure!(short != long, "both sides are of one length");
    let first = ours.first().context("Table 2 has lut-rss")?;
    let fig5 = in_fig5(published, first)?;
    let at_long = published
        .of_table("fig5")
        .find(|n| {
            (n.quantity, n.threads, n.seq_len) == (fig5.quantity, fig5.threads, Some(long))
                && n.network == fig5.network
        })
        .context("Fig. 5 has no such length")?;
    let quotient = crypten.value / first.value;
    let sigma_cells: Vec<String> = cells
        .iter()
        .filter(|c| c.system == "sigma")
        .map(|c| c.printed.clone())
        .collect();
    let none = |c: &Number| c.system != "sigma" || in_sigma(published, c).is_empty();
    ensure!(
        cells.iter().all(|c| none(c)),
        "a SIGMA cell equals one of its paper"
    );
    let sigma_own: Vec<String> = published
        .of_table("bert")
        .filter(|n| n.system == "sigma" && n.model == "bert-base" && n.quantity == fig5.quantity)
        .filter(|n| n.network.as_ref().is_some_and(|w| w.name == "lan"))
        .map(|n| format!("{} ({})", n.printed, n.device))
        .collect();
    Ok(format!(
        "## Table 2 sets n = {short} beside n = {long}\n\nThe table states no sequence length. Its cells, and the numbers that they equal:\n\n{}\n\
         *Follows.* Its `lut-rss` cells are the n = {short} points of the paper's own Fig. 5. Its CrypTen cell is, to the two decimals \
         printed there, the SIGMA paper's for n = {long}, on a GPU and over another network. A quotient such as {} / {} = {quotient:.1} \
         compares {} times the tokens, a GPU with a CPU, and {} with {}. In Fig. 5 `lut-rss` itself takes {:.1} times as long at n = {long} \
         as at n = {short} ({:.0} and {:.0} ms, {} threads).\n\n*Does not follow.* At which length the SIGMA cells ({}) were measured: they equal none \
         of the SIGMA paper's own LAN times for BERT-base ({}, n = {long}). Nor how CrypTen would do at n = {short}. \
         No number of this table is drawn at, or divided at, a sequence length here.\n",
        table(&["system", "device", "printed", "equals"], &lines),
        crypten.printed,
        first.printed,
        long / short,
        original
            .network
            .as_ref()
            .map_or_else(String::new, |n| n.describe()),
        fig5.network
            .as_ref()
            .map_or_else(String::new, |n| n.describe()),
        at_long.value / fig5.value,
        at_long.value * 1e3,
        fig5.value * 1e3,
        fig5.threads.unwrap_or(0),
        listed(&sigma_cells),
        listed(&sigma_own),
    ))
}

fn conditions(number: &Number, place: &str) -> String {
    let n = number
        .seq_len
        .map_or_else(String::new, |n| format!(", n = {n}"));
    let device = match number.device.as_str() {
        "cpu" => String::new(),
        device => format!(", {device}"),
    };
    let network = number
        .network
        .as_ref()
        .map_or_else(String::new, |n| n.describe());
    format!("{place}: {}{n}{device}, {network}", number.printed)
}

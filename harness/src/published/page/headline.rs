//! The headline factors beside what a committed run gives.

use crate::published::{Published, headline};
use crate::record::runs::RunRow;
use crate::units::digits;
use anyhow::{Context, Result, ensure};

/// Where the run is, from `docs/`.
const RUN: &str = "../results/reference/amd-epyc-2026-11-26/headline";
/// Its rows, which are part of the binary as the published numbers are.
const ROWS: &str =
    include_str!("../../../../results/reference/amd-epyc-2026-11-26/headline/runs.csv");

/// The rows of the committed run that went well.
fn rows() -> Result<Vec<RunRow>> {
    let mut reader = csv::Reader::from_reader(ROWS.as_bytes());
    let columns = reader.headers().context("its columns")?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let fields: Vec<(&str, &str)> = columns.iter().zip(record.iter()).collect();
        let row = RunRow::read(&fields).map_err(anyhow::Error::msg)?;
        if row.error.is_empty() {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Holds the factors of the abstract against the tables that they are of.
pub(super) fn claimed(published: &Published) -> Result<()> {
    let seconds = |table: &'static str, system: &str, threads: Option<usize>, device: &str| {
        let mut of_table = published.of_table(table);
        let found = of_table.find(|n| {
            n.system == system && n.threads == threads && (device.is_empty() || n.device == device)
        });
        found.map(|n| n.value).context("a cell that a claim is of")
    };
    for (factor, other, own) in [
        (8.0, ("table3", "lut-mul", Some(96), ""), Some(96)),
        (9.0, ("table2", "sigma", Some(4), "cpu"), Some(4)),
        (22.0, ("table2", "crypten", None, "gpu"), Some(96)),
    ] {
        let (table, system, threads, device) = other;
        let ratio = seconds(table, system, threads, device)? / seconds(table, "lut-rss", own, "")?;
        ensure!(
            (ratio - factor).abs() < 0.5,
            "{system}: {ratio}, claimed {factor}"
        );
    }
    Ok(())
}

pub(super) fn section() -> Result<String> {
    let rows = rows()?;
    let [online, offline] = headline::factors(&rows);
    ensure!(
        online.iter().all(|factor| *factor > 1.0),
        "`lut-rss` is not ahead of all online"
    );
    let range = |factors: &[f64]| {
        let (low, high) = factors.iter().fold((f64::MAX, 0.0_f64), |(low, high), f| {
            (low.min(*f), high.max(*f))
        });
        format!("{} to {}", digits(low), digits(high))
    };
    Ok(format!(
        "## The headline factors, like for like\n\nThe same model, length, link, threads and machine on both sides, in one run, repetitions next to each other: \
         [headline]({RUN}). Ratios are medians of paired repetitions, from smallest to largest; one without a range has one repetition. *Claimed* is the \
         factor of the paper's abstract, *of* what it divides.\n\n{}\n\
         *Follows.* Online, `lut-rss` is ahead of each at every length and link of the table, by {} times: no factor holds without its length and link. \
         Offline the factors go from {}.\n\n\
         *Does not follow.* Anything on accuracy: what `lut-rss` and `lut-mul` compute is the quantized model, the others compute the model in fixed \
         point ([BIAS.md](BIAS.md)). Nor on machines with more cores than parties, which the paper's have.\n",
        headline::table(&rows)?,
        range(&online),
        range(&offline),
    ))
}

//! Table 4: CrypTen's column is of another model and other lengths.

use super::{declared, listed, table};
use crate::published::{Number, Published};
use crate::quantities::Quantity;
use anyhow::{Context, Result, ensure};
use qbench_protocols::phase::Phase;
use qbench_protocols::system::System;

/// The length that a cell's note names, `.. at n=64`.
fn noted_length(cell: &Number) -> Result<usize> {
    let length = cell.note.split_once("GPT-2 figure at n=");
    length
        .and_then(|(_, n)| n.parse().ok())
        .with_context(|| format!("the note of {} names no length", cell.printed))
}

pub(super) fn section(systems: &[&'static dyn System], published: &Published) -> Result<String> {
    let online = Quantity::Bytes(Phase::Online);
    let column = |system: &str| -> Vec<&Number> {
        let of = |n: &&Number| n.system == system && n.quantity == online;
        published.of_table("table4").filter(of).collect()
    };
    let ours = |n: usize| -> Result<f64> {
        Ok(declared(systems, "crypten", n, false)?.online.total_bytes() as f64)
    };
    let crypten = column("crypten");
    let mut factors = Vec::new();
    let mut lines = Vec::new();
    for cell in &crypten {
        let tokens = cell.seq_len.context("Table 4 states tokens")?;
        let length = noted_length(cell)?;
        ensure!(length % tokens == 0, "{length} is no multiple of {tokens}");
        factors.push(length / tokens);
        let mut line = vec![tokens.to_string(), cell.printed.clone(), length.to_string()];
        for system in ["crypten", "sigma", "lut-rss"] {
            let same = column(system)
                .into_iter()
                .find(|n| n.seq_len == cell.seq_len);
            let same = same.with_context(|| format!("{system} has no cell at {tokens} tokens"))?;
            line.push(format!("{:.2}", same.value / tokens as f64));
        }
        line.push(format!("{:.0} MB", ours(tokens)? / 1e6));
        lines.push(line);
    }
    factors.dedup();
    ensure!(
        factors.len() == 1,
        "the lengths are different multiples of the tokens"
    );
    let factor = factors[0];
    // Growth a token over the whole column: near one for a system whose cost is linear in the length.
    let growth = |system: &str| -> Result<f64> {
        let cells = column(system);
        let (first, last) = (cells.first().zip(cells.last())).context("an empty column")?;
        let tokens = |n: &Number| n.seq_len.map(|n| n as f64).context("tokens");
        Ok(last.value / tokens(last)? / (first.value / tokens(first)?))
    };
    let (c, s, l) = (growth("crypten")?, growth("sigma")?, growth("lut-rss")?);
    ensure!(
        c > 1.5 * s && c > 1.5 * l,
        "CrypTen's column grows like the others"
    );
    // The one CrypTen traffic of BERT-base at hand.
    let bert = published
        .of_table("bert")
        .find(|n| n.system == "crypten" && n.model == "bert-base" && n.quantity == online)
        .context("the SIGMA paper's CrypTen traffic")?;
    let length = bert.seq_len.context("its length")?;
    let digits = bert.value * 1e6 / (1_u64 << 30) as f64;
    let same = crypten
        .iter()
        .find(|cell| noted_length(cell).is_ok_and(|n| n == length))
        .context("no cell at its length")?;
    ensure!(
        (same.value / 1e3 - digits).abs() < 0.005,
        "{} and {} have other digits",
        same.printed,
        bert.printed
    );
    // Ours, which is held to the original's bytes operation by operation, is what the SIGMA paper measured.
    let here = ours(length)? / (1_u64 << 30) as f64;
    ensure!(
        (here - digits).abs() <= 0.005,
        "declared {here:.3}, printed {digits:.2}"
    );
    let most = crypten.iter().map(|cell| {
        let tokens = cell.seq_len.context("Table 4 states tokens")?;
        Ok(cell.value * 1e6 / ours(tokens)?)
    });
    let over: Vec<f64> = most.collect::<Result<_>>()?;
    let (least, most) = over
        .iter()
        .fold((f64::MAX, 0.0_f64), |(l, m), &v| (l.min(v), m.max(v)));
    ensure!(
        least > 1.5,
        "the column is near what CrypTen sends at its tokens"
    );
    // Ours, which is held to the original's bytes step by step, says what unit SIGMA's cells are in.
    let mut off = 0.0_f64;
    for cell in column("sigma") {
        let tokens = cell.seq_len.context("Table 4 states tokens")?;
        let bytes = declared(systems, "sigma", tokens, false)?
            .online
            .total_bytes();
        off = off.max((bytes as f64 / f64::from(1 << 20) / cell.value - 1.0).abs());
    }
    ensure!(off < 0.005, "SIGMA's cells are off by {off:.4} of MiB");
    let lengths: Vec<usize> = crypten
        .iter()
        .map(|c| noted_length(c))
        .collect::<Result<_>>()?;
    Ok(format!(
        "## Table 4's CrypTen column is of another model, at {factor} times the tokens\n\nBy the notes of the file, its four numbers are the SIGMA \
         paper's for CrypTen on GPT-2 at n = {}. Last: what this project's `crypten` declares for BERT-base at so many tokens.\n\n{}\n\
         *Follows.* Each noted length is {factor} times the row's tokens. A token costs {c:.2} times as much in the last row as in the first, \
         where it costs {s:.2} (sigma) and {l:.2} (lut-rss) times as much. The number beside {} tokens has the digits of the SIGMA paper's CrypTen traffic for \
         *BERT-base* at n = {length}: {} against {} bytes, which are {:.0} MB of 10^6. Our `crypten` declares {here:.2} GB of 2^30 bytes \
         there, the same; at the tokens of the rows it sends less than the column says, by factors of {least:.1} to {most:.1}. So no ratio between this column and the others is of one \
         length. The sigma column is like for like in length: its cells are what this project's `sigma` declares for BERT-base at the same tokens, both directions together, \
         but in MiB of 2^20 bytes, to within {:.1} % (for our head, and the input that ours sends).\n\n\
         *Does not follow.* The SIGMA paper's GPT-2 numbers themselves are not in `results/published`, so that they are equal is the note's word, not checked \
         here. Nor that the column is exactly CrypTen on BERT-base at those lengths.\n",
        listed(&lengths),
        table(
            &[
                "tokens",
                "CrypTen, printed",
                "n by the note",
                "CrypTen, MB a token",
                "sigma, MB a token",
                "lut-rss, MB a token",
                "`crypten`, declared"
            ],
            &lines
        ),
        same.seq_len.unwrap_or(0),
        same.printed,
        bert.printed,
        bert.value,
        100.0 * off,
    ))
}

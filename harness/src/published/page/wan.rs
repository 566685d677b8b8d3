//! The WAN times against the round trip of the WAN.

use super::{declared, table};
use crate::published::network::Network;
use crate::published::{Number, Published};
use crate::quantities::Quantity;
use anyhow::{Context, Result, ensure};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::phase::Phase;
use qbench_protocols::system::System;

/// Online rounds of `lut-rss` on BERT-base, as declared by its cost walk.
fn rounds(systems: &[&'static dyn System], seq_len: usize, paper: bool) -> Result<u64> {
    Ok(declared(systems, "lut-rss", seq_len, paper)?
        .online
        .rounds())
}

/// The paper's network of a name, with its round trip in seconds.
fn network<'a>(published: &'a Published, name: &str) -> Result<(&'a Network, f64)> {
    let network = published
        .networks
        .iter()
        .find(|n| n.paper == "lu2025qbert" && n.name == name)
        .with_context(|| format!("the paper's {name}"))?;
    let rtt = network.rtt.context("its round trip")?;
    Ok((network, rtt.nanoseconds as f64 / 1e9))
}

pub(super) fn section(systems: &[&'static dyn System], published: &Published) -> Result<String> {
    let (lan, _) = network(published, "lan")?;
    let (wan, rtt) = network(published, "wan")?;
    let online = Quantity::Seconds(Some(Phase::Online));
    let figure = |network: &Network, like: &Number| {
        published
            .of_table("fig5")
            .find(|n| {
                (n.quantity, n.seq_len, n.threads) == (online, like.seq_len, like.threads)
                    && n.network.as_ref() == Some(network)
            })
            .with_context(|| format!("Fig. 5 has no partner of {}", like.printed))
    };
    let mut lines = Vec::new();
    let mut few = Vec::new();
    let mut short = Vec::new();
    let ours = |n: &&Number| n.system == "lut-rss";
    for cell in published.of_table("table3").filter(ours) {
        let n = cell.seq_len.context("Table 3 states lengths")?;
        let threads = cell.threads.context("Table 3 states threads")?;
        let drawn = figure(wan, cell)?;
        ensure!(
            (drawn.value / cell.value - 1.0).abs() < 0.001,
            "{} is not what Fig. 5 shows",
            cell.printed
        );
        let on_lan = figure(lan, cell)?;
        let beyond = (cell.value - on_lan.value) / rtt;
        if beyond < 3.0 {
            few.push(format!("n = {n} with {threads} threads ({beyond:.1})"));
        }
        let fit = (cell.value / (rtt / 2.0)).floor() as u64;
        let declared = rounds(systems, n, false)?;
        if fit < declared {
            short.push(n);
        }
        lines.push(vec![
            n.to_string(),
            threads.to_string(),
            format!("{:.0} ms", on_lan.value * 1e3),
            cell.printed.clone(),
            format!("{beyond:.1}"),
            fit.to_string(),
            declared.to_string(),
            rounds(systems, n, true)?.to_string(),
        ]);
    }
    ensure!(
        !few.is_empty(),
        "no cell is within three round trips of the LAN"
    );
    ensure!(
        short.len() == lines.len(),
        "some cells hold the declared rounds"
    );
    // The smallest difference anywhere in the figure.
    let mut least: Option<(f64, &Number)> = None;
    for cell in published.of_table("fig5") {
        if cell.quantity == online && cell.network.as_ref() == Some(wan) {
            let beyond = (cell.value - figure(lan, cell)?.value) / rtt;
            if least.is_none_or(|(b, _)| beyond < b) {
                least = Some((beyond, cell));
            }
        }
    }
    let (least, at) = least.context("Fig. 5 has WAN times")?;
    let layers = ModelConfig::preset("bert-base").context("a preset")?.layers;
    let most = lines
        .first()
        .and_then(|l| l[5].parse::<u64>().ok())
        .unwrap_or(0);
    Ok(format!(
        "## The WAN times hold fewer messages than the protocol's chain has\n\nTable 3 (`lut-rss`; {}), beside Fig. 5 on the LAN. \
         *Fits*: one-way delays of {:.0} ms in the whole WAN time, computing for free. *Declared*: the longest chain of dependent messages of \
         this project's `lut-rss` on BERT-base, and that with the paper's radix sort and inner-product variance.\n\n{}\n\
         *Follows.* Going from LAN to WAN costs less than three round trips at {}; the least in Fig. 5 is {least:.1}, at n = {} with {} threads. \
         In none of the cells would the chain that we declare fit, even if nothing but delay took time: {most} messages are {:.1} a layer. Our WAN times \
         are above the published ones for this reason before any other.\n\n\
         *Does not follow.* Why. A shorter chain in the authors' program, a delay that not every message had, or a round trip that was meant \
         otherwise would all give such numbers. Nor that the LAN times are affected.\n",
        wan.describe(),
        rtt * 500.0,
        table(
            &[
                "n",
                "threads",
                "LAN, Fig. 5",
                "WAN, Table 3",
                "difference, round trips",
                "fits",
                "declared",
                "with the paper's choices"
            ],
            &lines
        ),
        super::listed(&few),
        at.seq_len.unwrap_or(0),
        at.threads.unwrap_or(0),
        most as f64 / layers as f64,
    ))
}

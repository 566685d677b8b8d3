//! The offline traffic against the bandwidth of the WAN.

use super::table;
use crate::published::{Number, Published};
use crate::quantities::Quantity;
use anyhow::{Context, Result, ensure};
use qbench_protocols::phase::Phase;

pub(super) fn section(published: &Published) -> Result<String> {
    let wan = published
        .networks
        .iter()
        .find(|n| n.paper == "lu2025qbert" && n.name == "wan")
        .context("the paper's WAN")?;
    let bits = wan.bandwidth.bits_per_second as f64;
    let traffic =
        |n: &&Number| n.system == "lut-rss" && n.quantity == Quantity::Bytes(Phase::Offline);
    let offline = Quantity::Seconds(Some(Phase::Offline));
    let mut lines = Vec::new();
    let mut pairs: Vec<f64> = Vec::new();
    for cell in published.of_table("table4").filter(traffic) {
        let times: Vec<&Number> = published
            .of_table("fig5")
            .filter(|n| n.quantity == offline && n.network.as_ref() == Some(wan))
            .filter(|n| n.seq_len == cell.seq_len)
            .collect();
        // The slowest time is the mildest claim.
        let slowest = times.iter().map(|n| n.value).reduce(f64::max);
        let slowest = slowest.with_context(|| format!("no WAN time for {}", cell.printed))?;
        let rate = cell.value * 8e6 / slowest;
        pairs.push(rate / bits);
        lines.push(vec![
            cell.seq_len.unwrap_or(0).to_string(),
            cell.printed.clone(),
            format!("{:.0} ms", slowest * 1e3),
            format!("{:.0} Mbit/s", rate / 1e6),
            format!("{:.0} ms", cell.value * 8e9 / bits),
        ]);
    }
    let least = pairs
        .iter()
        .copied()
        .reduce(f64::min)
        .context("no offline traffic")?;
    let most = pairs.iter().copied().reduce(f64::max).unwrap_or(least);
    ensure!(
        least > 2.0,
        "two directions could carry the offline traffic"
    );
    Ok(format!(
        "## The offline traffic is more than two directions of the WAN could carry\n\nTable 4's offline traffic over the slowest of Fig. 5's \
         offline WAN times (any threads), at {} a direction:\n\n{}\n\
         *Follows.* If both numbers are of one run and MB are 10^6 bytes, {least:.1} to {most:.1} directions were full for the whole phase. In the protocol as described \
         the tables go from P0 to P2, and P1's shares come from a seed, which would be one direction.\n\n\
         *Does not follow.* Which number is of something else: the traffic may count what no link carried, more pairs may have been busy, or the \
         bandwidth may have been more.\n",
        wan.bandwidth,
        table(
            &[
                "n",
                "offline traffic",
                "offline, WAN",
                "needs",
                "over one direction"
            ],
            &lines
        ),
    ))
}

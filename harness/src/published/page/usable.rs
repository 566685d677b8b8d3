//! What the paper's numbers do let one compare.

use super::table;
use crate::published::{Number, Published};
use anyhow::{Result, ensure};

pub(super) fn section(published: &Published) -> Result<String> {
    let mut lines = Vec::new();
    for number in &published.numbers {
        if number.system == "lut-rss" || number.is_from_elsewhere() || number.seq_len.is_none() {
            continue;
        }
        // Within one table: the same length, phase, network, device, threads and model.
        let base = published.of_table(number.table).find(|base: &&Number| {
            base.system == "lut-rss"
                && (
                    base.quantity,
                    base.seq_len,
                    base.threads,
                    &base.device,
                    &base.network,
                    &base.model,
                ) == (
                    number.quantity,
                    number.seq_len,
                    number.threads,
                    &number.device,
                    &number.network,
                    &number.model,
                )
        });
        if let Some(base) = base {
            lines.push(vec![
                format!("{} / lut-rss", number.system),
                number.quantity.label(),
                number.seq_len.map_or_else(String::new, |n| n.to_string()),
                number.threads.map_or_else(String::new, |t| t.to_string()),
                format!("{} / {}", number.printed, base.printed),
                format!("{:.2}", number.value / base.value),
            ]);
        }
    }
    ensure!(!lines.is_empty(), "nothing in the paper can be compared");
    Ok(format!(
        "## What can be compared as printed\n\nPairs of one table that share sequence length, phase, network, device and threads as far as the paper \
         states them:\n\n{}\nThe traffic of `lut-rss` counts less than its protocol sends, as far as we can tell \
         ([PROTOCOL.md](PROTOCOL.md), \"Beside the paper's Table 4\").\n",
        table(
            &["systems", "quantity", "n", "threads", "printed", "ratio"],
            &lines
        )
    ))
}

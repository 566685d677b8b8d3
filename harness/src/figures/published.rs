//! Numbers as printed in the papers, drawn beside what is measured and marked `as published`.

use crate::record::quantities::Quantity;
use qbench_protocols::system::Phase;

const FIG5: &str = include_str!("../../../results/published/lu2025qbert_fig5_latency_ms.csv");
const TABLE4: &str =
    include_str!("../../../results/published/lu2025qbert_table4_communication_mb.csv");

/// One published number.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// System id.
    pub system: String,
    /// `lan`, `wan`, or empty where it does not matter.
    pub link: String,
    /// Phase.
    pub phase: Phase,
    /// Sequence length.
    pub seq_len: usize,
    /// Threads a party; `None` where it does not matter.
    pub threads: Option<usize>,
    /// In the unit of [`Quantity::label`].
    pub value: f64,
}

impl Published {
    /// The value of a column that figures divide by, where the paper states it.
    pub fn dimension(&self, name: &str) -> Option<String> {
        match name {
            "system" => Some(self.system.clone()),
            "link" => Some(self.link.clone()).filter(|l| !l.is_empty()),
            "seq_len" => Some(self.seq_len.to_string()),
            "threads" => self.threads.map(|t| t.to_string()),
            "model" => Some("bert-base".into()),
            _ => None,
        }
    }
}

/// The published numbers of a quantity; none where the papers have none.
pub fn of(quantity: Quantity) -> Vec<Published> {
    match quantity {
        Quantity::Seconds(Some(phase)) => rows(FIG5)
            .into_iter()
            .filter_map(|row| {
                Some(Published {
                    system: "lut-rss".into(),
                    link: row.get(2)?.clone(),
                    phase: phase_of(row.get(3)?)?,
                    seq_len: row.get(4)?.parse().ok()?,
                    threads: Some(row.get(5)?.parse().ok()?),
                    value: row.get(6)?.parse::<f64>().ok()? / 1e3,
                })
            })
            .filter(|p| p.phase == phase)
            .collect(),
        Quantity::Bytes(phase) => rows(TABLE4)
            .into_iter()
            .filter_map(|row| {
                Some(Published {
                    system: row.get(2)?.clone(),
                    link: String::new(),
                    phase: phase_of(row.get(3)?)?,
                    seq_len: row.get(4)?.parse().ok()?,
                    threads: None,
                    value: row.get(5)?.parse().ok()?,
                })
            })
            // The other systems' numbers are of another model or length: see the notes in the table.
            .filter(|p| p.phase == phase && p.system == "lut-rss")
            .collect(),
        _ => Vec::new(),
    }
}

fn phase_of(name: &str) -> Option<Phase> {
    Phase::ALL.into_iter().find(|p| p.name() == name)
}

fn rows(text: &str) -> Vec<Vec<String>> {
    csv::Reader::from_reader(text.as_bytes())
        .records()
        .filter_map(Result::ok)
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_committed_tables() {
        let online = of(Quantity::Seconds(Some(Phase::Online)));
        assert_eq!(online.len(), 40);
        let at = |n: usize, threads: usize, link: &str| {
            online
                .iter()
                .find(|p| p.seq_len == n && p.threads == Some(threads) && p.link == link)
                .map(|p| p.value)
        };
        assert_eq!(at(8, 1, "lan"), Some(3.783));
        assert_eq!(at(128, 96, "wan"), Some(5.028));
        assert_eq!(of(Quantity::Bytes(Phase::Offline)).len(), 4);
        assert_eq!(of(Quantity::Rounds(Phase::Online)), Vec::new());
    }
}

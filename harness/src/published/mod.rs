//! Numbers as printed in the papers, from `results/published`, each with where it was printed and under what
//! conditions. What a paper does not state stays unknown here: nothing is guessed from context.

pub mod glue;
pub mod headline;
pub mod network;
pub mod page;
mod read;

use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use anyhow::{Context, Result};
use network::Network;

/// One published number.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// The table it was printed in: `fig5`, `table2`, `table3`, `table4`, or `bert` for that of the SIGMA paper.
    pub table: &'static str,
    /// The paper: `lu2025qbert` is arXiv 2508.01636v1, `sigma` is PETS 2024 (eprint 2023/1269).
    pub source: String,
    /// `text` if printed as a number, `figure` if read off a figure.
    pub how: String,
    /// System id.
    pub system: String,
    /// Model, as presets are called.
    pub model: String,
    /// What was measured; its label has the unit of `value`.
    pub quantity: Quantity,
    /// The network; `None` for traffic, which is the same over each.
    pub network: Option<Network>,
    /// `cpu`, or such as `gpu` and `gpu-a6000`; empty where not stated.
    pub device: String,
    /// Threads of each party, where stated.
    pub threads: Option<usize>,
    /// Sequence length in tokens, where stated.
    pub seq_len: Option<usize>,
    /// In the unit of [`Quantity::label`]: seconds, or MB of 10^6 bytes.
    pub value: f64,
    /// The number as printed, with its unit.
    pub printed: String,
    /// What else is known of it; empty for most.
    pub note: String,
}

impl Number {
    /// Whether the number equals one of another paper, which measured under conditions of its own: it is
    /// shown with its note, and never divided by anything or drawn at a sequence length.
    pub fn is_from_elsewhere(&self) -> bool {
        self.source != "sigma" && self.note.contains("SIGMA paper")
    }

    /// Whether everything is known that a comparison needs, and times are of a CPU: what may stand beside our
    /// rows. Traffic is the same on every device.
    pub fn is_comparable(&self) -> bool {
        let device_fits = self.network.is_none() || self.device == "cpu";
        self.seq_len.is_some() && device_fits && !self.is_from_elsewhere()
    }

    /// Where it was printed: `arXiv 2508.01636, Table 4`, and whether it was read off a figure.
    pub fn place(&self) -> String {
        let paper = match self.source.as_str() {
            "lu2025qbert" => "arXiv 2508.01636",
            "sigma" => "SIGMA, PETS 2024",
            other => other,
        };
        let table = match self.table {
            "fig5" => "Fig. 5",
            "table2" => "Table 2",
            "table3" => "Table 3",
            "table4" => "Table 4",
            _ => "BERT",
        };
        let how = match self.how.as_str() {
            "text" => "",
            _ => " (read off the figure)",
        };
        format!("{paper}, {table}{how}")
    }

    /// The value of a column that figures divide by, where the paper states it.
    pub fn dimension(&self, name: &str) -> Option<String> {
        match name {
            "system" => Some(self.system.clone()),
            "link" => self.network.as_ref().map(|network| network.name.clone()),
            "seq_len" => self.seq_len.map(|n| n.to_string()),
            "threads" => self.threads.map(|t| t.to_string()),
            "model" => Some(self.model.clone()),
            _ => None,
        }
    }

    /// Whether a row was measured under the conditions that the paper states: system, model, sequence
    /// length, threads, and the network by bandwidth and round trip rather than by its name. Machines differ.
    pub fn fits(&self, row: &RunRow) -> bool {
        self.is_comparable()
            && ["system", "model", "seq_len", "threads"].iter().all(|c| {
                let stated = self.dimension(c);
                stated.is_none_or(|v| Some(v) == row.dimension(c))
            })
            && self.runs_over_link_of(row)
    }

    /// Whether a row's link is the network of the number; traffic fits every link.
    pub fn runs_over_link_of(&self, row: &RunRow) -> bool {
        self.network.as_ref().is_none_or(|n| n.is_of(row))
    }
}

/// All published numbers and networks.
#[derive(Clone, Debug)]
pub struct Published {
    /// Numbers, table by table in the order printed.
    pub numbers: Vec<Number>,
    /// Networks of the papers.
    pub networks: Vec<Network>,
}

impl Published {
    /// Reads the committed files, which are part of the binary.
    ///
    /// # Errors
    /// A file that cannot be read, with its name and line: a fault of the files, found by a test.
    pub fn committed() -> Result<Self> {
        read::all().context("results/published")
    }

    /// The numbers of a table.
    pub fn of_table<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Number> {
        self.numbers.iter().filter(move |n| n.table == table)
    }

    /// What may be drawn or set beside our rows of a quantity; where a number was printed twice, the printed
    /// one stands before the one read off a figure.
    pub fn comparable(&self, quantity: Quantity) -> Vec<&Number> {
        let fit = |n: &&Number| n.quantity == quantity && n.is_comparable();
        let mut found: Vec<&Number> = Vec::new();
        let mut numbers: Vec<&Number> = self.numbers.iter().filter(fit).collect();
        numbers.sort_by_key(|n| n.how != "text");
        for number in numbers {
            let same = |n: &&Number| {
                (&n.system, &n.model, n.seq_len, n.threads, &n.network)
                    == (
                        &number.system,
                        &number.model,
                        number.seq_len,
                        number.threads,
                        &number.network,
                    )
            };
            if !found.iter().any(same) {
                found.push(number);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qbench_protocols::phase::Phase;

    #[test]
    fn every_file_is_read_and_nothing_is_guessed() {
        let published = Published::committed().unwrap();
        let count = |table: &str| published.of_table(table).count();
        assert_eq!(
            ["fig5", "table2", "table3", "table4", "bert"].map(count),
            [80, 6, 9, 16, 22]
        );
        // The sequence length of Table 2 is not stated: no number of it can be drawn or divided.
        for number in published.of_table("table2") {
            assert_eq!(number.seq_len, None);
            assert!(!number.is_comparable());
        }
        for number in published.of_table("table4") {
            assert_eq!(number.is_comparable(), number.system != "crypten");
        }
        let online = published.comparable(Quantity::Seconds(Some(Phase::Online)));
        let at = |system: &str, n: usize, threads: usize, link: &str| {
            let found = online.iter().find(|p| {
                (p.system.as_str(), p.seq_len, p.threads) == (system, Some(n), Some(threads))
                    && p.dimension("link").as_deref() == Some(link)
            });
            found.map(|p| p.value)
        };
        assert_eq!(at("lut-rss", 8, 1, "lan"), Some(3.783));
        assert_eq!(at("lut-rss", 128, 96, "wan"), Some(5.028));
        assert_eq!(at("lut-mul", 32, 96, "wan"), Some(16.76415));
        // Table 3 prints what Fig. 5 shows; the printed number stands.
        assert_eq!(at("lut-rss", 8, 20, "wan"), Some(1.23929));
        let on_gpu = |p: &&&Number| p.device.starts_with("gpu");
        assert_eq!(online.iter().filter(on_gpu).count(), 0);
        let traffic = published.comparable(Quantity::Bytes(Phase::Online));
        let crypten = traffic
            .iter()
            .find(|p| p.system == "crypten" && p.model == "bert-base");
        let crypten = crypten.unwrap();
        assert_eq!(
            (crypten.seq_len, crypten.value.round()),
            (Some(128), 8955.0)
        );
    }

    #[test]
    fn a_number_fits_rows_of_its_network_only() {
        let published = Published::committed().unwrap();
        let number = published.of_table("fig5").next().unwrap();
        let row = RunRow {
            system: "lut-rss".into(),
            model: "bert-base".into(),
            layers: 12,
            seq_len: 8,
            threads: 1,
            link: "lan".into(),
            bandwidth_bits_per_second: 5_000_000_000,
            rtt_ns: 200_000,
            ..RunRow::default()
        };
        assert!(number.fits(&row));
        let slower = RunRow {
            bandwidth_bits_per_second: 1_000_000_000,
            ..row.clone()
        };
        assert!(!number.fits(&slower), "a LAN of another bandwidth");
        let longer = RunRow { seq_len: 16, ..row };
        assert!(!number.fits(&longer));
    }
}

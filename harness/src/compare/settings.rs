//! The settings of a row, without the system: what must be equal before two rows are compared.

use crate::quantities::DIMENSIONS;
use crate::record::runs::RunRow;
use crate::units::{Bandwidth, Rtt};

/// Columns of the link beside its name, which alone does not say what it is.
const LINK: [&str; 3] = ["link_mode", "bandwidth", "rtt"];

/// The dimension that systems may differ in and still be compared, if that is said: a system that cannot do
/// one activation function stands beside one that can.
pub const ACTIVATION: &str = "activation";

/// Values by column, in the order of [`DIMENSIONS`]; an empty value is a setting that does not apply to the
/// system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings(Vec<(&'static str, String)>);

impl Settings {
    /// The settings of a row.
    pub fn of(row: &RunRow) -> Self {
        let columns = DIMENSIONS
            .iter()
            .copied()
            .filter(|column| !matches!(*column, "system" | ACTIVATION));
        let mut values: Vec<(&str, String)> = columns
            .map(|column| (column, row.dimension(column).unwrap_or_default()))
            .collect();
        let link = [
            row.link_mode.clone(),
            row.bandwidth_bits_per_second.to_string(),
            row.rtt_ns.to_string(),
        ];
        values.extend(LINK.into_iter().zip(link));
        Self(values)
    }

    /// The value of a column; empty where it does not apply.
    pub fn value(&self, column: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| *name == column);
        found.map_or("", |(_, value)| value)
    }

    /// Every column with its value.
    pub fn columns(&self) -> &[(&'static str, String)] {
        &self.0
    }

    /// Whether two rows may be compared: every setting is equal, or does not apply to one of them.
    pub fn agrees(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(&other.0)
            .all(|((_, a), (_, b))| a == b || a.is_empty() || b.is_empty())
    }

    /// The settings that apply to either of two that agree.
    pub fn joined(&self, other: &Self) -> Self {
        let values = self.0.iter().zip(&other.0);
        Self(
            values
                .map(|((column, a), (_, b))| (*column, if a.is_empty() { b } else { a }.clone()))
                .collect(),
        )
    }

    /// The same with one column's value left out.
    pub fn without(&self, column: &str) -> Self {
        let values = self.0.iter().map(|(name, value)| {
            let value = if *name == column { "" } else { value };
            (*name, value.to_owned())
        });
        Self(values.collect())
    }

    /// For people: `bert-base, 12 layers, n = 8, 1 thread, lan (5gbit, 0.2ms RTT, shaped), index bits 4`.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        for (column, value) in &self.0 {
            match *column {
                _ if value.is_empty() => {}
                "link_mode" | "bandwidth" | "rtt" => {}
                "model" => parts.push(value.clone()),
                "layers" => parts.push(counted(value, "layer")),
                "seq_len" => parts.push(format!("n = {value}")),
                "threads" => parts.push(counted(value, "thread")),
                "link" => parts.push(self.link()),
                "max_protocol" => parts.push(format!("max by {value}")),
                "variance_protocol" => parts.push(format!("variance by {value}")),
                other => parts.push(format!("{} {value}", other.replace('_', " "))),
            }
        }
        parts.join(", ")
    }

    /// `lan (5gbit, 0.2ms RTT, shaped)`.
    pub fn link(&self) -> String {
        let number = |column: &str| self.value(column).parse().unwrap_or(0);
        let (bits_per_second, nanoseconds) = (number("bandwidth"), number("rtt"));
        let mut parts = Vec::new();
        if bits_per_second > 0 {
            parts.push(Bandwidth { bits_per_second }.to_string());
        }
        if nanoseconds > 0 {
            parts.push(format!("{} RTT", Rtt { nanoseconds }));
        }
        parts.push(match self.value("link_mode") {
            "none" => "loopback".to_owned(),
            mode => mode.to_owned(),
        });
        parts.retain(|part| !part.is_empty());
        format!("{} ({})", self.value("link"), parts.join(", "))
    }
}

fn counted(value: &str, what: &str) -> String {
    let end = if value == "1" { "" } else { "s" };
    format!("{value} {what}{end}")
}

//! The settings of a row, without the system: what must be equal before two rows are compared.

use crate::quantities::{DIMENSIONS, spoken};
use crate::record::runs::RunRow;
use crate::record::values::dimensions;
use crate::units::{Bandwidth, Rtt};

/// Columns of the link beside its name, which alone does not say what it is.
pub const LINK: [&str; 3] = ["link_mode", "bandwidth", "rtt"];

/// The dimension that systems may differ in and still be compared, if that is said: a system that cannot do
/// one activation function stands beside one that can.
pub const ACTIVATION: &str = "activation";

/// Values by column: those of every system, then the settings that only some have, then the link's. A setting that does not
/// apply is not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings(Vec<(String, String)>);

impl Settings {
    /// The settings of a row.
    pub fn of(row: &RunRow) -> Self {
        let columns = dimensions([row]).into_iter();
        let values = columns
            .filter(|column| !matches!(*column, "system" | ACTIVATION))
            .map(|column| (column.to_owned(), row.dimension(column).unwrap_or_default()));
        let link = [
            row.link_mode.clone(),
            row.bandwidth_bits_per_second.to_string(),
            row.rtt_ns.to_string(),
        ];
        let link = LINK.into_iter().map(str::to_owned).zip(link);
        Self::ordered(values.chain(link).collect())
    }

    /// Equal settings are equal, whatever order their columns had.
    fn ordered(mut values: Vec<(String, String)>) -> Self {
        values.retain(|(_, value)| !value.is_empty());
        let place = |column: &str| match DIMENSIONS.iter().position(|d| *d == column) {
            Some(place) => place,
            None => DIMENSIONS.len() + usize::from(LINK.contains(&column)),
        };
        values.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
        Self(values)
    }

    /// The value of a column; empty where it does not apply.
    pub fn value(&self, column: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == column);
        found.map_or("", |(_, value)| value)
    }

    /// Every column with its value.
    pub fn columns(&self) -> &[(String, String)] {
        &self.0
    }

    /// Whether two rows may be compared: every setting is equal, or does not apply to one of them.
    pub fn agrees(&self, other: &Self) -> bool {
        self.0.iter().all(|(column, value)| {
            let theirs = other.value(column);
            value == theirs || theirs.is_empty()
        })
    }

    /// The settings that apply to either of two that agree.
    pub fn joined(&self, other: &Self) -> Self {
        let more = other
            .0
            .iter()
            .filter(|(column, _)| self.value(column).is_empty());
        Self::ordered(self.0.iter().chain(more).cloned().collect())
    }

    /// The same with one column's value left out.
    pub fn without(&self, column: &str) -> Self {
        let others = self.0.iter().filter(|(name, _)| name != column);
        Self(others.cloned().collect())
    }

    /// For people: `bert-base, 12 layers, n = 8, 1 thread, lan (5gbit, 0.2ms RTT, shaped), index bits 4`.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        for (column, value) in &self.0 {
            match column.as_str() {
                "link_mode" | "bandwidth" | "rtt" => {}
                "model" => parts.push(value.clone()),
                "layers" => parts.push(counted(value, "layer")),
                "seq_len" => parts.push(format!("n = {value}")),
                "threads" => parts.push(counted(value, "thread")),
                "link" => parts.push(self.link()),
                other => parts.push(format!("{} {value}", spoken(other))),
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

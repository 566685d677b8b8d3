//! The networks that the papers state.

use crate::record::runs::RunRow;
use crate::units::{Bandwidth, Rtt};

/// One network of a paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The paper.
    pub paper: String,
    /// `lan` or `wan`.
    pub name: String,
    /// Of each direction.
    pub bandwidth: Bandwidth,
    /// Both ways; `None` where the paper does not state it.
    pub rtt: Option<Rtt>,
}

impl Network {
    /// Whether a row's nominal link is this network.
    pub fn is_of(&self, row: &RunRow) -> bool {
        self.bandwidth.bits_per_second == row.bandwidth_bits_per_second
            && self.rtt.is_some_and(|rtt| rtt.nanoseconds == row.rtt_ns)
    }

    /// `LAN, 5gbit, 0.2ms`.
    pub fn describe(&self) -> String {
        let rtt = self
            .rtt
            .map_or_else(|| "round trip not stated".into(), |rtt| rtt.to_string());
        format!("{}, {}, {rtt}", self.name.to_uppercase(), self.bandwidth)
    }
}

//! Links between the parties: what a scenario calls `lan` or `wan`.

use crate::scenario::units::{Bandwidth, Rtt};
use serde::{Deserialize, Serialize};

/// One kind of link; all three pairs of parties are joined by the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The scenario's name for it.
    pub name: String,
    /// How the link comes to be.
    pub mode: LinkMode,
    /// Bandwidth of each directed pair of parties; `None` is unlimited.
    pub bandwidth: Option<Bandwidth>,
    /// Round-trip time, both ways.
    pub rtt: Rtt,
}

/// How a link is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkMode {
    /// Loopback as it is.
    None,
    /// Inside the transport: the sender serializes at the bandwidth and stamps a delivery time, the receiver
    /// holds the message till then. Needs no rights.
    Shaped,
}

impl LinkMode {
    /// `none` or `shaped`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shaped => "shaped",
        }
    }
}

impl Link {
    /// Loopback as it is: every scenario knows it as `none`.
    pub fn loopback() -> Self {
        Self {
            name: "none".into(),
            mode: LinkMode::None,
            bandwidth: None,
            rtt: Rtt::default(),
        }
    }

    /// `lan (5gbit, 0.2ms)`.
    pub fn describe(&self) -> String {
        match (self.mode, self.bandwidth) {
            (LinkMode::None, _) => format!("{} (loopback)", self.name),
            (_, Some(bandwidth)) => format!("{} ({bandwidth}, {} RTT)", self.name, self.rtt),
            (_, None) => format!("{} (unlimited, {} RTT)", self.name, self.rtt),
        }
    }

    /// Time that `rounds` dependent messages and `bytes` on the busiest directed pair need at least,
    /// nanoseconds.
    pub fn ideal_ns(&self, rounds: u64, bytes: u64) -> f64 {
        let delay = rounds as f64 * self.rtt.nanoseconds as f64 / 2.0;
        let serial = self
            .bandwidth
            .map_or(0.0, |b| bytes as f64 * 8.0 / b.bits_per_second as f64 * 1e9);
        delay + serial
    }
}

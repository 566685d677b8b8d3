//! Links between the parties: what a scenario calls `lan` or `wan`, and how it comes to be.

pub mod choose;
pub mod netem;
pub mod netlink;
pub mod probe;
pub mod relay;
pub mod rig;

use crate::names::name_of;
use crate::units::{Bandwidth, Rtt};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The links of one trio: a bandwidth and a round-trip time for every two parties, and what differs
/// between some of them.
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
    /// Pairs and directions that differ, in the order of the file; later ones win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// What differs between two parties, or in one direction between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The two parties; in a directed exception the sender comes first.
    pub parties: (usize, usize),
    /// Whether it holds for what the first sends to the second only.
    pub directed: bool,
    /// Bandwidth in place of the link's.
    pub bandwidth: Option<Bandwidth>,
    /// Round-trip time in place of the link's; never of a directed exception.
    pub rtt: Option<Rtt>,
}

/// One direction between two parties, as it shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direction {
    /// `None` is unlimited.
    pub bandwidth: Option<Bandwidth>,
    /// Half the pair's round-trip time.
    pub one_way: Duration,
}

/// What must be able to wait at the head of a direction without loss, bytes: 4 MiB, and on wide and long
/// links four times what the round trip holds.
pub fn queue_bytes(direction: &Direction) -> u64 {
    let content = direction.bandwidth.map_or(0.0, |bandwidth| {
        bandwidth.bits_per_second as f64 / 8.0 * 2.0 * direction.one_way.as_secs_f64()
    });
    (4 << 20).max((4.0 * content) as u64)
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
    /// Network namespaces joined by a process of ours that delays and serializes each packet: real TCP.
    Relay,
    /// Network namespaces joined by veth pairs under the kernel's netem: real TCP.
    Netem,
    /// The first of `netem`, `relay`, `shaped` that works here; resolved before a plan is made.
    Auto,
}

/// The link modes' names in scenario files and rows.
pub const MODES: &[(&str, LinkMode)] = &[
    ("auto", LinkMode::Auto),
    ("netem", LinkMode::Netem),
    ("relay", LinkMode::Relay),
    ("shaped", LinkMode::Shaped),
    ("none", LinkMode::None),
];

impl LinkMode {
    /// As in scenario files.
    pub fn name(self) -> &'static str {
        name_of(MODES, &self)
    }

    /// Whether the parties live in network namespaces of their own.
    pub const fn in_namespaces(self) -> bool {
        matches!(self, Self::Relay | Self::Netem)
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
            exceptions: Vec::new(),
        }
    }

    /// Whether another link is the same but for its name.
    pub fn is_as(&self, other: &Self) -> bool {
        let named = Self {
            name: self.name.clone(),
            ..other.clone()
        };
        *self == named
    }

    /// `lan (5gbit, 0.2ms)`.
    pub fn describe(&self) -> String {
        let but = if self.exceptions.is_empty() {
            ""
        } else {
            ", pairs differ"
        };
        match (self.mode, self.bandwidth) {
            (LinkMode::None, _) => format!("{} (loopback)", self.name),
            (_, Some(bandwidth)) => format!("{} ({bandwidth}, {} RTT{but})", self.name, self.rtt),
            (_, None) => format!("{} (unlimited, {} RTT{but})", self.name, self.rtt),
        }
    }

    /// What party `from` sends to party `to` meets.
    pub fn direction(&self, from: usize, to: usize) -> Direction {
        let mut bandwidth = self.bandwidth;
        let mut rtt = self.rtt;
        for exception in &self.exceptions {
            let (a, b) = exception.parties;
            if (a, b) == (from, to) || (!exception.directed && (b, a) == (from, to)) {
                bandwidth = exception.bandwidth.or(bandwidth);
                rtt = exception.rtt.unwrap_or(rtt);
            }
        }
        Direction {
            bandwidth,
            one_way: rtt.one_way(),
        }
    }

    /// Time that `rounds` dependent messages, and what each party sends each other, need at least, nanoseconds: the link's round trip, and
    /// the slowest direction.
    pub fn least_ns(&self, rounds: u64, bytes: [[u64; 3]; 3]) -> f64 {
        let pairs = (0..3).flat_map(|from| (0..3).map(move |to| (from, to)));
        let serial = pairs.map(|(from, to)| {
            let bandwidth = self.direction(from, to).bandwidth;
            bandwidth.map_or(0.0, |b| {
                bytes[from][to] as f64 * 8e9 / b.bits_per_second as f64
            })
        });
        rounds as f64 * self.rtt.nanoseconds as f64 / 2.0 + serial.fold(0.0, f64::max)
    }

    /// Time that `rounds` dependent messages and `bytes` on the busiest directed pair need at least,
    /// nanoseconds; on the link's own bandwidth and round trip.
    pub fn ideal_ns(&self, rounds: u64, bytes: u64) -> f64 {
        let delay = rounds as f64 * self.rtt.nanoseconds as f64 / 2.0;
        let serial = self
            .bandwidth
            .map_or(0.0, |b| bytes as f64 * 8.0 / b.bits_per_second as f64 * 1e9);
        delay + serial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_exceptions_win_and_directed_ones_hold_one_way() {
        let mbit = |n: u64| {
            Some(Bandwidth {
                bits_per_second: n * 1_000_000,
            })
        };
        let link = Link {
            bandwidth: mbit(100),
            rtt: Rtt {
                nanoseconds: 40_000_000,
            },
            exceptions: vec![
                Exception {
                    parties: (0, 1),
                    directed: false,
                    bandwidth: mbit(50),
                    rtt: Some(Rtt {
                        nanoseconds: 10_000_000,
                    }),
                },
                Exception {
                    parties: (1, 0),
                    directed: true,
                    bandwidth: mbit(5),
                    rtt: None,
                },
            ],
            ..Link::loopback()
        };
        let of = |from, to| {
            let d = link.direction(from, to);
            (d.bandwidth, d.one_way.as_millis())
        };
        assert_eq!(of(0, 1), (mbit(50), 5));
        assert_eq!(of(1, 0), (mbit(5), 5));
        assert_eq!(of(2, 1), (mbit(100), 20));
    }
}

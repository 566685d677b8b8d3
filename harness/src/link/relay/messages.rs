//! What the relay is told and what it answers: one JSON object a line.

use crate::stalls::Stall;
use serde::{Deserialize, Serialize};

/// What to forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// One for each directed pair.
    pub routes: Vec<Route>,
}

/// Frames that arrive at one interface leave at another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Interface on the sender's side.
    pub from: String,
    /// Interface on the receiver's side.
    pub to: String,
    /// `None` is unlimited.
    pub bits_per_second: Option<u64>,
    /// From the departure of a frame's last bit to its arrival.
    pub one_way_ns: u64,
    /// What may wait to leave; a frame beyond that is dropped.
    pub queue_bytes: u64,
}

/// The first line that a relay writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It forwards from now on, with real-time priority or without.
    Ready(bool),
    /// It cannot, and why.
    Error(String),
}

/// The last line that a relay writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// In the order of the routes.
    pub routes: Vec<RouteStatistics>,
    /// CPU time of the process.
    pub cpu_ns: u64,
    /// Wall time from ready to the end.
    pub wall_ns: u64,
    /// Whether it ran with real-time priority.
    pub real_time_priority: bool,
    /// When something that was due waited for a millisecond or longer.
    pub stalls: Vec<Stall>,
}

/// What passed on one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatistics {
    /// Units forwarded; a unit is a frame, or several that the kernel has not yet cut.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Units that found the queue full, or that the receiver's side did not take.
    pub dropped_frames: u64,
    /// Most bytes that waited to leave.
    pub queue_peak_bytes: u64,
    /// Longest time by which a unit was handed over late.
    pub late_max_ns: u64,
    /// Sum of these times, for the mean.
    pub late_sum_ns: u64,
}

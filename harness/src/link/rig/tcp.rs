//! TCP settings of a namespace: pinned, and read back for the record.

use crate::link::{Link, queue_bytes};
use serde::{Deserialize, Serialize};

/// What holds for the connections of a rig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpSettings {
    /// Such as `cubic`.
    pub congestion_control: String,
    /// Whether a connection that was idle begins again with a small window.
    pub slow_start_after_idle: String,
    /// Least, first and largest receive buffer, bytes.
    pub rmem: String,
    /// Least, first and largest send buffer, bytes.
    pub wmem: String,
    /// Settings that this kernel did not let us make, with the reason.
    pub refused: Vec<String>,
}

const FOLDER: &str = "/proc/sys/net/ipv4";
/// Buffers are at least this large, bytes.
const LEAST_BUFFER_BYTES: u64 = 16 << 20;

/// Pins the settings of the network namespace of the calling thread.
pub fn pin(link: &Link) -> TcpSettings {
    let widest = (0..3)
        .flat_map(|a| (0..3).map(move |b| (a, b)))
        .filter(|(a, b)| a != b)
        .map(|(a, b)| queue_bytes(&link.direction(a, b)))
        .max()
        .unwrap_or(0);
    // The kernel spends a part of a buffer on its own books.
    let buffer = (2 * widest).clamp(LEAST_BUFFER_BYTES, 1 << 30);
    let mut refused = Vec::new();
    let mut set = |name: &str, value: &str| {
        if let Err(error) = std::fs::write(format!("{FOLDER}/{name}"), value) {
            refused.push(format!("{name} = {value}: {error}"));
            return false;
        }
        true
    };
    set("tcp_slow_start_after_idle", "0");
    set("tcp_no_metrics_save", "1");
    set("tcp_rmem", &format!("4096 1048576 {buffer}"));
    set("tcp_wmem", &format!("4096 1048576 {buffer}"));
    // The same on every machine where it is there: the system's own default differs between them.
    if !set("tcp_congestion_control", "cubic") {
        set("tcp_congestion_control", "reno");
    }
    // Router solicitations and the like have no place on a measured link; a kernel without IPv6 is fine.
    for scope in ["all", "default"] {
        let path = format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
        let _ = std::fs::write(path, "1");
    }
    let get = |name: &str| {
        let text = std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    TcpSettings {
        congestion_control: get("tcp_congestion_control"),
        slow_start_after_idle: get("tcp_slow_start_after_idle"),
        rmem: get("tcp_rmem"),
        wmem: get("tcp_wmem"),
        refused,
    }
}

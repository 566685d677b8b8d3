//! What the links between the parties really are: round trips by small messages, bandwidth by bulk.
//!
//! The probe goes over the connections that the run then uses, so it also opens their TCP windows. The
//! pairs take turns: P0 with P1, P0 with P2, P1 with P2. Payload is zeros; nothing secret exists yet.

use super::frame::HEADER_BYTES;
use super::{NetError, Network, Party};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// How much to send, the same at all parties. Tables are by sender, then receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbePlan {
    /// Round trips of each pair; the first is not counted.
    pub pings: usize,
    /// Sent first and not timed, to open the window of a TCP connection, bytes.
    pub warm_bytes: [[usize; 3]; 3],
    /// Sent right after and timed by the receiver, bytes.
    pub bulk_bytes: [[usize; 3]; 3],
}

/// What one party saw. Places that it did not measure are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeView {
    /// Median round trip of the pings that this party sent, by peer, nanoseconds.
    pub rtt_ns: [u64; 3],
    /// Payload bandwidth of what this party received, by sender, bits a second.
    pub bits_per_second: [u64; 3],
}

const PING: &str = "probe/ping";
/// Payload of a ping, bytes.
pub const PING_BYTES: usize = 8;
/// A ping as it is on a stream, bytes: with what stands before its payload.
pub const PING_MESSAGE_BYTES: usize = HEADER_BYTES + PING.len() + PING_BYTES;
const WARM: &str = "probe/warm";
const BULK: &str = "probe/bulk";

/// Probes all links of the trio; all parties call it at the same point.
///
/// # Errors
/// A peer that is gone or silent.
pub fn probe(network: &mut dyn Network, plan: &ProbePlan) -> Result<ProbeView, NetError> {
    let mut view = ProbeView::default();
    let me = network.me();
    for (a, b) in [
        (Party::P0, Party::P1),
        (Party::P0, Party::P2),
        (Party::P1, Party::P2),
    ] {
        if me == a {
            view.rtt_ns[b.index()] = ping(network, b, plan.pings)?;
        } else if me == b {
            for _ in 0..=plan.pings {
                let ball = network.receive(a, PING, PING_BYTES)?;
                network.send(a, PING, ball)?;
            }
        }
        for (from, to) in [(a, b), (b, a)] {
            let warm = plan.warm_bytes[from.index()][to.index()];
            let bulk = plan.bulk_bytes[from.index()][to.index()];
            if me == from {
                for piece in pieces(warm) {
                    network.send(to, WARM, vec![0; piece])?;
                }
                for piece in pieces(bulk) {
                    network.send(to, BULK, vec![0; piece])?;
                }
                // The other direction begins when this one is over.
                network.receive(to, BULK, 0)?;
            } else if me == to {
                for piece in pieces(warm) {
                    network.receive(from, WARM, piece)?;
                }
                let began = Instant::now();
                for piece in pieces(bulk) {
                    network.receive(from, BULK, piece)?;
                }
                let took = began.elapsed().as_secs_f64();
                view.bits_per_second[from.index()] = (bulk as f64 * 8.0 / took.max(1e-9)) as u64;
                network.send(from, BULK, Vec::new())?;
            }
        }
    }
    Ok(view)
}

/// Bulk goes in messages of this size, so that a probe does not count in the peak memory of what it precedes.
const PIECE_BYTES: usize = 256 << 10;

/// The lengths of the messages that carry so many bytes: at least one, if an empty one, so that the
/// receiver's clock starts when the link's first delay is over.
fn pieces(bytes: usize) -> impl Iterator<Item = usize> {
    let starts = (0..bytes.max(1)).step_by(PIECE_BYTES);
    starts.map(move |start| PIECE_BYTES.min(bytes - start))
}

/// The median of so many round trips, after one that may find the peer busy with another pair.
fn ping(network: &mut dyn Network, peer: Party, pings: usize) -> Result<u64, NetError> {
    let mut times = Vec::with_capacity(pings);
    for round in 0..=pings {
        let began = Instant::now();
        network.send(peer, PING, vec![0; PING_BYTES])?;
        network.receive(peer, PING, PING_BYTES)?;
        if round > 0 {
            times.push(began.elapsed().as_nanos() as u64);
        }
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or(0))
}

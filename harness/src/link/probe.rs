//! The proof that a link was there: what to send before a repetition, and what the answer may be.

use super::{Direction, Link, LinkMode};
use crate::units::{Bandwidth, time_text};
use anyhow::{Result, bail};
use qbench_protocols::net::probe::{PING_BYTES, PING_MESSAGE_BYTES, ProbePlan, ProbeView};
use serde::{Deserialize, Serialize};

/// The pairs of parties, in the order in which they are probed.
pub const PAIRS: [(usize, usize); 3] = [(0, 1), (0, 2), (1, 2)];

/// Bulk is sent for so long at the nominal bandwidth, seconds, but no more than so many bytes at first.
const BULK_SECONDS: f64 = 0.1;
const MOST_BULK_BYTES: f64 = 24e6;
/// Bulk of a link without a limit, and the least of any, bytes.
const FREE_BULK_BYTES: f64 = 8e6;
const LEAST_BULK_BYTES: f64 = 64e3;
/// A slow link gets less than that, what it carries in so many seconds, but enough that single frames do not tell.
const MOST_BULK_SECONDS: f64 = 2.0;
const FEWEST_BULK_BYTES: f64 = 24e3;
/// Headers of Ethernet, IP and TCP with its time stamps, before a ping on a real line, bytes.
const HEADERS_BYTES: usize = 14 + 20 + 32;
/// Pings of a pair last about so long, within the limits.
const PING_NS: u64 = 200_000_000;
const PINGS: std::ops::RangeInclusive<u64> = 5..=50;

/// A probe may be off by a tenth, and a round trip by 0.3 ms on top of nothing.
const TOLERANCE: f64 = 0.1;
const RTT_TOLERANCE_NS: f64 = 300_000.0;

/// A machine busy with something else for a moment gets so many tries.
pub const ATTEMPTS: u32 = 6;

/// What a probe of all links found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Median round trip of each of [`PAIRS`], nanoseconds.
    pub rtt_ns: [u64; 3],
    /// Payload bandwidth by sender and receiver, bits a second.
    pub bits_per_second: [[u64; 3]; 3],
    /// Probes until one was within tolerance.
    pub attempts: u32,
}

/// What to send over a link; later attempts send more, so that a hiccup weighs less.
pub fn plan(link: &Link, attempt: u32) -> ProbePlan {
    let mut plan = ProbePlan {
        pings: *PINGS.end() as usize,
        warm_bytes: [[0; 3]; 3],
        bulk_bytes: [[0; 3]; 3],
    };
    for from in 0..3 {
        for to in (0..3).filter(|&to| to != from) {
            let direction = link.direction(from, to);
            let rtt_ns = 2 * direction.one_way.as_nanos() as u64;
            let pings = (PING_NS / rtt_ns.max(1)).clamp(*PINGS.start(), *PINGS.end());
            plan.pings = plan.pings.min(pings as usize);
            let bytes_a_second = direction.bandwidth.map(|b| b.bits_per_second as f64 / 8.0);
            let bulk = bytes_a_second.map_or(FREE_BULK_BYTES, |rate| rate * BULK_SECONDS);
            let least = bytes_a_second.map_or(LEAST_BULK_BYTES, |rate| {
                (rate * MOST_BULK_SECONDS).clamp(FEWEST_BULK_BYTES, LEAST_BULK_BYTES)
            });
            plan.bulk_bytes[from][to] =
                (bulk.clamp(least, MOST_BULK_BYTES) * f64::from(1 << attempt.min(2))) as usize;
            // A TCP window that doubles every round trip is as wide as the link when twice the link's
            // content has been sent. Inside the transport there is no window.
            if link.mode.in_namespaces() {
                let content = bytes_a_second.map_or(0.0, |rate| rate * rtt_ns as f64 / 1e9);
                plan.warm_bytes[from][to] = (2.0 * content).max(least) as usize;
            }
        }
    }
    plan
}

/// Puts the three views together.
pub fn joined(views: &[ProbeView; 3], attempts: u32) -> Probed {
    let mut probed = Probed {
        rtt_ns: PAIRS.map(|(a, b)| views[a].rtt_ns[b]),
        attempts,
        ..Probed::default()
    };
    for (to, view) in views.iter().enumerate() {
        for (from, bandwidth) in view.bits_per_second.iter().enumerate() {
            probed.bits_per_second[from][to] = *bandwidth;
        }
    }
    probed
}

/// The round trip that pings of a link shall have, nanoseconds: the link's, and the time that the pings themselves are on
/// the line, which is not little where that is slow.
fn nominal_rtt_ns(link: &Link, a: usize, b: usize) -> f64 {
    let bytes = match link.mode.in_namespaces() {
        true => HEADERS_BYTES + PING_MESSAGE_BYTES,
        // Inside the transport only payload counts.
        false => PING_BYTES,
    };
    let ways = [link.direction(a, b), link.direction(b, a)];
    let way = |direction: Direction| {
        let rate = direction
            .bandwidth
            .map_or(f64::INFINITY, |b| b.bits_per_second as f64);
        direction.one_way.as_nanos() as f64 + bytes as f64 * 8e9 / rate
    };
    ways.map(way).iter().sum()
}

/// Whether the link is what was asked for. Loopback as it is has nothing to hold.
///
/// # Errors
/// One line that names the pair, what was asked for and what was found.
pub fn judge(link: &Link, probed: &Probed) -> Result<()> {
    if link.mode == LinkMode::None {
        return Ok(());
    }
    for ((a, b), rtt_ns) in PAIRS.into_iter().zip(probed.rtt_ns) {
        let nominal = nominal_rtt_ns(link, a, b);
        let allowed = RTT_TOLERANCE_NS.max(nominal * TOLERANCE);
        if (rtt_ns as f64 - nominal).abs() > allowed {
            bail!(
                "link probe: the round trip between P{a} and P{b} is {} where {} is asked for, the ping's own time on the line included (off by more than {})",
                time_text(rtt_ns as f64),
                time_text(nominal),
                time_text(allowed)
            );
        }
    }
    for (from, row) in probed.bits_per_second.iter().enumerate() {
        for (to, &found) in row.iter().enumerate() {
            let Some(nominal) = link.direction(from, to).bandwidth.filter(|_| from != to) else {
                continue;
            };
            let ratio = found as f64 / nominal.bits_per_second as f64;
            if (ratio - 1.0).abs() > TOLERANCE {
                bail!(
                    "link probe: P{from} to P{to} carries {} where {nominal} is asked for (off by more than a tenth)",
                    Bandwidth {
                        bits_per_second: found
                    }
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Rtt;

    fn wan() -> Link {
        Link {
            name: "wan".into(),
            mode: LinkMode::Relay,
            bandwidth: Some(Bandwidth {
                bits_per_second: 100_000_000,
            }),
            rtt: Rtt {
                nanoseconds: 40_000_000,
            },
            exceptions: Vec::new(),
        }
    }

    fn probed(rtt_ns: u64, bits_per_second: u64) -> Probed {
        let mut table = [[bits_per_second; 3]; 3];
        (0..3).for_each(|p| table[p][p] = 0);
        Probed {
            rtt_ns: [rtt_ns; 3],
            bits_per_second: table,
            attempts: 1,
        }
    }

    #[test]
    fn a_probe_within_a_tenth_passes_and_others_say_what_is_off() {
        assert!(judge(&wan(), &probed(41_000_000, 96_000_000)).is_ok());
        let late = judge(&wan(), &probed(45_000_000, 96_000_000)).unwrap_err();
        assert!(late.to_string().contains("P0 and P1"), "{late}");
        let mut one_narrow = probed(40_000_000, 100_000_000);
        one_narrow.bits_per_second[2][1] = 80_000_000;
        let narrow = judge(&wan(), &one_narrow).unwrap_err();
        assert!(narrow.to_string().contains("P2 to P1"), "{narrow}");
        // A limit that is not in force is as wrong as one that is too tight.
        assert!(judge(&wan(), &probed(40_000_000, 9_000_000_000)).is_err());
    }

    #[test]
    fn a_slow_line_has_the_time_that_a_ping_takes_on_it() {
        let mut link = wan();
        link.bandwidth = Bandwidth::parse("1mbit").ok();
        link.rtt = Rtt::parse("5ms").unwrap();
        // 109 bytes each way.
        assert_eq!(nominal_rtt_ns(&link, 0, 1), 5e6 + 2.0 * 872e3);
        assert!(judge(&link, &probed(6_800_000, 980_000)).is_ok());
        assert!(judge(&link, &probed(5_000_000, 980_000)).is_err());
        link.mode = LinkMode::Shaped;
        assert_eq!(nominal_rtt_ns(&link, 0, 1), 5e6 + 2.0 * 64e3);
        link.bandwidth = None;
        assert_eq!(nominal_rtt_ns(&link, 0, 1), 5e6);
        // A probe of the slowest links takes seconds, not minutes.
        link.bandwidth = Bandwidth::parse("100kbit").ok();
        assert_eq!(plan(&link, 0).bulk_bytes[0][1], 25_000);
        assert_eq!(plan(&wan(), 0).bulk_bytes[0][1], 1_250_000);
    }

    #[test]
    fn the_window_is_opened_before_the_bulk_is_timed() {
        let plan = plan(&wan(), 0);
        assert_eq!(plan.pings, 5);
        assert_eq!(plan.bulk_bytes[0][1], 1_250_000);
        assert_eq!(plan.warm_bytes[0][1], 1_000_000);
    }
}

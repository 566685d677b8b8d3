//! The kernel's netem on one interface: delay, rate and a queue that is long enough, by netlink.
//!
//! An earlier discipline is deleted first, since a replacement without a rate keeps the old rate.

use super::netlink::{Netlink, Request, find, index_of};
use super::{Direction, queue_bytes};
use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::libc;

/// Frames that the limit counts are at least this long when they fill a queue, bytes.
const FRAME_BYTES: u64 = 1500;

/// Attributes of `tc_netem_qopt`'s message in `linux/pkt_sched.h`.
const TCA_NETEM_RATE: u16 = 6;
const TCA_NETEM_RATE64: u16 = 8;
const TCA_NETEM_LATENCY64: u16 = 10;
/// `TCA_STATS2` and, inside, `TCA_STATS_QUEUE`: queue length, backlog, drops, requeues, overlimits.
const TCA_STATS2: u16 = 7;
const TCA_STATS_QUEUE: u16 = 3;
/// `TC_H_ROOT`: the queue at the head of an interface.
const ROOT: u32 = u32::MAX;
const TC_PART_BYTES: usize = 20;

/// Puts a direction's delay and rate on an interface of this namespace.
///
/// # Errors
/// What the kernel refuses, with what is missing.
pub fn set(interface: &str, direction: &Direction) -> Result<()> {
    let mut netlink = Netlink::open()?;
    let index = index_of(interface)?;
    let delete = Request::new(libc::RTM_DELQDISC, 0, &tc_part(index));
    match netlink.ask(&delete) {
        // The interface has only the discipline that it was born with.
        Ok(_) | Err(Errno::ENOENT | Errno::EINVAL) => {}
        Err(error) => {
            return Err(error).with_context(|| format!("deleting the queue of {interface}"));
        }
    }
    match netlink.ask(&request(index, direction)) {
        Ok(_) => Ok(()),
        Err(Errno::ENOENT) => Err(anyhow!(MISSING)),
        Err(error) => Err(error).with_context(|| format!("adding netem to {interface}")),
    }
}

const MISSING: &str = "this kernel has no netem: load it (modprobe sch_netem; on some systems from the package \
    linux-modules-extra), or build the kernel with CONFIG_NET_SCH_NETEM";

fn request(index: u32, direction: &Direction) -> Request {
    let delay_ns = direction.one_way.as_nanos() as u64;
    let mut request = Request::new(
        libc::RTM_NEWQDISC,
        libc::NLM_F_CREATE | libc::NLM_F_EXCL,
        &tc_part(index),
    );
    request.text(libc::TCA_KIND, "netem");
    // tc_netem_qopt: latency in ticks of 64 ns, limit in frames, loss, gap, duplicate, jitter. The exact
    // latency follows as an attribute, which wins where the kernel knows it.
    let mut options = Vec::new();
    for word in [(delay_ns >> 6) as u32, limit_frames(direction), 0, 0, 0, 0] {
        options.extend(word.to_ne_bytes());
    }
    let nest = request.open(libc::TCA_OPTIONS, &options);
    request.attribute(TCA_NETEM_LATENCY64, &(delay_ns as i64).to_ne_bytes());
    if let Some(bandwidth) = direction.bandwidth {
        let bytes_per_second = bandwidth.bits_per_second.div_ceil(8);
        // tc_netem_rate: rate, packet overhead, cell size, cell overhead. A rate beyond 32 bits has an
        // attribute of its own, and all ones here.
        let mut rate = u32::try_from(bytes_per_second)
            .unwrap_or(u32::MAX)
            .to_ne_bytes()
            .to_vec();
        rate.extend([0; 12]);
        if bytes_per_second >= u64::from(u32::MAX) {
            request.attribute(TCA_NETEM_RATE64, &bytes_per_second.to_ne_bytes());
        }
        request.attribute(TCA_NETEM_RATE, &rate);
    }
    request.close(nest);
    request
}

/// The queue in frames, and what is on its way: netem counts both against its limit.
fn limit_frames(direction: &Direction) -> u32 {
    let flying = direction.bandwidth.map_or(0, |b| {
        (b.bits_per_second as f64 / 8.0 * direction.one_way.as_secs_f64()) as u64
    });
    let frames = (queue_bytes(direction) + flying) / FRAME_BYTES + 1000;
    u32::try_from(frames).unwrap_or(u32::MAX)
}

/// Frames that netem has dropped on an interface of this namespace.
///
/// # Errors
/// The kernel's.
pub fn dropped(interface: &str) -> Result<u64> {
    let index = index_of(interface)?;
    let mut request = Request::new(
        libc::RTM_GETQDISC,
        libc::NLM_F_DUMP,
        &tc_part(index)[..TC_PART_BYTES],
    );
    request.text(libc::TCA_KIND, "netem");
    let answers = Netlink::open()?
        .ask(&request)
        .with_context(|| format!("reading the queue of {interface}"))?;
    let of_interface = |answer: &&Vec<u8>| answer.get(4..8) == Some(&index.to_ne_bytes()[..]);
    Ok(answers
        .iter()
        .filter(of_interface)
        .filter_map(|answer| {
            let stats = find(
                find(answer.get(TC_PART_BYTES..)?, TCA_STATS2)?,
                TCA_STATS_QUEUE,
            )?;
            Some(u64::from(u32::from_ne_bytes(
                *stats.get(8..)?.first_chunk()?,
            )))
        })
        .sum())
}

/// `tcmsg`: family, interface, handle, parent, info.
fn tc_part(index: u32) -> Vec<u8> {
    let mut part = vec![0; 4];
    for word in [index, 0, ROOT, 0] {
        part.extend(word.to_ne_bytes());
    }
    part
}

/// Whether netem is there: tried on the loopback interface of a scratch namespace.
///
/// # Errors
/// One sentence that says what is missing and how to get it.
pub fn available() -> Result<(), String> {
    super::rig::in_scratch_namespace("netem")
}

/// The probe itself, inside the scratch namespace.
///
/// # Errors
/// As [`set`].
pub fn try_here() -> Result<()> {
    let direction = Direction {
        bandwidth: Some(crate::units::Bandwidth {
            bits_per_second: 100_000_000,
        }),
        one_way: std::time::Duration::from_millis(20),
    };
    set("lo", &direction)?;
    dropped("lo").map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bandwidth;
    use std::time::Duration;

    #[test]
    fn the_limit_holds_the_queue_and_what_flies() {
        let direction = |bits_per_second, millis| Direction {
            bandwidth: Some(Bandwidth { bits_per_second }),
            one_way: Duration::from_millis(millis),
        };
        // 4 MiB of queue, and 250 kB in flight.
        assert_eq!(limit_frames(&direction(100_000_000, 20)), 2962 + 1000);
        // Four bandwidth-delay products of 25 MB, and one.
        assert!(limit_frames(&direction(5_000_000_000, 40)) > 80_000);
    }
}

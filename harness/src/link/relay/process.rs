//! The relay's loop: sleep until a frame comes or is due, take what came, hand over what is due.

use super::line::Line;
use super::messages::{Answer, Order, Statistics};
use super::socket::{NOTE_BYTES, PacketSocket, UNIT_BYTES, become_real_time};
use crate::host;
use crate::process;
use crate::stalls::Stalls;
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::time::ClockId;
use std::io::{BufRead, Write};
use std::os::fd::AsFd;

/// The relay stops sleeping this long before a frame is due and looks at the clock instead: a sleeping
/// thread wakes some microseconds late.
const SPIN_NS: u64 = 50_000;
/// Most units taken from one interface before the others and what is due get their turn.
const BURST: usize = 16;
/// A sleeping thread wakes later than it should by less than this, on a machine that is not busy.
const LEAST_STALL_NS: u64 = 1_000_000;

/// Forwards until standard input ends; see [`super::messages`] for what it is told and answers.
///
/// # Errors
/// What it also answered: an order that cannot be read, an interface that is not there.
pub fn run() -> Result<()> {
    // The relay must not outlive the process that holds the namespaces.
    process::end_with_parent()?;
    // A sleep ends when it should, not up to 50 microseconds later.
    nix::sys::prctl::set_timerslack(1)?;
    match prepared() {
        Ok((order, sockets)) => {
            let real_time = become_real_time();
            say(&Answer::Ready(real_time))?;
            let statistics = forward(&order, &sockets, real_time)?;
            say(&statistics)
        }
        Err(error) => {
            say(&Answer::Error(format!("{error:#}")))?;
            Err(error)
        }
    }
}

/// A route's two sockets, by index into all sockets.
struct Ends {
    from: usize,
    to: usize,
}

struct Sockets {
    all: Vec<PacketSocket>,
    ends: Vec<Ends>,
}

fn prepared() -> Result<(Order, Sockets)> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line).context("reading the order")?;
    let mut names: Vec<&str> = Vec::new();
    let mut all = Vec::new();
    let mut place = |name| -> Result<usize> {
        if let Some(index) = names.iter().position(|n| *n == name) {
            return Ok(index);
        }
        names.push(name);
        all.push(PacketSocket::open(name)?);
        Ok(all.len() - 1)
    };
    let mut ends = Vec::new();
    for route in &order.routes {
        ends.push(Ends {
            from: place(&route.from)?,
            to: place(&route.to)?,
        });
    }
    Ok((order, Sockets { all, ends }))
}

/// The clock of the day, by which the kernel stamps frames.
fn day_ns() -> Result<u64> {
    let now = ClockId::CLOCK_REALTIME.now()?;
    Ok(now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}

fn say(answer: &impl serde::Serialize) -> Result<()> {
    let line = process::line(answer)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&line)
        .and_then(|()| out.flush())
        .context("answering")
}

fn forward(order: &Order, sockets: &Sockets, real_time_priority: bool) -> Result<Statistics> {
    let mut lines: Vec<Line> = order.routes.iter().map(Line::new).collect();
    let mut stalls = Stalls::of_at_least(LEAST_STALL_NS);
    let mut buffer = vec![0; UNIT_BYTES];
    let mut note = nix::cmsg_space!(TimeSpec);
    let (began_ns, began_cpu_ns) = (host::monotonic_ns()?, host::cpu_ns()?);
    let stdin = std::io::stdin();
    let mut polled: Vec<PollFd<'_>> = sockets
        .all
        .iter()
        .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
        .collect();
    polled.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
    loop {
        let due_ns = lines.iter().filter_map(Line::due_ns).min();
        let left_ns = due_ns.map(|due| due.saturating_sub(host::monotonic_ns().unwrap_or(due)));
        // Close to a due time it looks at the sockets without sleeping, and at the clock again.
        let sleep = left_ns.map(|left| TimeSpec::nanoseconds(left.saturating_sub(SPIN_NS) as i64));
        match ppoll(&mut polled, sleep, None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("waiting for frames"),
        }
        let ready = |index: usize| polled[index].any().unwrap_or(false);
        if ready(sockets.all.len()) {
            break;
        }
        for (line, ends) in lines.iter_mut().zip(&sockets.ends) {
            if !ready(ends.from) {
                continue;
            }
            for _ in 0..BURST {
                let socket = &sockets.all[ends.from];
                let Some((unit, came_ns)) = socket.receive(&mut buffer, &mut note)? else {
                    break;
                };
                let length = unit.len().saturating_sub(NOTE_BYTES) as u64;
                // How long ago it came, brought over to the clock that nobody sets.
                let ago_ns = day_ns()?.saturating_sub(came_ns);
                line.take(unit, length, host::monotonic_ns()?.saturating_sub(ago_ns));
            }
        }
        for (line, ends) in lines.iter_mut().zip(&sockets.ends) {
            loop {
                let now_ns = host::monotonic_ns()?;
                let Some(frame) = line.give(now_ns) else {
                    break;
                };
                stalls.done(frame.due_ns, now_ns);
                if !sockets.all[ends.to].send(&frame.bytes) {
                    line.statistics.dropped_frames += 1;
                }
                line.recycle(frame);
            }
        }
    }
    Ok(Statistics {
        routes: lines.iter().map(|line| line.statistics).collect(),
        cpu_ns: host::cpu_ns()?.saturating_sub(began_cpu_ns),
        wall_ns: host::monotonic_ns()?.saturating_sub(began_ns),
        real_time_priority,
        stalls: stalls.found().to_vec(),
    })
}

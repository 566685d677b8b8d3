//! What the operating system knows about a process and the machine.

use anyhow::{Context, Result};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The monotonic clock, nanoseconds: one clock for all processes of a machine.
///
/// # Errors
/// The operating system's.
pub fn monotonic_ns() -> Result<u64> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).context("reading the clock")?;
    Ok(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// Waits for a time on the monotonic clock: sleeps, and spins the last 200 microseconds, which a sleep
/// would overshoot.
///
/// # Errors
/// The operating system's.
pub fn wait_until(at_ns: u64) -> Result<()> {
    loop {
        let now = monotonic_ns()?;
        if now >= at_ns {
            return Ok(());
        }
        match (at_ns - now).checked_sub(200_000) {
            Some(nanoseconds) => std::thread::sleep(Duration::from_nanos(nanoseconds)),
            None => std::hint::spin_loop(),
        }
    }
}

/// CPU time of this process so far, user and system, all threads, nanoseconds.
///
/// # Errors
/// The operating system's.
pub fn cpu_ns() -> Result<u64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("reading CPU time")?;
    Ok(usage_ns(&usage))
}

/// CPU time of what the operating system counted, user and system, nanoseconds.
pub fn usage_ns(usage: &Usage) -> u64 {
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|t| t.tv_sec() as u64 * 1_000_000_000 + t.tv_usec() as u64 * 1000)
        .sum()
}

/// A `kB` value of a `/proc` file such as `VmHWM` or `MemAvailable`, bytes; 0 where it is not there.
pub fn proc_bytes(file: &str, key: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

/// Highest resident set of this process so far, bytes.
pub fn peak_memory_bytes() -> u64 {
    proc_bytes("/proc/self/status", "VmHWM")
}

/// Memory that new processes could take, bytes: what the kernel calls available, and no more than the
/// control group leaves.
pub fn available_memory_bytes() -> u64 {
    let available = proc_bytes("/proc/meminfo", "MemAvailable");
    match cgroup_room() {
        Some(room) => available.min(room),
        None => available,
    }
}

/// Disk space that this process may still take in a folder, bytes.
///
/// # Errors
/// The operating system's.
pub fn available_disk_bytes(dir: &std::path::Path) -> Result<u64> {
    let disk = nix::sys::statvfs::statvfs(dir)
        .with_context(|| format!("asking for the disk space of {}", dir.display()))?;
    Ok(disk.blocks_available() * disk.fragment_size())
}

/// What the memory limits of this process's control group (version 2) and the groups around it leave.
fn cgroup_room() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|l| l.strip_prefix("0::"))?.trim();
    let mut dir = std::path::PathBuf::from(format!("/sys/fs/cgroup{own}"));
    let mut room: Option<u64> = None;
    while dir.starts_with("/sys/fs/cgroup") {
        let number = |name: &str| -> Option<u64> {
            std::fs::read_to_string(dir.join(name))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        if let (Some(limit), Some(used)) = (number("memory.max"), number("memory.current")) {
            let left = limit.saturating_sub(used);
            room = Some(room.map_or(left, |r| r.min(left)));
        }
        if !dir.pop() {
            break;
        }
    }
    room
}

/// BLAKE3 of the running binary, as this process sees it.
///
/// # Errors
/// The operating system's.
pub fn binary_hash() -> Result<String> {
    let file = std::fs::File::open("/proc/self/exe").context("opening the running binary")?;
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(file)
        .context("reading the running binary")?;
    Ok(hasher.finalize().to_hex()[..16].to_owned())
}

/// The TCP congestion control of this machine's new connections, or nothing where it cannot be read.
pub fn congestion_control() -> String {
    std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control")
        .map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Keeps what this process gives back for what it asks for next. Vectors of megabytes would else be mapped anew each time, and
/// the kernel zeroes and maps every page of them when it is first touched: a fifth to a third of a party's time.
///
/// Where the C library knows no such setting nothing happens.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    for parameter in [nix::libc::M_MMAP_THRESHOLD, nix::libc::M_TRIM_THRESHOLD] {
        // SAFETY: it takes numbers, and changes only how the allocator goes about it.
        unsafe { nix::libc::mallopt(parameter, 1 << 30) };
    }
}

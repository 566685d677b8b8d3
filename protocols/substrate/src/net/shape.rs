//! A link's bandwidth and delay, imposed inside the transport.
//!
//! The model is the ideal link: a message of b bits that is sent at time t leaves at
//! `max(t, when the one before it left) + b / bandwidth` and is there one delay later. The sender
//! computes that time on a virtual clock of each link and writes it on the message; the receiver
//! holds the message until then. What is shaped is the payload: headers cost nothing, and neither
//! do acknowledgements, slow start or loss, which the model does not have.
//!
//! A sender that is far ahead of its link waits, as on a full socket buffer; inside a message the line
//! is never idle, so one stamp on the whole gives the same time as one on each part.
//!
//! Times are nanoseconds of `CLOCK_MONOTONIC`, which all processes of one machine share. Parties on
//! different machines cannot use this.

use super::{NetError, Party};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The receiver stops sleeping this long before a message is due and spins for the rest: a sleeping
/// thread wakes some tens of microseconds late.
const SPIN_NS: u64 = 60_000;

/// What may wait to leave on a slow link before its sender must wait, like a socket buffer, bytes.
const BACKLOG_FLOOR_BYTES: f64 = (4 << 20) as f64;

/// One direction of a link between two parties. The default is the transport as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkShape {
    /// Bits per second of payload; `None` for no limit.
    pub bandwidth_bits_per_second: Option<f64>,
    /// From the departure of a message's last bit to its arrival. Half a round-trip time.
    pub one_way_delay: Duration,
}

/// The sender's virtual clock of one direction of a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkClock {
    shape: LinkShape,
    /// When everything sent so far has left, nanoseconds.
    free_ns: u64,
}

impl LinkClock {
    /// A link that is idle.
    ///
    /// # Errors
    /// [`NetError::Bandwidth`] unless the bandwidth is positive and finite.
    pub(super) fn new(to: Party, shape: LinkShape) -> Result<Self, NetError> {
        match shape.bandwidth_bits_per_second {
            Some(rate) if !(rate.is_finite() && rate > 0.0) => Err(NetError::Bandwidth {
                to,
                bits_per_second: rate,
            }),
            _ => Ok(Self { shape, free_ns: 0 }),
        }
    }

    /// Puts `bytes` on the link at `now_ns`; returns when they arrive, or 0 for "as they come" on a
    /// link without a shape.
    pub(super) fn depart(&mut self, bytes: usize, now_ns: u64) -> u64 {
        if self.shape == LinkShape::default() {
            return 0;
        }
        let busy_ns = self.shape.bandwidth_bits_per_second.map_or(0, |rate| {
            // Rounded up, and the cast saturates: never early.
            (bytes as f64 * 8e9 / rate).ceil() as u64
        });
        self.free_ns = self.free_ns.max(now_ns).saturating_add(busy_ns);
        self.free_ns.saturating_add(delay_ns(&self.shape))
    }

    /// When the sender may go on: when no more than the larger of 4 MiB and four bandwidth-delay
    /// products waits to leave.
    pub(super) fn backlog_ends_ns(&self) -> u64 {
        self.shape.bandwidth_bits_per_second.map_or(0, |rate| {
            let floor_ns = (BACKLOG_FLOOR_BYTES * 8e9 / rate) as u64;
            let allowed_ns = floor_ns.max(delay_ns(&self.shape).saturating_mul(4));
            self.free_ns.saturating_sub(allowed_ns)
        })
    }
}

fn delay_ns(shape: &LinkShape) -> u64 {
    u64::try_from(shape.one_way_delay.as_nanos()).unwrap_or(u64::MAX)
}

/// The machine's monotonic clock, nanoseconds.
pub(super) fn monotonic_ns() -> u64 {
    // POSIX: cannot fail, the clock identifier is valid and the result is ours.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every system has a monotonic clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// Returns at `due_ns` or right after, never before.
pub(super) fn hold_until(due_ns: u64) {
    loop {
        let left_ns = due_ns.saturating_sub(monotonic_ns());
        if left_ns == 0 {
            return;
        }
        if left_ns > SPIN_NS {
            sharpen_sleep();
            std::thread::sleep(Duration::from_nanos(left_ns - SPIN_NS));
        } else {
            std::hint::spin_loop();
        }
    }
}

/// Asks the kernel, once a thread, to wake it from a sleep without the usual slack of 50
/// microseconds. Where it refuses, messages are held a little too long.
#[cfg(target_os = "linux")]
fn sharpen_sleep() {
    thread_local! {
        static ASKED: std::cell::OnceCell<()> = const { std::cell::OnceCell::new() };
    }
    ASKED.with(|asked| {
        asked.get_or_init(|| {
            let _ = nix::sys::prctl::set_timerslack(1);
        });
    });
}

#[cfg(not(target_os = "linux"))]
fn sharpen_sleep() {}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(bits_per_second: f64, one_way_delay: Duration) -> LinkClock {
        let shape = LinkShape {
            bandwidth_bits_per_second: Some(bits_per_second),
            one_way_delay,
        };
        LinkClock::new(Party::P1, shape).unwrap()
    }

    #[test]
    fn messages_leave_one_after_the_other() {
        // 8 Mbit/s: a microsecond a byte.
        let mut link = link(8e6, Duration::from_micros(500));
        assert_eq!(link.depart(1000, 10_000), 10_000 + 1_000_000 + 500_000);
        assert_eq!(link.depart(2000, 20_000), 10_000 + 3_000_000 + 500_000);
        // Idle in between: the clock does not save up bandwidth.
        assert_eq!(link.depart(1000, 9_000_000), 9_000_000 + 1_500_000);
    }

    #[test]
    fn the_backlog_is_four_mebibytes_or_four_bandwidth_delay_products() {
        let mut short = link(8e6, Duration::from_micros(500));
        short.depart(5 << 20, 0);
        assert_eq!(short.backlog_ends_ns(), (1 << 20) * 1000);
        let mut long = link(8e9, Duration::from_millis(100));
        long.depart(1_000_000_000, 0);
        assert_eq!(long.backlog_ends_ns(), 1_000_000_000 - 400_000_000);
    }

    #[test]
    fn a_plain_link_stamps_nothing_and_a_bad_one_is_refused() {
        let mut plain = LinkClock::new(Party::P1, LinkShape::default()).unwrap();
        assert_eq!(plain.depart(1 << 30, 5), 0);
        assert_eq!(plain.backlog_ends_ns(), 0);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let shape = LinkShape {
                bandwidth_bits_per_second: Some(rate),
                one_way_delay: Duration::ZERO,
            };
            let refused = LinkClock::new(Party::P2, shape);
            assert!(matches!(refused, Err(NetError::Bandwidth { .. })), "{rate}");
        }
    }

    #[test]
    fn held_messages_are_never_early() {
        for wait_ns in [0, 1_000, 59_000, 61_000, 2_000_000] {
            let due_ns = monotonic_ns() + wait_ns;
            hold_until(due_ns);
            assert!(monotonic_ns() >= due_ns);
        }
    }
}

//! Discrete-event replay of a trace over the ideal model of links, which is that of a shaped link: a message of
//! b bits that is sent at t leaves at `max(t, end of the one before) + b / bandwidth` and arrives half a round
//! trip later; a sender that is more than a backlog ahead of its link waits.
//!
//! The k-th message from A to B is the k-th that B receives from A. Parties compute between their messages
//! as long as they did in the trace.
//!
//! A party that waited for a message wakes a little after it is there: with [`Compute::Wall`] by the time with
//! which the trace, replayed over the very link on which it was recorded, lasts as long as it did.

use crate::link::{Link, queue_bytes};
use crate::record::trace::Trace;
use anyhow::{Result, bail};
use qbench_protocols::net::trace::{Action, TraceEvent};
use qbench_protocols::phase::Phase;

/// How long a party computes between two messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compute {
    /// As long as it took, with the cores shared as they were: what this machine would show.
    Wall,
    /// The smaller of that and the CPU time of its process: as if each party had a machine of its own.
    Cpu,
    /// Not at all: what links alone take.
    None,
}

/// Links for a replay, by sender and receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wires {
    nanoseconds_per_byte: [[f64; 3]; 3],
    one_way_ns: [[f64; 3]; 3],
    backlog_ns: [[f64; 3]; 3],
}

impl Wires {
    /// The wires of a link.
    pub fn of(link: &Link) -> Self {
        let mut wires = Self::uniform(None, 0.0);
        for from in 0..3 {
            for to in (0..3).filter(|&to| to != from) {
                let direction = link.direction(from, to);
                let per_byte = direction
                    .bandwidth
                    .map_or(0.0, |b| 8e9 / b.bits_per_second as f64);
                wires.nanoseconds_per_byte[from][to] = per_byte;
                wires.one_way_ns[from][to] = direction.one_way.as_nanos() as f64;
                wires.backlog_ns[from][to] = queue_bytes(&direction) as f64 * per_byte;
            }
        }
        wires
    }

    /// The same in every direction: bits a second (`None` is unlimited) and round trip.
    pub fn uniform(bits_per_second: Option<f64>, rtt_ns: f64) -> Self {
        let per_byte = bits_per_second.map_or(0.0, |rate| 8e9 / rate);
        // As `queue_bytes`: 4 MiB, or four times what the round trip holds.
        let backlog_ns = (per_byte * (4 << 20) as f64).max(4.0 * rtt_ns);
        Self {
            nanoseconds_per_byte: [[per_byte; 3]; 3],
            one_way_ns: [[rtt_ns / 2.0; 3]; 3],
            backlog_ns: [[backlog_ns; 3]; 3],
        }
    }
}

/// One step of a party, ready for replay.
#[derive(Clone, Copy, Debug)]
struct Move {
    action: Action,
    bytes: f64,
    /// Computing before it, and in handing a message over.
    compute_ns: f64,
}

/// A phase of a trace, ready to be replayed often.
#[derive(Clone, Debug)]
pub struct Script {
    moves: [Vec<Move>; 3],
    /// From the arrival of a message that a party waited for to the party's going on.
    wake_ns: f64,
}

/// The longest waking that a replay may find.
const LONGEST_WAKE_NS: f64 = 2e6;

impl Script {
    /// Takes one phase out of a trace.
    pub fn new(trace: &Trace, phase: Phase, compute: Compute) -> Self {
        let events = trace.phases[phase as usize].each_ref();
        let mut script =
            Self::of(events.map(|events| events.iter().map(|e| prepared(e, compute)).collect()));
        if compute == Compute::Wall {
            let recorded = events.map(|events| {
                let whole = |e: &TraceEvent| (e.gap_wall_ns + e.inside_wall_ns) as f64;
                events.iter().map(whole).sum::<f64>()
            });
            let recorded_ns = recorded.into_iter().fold(0.0, f64::max);
            script.find_wake(&Wires::of(&trace.header.link), recorded_ns);
        }
        script
    }

    fn of(moves: [Vec<Move>; 3]) -> Self {
        Self {
            moves,
            wake_ns: 0.0,
        }
    }

    /// Sets the waking with which the replay over `wires` lasts `recorded_ns`: by halving, since a replay only
    /// gets longer with it. What cannot be replayed says so when it is.
    fn find_wake(&mut self, wires: &Wires, recorded_ns: f64) {
        let (mut low, mut high) = (0.0, LONGEST_WAKE_NS);
        for _ in 0..24 {
            self.wake_ns = (low + high) / 2.0;
            match self.replay(wires) {
                Ok(ns) if ns > recorded_ns => high = self.wake_ns,
                Ok(_) => low = self.wake_ns,
                Err(_) => high = 0.0,
            }
        }
        self.wake_ns = low;
    }

    /// How long the phase takes over these wires, nanoseconds: the slowest party from a common start.
    ///
    /// # Errors
    /// A trace in which a party waits for a message that nobody sends.
    pub fn replay(&self, wires: &Wires) -> Result<f64> {
        let mut clocks = [0.0_f64; 3];
        let mut places = [0; 3];
        let mut free = [[0.0_f64; 3]; 3];
        // Arrivals by sender and receiver, and how many of them have been taken.
        let mut arrivals: [[Vec<f64>; 3]; 3] = Default::default();
        let mut taken = [[0; 3]; 3];
        loop {
            let mut moved = false;
            for me in 0..3 {
                while let Some(step) = self.moves[me].get(places[me]) {
                    let ready = clocks[me] + step.compute_ns;
                    match step.action {
                        Action::Send(to) => {
                            let to = to.index();
                            let line = &mut free[me][to];
                            *line =
                                line.max(ready) + step.bytes * wires.nanoseconds_per_byte[me][to];
                            arrivals[me][to].push(*line + wires.one_way_ns[me][to]);
                            clocks[me] = ready.max(*line - wires.backlog_ns[me][to]);
                        }
                        Action::Receive(from) => {
                            let from = from.index();
                            let Some(arrival) = arrivals[from][me].get(taken[from][me]) else {
                                break;
                            };
                            taken[from][me] += 1;
                            clocks[me] = if *arrival > ready {
                                arrival + self.wake_ns
                            } else {
                                ready
                            };
                        }
                        Action::End => clocks[me] = ready,
                    }
                    places[me] += 1;
                    moved = true;
                }
            }
            if (0..3).all(|me| places[me] == self.moves[me].len()) {
                return Ok(clocks.into_iter().fold(0.0, f64::max));
            }
            if !moved {
                bail!("the trace has a message that is received and was never sent");
            }
        }
    }
}

fn prepared(event: &TraceEvent, compute: Compute) -> Move {
    let gap_ns = match compute {
        Compute::Wall => event.gap_wall_ns,
        Compute::Cpu => event.gap_wall_ns.min(event.gap_cpu_ns),
        Compute::None => 0,
    };
    let handing_ns = match compute {
        Compute::None => 0,
        _ => event.inside_cpu_ns.min(event.inside_wall_ns),
    };
    Move {
        action: event.action,
        bytes: event.bytes as f64,
        compute_ns: (gap_ns + handing_ns) as f64,
    }
}

/// Rounds of a phase by definition: the replay with unit latency, no computing and no limit.
///
/// # Errors
/// As [`Script::replay`].
pub fn rounds(trace: &Trace, phase: Phase) -> Result<u64> {
    let unit = Wires::uniform(None, 2.0);
    let time = Script::new(trace, phase, Compute::None).replay(&unit)?;
    Ok(time.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use qbench_protocols::net::Party::{P0, P1, P2};

    fn step(action: Action, bytes: f64, compute_ns: f64) -> Move {
        Move {
            action,
            bytes,
            compute_ns,
        }
    }

    #[test]
    fn ping_pong_is_delay_and_serialization_and_computing() {
        let count = 10;
        let mut script = Script::of([vec![], vec![], vec![]]);
        for _ in 0..count {
            script.moves[0].push(step(Action::Send(P1), 1000.0, 5_000.0));
            script.moves[0].push(step(Action::Receive(P1), 1000.0, 0.0));
            script.moves[1].push(step(Action::Receive(P0), 1000.0, 0.0));
            script.moves[1].push(step(Action::Send(P0), 1000.0, 7_000.0));
        }
        // 8 Mbit/s: a millisecond for 1000 bytes; 2 ms round trip.
        let time = script.replay(&Wires::uniform(Some(8e6), 2e6)).unwrap();
        assert_eq!(time, 10.0 * (2.0 * (1e6 + 1e6) + 12_000.0));
        let unit = script.replay(&Wires::uniform(None, 2.0)).unwrap();
        assert_eq!(unit, 20.0 + 10.0 * 12_000.0);
        // Twenty waits, each 3 microseconds longer than the link makes it.
        script.find_wake(&Wires::uniform(Some(8e6), 2e6), time + 20.0 * 3_000.0);
        assert!((script.wake_ns - 3_000.0).abs() < 1.0, "{}", script.wake_ns);
        script.find_wake(&Wires::uniform(Some(8e6), 2e6), time / 2.0);
        assert_eq!(script.wake_ns, 0.0);
    }

    #[test]
    fn an_exchange_is_one_delay_and_lines_are_apart() {
        let both = |a, b| {
            vec![
                step(Action::Send(a), 1000.0, 0.0),
                step(Action::Send(b), 1000.0, 0.0),
                step(Action::Receive(a), 1000.0, 0.0),
                step(Action::Receive(b), 1000.0, 0.0),
            ]
        };
        let script = Script::of([both(P1, P2), both(P0, P2), both(P0, P1)]);
        let time = script.replay(&Wires::uniform(Some(8e6), 2e6)).unwrap();
        assert_eq!(time, 2e6);
    }

    #[test]
    fn a_sender_waits_for_its_backlog_only() {
        let bytes = 6.0 * (1 << 20) as f64;
        let script = Script::of([
            vec![step(Action::Send(P1), bytes, 0.0)],
            vec![],
            vec![step(Action::End, 0.0, 0.0)],
        ]);
        let time = script.replay(&Wires::uniform(Some(8e6), 0.0)).unwrap();
        assert_eq!(time, 2.0 * (1 << 20) as f64 * 1000.0);
    }

    #[test]
    fn a_message_that_nobody_sends_is_an_error() {
        let script = Script::of([vec![step(Action::Receive(P1), 1.0, 0.0)], vec![], vec![]]);
        assert!(script.replay(&Wires::uniform(None, 0.0)).is_err());
    }
}

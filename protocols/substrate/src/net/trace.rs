//! What one party did, message by message: what it sent and received, how long it computed in between, how
//! long it waited. Sizes, labels and times only; never payload.
//!
//! A trace replayed over the model of another link gives the latency there, without running again.

use super::{Meter, NetError, Network, Party};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// A message to a party.
    Send(Party),
    /// A message from a party.
    Receive(Party),
    /// The end of the phase.
    End,
}

/// One event of a party, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// What.
    pub action: Action,
    /// At which step: index into [`PhaseTrace::labels`].
    pub label: u32,
    /// Payload.
    pub bytes: u64,
    /// Wall time since the event before it ended: computing.
    pub gap_wall_ns: u64,
    /// CPU time of the whole process in that time: all its threads, those that read from sockets too.
    pub gap_cpu_ns: u64,
    /// Wall time inside the event: a send that waits for a full link, a receive that waits for its message.
    pub inside_wall_ns: u64,
    /// CPU time of the calling thread inside a send: handing the message over. 0 for a receive, which only
    /// waits.
    pub inside_cpu_ns: u64,
}

/// The events of one party in one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTrace {
    /// Step labels, in order of first use.
    pub labels: Vec<String>,
    /// Events; the last is an [`Action::End`].
    pub events: Vec<TraceEvent>,
}

struct State {
    trace: PhaseTrace,
    index: HashMap<String, u32>,
    last: Instant,
    last_cpu_ns: u64,
}

/// Begins and ends the traces of a [`Tracer`] that has moved into a session.
#[derive(Clone)]
pub struct TraceHandle(Arc<Mutex<State>>);

impl TraceHandle {
    /// A phase begins now.
    pub fn begin(&self) {
        let mut state = self.state();
        state.trace = PhaseTrace::default();
        state.index.clear();
        state.settle();
    }

    /// The phase has ended now.
    pub fn end(&self) -> PhaseTrace {
        let mut state = self.state();
        let gap = state.gap();
        state.push(Action::End, "", 0, gap, (0, 0));
        std::mem::take(&mut state.trace)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Events are whole even if their writer panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Wall and CPU time since the last event ended.
    fn gap(&self) -> (u64, u64) {
        (
            self.last.elapsed().as_nanos() as u64,
            cpu_ns(ClockId::CLOCK_PROCESS_CPUTIME_ID).saturating_sub(self.last_cpu_ns),
        )
    }

    fn settle(&mut self) {
        self.last = Instant::now();
        self.last_cpu_ns = cpu_ns(ClockId::CLOCK_PROCESS_CPUTIME_ID);
    }

    fn push(
        &mut self,
        action: Action,
        step: &str,
        bytes: u64,
        gap: (u64, u64),
        inside: (u64, u64),
    ) {
        let label = match self.index.get(step) {
            Some(&label) => label,
            None => {
                let label = self.trace.labels.len() as u32;
                self.trace.labels.push(step.to_owned());
                self.index.insert(step.to_owned(), label);
                label
            }
        };
        self.trace.events.push(TraceEvent {
            action,
            label,
            bytes,
            gap_wall_ns: gap.0,
            gap_cpu_ns: gap.1,
            inside_wall_ns: inside.0,
            inside_cpu_ns: inside.1,
        });
        self.settle();
    }
}

/// A network that also writes down what passes.
pub struct Tracer<N> {
    inner: N,
    handle: TraceHandle,
}

impl<N: Network> Tracer<N> {
    /// Wraps a network; the handle stays with whoever wants the traces.
    pub fn new(inner: N) -> (Self, TraceHandle) {
        let handle = TraceHandle(Arc::new(Mutex::new(State {
            trace: PhaseTrace::default(),
            index: HashMap::new(),
            last: Instant::now(),
            last_cpu_ns: 0,
        })));
        let tracer = Self {
            inner,
            handle: handle.clone(),
        };
        (tracer, handle)
    }
}

impl<N: Network> Network for Tracer<N> {
    fn me(&self) -> Party {
        self.inner.me()
    }

    fn send(&mut self, to: Party, step: &str, payload: Vec<u8>) -> Result<(), NetError> {
        let bytes = payload.len() as u64;
        let gap = self.handle.state().gap();
        let (began, began_cpu_ns) = (Instant::now(), cpu_ns(ClockId::CLOCK_THREAD_CPUTIME_ID));
        self.inner.send(to, step, payload)?;
        let inside = (
            began.elapsed().as_nanos() as u64,
            cpu_ns(ClockId::CLOCK_THREAD_CPUTIME_ID).saturating_sub(began_cpu_ns),
        );
        let mut state = self.handle.state();
        state.push(Action::Send(to), step, bytes, gap, inside);
        Ok(())
    }

    fn receive(
        &mut self,
        from: Party,
        step: &str,
        expected_bytes: usize,
    ) -> Result<Vec<u8>, NetError> {
        let gap = self.handle.state().gap();
        let began = Instant::now();
        let payload = self.inner.receive(from, step, expected_bytes)?;
        let inside = (began.elapsed().as_nanos() as u64, 0);
        let mut state = self.handle.state();
        state.push(
            Action::Receive(from),
            step,
            payload.len() as u64,
            gap,
            inside,
        );
        Ok(payload)
    }

    fn meter(&self) -> Meter {
        self.inner.meter()
    }

    fn restart_depth(&mut self) {
        self.inner.restart_depth();
    }
}

fn cpu_ns(clock: ClockId) -> u64 {
    // The clocks of the calling process and thread are always there.
    clock_gettime(clock).map_or(0, |now| {
        now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
    })
}

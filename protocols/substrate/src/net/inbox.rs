//! What has arrived from one peer and was not yet received.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One message between two parties.
#[derive(Debug)]
pub struct Message {
    /// The step label, cut as [`super::end::wire_label`] does.
    pub(super) label: Vec<u8>,
    /// The sender's depth plus one.
    pub(super) depth: u64,
    /// When it may be received, nanoseconds of the monotonic clock; 0 for at once.
    pub(super) due_ns: u64,
    /// What the program sent.
    pub(super) payload: Vec<u8>,
}

impl Message {
    /// What a message takes of a receiver's memory, bytes: an empty one takes some too.
    pub(super) const fn held_bytes(label_bytes: usize, payload_bytes: usize) -> usize {
        payload_bytes
            .saturating_add(label_bytes)
            .saturating_add(size_of::<Self>())
    }

    const fn held(&self) -> usize {
        Self::held_bytes(self.label.len(), self.payload.len())
    }
}

/// Why there is no message.
pub(super) enum Nothing {
    /// The peer will send no more; the cause.
    Closed(String),
    /// Not a byte came for the whole timeout; how long the receiver waited.
    Silent(Duration),
}

/// After a timeout an inbox is looked at so often again, so long apart, before its peer is called silent.
const LATE_LOOKS: u32 = 10;
const LATE_LOOK: Duration = Duration::from_millis(20);

/// What may wait in an inbox, bytes: a peer that sends more waits until some of it was received. Far more than any step of a
/// protocol sends before it receives, so that two parties that both send first never wait for each other; and a bound on what a
/// dealer that is ahead takes of a party's memory.
pub(super) const CAPACITY_BYTES: usize = 1 << 30;

/// A queue with one reader and one writer. Its length is bounded in bytes where the writer asks for room.
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    messages: VecDeque<Message>,
    /// What the messages take, as [`Message::held_bytes`] counts.
    waiting_bytes: usize,
    /// When the last byte came.
    heard: Instant,
    /// Why no more will come.
    closed: Option<String>,
    /// Nobody will receive any more.
    abandoned: bool,
}

impl Inbox {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                messages: VecDeque::new(),
                waiting_bytes: 0,
                heard: Instant::now(),
                closed: None,
                abandoned: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Appends a message; drops it if nobody will receive it.
    pub(super) fn push(&self, message: Message) {
        let mut state = self.lock();
        state.heard = Instant::now();
        if !state.abandoned {
            state.waiting_bytes += message.held();
            state.messages.push_back(message);
            self.changed.notify_all();
        }
    }

    /// Waits until `bytes` more fit into `capacity_bytes`, or nothing waits: one message always fits, however long. Returns at once if
    /// nobody will receive any more.
    pub(super) fn wait_for_room(&self, bytes: usize, capacity_bytes: usize) {
        let mut state = self.lock();
        while !state.abandoned
            && !state.messages.is_empty()
            && state.waiting_bytes.saturating_add(bytes) > capacity_bytes
        {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says that part of a message came.
    pub(super) fn hear(&self) {
        self.lock().heard = Instant::now();
    }

    /// Says that no more will come. The first cause stands.
    pub(super) fn close(&self, cause: &str) {
        self.lock().closed.get_or_insert_with(|| cause.to_owned());
        self.changed.notify_all();
    }

    /// Says that nobody will receive any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        state.messages.clear();
        state.waiting_bytes = 0;
        self.changed.notify_all();
    }

    /// The next message, in the order sent. What came before the end is handed out before the end is
    /// told. The wait ends when not a byte came for `timeout`, so a long message on a slow line may
    /// take longer; and not before the thread that reads the line had time to pass on what came while this
    /// process was stopped.
    pub(super) fn pop(&self, timeout: Duration) -> Result<Message, Nothing> {
        let began = Instant::now();
        let mut late = 0;
        let mut state = self.lock();
        loop {
            if let Some(message) = state.messages.pop_front() {
                state.waiting_bytes -= message.held();
                self.changed.notify_all();
                return Ok(message);
            }
            if let Some(cause) = &state.closed {
                return Err(Nothing::Closed(cause.clone()));
            }
            let left = timeout.saturating_sub(began.max(state.heard).elapsed());
            if left.is_zero() && late == LATE_LOOKS {
                return Err(Nothing::Silent(began.elapsed()));
            }
            late += u32::from(left.is_zero());
            state = self.wait(state, left.max(LATE_LOOK));
        }
    }

    /// Waits for `duration`, or until no more will come: then the cause.
    pub(super) fn wait_closed(&self, duration: Duration) -> Option<String> {
        let began = Instant::now();
        let mut state = self.lock();
        loop {
            let left = duration.saturating_sub(began.elapsed());
            if state.closed.is_some() || left.is_zero() {
                return state.closed.clone();
            }
            state = self.wait(state, left);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked between two fields leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A party that was stopped past its timeout wakes before the thread that reads its line does.
    #[test]
    fn what_was_on_its_way_when_the_timeout_passed_is_still_taken() {
        let inbox = Inbox::new();
        let message = Message {
            label: Vec::new(),
            depth: 1,
            due_ns: 0,
            payload: vec![7],
        };
        let waiting = std::sync::Barrier::new(2);
        let taken = std::thread::scope(|scope| {
            scope.spawn(|| {
                waiting.wait();
                std::thread::sleep(LATE_LOOK);
                inbox.push(message);
            });
            waiting.wait();
            inbox.pop(Duration::ZERO).ok()
        });
        assert_eq!(taken.map(|message| message.payload), Some(vec![7]));
        // And silence is still silence.
        assert!(matches!(inbox.pop(Duration::ZERO), Err(Nothing::Silent(_))));
    }
}

//! What all transports have in common: labels and lengths checked, bytes and depth metered, links
//! shaped.

use super::inbox::{Inbox, Message, Nothing};
use super::shape::{self, LinkClock, LinkShape};
use super::{Meter, NetError, Network, Party};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Step labels are carried and compared up to this many bytes.
pub const LABEL_LIMIT_BYTES: usize = 255;

/// No chain of dependent messages is longer: a depth beyond it is no party's.
const DEEPEST: u64 = 1 << 48;

/// How a transport moves a message to a peer's inbox.
pub trait Wire: Send {
    /// Hands one message over. Must not wait for the peer to receive.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` if the line took nothing for the whole timeout; anything else means
    /// that the peer is gone.
    fn transmit(&mut self, to: Party, message: Message) -> io::Result<()>;
    /// Called once, when the end is dropped: no more will be sent.
    fn finish(&mut self);
}

/// One party's end of a network: [`super::LocalNetwork`] or [`super::TcpNetwork`]. Dropping it tells
/// both peers that no more will come; what was sent before still arrives.
pub struct End<W: Wire> {
    me: Party,
    wire: W,
    /// By peer; this party's own place is closed from the start.
    inboxes: [Arc<Inbox>; 3],
    links: [LinkClock; 3],
    timeout: Duration,
    meter: Meter,
}

impl<W: Wire> End<W> {
    /// An end whose messages arrive in `inboxes`, with the shape of the link to each peer.
    pub(super) fn new(
        me: Party,
        wire: W,
        inboxes: [Arc<Inbox>; 3],
        links: [LinkShape; 3],
        timeout: Duration,
    ) -> Result<Self, NetError> {
        inboxes[me.index()].close("a party has no link to itself");
        let clock = |to: Party| LinkClock::new(to, links[to.index()]);
        Ok(Self {
            me,
            wire,
            inboxes,
            links: [clock(Party::P0)?, clock(Party::P1)?, clock(Party::P2)?],
            timeout,
            meter: Meter::default(),
        })
    }

    /// Waits for `duration`; fails as soon as the peer has ended.
    fn check_alive(&self, peer: Party, step: &str, duration: Duration) -> Result<(), NetError> {
        match self.inboxes[peer.index()].wait_closed(duration) {
            Some(cause) => Err(self.gone(peer, step, cause)),
            None => Ok(()),
        }
    }

    fn gone(&self, peer: Party, step: &str, cause: String) -> NetError {
        NetError::PeerGone {
            me: self.me,
            peer,
            step: step.to_owned(),
            cause,
        }
    }

    fn silent(&self, peer: Party, step: &str, waited: Duration) -> NetError {
        NetError::Timeout {
            me: self.me,
            peer,
            step: step.to_owned(),
            waited,
        }
    }
}

impl<W: Wire> Network for End<W> {
    fn me(&self) -> Party {
        self.me
    }

    fn send(&mut self, to: Party, step: &str, payload: Vec<u8>) -> Result<(), NetError> {
        self.check_alive(to, step, Duration::ZERO)?;
        let bytes = payload.len();
        let link = &mut self.links[to.index()];
        let message = Message {
            label: wire_label(step).to_vec(),
            depth: self.meter.depth.saturating_add(1),
            due_ns: link.depart(bytes, shape::monotonic_ns()),
            payload,
        };
        let backlog_ends_ns = link.backlog_ends_ns();
        self.wire
            .transmit(to, message)
            .map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    self.silent(to, step, self.timeout)
                }
                _ => self.gone(to, step, error.to_string()),
            })?;
        self.meter.sent_bytes[to.index()] += bytes as u64;
        self.meter.sent_messages[to.index()] += 1;
        let backlog_ns = backlog_ends_ns.saturating_sub(shape::monotonic_ns());
        if backlog_ns > 0 {
            self.check_alive(to, step, Duration::from_nanos(backlog_ns))?;
        }
        Ok(())
    }

    fn receive(
        &mut self,
        from: Party,
        step: &str,
        expected_bytes: usize,
    ) -> Result<Vec<u8>, NetError> {
        let message =
            self.inboxes[from.index()]
                .pop(self.timeout)
                .map_err(|nothing| match nothing {
                    Nothing::Closed(cause) => self.gone(from, step, cause),
                    Nothing::Silent(waited) => self.silent(from, step, waited),
                })?;
        if message.label != wire_label(step) || message.payload.len() != expected_bytes {
            return Err(NetError::OutOfStep {
                me: self.me,
                peer: from,
                step: step.to_owned(),
                expected: describe(expected_bytes, step.as_bytes()),
                actual: describe(message.payload.len(), &message.label),
            });
        }
        let refuse = |actual: String| NetError::Refused {
            me: self.me,
            peer: from,
            step: step.to_owned(),
            actual,
        };
        if message.depth > DEEPEST {
            return Err(refuse(format!("a chain of {} messages", message.depth)));
        }
        // A sender's clock says when a message arrives; no link of a run that can finish is that slow.
        let wait = Duration::from_nanos(message.due_ns.saturating_sub(shape::monotonic_ns()));
        if wait > self.timeout {
            return Err(refuse(format!(
                "a message that is due in {wait:?}, beyond the timeout of {:?}",
                self.timeout
            )));
        }
        shape::hold_until(message.due_ns);
        self.meter.depth = self.meter.depth.max(message.depth);
        Ok(message.payload)
    }

    fn meter(&self) -> Meter {
        self.meter
    }

    fn restart_depth(&mut self) {
        self.meter.depth = 0;
    }
}

impl<W: Wire> Drop for End<W> {
    fn drop(&mut self) {
        for inbox in &self.inboxes {
            inbox.abandon();
        }
        self.wire.finish();
    }
}

/// The part of a step label that travels.
pub(super) fn wire_label(step: &str) -> &[u8] {
    &step.as_bytes()[..step.len().min(LABEL_LIMIT_BYTES)]
}

fn describe(bytes: usize, label: &[u8]) -> String {
    format!("{bytes} bytes of `{}`", super::claim(label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::local_trio;

    /// A peer's claims of when and how deep end in an error that names it, not in a wait or an overflow.
    #[test]
    fn claims_that_cannot_be_are_not_obeyed() {
        for (depth, due_ns, part) in [
            (1, u64::MAX, "beyond the timeout of 200ms"),
            (u64::MAX, 0, "a chain of 18446744073709551615 messages"),
        ] {
            let [mut p0, mut p1, _p2] = local_trio(Duration::from_millis(200));
            let message = Message {
                label: b"step".to_vec(),
                depth,
                due_ns,
                payload: vec![1],
            };
            p0.wire.transmit(Party::P1, message).unwrap();
            let error = p1.receive(Party::P0, "step", 1).unwrap_err();
            assert!(matches!(error, NetError::Refused { .. }));
            let text = error.to_string();
            assert!(
                text.starts_with("P0 sent ") && text.contains(part),
                "{text}"
            );
            assert!(text.ends_with("at step `step`"), "{text}");
        }
        // The deepest chain that is taken can be answered.
        let [mut p0, mut p1, _p2] = local_trio(Duration::from_secs(60));
        let deep = Message {
            label: b"step".to_vec(),
            depth: DEEPEST,
            due_ns: 0,
            payload: vec![1],
        };
        p0.wire.transmit(Party::P1, deep).unwrap();
        p1.receive(Party::P0, "step", 1).unwrap();
        p1.send(Party::P0, "step", vec![]).unwrap();
        assert_eq!(p1.meter().depth, DEEPEST);
    }
}

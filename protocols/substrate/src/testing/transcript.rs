//! Keeps what one party received, for tests on what a party sees.

use crate::net::{Meter, NetError, Network, Party, local_trio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A network whose every end keeps what it receives.
pub fn recorded() -> ([Box<dyn Network>; 3], [Transcript; 3]) {
    let ends = local_trio(Duration::from_secs(120)).map(Recorder::new);
    let transcripts = ends.each_ref().map(|(_, transcript)| transcript.clone());
    (
        ends.map(|(end, _)| Box::new(end) as Box<dyn Network>),
        transcripts,
    )
}

/// One message as its receiver saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub from: Party,
    /// The step label at which it was received.
    pub step: String,
    /// What came.
    pub payload: Vec<u8>,
}

/// The messages that one party received, in the order in which it received them. Clones share
/// their content, so one stays with the test while the network moves into a session.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Vec<Received>>>);

impl Transcript {
    /// Takes out what was received since the last call.
    pub fn take(&self) -> Vec<Received> {
        // A vector is whole even if its writer panicked.
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, received: Received) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(received);
    }
}

/// A network that also writes every received message to a [`Transcript`].
pub struct Recorder<N> {
    inner: N,
    transcript: Transcript,
}

impl<N: Network> Recorder<N> {
    /// Wraps a network; the second value is the transcript to read.
    pub fn new(inner: N) -> (Self, Transcript) {
        let transcript = Transcript::default();
        let shared = transcript.clone();
        (Self { inner, transcript }, shared)
    }
}

impl<N: Network> Network for Recorder<N> {
    fn me(&self) -> Party {
        self.inner.me()
    }

    fn send(&mut self, to: Party, step: &str, payload: Vec<u8>) -> Result<(), NetError> {
        self.inner.send(to, step, payload)
    }

    fn receive(
        &mut self,
        from: Party,
        step: &str,
        expected_bytes: usize,
    ) -> Result<Vec<u8>, NetError> {
        let payload = self.inner.receive(from, step, expected_bytes)?;
        self.transcript.push(Received {
            from,
            step: step.to_owned(),
            payload: payload.clone(),
        });
        Ok(payload)
    }

    fn meter(&self) -> Meter {
        self.inner.meter()
    }

    fn restart_depth(&mut self) {
        self.inner.restart_depth();
    }
}

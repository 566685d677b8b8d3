//! The processes of the three parties and what they say: started, heard, and ended together.

use super::control::{self, FromParty, ToParty};
use super::launch::{End, Hosts, Launched, Process};
use crate::interrupt;
use crate::link::rig::{Health, Rig};
use crate::process::{self, Deadline};
use anyhow::{Context, Result};
use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::io::{BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Something that a party said or that became of it.
#[derive(Debug)]
pub enum Event {
    /// A message.
    Said(FromParty),
    /// Evidence.
    Blob(Vec<u8>),
    /// Something that is no message; what is wrong with it.
    Garbled(String),
    /// Its control connection ended.
    Closed,
    /// Its process ended.
    Ended(End),
}

/// The parties of one repetition. Dropping it ends them.
pub struct Trio {
    processes: Vec<Box<dyn Process>>,
    ended: [bool; 3],
    orders: Vec<Box<dyn Write + Send>>,
    events: Receiver<(usize, Event)>,
    /// Of the links between the parties, where they can break.
    links: Option<Health>,
}

/// Between two looks at the processes and the interrupt flag.
const TICK: Duration = Duration::from_millis(20);

impl Trio {
    /// Starts the three parties on their hosts, each in its seat of the rig where there is one.
    ///
    /// # Errors
    /// A party that cannot be started.
    pub fn start(hosts: &dyn Hosts, rig: Option<&Rig>) -> Result<Self> {
        let (sender, events) = channel();
        let mut trio = Self {
            processes: Vec::new(),
            ended: [false; 3],
            orders: Vec::new(),
            events,
            links: rig.map(Rig::health),
        };
        for party in 0..3 {
            let Launched {
                process,
                orders,
                words,
            } = hosts.launch(party, rig.map(|rig| rig.seat(party)))?;
            trio.processes.push(process);
            trio.orders.push(orders);
            let reader = BufReader::new(words);
            let sender = sender.clone();
            std::thread::Builder::new()
                .name(format!("control of P{party}"))
                .spawn(move || listen(party, reader, &sender))?;
        }
        Ok(trio)
    }

    /// Process ids by party.
    pub fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(|p| p.id()).collect()
    }

    /// Says something to one party. A party that is gone is found by [`Trio::next`], with its cause.
    ///
    /// # Errors
    /// A message that has no written form, which nobody would ever hear; whatever the operating system says other than
    /// that nobody listens any more.
    pub fn say(&mut self, party: usize, message: &ToParty) -> Result<()> {
        let said = || format!("telling P{party} what to do");
        let line = process::line(message).with_context(said)?;
        match self.orders[party].write_all(&line) {
            Err(error) if !matches!(error.kind(), BrokenPipe | ConnectionReset) => {
                Err(error).with_context(said)
            }
            _ => Ok(()),
        }
    }

    /// The next event before the deadline; `None` when it has passed and nothing that was said before waits any more.
    ///
    /// # Errors
    /// An interrupt by the user; links that broke.
    pub fn next(&mut self, deadline: &mut Deadline) -> Result<Option<(usize, Event)>> {
        loop {
            interrupt::check()?;
            if let Some(links) = &self.links {
                links.check()?;
            }
            match self.events.recv_timeout(TICK) {
                Ok(event) => return Ok(Some(event)),
                Err(RecvTimeoutError::Timeout) => {}
                // All three listening threads have ended; only ends of processes can still come.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            for party in 0..3 {
                if !self.ended[party]
                    && let Some(end) = self.processes[party].ended()?
                {
                    self.ended[party] = true;
                    return Ok(Some((party, Event::Ended(end))));
                }
            }
            if deadline.has_passed() {
                return Ok(None);
            }
        }
    }

    /// Waits up to `grace` for the parties to end by themselves, then ends them.
    pub fn finish(&mut self, grace: Duration) {
        let began = Instant::now();
        loop {
            let running = self
                .processes
                .iter_mut()
                .any(|process| matches!(process.ended(), Ok(None)));
            if !running || began.elapsed() >= grace {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        for process in &mut self.processes {
            process.end();
        }
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        self.finish(Duration::ZERO);
    }
}

/// Passes on what one party says until its connection ends.
fn listen(party: usize, mut reader: BufReader<impl Read>, sender: &Sender<(usize, Event)>) {
    loop {
        let event = match control::read(&mut reader) {
            Ok(Some(FromParty::Evidence(bytes))) => match control::read_blob(&mut reader, bytes) {
                Ok(blob) => Event::Blob(blob),
                Err(error) => broken(&error),
            },
            Ok(Some(message)) => Event::Said(message),
            Ok(None) => Event::Closed,
            Err(error) => broken(&error),
        };
        let last = matches!(event, Event::Closed | Event::Garbled(_));
        // The receiver is gone when the repetition is over: then nobody needs to know.
        if sender.send((party, event)).is_err() || last {
            return;
        }
    }
}

/// What cannot be read. What is cut short, an error of the connection, is of a party that is gone: what became of its process says more.
fn broken(error: &anyhow::Error) -> Event {
    match error.is::<std::io::Error>() {
        true => Event::Closed,
        false => Event::Garbled(process::one_line(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8]) -> Vec<String> {
        let (sender, events) = channel();
        listen(1, BufReader::new(bytes), &sender);
        drop(sender);
        events
            .iter()
            .map(|(_, event)| format!("{event:?}"))
            .collect()
    }

    #[test]
    fn what_is_no_message_is_no_silence() {
        let events = heard(b"\"connected\"\n{\"done\": 3}\n\"connected\"\n");
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(
            events[1].starts_with("Garbled") && events[1].contains("{\\\"done\\\": 3}"),
            "{events:?}"
        );
        // Cut short: the end of its process says why.
        assert_eq!(
            heard(b"\"connected\"\n{\"done\""),
            ["Said(Connected)", "Closed"]
        );
        assert_eq!(heard(b""), ["Closed"]);
        assert_eq!(heard(b"{\"evidence\": 3}\nab"), ["Closed"]);
        // Neither what is no text nor a length that cannot be.
        let text = heard(b"\xff\xfe\n");
        assert!(text[0].starts_with("Garbled"), "{text:?}");
        let length = heard(b"{\"evidence\": 18446744073709551615}\n");
        assert!(
            length[0].starts_with("Garbled") && length[0].contains("bytes of evidence"),
            "{length:?}"
        );
    }
}

//! A message on a byte stream: a header, the step label, the payload.
//!
//! ```text
//! payload length u64 | depth u64 | due u64 | label length u8 | label | payload     (little endian)
//! ```

use super::inbox::{CAPACITY_BYTES, Inbox, Message};
use std::io::{self, BufReader, IoSlice, Read, Write};

pub(super) const HEADER_BYTES: usize = 25;

/// A payload is read in pieces of this size, each a sign of life; small messages come with their
/// header in one read.
const PIECE_BYTES: usize = 256 << 10;

/// No message is longer: a length beyond it is refused before anything is reserved.
const LONGEST_BYTES: u64 = 8 << 30;

/// Reserved at once for a payload. What is longer gets memory as it comes, so that a length alone costs nothing.
const RESERVED_BYTES: usize = 64 << 20;

/// Writes a message, in one system call if the line takes it.
pub(super) fn write(stream: &mut impl Write, message: &Message) -> io::Result<()> {
    let mut head = Vec::with_capacity(HEADER_BYTES + message.label.len());
    head.extend((message.payload.len() as u64).to_le_bytes());
    head.extend(message.depth.to_le_bytes());
    head.extend(message.due_ns.to_le_bytes());
    head.push(message.label.len() as u8); // at most 255: wire_label cut it
    head.extend(&message.label);
    let mut slices = [IoSlice::new(&head), IoSlice::new(&message.payload)];
    let mut rest = &mut slices[..];
    // Slices of no bytes are dropped at once, or an empty payload would look like a full line.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match stream.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Moves messages from a stream to an inbox until the stream ends, then closes the inbox with the
/// cause. Goes on, and drops what comes, after the inbox was abandoned: so that the peer can finish.
pub(super) fn drain(stream: impl Read, inbox: &Inbox) {
    let mut stream = BufReader::with_capacity(PIECE_BYTES, stream);
    loop {
        match read(&mut stream, inbox) {
            Ok(message) => inbox.push(message),
            Err(error) => {
                let cause = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the party has ended".to_owned(),
                    _ => error.to_string(),
                };
                return inbox.close(&cause);
            }
        }
    }
}

fn read(stream: &mut impl Read, inbox: &Inbox) -> io::Result<Message> {
    let mut word = || {
        let mut bytes = [0; 8];
        stream.read_exact(&mut bytes)?;
        Ok::<_, io::Error>(u64::from_le_bytes(bytes))
    };
    let (length, depth, due_ns) = (word()?, word()?, word()?);
    let mut label_length = [0];
    stream.read_exact(&mut label_length)?;
    let mut label = vec![0; usize::from(label_length[0])];
    stream.read_exact(&mut label)?;
    let payload = read_payload(stream, length, label.len(), inbox)?;
    Ok(Message {
        label,
        depth,
        due_ns,
        payload,
    })
}

fn read_payload(
    stream: &mut impl Read,
    length: u64,
    label_bytes: usize,
    inbox: &Inbox,
) -> io::Result<Vec<u8>> {
    let too_long = || {
        io::Error::other(format!(
            "it announced a message of {length} bytes, which no party sends"
        ))
    };
    if length > LONGEST_BYTES {
        return Err(too_long());
    }
    let length = usize::try_from(length).map_err(|_| too_long())?;
    inbox.wait_for_room(Message::held_bytes(label_bytes, length), CAPACITY_BYTES);
    let mut payload = Vec::new();
    let no_memory = |_| io::Error::other(format!("no memory for a message of {length} bytes"));
    payload
        .try_reserve_exact(length.min(RESERVED_BYTES))
        .map_err(no_memory)?;
    while payload.len() < length {
        let filled = payload.len();
        let more = (length - filled).min(PIECE_BYTES);
        payload.try_reserve(more).map_err(no_memory)?;
        payload.resize(filled + more, 0);
        stream.read_exact(&mut payload[filled..])?;
        inbox.hear();
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Takes and gives three bytes at a time.
    #[derive(Default)]
    struct Narrow(std::collections::VecDeque<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(&bytes[..bytes.len().min(3)])
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Narrow {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let most = bytes.len().min(3);
            self.0.read(&mut bytes[..most])
        }
    }

    fn message(payload: Vec<u8>) -> Message {
        Message {
            label: b"layer0/output".to_vec(),
            depth: 7,
            due_ns: 123_456_789_012,
            payload,
        }
    }

    fn popped(inbox: &Inbox) -> Option<Message> {
        inbox.pop(Duration::ZERO).ok()
    }

    #[test]
    fn messages_survive_a_line_that_takes_three_bytes_at_a_time() {
        let payloads = [vec![], vec![9; 1], (0..=255).collect(), vec![]];
        let mut line = Narrow::default();
        for payload in payloads.clone() {
            write(&mut line, &message(payload)).unwrap();
        }
        let inbox = Inbox::new();
        drain(line, &inbox);
        for payload in payloads {
            let read = popped(&inbox).unwrap();
            assert_eq!(read.payload, payload);
            assert_eq!((read.depth, read.due_ns), (7, 123_456_789_012));
            assert_eq!(read.label, b"layer0/output");
        }
        assert_eq!(
            inbox.wait_closed(Duration::ZERO).unwrap(),
            "the party has ended"
        );
    }

    #[test]
    fn half_a_message_is_no_message() {
        let mut line = Vec::new();
        write(&mut line, &message(vec![1; 1000])).unwrap();
        for cut in [1, HEADER_BYTES, line.len() - 1] {
            let inbox = Inbox::new();
            drain(&line[..cut], &inbox);
            assert!(popped(&inbox).is_none());
        }
    }

    #[test]
    fn an_impossible_length_ends_the_connection_and_not_the_program() {
        let mut line = Vec::new();
        write(&mut line, &message(vec![])).unwrap();
        line[..8].fill(0xff);
        let inbox = Inbox::new();
        drain(&line[..], &inbox);
        let cause = inbox.wait_closed(Duration::ZERO).unwrap();
        assert!(cause.contains("which no party sends"), "{cause}");
    }

    /// A length within bounds and nothing behind it: what is reserved is bounded, whatever was announced.
    #[test]
    fn a_length_alone_takes_no_memory() {
        let mut line = Vec::new();
        write(&mut line, &message(vec![])).unwrap();
        line[..8].copy_from_slice(&LONGEST_BYTES.to_le_bytes());
        let inbox = Inbox::new();
        drain(&line[..], &inbox);
        let cause = inbox.wait_closed(Duration::ZERO).unwrap();
        assert_eq!(cause, "the party has ended");
    }

    /// What a peer sends ahead stays on the line beyond the bound, and comes when there is room; one message always passes.
    #[test]
    fn an_inbox_holds_no_more_than_its_bound() {
        let inbox = Inbox::new();
        inbox.wait_for_room(1000, 10);
        inbox.push(message(vec![0; 1000]));
        let waited = std::thread::scope(|scope| {
            let next = scope.spawn(|| {
                inbox.wait_for_room(1, 1000);
                inbox.push(message(vec![1]));
            });
            std::thread::sleep(Duration::from_millis(50));
            let waited = !next.is_finished();
            assert_eq!(popped(&inbox).unwrap().payload.len(), 1000);
            waited
        });
        assert!(waited);
        assert_eq!(popped(&inbox).unwrap().payload, [1]);
        // Messages of nothing take room too: a peer that sends them without end is held up like another.
        let none = Message::held_bytes(b"layer0/output".len(), 0);
        for _ in 0..10 {
            inbox.wait_for_room(none, 10 * none);
            inbox.push(message(vec![]));
        }
        let full = std::thread::scope(|scope| {
            let next = scope.spawn(|| inbox.wait_for_room(none, 10 * none));
            std::thread::sleep(Duration::from_millis(50));
            let full = !next.is_finished();
            popped(&inbox).unwrap();
            full
        });
        assert!(full);
        while popped(&inbox).is_some() {}
        // Nobody receives: nothing waits for room.
        inbox.push(message(vec![0; 1000]));
        std::thread::scope(|scope| {
            scope.spawn(|| inbox.wait_for_room(1000, 1000));
            std::thread::sleep(Duration::from_millis(20));
            inbox.abandon();
        });
    }
}

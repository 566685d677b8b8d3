//! A message on a byte stream: a header, the step label, the payload.
//!
//! ```text
//! payload length u64 | depth u64 | due u64 | label length u8 | label | payload     (little endian)
//! ```

use super::inbox::{Inbox, Message};
use std::io::{self, BufReader, IoSlice, Read, Write};

const HEADER_BYTES: usize = 25;

/// A payload is read in pieces of this size, each a sign of life; small messages come with their
/// header in one read.
const PIECE_BYTES: usize = 256 << 10;

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
    let payload = read_payload(stream, length, inbox)?;
    Ok(Message {
        label,
        depth,
        due_ns,
        payload,
    })
}

fn read_payload(stream: &mut impl Read, length: u64, inbox: &Inbox) -> io::Result<Vec<u8>> {
    let too_long = || io::Error::other(format!("a message of {length} bytes fits in no memory"));
    let length = usize::try_from(length).map_err(|_| too_long())?;
    let mut payload = Vec::new();
    payload.try_reserve_exact(length).map_err(|_| too_long())?;
    while payload.len() < length {
        let filled = payload.len();
        payload.resize(length.min(filled + PIECE_BYTES), 0);
        stream.read_exact(&mut payload[filled..])?;
        inbox.hear();
    }
    Ok(payload)
}

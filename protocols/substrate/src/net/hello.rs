//! How two parties find out that a connection is between the right two of the same run.
//!
//! The caller says `magic | run id | from | to`; the called party answers `magic | verdict`. Strangers
//! are not answered.

use super::Party;
use std::io::{self, Read, Write};

const HELLO_MAGIC: [u8; 8] = *b"qbench-1";
const ANSWER_MAGIC: [u8; 8] = *b"qbench+1";
const HELLO_BYTES: usize = 26;

/// A number that the three parties of one run share and no other run has. It tells runs apart; it
/// is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct RunId(pub [u8; 16]);

impl RunId {
    /// A fresh one, from the operating system's generator.
    ///
    /// # Errors
    /// If the operating system has no randomness to give.
    pub fn random() -> crate::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|e| crate::Error::io("drawing a run id", io::Error::other(e)))?;
        Ok(Self(bytes))
    }
}

/// The called party's verdict on a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on.
    Welcome = 0,
    /// The caller is of another run.
    OtherRun = 1,
    /// The caller is of this run, but this party expects no call, or no other call, from it.
    NotExpected = 2,
}

/// Says who is calling whom, and waits for the verdict; anything but a welcome is an error that
/// says why. `limit` sets how long the next read may take: an answer that comes byte by byte gets no more time than another.
pub(super) fn call<S: Read + Write>(
    stream: &mut S,
    run: RunId,
    from: Party,
    to: Party,
    limit: impl Fn(&mut S) -> io::Result<()>,
) -> io::Result<()> {
    let mut hello = [0; HELLO_BYTES];
    hello[..8].copy_from_slice(&HELLO_MAGIC);
    hello[8..24].copy_from_slice(&run.0);
    hello[24] = from.index() as u8;
    hello[25] = to.index() as u8;
    stream.write_all(&hello)?;
    let mut answer = [0; 9];
    for byte in answer.chunks_mut(1) {
        limit(stream)?;
        stream.read_exact(byte).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                io::Error::other("it took the call and did not answer")
            }
            io::ErrorKind::UnexpectedEof => io::Error::other("it took the call and hung up"),
            _ => e,
        })?;
    }
    if answer[..8] != ANSWER_MAGIC {
        return Err(io::Error::other("a program that is no party answered"));
    }
    match answer[8] {
        0 => Ok(()),
        1 => Err(io::Error::other("a party of another run answered")),
        _ => Err(io::Error::other("it expects no such call")),
    }
}

/// Answers a caller.
pub(super) fn answer(stream: &mut impl Write, verdict: Verdict) -> io::Result<()> {
    let mut bytes = [0; 9];
    bytes[..8].copy_from_slice(&ANSWER_MAGIC);
    bytes[8] = verdict as u8;
    stream.write_all(&bytes)
}

/// What is known of a caller.
pub(super) enum Caller {
    /// It has not said all yet.
    Unknown,
    /// It says nothing that a party would say, or has hung up.
    Stranger,
    /// A party, of the same run or another, that calls this party or another.
    Known {
        /// The run that it names.
        run: RunId,
        /// Who it is.
        from: Party,
        /// Whom it calls.
        to: Party,
    },
}

/// A hello as far as it has come, on a stream that does not block.
#[derive(Default)]
pub(super) struct Hello {
    bytes: [u8; HELLO_BYTES],
    filled: usize,
}

impl Hello {
    /// Reads on.
    pub(super) fn advance(&mut self, stream: &mut impl Read) -> Caller {
        while self.filled < HELLO_BYTES {
            match stream.read(&mut self.bytes[self.filled..]) {
                Ok(0) => return Caller::Stranger,
                Ok(more) => self.filled += more,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Caller::Stranger,
            }
        }
        let said = self.filled.min(HELLO_MAGIC.len());
        if self.bytes[..said] != HELLO_MAGIC[..said] {
            return Caller::Stranger;
        }
        if self.filled < HELLO_BYTES {
            return Caller::Unknown;
        }
        let mut run = [0; 16];
        run.copy_from_slice(&self.bytes[8..24]);
        let party = |byte: u8| Party::from_index(usize::from(byte));
        match (party(self.bytes[24]), party(self.bytes[25])) {
            (Some(from), Some(to)) => Caller::Known {
                run: RunId(run),
                from,
                to,
            },
            _ => Caller::Stranger,
        }
    }
}

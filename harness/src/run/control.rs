//! What the controller and the parties say to each other, apart from the measured links: one JSON object
//! a line, evidence as raw bytes after its line. [`super::launch`] says over what.

use super::start::Start;
use crate::link::Link;
use crate::process;
use crate::stalls::Stall;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::commitment::{Commitment, Opening};
use qbench_protocols::net::probe::{ProbePlan, ProbeView};
use qbench_protocols::net::trace::PhaseTrace;
use qbench_protocols::phase::Phase;
use qbench_protocols::session::{Agreement, PhaseRecord};
use qbench_protocols::system::Workload;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};
use std::time::Duration;

/// Version of this conversation and of the message formats between parties; part of the agreement.
pub const PROTOCOL_VERSION: &str = "4";

/// Everything one party needs for one repetition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// System id; `None` only probes the links.
    pub system: Option<String>,
    /// The workload; only P1's copy has tokens, P2's has no model folder.
    pub workload: Workload,
    /// Threads of this party.
    pub threads: usize,
    /// The link to both peers.
    pub link: Link,
    /// Longest wait for a peer.
    pub timeout: Duration,
    /// What must be equal at all parties, but for the hash of the binary, which each party computes itself.
    pub agreement: Agreement,
    /// The same at all three parties of one repetition; calls of other runs are refused.
    pub run: [u8; 16],
    /// Whether to write down what is sent and received when.
    pub trace: bool,
    /// Where this party listens; port 0 lets the system choose.
    pub listen: String,
}

/// Controller to party.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToParty {
    /// What to run.
    Job(Box<Job>),
    /// Where the three parties listen.
    Connect([String; 3]),
    /// Probe the links.
    Probe(ProbePlan),
    /// Begin a phase at its common start.
    Start(Phase, Start),
    /// Send the evidence, then end, or wait for the next input.
    Evidence {
        /// Whether another input follows.
        more: bool,
    },
    /// Another input of the same model and settings, of any length; the weights stay shared. Only P1's copy has tokens. Its length is
    /// public: parties that were told different ones find messages of other lengths than they expect.
    Next(Box<Workload>),
}

/// What a phase took at one party.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhaseReport {
    /// Counters and steps.
    pub record: PhaseRecord,
    /// From the common start to the end of the phase at this party, nanoseconds.
    pub wall_ns: u64,
    /// CPU time of the process during the phase, nanoseconds.
    pub cpu_ns: u64,
    /// Highest resident set so far, bytes.
    pub peak_memory_bytes: u64,
    /// Correlated randomness held now, and where.
    pub material: (u64, String),
    /// When the process did not run, as far as that lasted.
    pub stalls: Vec<Stall>,
    /// What was sent and received when, where a trace is wanted.
    pub trace: Option<PhaseTrace>,
    /// P0's commitment to its private file, as this party has it.
    pub commitment: Commitment,
    /// What opens it, of P0 alone: the controller may know the model, the other parties may not.
    pub opening: Option<Opening>,
}

/// Why a party ended early.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The phase under way.
    pub phase: Phase,
    /// The step under way; empty outside of steps.
    pub step: String,
    /// One line.
    pub text: String,
    /// Whether it only follows from another party's end or silence.
    pub follows: bool,
}

/// Party to controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromParty {
    /// The address to which peers connect.
    Listening(String),
    /// Connected to both peers.
    Connected,
    /// What it saw of its links.
    Probed(ProbeView),
    /// A phase is over.
    Done(Box<PhaseReport>),
    /// So many raw bytes follow.
    Evidence(u64),
    /// It ends here.
    Failed(Failure),
}

/// Writes one message.
///
/// # Errors
/// The connection's.
pub fn write<T: Serialize>(to: &mut impl Write, message: &T) -> Result<()> {
    to.write_all(&process::line(message)?)
        .context("control connection")
}

/// No message is longer; the longest are traces.
const LONGEST_LINE_BYTES: u64 = 1 << 30;

/// Reads one message; `None` at the end of the connection.
///
/// # Errors
/// The connection's, also where it ends inside a message; a line that is no message.
pub fn read<T: for<'a> Deserialize<'a>>(from: &mut impl BufRead) -> Result<Option<T>> {
    read_within(from, LONGEST_LINE_BYTES)
}

fn read_within<T: for<'a> Deserialize<'a>>(
    from: &mut impl BufRead,
    longest_bytes: u64,
) -> Result<Option<T>> {
    let mut line = Vec::new();
    let mut limited = from.take(longest_bytes);
    let read = limited.read_until(b'\n', &mut line);
    if read.context("control connection")? == 0 {
        return Ok(None);
    }
    ensure!(
        line.ends_with(b"\n") || limited.limit() > 0,
        "control connection: a message of more than {longest_bytes} bytes"
    );
    match serde_json::from_slice(&line) {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.is_eof() => {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof)).context("control connection")
        }
        // serde's word may repeat what the line says.
        Err(error) => bail!(
            "control connection: `{}`: {}",
            beginning(&line),
            beginning(error.to_string().as_bytes())
        ),
    }
}

/// As much of a text as shows what it was meant to be: all of it may be long, and hold what nobody should read.
fn beginning(text: &[u8]) -> String {
    const SHOWN_BYTES: usize = 100;
    let more = if text.len() > SHOWN_BYTES { ".." } else { "" };
    let shown = &text[..text.len().min(SHOWN_BYTES)];
    format!("{}{more}", String::from_utf8_lossy(shown).trim_end())
}

/// No evidence is longer: the low bits of a cut are two bytes a value.
const LONGEST_BLOB_BYTES: u64 = 8 << 30;

/// Reads `bytes` raw bytes. Memory is taken as they come.
///
/// # Errors
/// A length that no evidence has; the connection's, an end before the last byte among them.
pub fn read_blob(from: &mut impl Read, bytes: u64) -> Result<Vec<u8>> {
    ensure!(
        bytes <= LONGEST_BLOB_BYTES,
        "control connection: {bytes} bytes of evidence were announced, which is more than {LONGEST_BLOB_BYTES}"
    );
    let mut blob = Vec::new();
    from.take(bytes)
        .read_to_end(&mut blob)
        .context("control connection")?;
    if (blob.len() as u64) < bytes {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof)).context("evidence ended early");
    }
    Ok(blob)
}

/// The party's end of the conversation.
pub struct Control {
    orders: Box<dyn BufRead>,
    words: Box<dyn Write>,
}

impl Control {
    /// A conversation over two streams.
    pub fn new(orders: impl BufRead + 'static, words: impl Write + 'static) -> Self {
        Self {
            orders: Box::new(orders),
            words: Box::new(words),
        }
    }

    /// Says something to the controller.
    ///
    /// # Errors
    /// The connection's.
    pub fn say(&mut self, message: &FromParty) -> Result<()> {
        write(&mut self.words, message)
    }

    /// Says how long the evidence is, then sends it.
    ///
    /// # Errors
    /// The connection's.
    pub fn send_evidence(&mut self, evidence: &[u8]) -> Result<()> {
        self.say(&FromParty::Evidence(evidence.len() as u64))?;
        self.words.write_all(evidence).context("sending evidence")
    }

    /// The controller's next order.
    ///
    /// # Errors
    /// The connection's, and its end.
    pub fn hear(&mut self) -> Result<ToParty> {
        read(&mut self.orders)?.context("the controller is gone")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &[u8], longest_bytes: u64) -> String {
        let mut line = line;
        let read = read_within::<FromParty>(&mut line, longest_bytes);
        format!("{:#}", read.unwrap_err())
    }

    #[test]
    fn lines_are_bounded_and_shown_by_their_beginning() {
        let mut line = &b"\"connected\"\n"[..];
        let read: Option<FromParty> = read_within(&mut line, 12).unwrap();
        assert!(matches!(read, Some(FromParty::Connected)));
        let error = refused(b"\"connected\"\n", 11);
        assert!(error.contains("more than 11 bytes"), "{error}");
        let long = format!("{{\"done\": \"{}\"}}\n", "7".repeat(10_000));
        let error = refused(long.as_bytes(), 1 << 20);
        assert!(error.contains("`{\"done\": \"777"), "{error}");
        assert!(error.len() < 400, "{error}");
        assert!(refused(b"\xff\xff\n", 100).starts_with("control connection"));
    }

    #[test]
    fn a_length_of_evidence_is_not_obeyed() {
        let announced =
            |bytes: u64| format!("{:#}", read_blob(&mut &b"abc"[..], bytes).unwrap_err());
        let error = announced(u64::MAX);
        assert!(
            error.contains("18446744073709551615 bytes of evidence"),
            "{error}"
        );
        // Within the bound nothing is reserved before it comes.
        assert!(announced(LONGEST_BLOB_BYTES).contains("ended early"));
        assert_eq!(read_blob(&mut &b"abc"[..], 3).unwrap(), b"abc");
    }
}

//! What the controller and the parties say to each other, apart from the measured links: one JSON object
//! a line, evidence as raw bytes after its line. [`super::launch`] says over what.

use super::start::Start;
use crate::link::Link;
use crate::link::relay::stalls::Stall;
use crate::process;
use anyhow::{Context, Result};
use qbench_protocols::commitment::{Commitment, Opening};
use qbench_protocols::net::probe::{ProbePlan, ProbeView};
use qbench_protocols::net::trace::PhaseTrace;
use qbench_protocols::phase::Phase;
use qbench_protocols::session::{Agreement, PhaseRecord};
use qbench_protocols::system::Workload;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read, Write};
use std::time::Duration;

/// Version of this conversation and of the message formats between parties; part of the agreement.
pub const PROTOCOL_VERSION: &str = "3";

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
    /// Send the evidence, then end.
    Evidence,
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
/// The connection's, and a line that is no message.
pub fn read<T: for<'a> Deserialize<'a>>(from: &mut impl BufRead) -> Result<Option<T>> {
    let mut line = String::new();
    let mut limited = from.take(LONGEST_LINE_BYTES);
    if limited.read_line(&mut line).context("control connection")? == 0 {
        return Ok(None);
    }
    anyhow::ensure!(
        line.ends_with('\n') || limited.limit() > 0,
        "control connection: a message of more than {LONGEST_LINE_BYTES} bytes"
    );
    let message = serde_json::from_str(&line);
    message
        .map(Some)
        .with_context(|| format!("control connection: `{}`", line.trim_end()))
}

/// Reads `bytes` raw bytes.
///
/// # Errors
/// The connection's, and an end before the last byte.
pub fn read_blob(from: &mut impl Read, bytes: u64) -> Result<Vec<u8>> {
    let mut blob = Vec::new();
    from.take(bytes)
        .read_to_end(&mut blob)
        .context("control connection")?;
    anyhow::ensure!(blob.len() as u64 == bytes, "evidence ended early");
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

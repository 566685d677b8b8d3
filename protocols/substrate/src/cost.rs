//! Declared cost: what a step says that it sends, and the cost walk's book, which adds up declared bytes and message chains
//! without running anything.

use crate::net::Party;
use crate::ring::Ring;
use crate::steps::StepPath;
use std::collections::HashMap;

/// Declared traffic of one step, from the cost walk: no party ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeclaredStep {
    /// Step label, such as `layer3/attention/softmax/max`.
    pub step: String,
    /// Payload bytes from party (first index) to party (second).
    pub bytes: [[u64; 3]; 3],
    /// Growth of the longest chain of dependent messages over all parties.
    pub rounds: u64,
}

/// Declared cost of one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeclaredPhase {
    /// Every step that was walked, in order.
    pub steps: Vec<DeclaredStep>,
}

impl DeclaredPhase {
    /// Bytes from each party to each other, over all steps.
    pub fn bytes(&self) -> [[u64; 3]; 3] {
        let mut sum = [[0; 3]; 3];
        for step in &self.steps {
            for (total, more) in sum.iter_mut().flatten().zip(step.bytes.iter().flatten()) {
                *total += more;
            }
        }
        sum
    }
    /// Bytes over all parties.
    pub fn total_bytes(&self) -> u64 {
        self.bytes().iter().flatten().sum()
    }
    /// Rounds over all steps.
    pub fn rounds(&self) -> u64 {
        self.steps.iter().map(|step| step.rounds).sum()
    }
}

/// One opening between P1 and P2, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredOpening {
    /// Step label.
    pub step: String,
    /// Elements that each sends, and their bits, for each vector.
    pub parts: Vec<(usize, u32)>,
}

/// Something that was dealt, in its own words: a piece of correlated randomness may be sent in many messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredKey {
    /// Step label.
    pub step: String,
    /// What the store calls it.
    pub kind: String,
}

/// A pairwise seed.
const SEED_BYTES: usize = 16;

/// Declared messages of one phase, a step each, with the three parties' chain depths.
#[derive(Default)]
pub struct CostBook {
    /// Where the walk is.
    pub path: StepPath,
    steps: Vec<DeclaredStep>,
    index: HashMap<String, usize>,
    depth: [u64; 3],
    dealt_bytes: [u64; 3],
    largest_dealt_bytes: [u64; 3],
    openings: Vec<DeclaredOpening>,
    keys: Vec<DeclaredKey>,
}

impl CostBook {
    fn current(&mut self) -> &mut DeclaredStep {
        let label = self.path.label();
        let index = *self.index.entry(label.to_owned()).or_insert_with(|| {
            self.steps.push(DeclaredStep {
                step: label.to_owned(),
                ..DeclaredStep::default()
            });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    fn lift(&mut self, depth: [u64; 3]) {
        let longest = |depth: &[u64; 3]| depth.iter().copied().max().unwrap_or(0);
        let growth = longest(&depth) - longest(&self.depth);
        self.depth = depth;
        self.current().rounds += growth;
    }

    /// One message.
    pub fn message(&mut self, from: Party, to: Party, bytes: usize) {
        let (from, to) = (from.index(), to.index());
        self.current().bytes[from][to] += bytes as u64;
        let mut depth = self.depth;
        depth[to] = depth[to].max(depth[from] + 1);
        self.lift(depth);
    }

    /// Messages sent by every one of `pairs` at the same time: none depends on another.
    pub fn simultaneous(&mut self, messages: &[(Party, Party, usize)]) {
        let before = self.depth;
        let mut depth = before;
        for &(from, to, bytes) in messages {
            self.current().bytes[from.index()][to.index()] += bytes as u64;
            depth[to.index()] = depth[to.index()].max(before[from.index()] + 1);
        }
        self.lift(depth);
    }

    /// One message of correlated randomness, which its receiver holds until it is used.
    pub fn deal(&mut self, from: Party, to: Party, bytes: usize) {
        let (to_index, length) = (to.index(), bytes as u64);
        self.dealt_bytes[to_index] += length;
        let largest = &mut self.largest_dealt_bytes[to_index];
        *largest = length.max(*largest);
        self.message(from, to, bytes);
    }

    /// An opening between P1 and P2: each sends as many elements as `parts` says, packed to the bit vector by vector.
    pub fn opening(&mut self, parts: &[(Ring, usize)]) {
        let bytes = parts.iter().map(|(ring, len)| ring.wire_bytes(*len)).sum();
        self.simultaneous(&[(Party::P1, Party::P2, bytes), (Party::P2, Party::P1, bytes)]);
        let parts = parts.iter().filter(|(_, len)| *len > 0);
        self.openings.push(DeclaredOpening {
            step: self.path.label().to_owned(),
            parts: parts.map(|(ring, len)| (*len, ring.bits())).collect(),
        });
    }

    /// Every opening of elements, in order.
    pub fn openings(&self) -> &[DeclaredOpening] {
        &self.openings
    }

    /// Notes what is dealt, whose messages are declared by [`CostBook::deal`].
    pub fn key(&mut self, kind: String) {
        let step = self.path.label().to_owned();
        self.keys.push(DeclaredKey { step, kind });
    }

    /// Everything that was noted as dealt, in order.
    pub fn keys(&self) -> &[DeclaredKey] {
        &self.keys
    }

    /// Bytes of correlated randomness that each party holds at the end.
    pub fn dealt_bytes(&self) -> [u64; 3] {
        self.dealt_bytes
    }

    /// Bytes of the largest piece of correlated randomness that each party holds.
    pub fn largest_dealt_bytes(&self) -> [u64; 3] {
        self.largest_dealt_bytes
    }

    /// What [`crate::session::Session::establish`] sends, in its step `connect`: the seeds. The messages of the agreement
    /// depend on the names of things, not on the protocol, and are not declared.
    pub fn connect(&mut self) {
        let pairs = [
            (Party::P0, Party::P1),
            (Party::P0, Party::P2),
            (Party::P1, Party::P2),
        ];
        self.path.enter("connect");
        self.simultaneous(&pairs.map(|(from, to)| (from, to, SEED_BYTES)));
        self.path.leave();
    }

    /// The declared phase.
    pub fn finish(self) -> DeclaredPhase {
        DeclaredPhase { steps: self.steps }
    }
}

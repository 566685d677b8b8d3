//! The cost walk's book: adds up declared bytes and message chains without running anything.

use crate::net::Party;
use crate::steps::StepPath;
use crate::system::{DeclaredPhase, DeclaredStep};
use std::collections::HashMap;

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

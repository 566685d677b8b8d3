//! The book of steps: where a party is in the walk, and what each step took.
//!
//! Steps nest. Time, bytes and rounds belong to the innermost step that is open, so the steps of a
//! phase add up to the phase.

use std::collections::HashMap;

/// What one party did in one step of one phase, itself, without the steps inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepRecord {
    /// Step label, such as `layer3/attention/softmax/max`.
    pub step: String,
    /// Wall time of this party, nanoseconds.
    pub wall_ns: u64,
    /// Payload bytes sent to each party.
    pub sent_bytes: [u64; 3],
    /// Growth of this party's message-chain depth.
    pub rounds: u64,
}

/// The path of open steps.
#[derive(Default)]
pub struct StepPath {
    open: Vec<usize>,
    path: String,
}

impl StepPath {
    /// The current step label; empty outside of all steps.
    pub fn label(&self) -> &str {
        &self.path
    }

    /// Opens a step inside the current one.
    pub fn enter(&mut self, name: &str) {
        self.open.push(self.path.len());
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(name);
    }

    /// Closes the innermost step; a leave without an enter is ignored.
    pub fn leave(&mut self) {
        if let Some(length) = self.open.pop() {
            self.path.truncate(length);
        }
    }
}

/// Keeps the path of open steps and one record a label, in order of first entry.
#[derive(Default)]
pub struct StepBook {
    /// Where the party is.
    pub path: StepPath,
    records: Vec<StepRecord>,
    index: HashMap<String, usize>,
}

impl StepBook {
    /// The record of the current step.
    pub fn current(&mut self) -> &mut StepRecord {
        let label = self.path.label();
        let index = match self.index.get(label) {
            Some(&index) => index,
            None => {
                self.records.push(StepRecord {
                    step: label.to_owned(),
                    ..StepRecord::default()
                });
                self.index.insert(label.to_owned(), self.records.len() - 1);
                self.records.len() - 1
            }
        };
        &mut self.records[index]
    }

    /// Takes all records, leaving an empty book.
    pub fn take(&mut self) -> Vec<StepRecord> {
        self.index.clear();
        std::mem::take(&mut self.records)
    }
}

//! The same cells in two runs: what has changed.

use super::groups::Entry;
use super::runs::Run;
use super::settings::{ACTIVATION, Settings};
use crate::quantities::Quantity;
use crate::record::runs::RunRow;
use crate::stats::{Summary, unpaired_ratio};
use qbench_protocols::phase::Phase;

/// Times, which vary between repetitions.
pub const TIMES: [(&str, Quantity); 4] = [
    ("setup", Quantity::Seconds(Some(Phase::Setup))),
    ("offline", Quantity::Seconds(Some(Phase::Offline))),
    ("online", Quantity::Seconds(Some(Phase::Online))),
    ("total", Quantity::Seconds(None)),
];

/// Counts, which do not.
pub const COUNTS: [(&str, Quantity); 6] = [
    ("offline bytes", Quantity::Bytes(Phase::Offline)),
    ("online bytes", Quantity::Bytes(Phase::Online)),
    ("setup bytes", Quantity::Bytes(Phase::Setup)),
    ("offline rounds", Quantity::Rounds(Phase::Offline)),
    ("online rounds", Quantity::Rounds(Phase::Online)),
    ("randomness", Quantity::Material),
];

/// What makes two cells the same question: the system and every setting but how the link is emulated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    system: String,
    activation: String,
    settings: Settings,
}

impl Question {
    fn of(row: &RunRow) -> Self {
        Self {
            system: row.system.clone(),
            activation: row.dimension(ACTIVATION).unwrap_or_default(),
            settings: Settings::of(row).without("link_mode"),
        }
    }

    /// Whether another one may be the same, where one of them is of before the activation function was recorded.
    fn may_be(&self, other: &Self) -> bool {
        let unsaid = self.activation.is_empty() || other.activation.is_empty();
        unsaid && self.system == other.system && self.settings == other.settings
    }

    /// `lut-rss, bert-base, ..`.
    pub fn describe(&self) -> String {
        let activation = if self.activation.is_empty() {
            String::new()
        } else {
            format!(", {}", self.activation)
        };
        format!("{}{activation}, {}", self.system, self.settings.describe())
    }
}

/// One quantity before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Before.
    pub old: Summary,
    /// After.
    pub new: Summary,
    /// `new / old` with its interval; `None` where one of them is zero.
    pub ratio: Option<Summary>,
    /// Whether it has changed beyond the intervals; `None` where a single repetition has none.
    pub changed: Option<bool>,
}

/// A cell that both runs have.
#[derive(Clone, Debug)]
pub struct Both<'a> {
    /// The cell.
    pub question: Question,
    /// Its rows before.
    pub old: Entry<'a>,
    /// Its rows after.
    pub new: Entry<'a>,
}

impl Both<'_> {
    /// A time before and after: changed if the interval of the ratio leaves out 1.
    pub fn time(&self, quantity: Quantity) -> Option<Change> {
        let mut change = self.change(quantity)?;
        let enough = change.old.count > 1 && change.new.count > 1;
        change.changed = change
            .ratio
            .filter(|_| enough)
            .map(|r| r.low > 1.0 || r.high < 1.0);
        Some(change)
    }

    /// A count before and after: any difference is a change.
    pub fn count(&self, quantity: Quantity) -> Option<Change> {
        let mut change = self.change(quantity)?;
        let ends = |s: Summary| (s.low, s.median, s.high);
        change.changed = Some(ends(change.old) != ends(change.new));
        Some(change)
    }

    fn change(&self, quantity: Quantity) -> Option<Change> {
        let values = |entry: &Entry<'_>| -> Vec<f64> {
            entry
                .rows
                .iter()
                .filter_map(|row| quantity.of(row))
                .collect()
        };
        Some(Change {
            old: self.old.summary(quantity)?,
            new: self.new.summary(quantity)?,
            // `unpaired_ratio` puts its first argument above.
            ratio: unpaired_ratio(&values(&self.new), &values(&self.old)),
            changed: None,
        })
    }

    /// Whether the content hashes differ although every setting is the same: other weights, another seed, or
    /// outputs checked in one run only.
    pub fn content_differs(&self) -> bool {
        let cell = |entry: &Entry<'_>| entry.rows.first().map(|row| row.cell.clone());
        let mode = |entry: &Entry<'_>| entry.rows.first().map(|row| row.link_mode.clone());
        mode(&self.old) == mode(&self.new) && cell(&self.old) != cell(&self.new)
    }

    /// The modes of the link before and after, where they differ.
    pub fn modes(&self) -> Option<(&str, &str)> {
        let (old, new) = (self.old.rows.first()?, self.new.rows.first()?);
        (old.link_mode != new.link_mode).then_some((&old.link_mode, &new.link_mode))
    }
}

/// The cells of two runs.
#[derive(Clone, Debug)]
pub struct Cells<'a> {
    /// In both, in the order of the old run.
    pub both: Vec<Both<'a>>,
    /// Only in the old run.
    pub only_old: Vec<Question>,
    /// Only in the new run.
    pub only_new: Vec<Question>,
}

/// Brings the cells of two runs together.
pub fn cells<'a>(old: &'a Run, new: &'a Run) -> Cells<'a> {
    let (olds, mut news) = (entries(0, &old.rows), entries(1, &new.rows));
    let mut cells = Cells {
        both: Vec::new(),
        only_old: Vec::new(),
        only_new: Vec::new(),
    };
    for (question, old) in olds {
        let same = news.iter().position(|(q, _)| *q == question);
        let same = same.or_else(|| {
            let mut likely = (0..news.len()).filter(|&at| news[at].0.may_be(&question));
            // With several it could be any of them.
            likely.next().filter(|_| likely.next().is_none())
        });
        match same {
            Some(at) => {
                let (question, new) = news.remove(at);
                cells.both.push(Both { question, old, new });
            }
            None => cells.only_old.push(question),
        }
    }
    cells.only_new = news.into_iter().map(|(question, _)| question).collect();
    cells
}

fn entries(run: usize, rows: &[RunRow]) -> Vec<(Question, Entry<'_>)> {
    let mut found: Vec<(Question, Entry<'_>)> = Vec::new();
    for row in rows {
        let question = Question::of(row);
        match found.iter_mut().find(|(q, _)| *q == question) {
            Some((_, entry)) => entry.rows.push(row),
            None => {
                let entry = Entry {
                    run,
                    system: question.system.clone(),
                    activation: question.activation.clone(),
                    rows: vec![row],
                };
                found.push((question, entry));
            }
        }
    }
    found
}

//! One step of one phase at one party as a row of `steps.csv`.

use super::runs::{Columns, Fields};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// One row of `steps.csv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepRow {
    /// Content hash of the cell.
    pub cell: String,
    /// Repetition, from 0.
    pub repetition: usize,
    /// `setup`, `offline` or `online`.
    pub phase: String,
    /// Step label.
    pub step: String,
    /// Party, 0 to 2.
    pub party: usize,
    /// Wall time of this party in this step, without the steps inside it.
    pub wall_ns: u64,
    /// Payload bytes sent to each party.
    pub sent_bytes: [u64; 3],
    /// Growth of this party's message-chain depth.
    pub rounds: u64,
}

impl StepRow {
    /// Every column with its value, in file order.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut out = Fields(Vec::new());
        out.put("cell", &self.cell);
        out.put("repetition", self.repetition);
        out.put("phase", &self.phase);
        out.put("step", &self.step);
        out.put("party", self.party);
        out.put("wall_ns", self.wall_ns);
        for (peer, bytes) in self.sent_bytes.iter().enumerate() {
            out.put(&format!("bytes_to_p{peer}"), bytes);
        }
        out.put("rounds", self.rounds);
        out.0
    }

    /// Reads a row by column names.
    ///
    /// # Errors
    /// The first column that is missing or unreadable.
    pub fn read(columns: &[(&str, &str)]) -> Result<Self, String> {
        let get = Columns(columns);
        let mut row = Self {
            cell: get.text("cell")?,
            repetition: get.number("repetition")?,
            phase: get.text("phase")?,
            step: get.text("step")?,
            party: get.number("party")?,
            wall_ns: get.number("wall_ns")?,
            rounds: get.number("rounds")?,
            ..Self::default()
        };
        for (peer, bytes) in row.sent_bytes.iter_mut().enumerate() {
            *bytes = get.number(&format!("bytes_to_p{peer}"))?;
        }
        Ok(row)
    }
}

/// What stands for a layer where the steps of all layers are added up.
const ANY_LAYER: &str = "layer*";

/// Whether a part of a step's label is a layer's number, or stands for all of them.
pub fn is_layer(part: &str) -> bool {
    let number = |d: &str| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit());
    part == ANY_LAYER || part.strip_prefix("layer").is_some_and(number)
}

/// `layer3/attention/query` is `layer*/attention/query`.
pub fn all_layers(step: &str) -> String {
    let parts: Vec<&str> = step
        .split('/')
        .map(|part| if is_layer(part) { ANY_LAYER } else { part })
        .collect();
    parts.join("/")
}

/// Adds up the steps of all layers: one row for each cell, repetition, phase, step and party, in order of first
/// appearance. Whatever is drawn of steps adds layers up too, so that it comes out the same.
pub fn over_layers(steps: &[StepRow]) -> Vec<StepRow> {
    let mut sums: Vec<StepRow> = Vec::new();
    let mut places = HashMap::new();
    for step in steps {
        let label = all_layers(&step.step);
        let key = (&step.cell, step.repetition, &step.phase, label, step.party);
        match places.entry(key) {
            Entry::Vacant(place) => {
                let step = StepRow {
                    step: place.key().3.clone(),
                    ..step.clone()
                };
                place.insert(sums.len());
                sums.push(step);
            }
            Entry::Occupied(place) => {
                let sum = &mut sums[*place.get()];
                sum.wall_ns += step.wall_ns;
                sum.rounds += step.rounds;
                for (sum, more) in sum.sent_bytes.iter_mut().zip(step.sent_bytes) {
                    *sum += more;
                }
            }
        }
    }
    sums
}

/// The kind of work of a step: its label without the layer and the block, such as `softmax/exp`, `scores`,
/// `linear` or `add-and-norm`. Bars are stacked by it.
pub fn kind(step: &str) -> String {
    let parts: Vec<&str> = step.split('/').filter(|part| !is_layer(part)).collect();
    match parts.as_slice() {
        [] | [""] => "outside of steps".to_owned(),
        ["head", ..] => "head".to_owned(),
        [
            "attention",
            "query" | "key" | "value" | "query-key-value" | "output",
            ..,
        ] => "linear".to_owned(),
        ["feed-forward", "in" | "out", ..] => "linear".to_owned(),
        ["attention" | "feed-forward", "softmax", part, ..] => format!("softmax/{part}"),
        ["attention" | "feed-forward", part, ..] => (*part).to_owned(),
        [first, ..] => (*first).to_owned(),
    }
}

/// The family of a step, which systems on the same walk share however they compute it: its kind without what is
/// inside, such as `softmax` or `linear`.
pub fn family(step: &str) -> String {
    let kind = kind(step);
    match kind.split_once('/') {
        Some((family, _)) => family.to_owned(),
        None => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::{StepRow, family, kind, over_layers};

    #[test]
    fn steps_fall_into_kinds() {
        for (step, expected) in [
            ("layer3/attention/softmax/max", "softmax/max"),
            ("layer0/attention/query/product", "linear"),
            ("layer11/feed-forward/out", "linear"),
            ("layer0/attention/add-and-norm/variance", "add-and-norm"),
            ("layer0/feed-forward/activation", "activation"),
            ("head/tanh", "head"),
            ("input", "input"),
            ("layer2", "outside of steps"),
            ("", "outside of steps"),
        ] {
            assert_eq!(kind(step), expected, "{step}");
        }
    }

    #[test]
    fn layers_add_up_and_stay_what_they_are() {
        let step = |repetition, label: &str, party| StepRow {
            repetition,
            step: label.into(),
            party,
            wall_ns: 10,
            sent_bytes: [0, 1, 2],
            rounds: 3,
            ..StepRow::default()
        };
        let steps = [
            step(0, "input", 1),
            step(0, "layer0/attention/query", 1),
            step(0, "layer11/attention/query", 1),
            step(0, "layer0/attention/query", 2),
            step(1, "layer0/attention/query", 1),
        ];
        let sums = over_layers(&steps);
        let query = StepRow {
            wall_ns: 20,
            sent_bytes: [0, 2, 4],
            rounds: 6,
            ..step(0, "layer*/attention/query", 1)
        };
        let once = |repetition, party| step(repetition, "layer*/attention/query", party);
        assert_eq!(sums, [step(0, "input", 1), query, once(0, 2), once(1, 1)]);
        assert_eq!(over_layers(&sums), sums);
        assert_eq!(kind("layer*/attention/query"), "linear");
    }

    #[test]
    fn kinds_fall_into_families() {
        assert_eq!(family("layer3/attention/softmax/max"), "softmax");
        assert_eq!(family("layer3/attention/softmax"), "softmax");
        assert_eq!(family("layer0/feed-forward/in/convert"), "linear");
    }
}

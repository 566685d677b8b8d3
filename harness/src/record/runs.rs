//! One repetition as a row of `runs.csv`. Integers, in bytes and nanoseconds; `docs/FORMAT.md` says what
//! each column means.

use super::answer::{self, Answer};
use crate::link::probe::{PAIRS as PROBED_PAIRS, Probed};
use crate::units::{bytes_text, time_text};
use qbench_protocols::phase::Phase;
use qbench_protocols::system::Settings;
use std::collections::HashSet;
use std::sync::OnceLock;

/// One phase over the trio. Our own systems give everything; an external program may leave anything out, and
/// a repetition that failed has nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhaseTotals {
    /// From the common start to the end of the slowest party.
    pub wall_ns: Option<u64>,
    /// Payload bytes from party (first index) to party (second).
    pub bytes: [[Option<u64>; 3]; 3],
    /// Longest chain of dependent messages.
    pub rounds: Option<u64>,
    /// CPU time of each party, user and system.
    pub cpu_ns: [Option<u64>; 3],
}

impl PhaseTotals {
    /// Adds another inference's: one after the other.
    pub fn add(&mut self, other: &Self) {
        let plus = |a: &mut Option<u64>, b: &Option<u64>| *a = sum([&*a, b].into_iter());
        plus(&mut self.wall_ns, &other.wall_ns);
        plus(&mut self.rounds, &other.rounds);
        let bytes = self.bytes.iter_mut().flatten();
        bytes
            .zip(other.bytes.iter().flatten())
            .for_each(|(a, b)| plus(a, b));
        let cpu = self.cpu_ns.iter_mut();
        cpu.zip(&other.cpu_ns).for_each(|(a, b)| plus(a, b));
    }

    /// Bytes over all directed pairs; `None` where none of them is known.
    pub fn total_bytes(&self) -> Option<u64> {
        sum(self.bytes.iter().flatten())
    }

    /// Time, bytes and rounds for people; `-` for what is not known.
    pub fn texts(&self) -> [String; 3] {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        [
            text(self.wall_ns.map(|ns| time_text(ns as f64))),
            text(self.total_bytes().map(bytes_text)),
            text(self.rounds.map(|rounds| rounds.to_string())),
        ]
    }
}

/// The sum of what is known; `None` where nothing is.
pub fn sum<'a>(values: impl Iterator<Item = &'a Option<u64>>) -> Option<u64> {
    values
        .flatten()
        .fold(None, |sum, value| Some(sum.unwrap_or(0) + value))
}

/// One row of `runs.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunRow {
    /// Content hash of the cell.
    pub cell: String,
    /// Repetition, from 0.
    pub repetition: usize,
    /// System id.
    pub system: String,
    /// Model name.
    pub model: String,
    /// Encoder layers.
    pub layers: usize,
    /// Layers that ran, where times, bytes and rounds are those of so few, multiplied: `layers` stand for all.
    pub extrapolated_from_layers: Option<usize>,
    /// Tokens.
    pub seq_len: usize,
    /// Threads of each party.
    pub threads: usize,
    /// Activation function between the feed-forward layers; empty in runs of before it was recorded.
    pub activation: String,
    /// Bits of a weight and of an activation, where the model is the form of a checkpoint that was made for the cell.
    pub form_bits: [Option<u32>; 2],
    /// The settings of all systems, a column each; empty where the row's system does not have it.
    pub settings: Settings,
    /// The scenario's name for the link.
    pub link: String,
    /// `netem`, `relay`, `shaped` or `none`.
    pub link_mode: String,
    /// Nominal, of each directed pair; 0 is unlimited.
    pub bandwidth_bits_per_second: u64,
    /// Nominal, both ways.
    pub rtt_ns: u64,
    /// What the links were found to be; zero where no probe was made.
    pub probe: Probed,
    /// Frames that a full queue of the link has dropped during the repetition; `None` where the link has
    /// no such queue.
    pub dropped_frames: Option<u64>,
    /// CPU time of the relay from before the probe to the end; `None` without one.
    pub relay_cpu_ns: Option<u64>,
    /// Longest time by which the relay handed a frame over late within a phase; `None` without a relay.
    pub relay_lateness_ns: Option<u64>,
    /// TCP congestion control of the parties' connections.
    pub congestion_control: String,
    /// Setup, offline, online.
    pub phases: [PhaseTotals; 3],
    /// Highest resident set of each party (`VmHWM`).
    pub peak_memory_bytes: [Option<u64>; 3],
    /// Correlated randomness of each party between offline and online.
    pub material_bytes: [Option<u64>; 3],
    /// Where each party held it.
    pub material_place: [String; 3],
    /// How the output was checked; `not checked` where the scenario says so.
    pub verified: String,
    /// Largest difference to the float reference, relative to its root mean square.
    pub float_error: Option<f64>,
    /// Values that the rings of the run were too narrow for, all sites together; `None` where nothing counts them.
    pub wrapped_values: Option<u64>,
    /// Values that were looked at for it.
    pub ring_values: Option<u64>,
    /// The sites with wrapped values: name, how many of how many, with `; ` between them.
    pub wrapped_sites: String,
    /// What a row of a task says of its example; `None` in any other.
    pub answer: Option<Answer>,
    /// Whether counted bytes and rounds equal the declared ones, step by step; `None` where nothing is declared.
    pub declared_equals_counted: Option<bool>,
    /// Short name of the machine.
    pub machine: String,
    /// Commit of the source, with `-dirty` where files differed.
    pub commit: String,
    /// End of the repetition, UTC, RFC 3339.
    pub time: String,
    /// Empty, or one line that says who failed, where and why.
    pub error: String,
}

/// The directed pairs of parties, in column order.
const PAIRS: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];

/// The columns of [`RunRow::form_bits`].
const FORM_COLUMNS: [&str; 2] = ["weight_bits", "activation_bits"];

fn optional<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(String::new, T::to_string)
}

/// The columns that every row has, whatever its system.
pub fn own_columns() -> &'static HashSet<String> {
    static COLUMNS: OnceLock<HashSet<String>> = OnceLock::new();
    COLUMNS.get_or_init(|| {
        let fields = RunRow::default().fields();
        fields.into_iter().map(|(name, _)| name).collect()
    })
}

impl RunRow {
    /// Every column with its value, in file order.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut out = Fields(Vec::new());
        out.put("cell", &self.cell);
        out.put("repetition", self.repetition);
        out.put("system", &self.system);
        out.put("model", &self.model);
        out.put("layers", self.layers);
        out.put(
            "extrapolated_from_layers",
            optional(&self.extrapolated_from_layers),
        );
        out.put("seq_len", self.seq_len);
        out.put("threads", self.threads);
        out.put("activation", &self.activation);
        for (name, bits) in FORM_COLUMNS.iter().zip(&self.form_bits) {
            out.put(name, optional(bits));
        }
        for (key, value) in self.settings.iter() {
            out.put(key, value);
        }
        out.put("link", &self.link);
        out.put("link_mode", &self.link_mode);
        out.put("bandwidth_bits_per_second", self.bandwidth_bits_per_second);
        out.put("rtt_ns", self.rtt_ns);
        for ((a, b), rtt_ns) in PROBED_PAIRS.into_iter().zip(self.probe.rtt_ns) {
            out.put(&format!("probe_rtt_ns_p{a}_p{b}"), rtt_ns);
        }
        for (from, to) in PAIRS {
            out.put(
                &format!("probe_bits_per_second_p{from}_to_p{to}"),
                self.probe.bits_per_second[from][to],
            );
        }
        out.put("probe_attempts", self.probe.attempts);
        out.put("dropped_frames", optional(&self.dropped_frames));
        out.put("relay_cpu_ns", optional(&self.relay_cpu_ns));
        out.put("relay_lateness_ns", optional(&self.relay_lateness_ns));
        out.put("congestion_control", &self.congestion_control);
        for (phase, totals) in Phase::ALL.iter().zip(&self.phases) {
            let name = phase.name();
            out.put(&format!("{name}_ns"), optional(&totals.wall_ns));
            out.put(
                &format!("{name}_total_bytes"),
                optional(&totals.total_bytes()),
            );
            for (from, to) in PAIRS {
                out.put(
                    &format!("{name}_bytes_p{from}_to_p{to}"),
                    optional(&totals.bytes[from][to]),
                );
            }
            out.put(&format!("{name}_rounds"), optional(&totals.rounds));
            for (party, cpu) in totals.cpu_ns.iter().enumerate() {
                out.put(&format!("{name}_cpu_ns_p{party}"), optional(cpu));
            }
        }
        for party in 0..3 {
            out.put(
                &format!("peak_memory_bytes_p{party}"),
                optional(&self.peak_memory_bytes[party]),
            );
            out.put(
                &format!("material_bytes_p{party}"),
                optional(&self.material_bytes[party]),
            );
            out.put(
                &format!("material_place_p{party}"),
                &self.material_place[party],
            );
        }
        out.put("verified", &self.verified);
        out.put("float_error", optional(&self.float_error));
        out.put("wrapped_values", optional(&self.wrapped_values));
        out.put("ring_values", optional(&self.ring_values));
        out.put("wrapped_sites", &self.wrapped_sites);
        answer::put(self.answer.as_ref(), &mut out);
        out.put(
            "declared_equals_counted",
            optional(&self.declared_equals_counted),
        );
        out.put("machine", &self.machine);
        out.put("commit", &self.commit);
        out.put("time", &self.time);
        out.put("error", &self.error);
        out.0
    }

    /// Reads a row by column names. Columns that are no row's own are settings of systems.
    ///
    /// # Errors
    /// The first column that is missing or unreadable.
    pub fn read(columns: &[(&str, &str)]) -> Result<Self, String> {
        let get = Columns(columns);
        let mut row = Self {
            cell: get.text("cell")?,
            repetition: get.number("repetition")?,
            system: get.text("system")?,
            model: get.text("model")?,
            layers: get.number("layers")?,
            seq_len: get.number("seq_len")?,
            threads: get.number("threads")?,
            settings: columns
                .iter()
                .filter(|(name, _)| !own_columns().contains(*name))
                .fold(Settings::default(), |all, (name, value)| {
                    all.with(name, value)
                }),
            link: get.text("link")?,
            link_mode: get.text("link_mode")?,
            bandwidth_bits_per_second: get.number("bandwidth_bits_per_second")?,
            rtt_ns: get.number("rtt_ns")?,
            verified: get.text("verified")?,
            float_error: get.optional("float_error")?,
            declared_equals_counted: get.optional("declared_equals_counted")?,
            machine: get.text("machine")?,
            commit: get.text("commit")?,
            time: get.text("time")?,
            error: get.text("error")?,
            answer: answer::read(&get)?,
            ..Self::default()
        };
        for (name, bits) in FORM_COLUMNS.iter().zip(&mut row.form_bits) {
            if get.has(name) {
                *bits = get.optional(name)?;
            }
        }
        if get.has("activation") {
            row.activation = get.text("activation")?;
        }
        // Earlier runs have whole models alone.
        if get.has("extrapolated_from_layers") {
            row.extrapolated_from_layers = get.optional("extrapolated_from_layers")?;
        }
        // Runs of before wrapped values were counted have no such columns.
        if get.has("wrapped_values") {
            row.wrapped_values = get.optional("wrapped_values")?;
            row.ring_values = get.optional("ring_values")?;
            row.wrapped_sites = get.text("wrapped_sites")?;
        }
        // Runs of before links were probed have no such columns.
        if get.has("probe_attempts") {
            for ((a, b), rtt_ns) in PROBED_PAIRS.into_iter().zip(&mut row.probe.rtt_ns) {
                *rtt_ns = get.number(&format!("probe_rtt_ns_p{a}_p{b}"))?;
            }
            for (from, to) in PAIRS {
                row.probe.bits_per_second[from][to] =
                    get.number(&format!("probe_bits_per_second_p{from}_to_p{to}"))?;
            }
            row.probe.attempts = get.number("probe_attempts")?;
            row.dropped_frames = get.optional("dropped_frames")?;
            row.relay_cpu_ns = get.optional("relay_cpu_ns")?;
            if get.has("relay_lateness_ns") {
                row.relay_lateness_ns = get.optional("relay_lateness_ns")?;
            }
            row.congestion_control = get.text("congestion_control")?;
        }
        for (phase, totals) in Phase::ALL.iter().zip(&mut row.phases) {
            let name = phase.name();
            totals.wall_ns = get.optional(&format!("{name}_ns"))?;
            for (from, to) in PAIRS {
                totals.bytes[from][to] = get.optional(&format!("{name}_bytes_p{from}_to_p{to}"))?;
            }
            totals.rounds = get.optional(&format!("{name}_rounds"))?;
            for (party, cpu) in totals.cpu_ns.iter_mut().enumerate() {
                *cpu = get.optional(&format!("{name}_cpu_ns_p{party}"))?;
            }
        }
        for party in 0..3 {
            row.peak_memory_bytes[party] = get.optional(&format!("peak_memory_bytes_p{party}"))?;
            row.material_bytes[party] = get.optional(&format!("material_bytes_p{party}"))?;
            row.material_place[party] = get.text(&format!("material_place_p{party}"))?;
        }
        Ok(row)
    }

    /// Takes in what another inference took, after this one: times, traffic and wrapped values add up, the largest memory, randomness
    /// and error stand.
    pub fn follow(&mut self, other: &Self) {
        // The set-up is the same.
        for (own, other) in self.phases.iter_mut().zip(&other.phases).skip(1) {
            own.add(other);
        }
        let most = |own: &mut [Option<u64>; 3], other: &[Option<u64>; 3]| {
            own.iter_mut()
                .zip(other)
                .for_each(|(a, b)| *a = (*a).max(*b));
        };
        most(&mut self.peak_memory_bytes, &other.peak_memory_bytes);
        most(&mut self.material_bytes, &other.material_bytes);
        self.float_error = [self.float_error, other.float_error]
            .into_iter()
            .flatten()
            .reduce(f64::max);
        self.wrapped_values = sum([self.wrapped_values, other.wrapped_values].iter());
        self.ring_values = sum([self.ring_values, other.ring_values].iter());
        let sites = [&self.wrapped_sites[..], &other.wrapped_sites];
        let sites = sites.into_iter().filter(|sites| !sites.is_empty());
        self.wrapped_sites = sites.collect::<Vec<_>>().join("; ");
        let alike = self
            .declared_equals_counted
            .zip(other.declared_equals_counted);
        self.declared_equals_counted = alike.map(|(a, b)| a && b);
        if self.error.is_empty() {
            self.error.clone_from(&other.error);
        }
    }

    /// The value of a column that figures divide by.
    pub fn dimension(&self, name: &str) -> Option<String> {
        Some(match name {
            "system" => self.system.clone(),
            "model" => self.model.clone(),
            "layers" => self.layers.to_string(),
            // Examples have lengths of their own; the longest of those that a start has drawn divides nothing.
            "seq_len" if self.answer.is_some() => return None,
            "seq_len" => self.seq_len.to_string(),
            "threads" => self.threads.to_string(),
            "link" => self.link.clone(),
            "activation" => self.activation.clone(),
            "weight_bits" => optional(&self.form_bits[0]),
            "activation_bits" => optional(&self.form_bits[1]),
            key => self.settings.get(key)?.to_owned(),
        })
    }
}

/// Columns under construction.
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    pub(super) fn put(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }
}

/// A row being read.
pub(super) struct Columns<'a>(pub(super) &'a [(&'a str, &'a str)]);

impl Columns<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(column, _)| *column == name);
        found.map(|(_, value)| *value)
    }

    pub(super) fn text(&self, name: &str) -> Result<String, String> {
        match self.get(name) {
            Some(value) => Ok(value.to_owned()),
            None => Err(format!("column `{name}` is missing")),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| format!("column `{name}`: `{text}` is no number of the right kind"))
    }

    pub(super) fn optional<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        if self.text(name)?.is_empty() {
            Ok(None)
        } else {
            self.number(name).map(Some)
        }
    }
}

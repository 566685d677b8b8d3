//! Run folders made by hand: rows, steps and traces of made-up systems, for what reads runs.

use qbench::link::{Link, LinkMode};
use qbench::record::log::{Log, Row};
use qbench::record::manifest::Manifest;
use qbench::record::runs::RunRow;
use qbench::record::steps::StepRow;
use qbench::record::trace::Trace;
use qbench::scenario::parse::{Known, scenario};
use qbench::units::{Bandwidth, Rtt};
use qbench_protocols::net::Party;
use qbench_protocols::net::trace::{Action, PhaseTrace, TraceEvent};
use std::path::{Path, PathBuf};

/// What a system costs: rounds, bytes and computing of both phases by sequence length.
pub struct Profile {
    pub system: &'static str,
    /// Columns that differ from those of the other systems.
    pub columns: &'static [(&'static str, &'static str)],
    /// Offline, online.
    pub rounds: [u64; 2],
    /// Offline, online: bytes a token, all parties.
    pub bytes: [u64; 2],
    /// Offline, online: nanoseconds of computing a token.
    pub compute_ns: [u64; 2],
    /// Share of the online time by step.
    pub steps: &'static [(&'static str, f64)],
}

const STEPS: &[(&str, f64)] = &[
    ("layer0/attention/query", 0.2),
    ("layer0/attention/scores", 0.1),
    ("layer0/attention/softmax/max", 0.2),
    ("layer0/attention/softmax/exponential", 0.1),
    ("layer0/attention/context", 0.1),
    ("layer0/attention/add-and-norm", 0.1),
    ("layer0/feed-forward/in", 0.1),
    ("layer0/feed-forward/activation", 0.05),
    ("", 0.05),
];

/// Costs of the order of three systems on BERT-base, for figures to be looked at.
pub const SYSTEMS: [Profile; 3] = [
    Profile {
        system: "lut-rss",
        columns: &[
            ("activation", "relu"),
            ("index_bits", "4"),
            ("max_protocol", "tournament"),
            ("variance_protocol", "square-table"),
        ],
        rounds: [12, 700],
        bytes: [3_650_000, 553_000],
        compute_ns: [90_000_000, 60_000_000],
        steps: STEPS,
    },
    Profile {
        system: "crypten",
        columns: &[("activation", "gelu")],
        rounds: [1, 2100],
        bytes: [40_000_000, 70_000_000],
        compute_ns: [120_000_000, 400_000_000],
        steps: &[
            ("layer0/attention/query", 0.1),
            ("layer0/attention/softmax/max", 0.45),
            ("layer0/attention/softmax/exponential", 0.1),
            ("layer0/feed-forward/activation", 0.25),
            ("layer0/feed-forward/out", 0.1),
        ],
    },
    // Without an offline phase of its own.
    Profile {
        system: "crypten-pypi",
        columns: &[("activation", "gelu")],
        rounds: [0, 2100],
        bytes: [0, 70_000_000],
        compute_ns: [0, 700_000_000],
        steps: &[],
    },
];

/// A link by name, bits a second and nanoseconds.
pub type NamedLink = (&'static str, u64, u64);
pub const LAN: NamedLink = ("lan", 5_000_000_000, 200_000);
pub const WAN: NamedLink = ("wan", 100_000_000, 40_000_000);

/// A row with these columns; the others are empty or zero.
pub fn row(columns: &[(&str, &str)]) -> Row {
    let empty = RunRow {
        settings: qbench::systems::no_settings(&qbench::systems::systems()),
        ..RunRow::default()
    };
    let mut fields = empty.fields();
    for (name, value) in columns {
        let field = fields.iter_mut().find(|(n, _)| n == name);
        field.unwrap_or_else(|| panic!("no column {name}")).1 = (*value).to_owned();
    }
    fields
}

/// A run folder under way.
pub struct Fixture {
    pub dir: PathBuf,
    rows: Vec<Row>,
    steps: Vec<Row>,
}

impl Fixture {
    pub fn new(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        Self {
            dir: dir.to_owned(),
            rows: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// A row as it is.
    pub fn row(mut self, columns: &[(&str, &str)]) -> Self {
        self.rows.push(row(columns));
        self
    }

    /// All systems over all lengths and links, interleaved. The machine is slower in every second repetition,
    /// for all systems alike.
    pub fn sweep(
        mut self,
        systems: &[Profile],
        lengths: &[usize],
        links: &[NamedLink],
        repetitions: usize,
        traces: bool,
    ) -> Self {
        for repetition in 0..repetitions {
            for link in links {
                for &length in lengths {
                    for (order, profile) in systems.iter().enumerate() {
                        self.cell(profile, length, *link, repetition, order, traces);
                    }
                }
            }
        }
        self
    }

    fn cell(
        &mut self,
        profile: &Profile,
        length: usize,
        link: NamedLink,
        repetition: usize,
        order: usize,
        traces: bool,
    ) {
        let drift = if repetition.is_multiple_of(2) {
            1.0
        } else {
            1.25
        };
        let noise = 1.0 + 0.01 * ((repetition * 7 + order * 3 + length) % 5) as f64;
        let tokens = length as u64;
        let time = |phase: usize| {
            let sent = profile.bytes[phase] * tokens / 2 * 8;
            let wire = sent as f64 / link.1 as f64 * 1e9;
            let waiting = (profile.rounds[phase] * link.2 / 2) as f64;
            let quadratic = 1.0 + length as f64 / 256.0;
            let compute = (profile.compute_ns[phase] * tokens) as f64 * quadratic;
            ((wire + waiting + compute) * drift * noise) as u64
        };
        let mut cell = format!("{}-{length}-{}", profile.system, link.0);
        for (_, masks) in profile.columns.iter().filter(|(c, _)| *c == "weight_masks") {
            cell += &format!("-{masks}");
        }
        let mut columns: Vec<(&str, String)> = vec![
            ("cell", cell.clone()),
            ("repetition", repetition.to_string()),
            ("system", profile.system.into()),
            ("model", "bert-base".into()),
            ("layers", "12".into()),
            ("seq_len", length.to_string()),
            ("threads", "1".into()),
            ("link", link.0.into()),
            ("link_mode", "shaped".into()),
            ("bandwidth_bits_per_second", link.1.to_string()),
            ("rtt_ns", link.2.to_string()),
            ("offline_ns", time(0).to_string()),
            ("online_ns", time(1).to_string()),
            (
                "offline_bytes_p0_to_p1",
                (profile.bytes[0] * tokens).to_string(),
            ),
            (
                "online_bytes_p1_to_p2",
                (profile.bytes[1] * tokens).to_string(),
            ),
            ("offline_rounds", profile.rounds[0].to_string()),
            ("online_rounds", profile.rounds[1].to_string()),
            ("verified", "made up".into()),
            ("machine", "made-up".into()),
        ];
        columns.extend(profile.columns.iter().map(|(n, v)| (*n, (*v).to_owned())));
        let columns: Vec<(&str, &str)> = columns.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let row = row(&columns);
        for (step, share) in profile.steps {
            let step = StepRow {
                cell: cell.clone(),
                repetition,
                phase: "online".into(),
                step: (*step).to_owned(),
                party: 1,
                wall_ns: (time(1) as f64 * share) as u64,
                ..StepRow::default()
            };
            self.steps.push(step.fields());
        }
        if traces {
            let mode = LinkMode::Shaped;
            let link = Link {
                name: link.0.into(),
                mode,
                bandwidth: Some(Bandwidth {
                    bits_per_second: link.1,
                }),
                rtt: Rtt {
                    nanoseconds: link.2,
                },
                exceptions: Vec::new(),
            };
            let read = row.iter().map(|(n, v)| (n.as_str(), v.as_str()));
            let read = RunRow::read(&read.collect::<Vec<_>>()).unwrap();
            let phase = |phase: usize| exchanges(profile, phase, length);
            let phases = [silent(), phase(0), phase(1)];
            let trace = Trace::new(&read, &link, 16, phases);
            trace.write(&self.dir.join("trace")).unwrap();
        }
        self.rows.push(row);
    }

    /// Writes the folder, with the figures of a scenario text.
    pub fn write(self, figures: &str) -> PathBuf {
        let append = |name: &str, rows: &[Row]| {
            let path = self.dir.join(name);
            let _ = std::fs::remove_file(&path);
            let columns = rows.first().cloned().unwrap_or_default();
            Log::open(&path, &columns).unwrap().0.append(rows).unwrap();
        };
        append("runs.csv", &self.rows);
        append("steps.csv", &self.steps);
        if !figures.is_empty() {
            let text = format!(
                "title = \"made up\"\n[model]\npreset = \"bert-tiny\"\n[sweep]\nsystem = \"lut-rss\"\nseq_len = 8\n{figures}"
            );
            let mut known = Known::of(&qbench::systems::systems());
            known.systems.extend(["crypten-pypi", "own"]);
            let scenario = scenario("made-up.toml", &text, &[], &known).unwrap();
            let manifest = Manifest {
                title: "made up".into(),
                figures: scenario.figures,
                ..Manifest::default()
            };
            manifest.write(&self.dir).unwrap();
        }
        self.dir
    }
}

fn silent() -> [PhaseTrace; 3] {
    let end = event(Action::End, 0, 0);
    [(); 3].map(|()| PhaseTrace {
        labels: vec![String::new()],
        events: vec![end],
    })
}

fn event(action: Action, bytes: u64, compute_ns: u64) -> TraceEvent {
    TraceEvent {
        action,
        label: 0,
        bytes,
        gap_wall_ns: compute_ns,
        gap_cpu_ns: compute_ns,
        inside_wall_ns: 0,
        inside_cpu_ns: 0,
    }
}

/// P1 and P2 exchange what the profile says, in as many rounds.
fn exchanges(profile: &Profile, phase: usize, length: usize) -> [PhaseTrace; 3] {
    let mut phases = silent();
    let rounds = profile.rounds[phase];
    for _ in 0..rounds {
        let bytes = profile.bytes[phase] * length as u64 / 2 / rounds;
        let compute_ns = profile.compute_ns[phase] * length as u64 / rounds;
        for (me, peer) in [(Party::P1, Party::P2), (Party::P2, Party::P1)] {
            let events = &mut phases[me.index()].events;
            let at = events.len() - 1;
            events.insert(at, event(Action::Receive(peer), bytes, 0));
            events.insert(at, event(Action::Send(peer), bytes, compute_ns));
        }
    }
    phases
}

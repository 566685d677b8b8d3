//! Files of messages: `trace/<cell>-<repetition>.trace`, what each party sent, received and computed in one
//! repetition. `docs/TRACE_FORMAT.md` describes them to other programs.

use super::runs::RunRow;
use super::values::dimensions;
use super::whole;
use crate::link::Link;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::net::Party;
use qbench_protocols::net::trace::{Action, PhaseTrace, TraceEvent};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the file is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceHeader {
    /// Content hash of the cell.
    pub cell: String,
    /// Repetition, from 0.
    pub repetition: usize,
    /// Settings of the row by column, but for the link.
    pub settings: Vec<(String, String)>,
    /// The link over which it ran.
    pub link: Link,
    /// Cores of the machine, which the parties shared.
    pub cores: usize,
    /// Step labels by phase and party; events refer to them by place.
    pub labels: [[Vec<String>; 3]; 3],
    /// Events by phase and party.
    pub events: [[usize; 3]; 3],
}

/// One repetition's messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What it is about.
    pub header: TraceHeader,
    /// Events by phase (setup, offline, online) and party.
    pub phases: [[Vec<TraceEvent>; 3]; 3],
}

const MAGIC: &[u8; 8] = b"QBTRACE1";
const HASH_BYTES: usize = 32;

impl Trace {
    /// Puts a repetition's traces under their settings.
    pub fn new(row: &RunRow, link: &Link, cores: usize, traces: [[PhaseTrace; 3]; 3]) -> Self {
        let settings = dimensions([row])
            .into_iter()
            .filter(|column| *column != "link")
            .filter_map(|column| Some((column.to_owned(), row.dimension(column)?)))
            .collect();
        Self {
            header: TraceHeader {
                cell: row.cell.clone(),
                repetition: row.repetition,
                settings,
                link: link.clone(),
                cores,
                labels: traces
                    .each_ref()
                    .map(|p| p.each_ref().map(|t| t.labels.clone())),
                events: traces
                    .each_ref()
                    .map(|p| p.each_ref().map(|t| t.events.len())),
            },
            phases: traces.map(|phase| phase.map(|trace| trace.events)),
        }
    }

    /// A setting by column.
    pub fn setting(&self, column: &str) -> &str {
        let found = self.header.settings.iter().find(|(name, _)| name == column);
        found.map_or("", |(_, value)| value)
    }

    /// The file's name in the trace folder of a run.
    pub fn file_name(&self) -> String {
        format!("{}-{}.trace", self.header.cell, self.header.repetition)
    }

    /// Writes it into a folder, whole or not at all.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        whole::write(&folder.join(self.file_name()), &self.bytes()?)
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        let header = serde_json::to_vec(&self.header)?;
        let mut bytes = MAGIC.to_vec();
        number(&mut bytes, header.len() as u64);
        bytes.extend(header);
        for event in self.phases.iter().flatten().flatten() {
            bytes.push(match event.action {
                Action::Send(party) => party.index() as u8,
                Action::Receive(party) => 3 + party.index() as u8,
                Action::End => 6,
            });
            for value in [
                u64::from(event.label),
                event.bytes,
                event.gap_wall_ns,
                event.gap_cpu_ns,
                event.inside_wall_ns,
                event.inside_cpu_ns,
            ] {
                number(&mut bytes, value);
            }
        }
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        Ok(bytes)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that is no trace, is of another version, or was damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("{}", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let Some(MAGIC) = bytes.first_chunk() else {
            bail!("is no trace of this version: it does not begin with QBTRACE1");
        };
        let body = bytes.len().saturating_sub(HASH_BYTES);
        let (body, hash) = bytes.split_at(body);
        ensure!(
            blake3::hash(body).as_bytes() == hash,
            "was damaged: its checksum does not fit"
        );
        let mut rest = &body[MAGIC.len()..];
        let length = read_number(&mut rest)? as usize;
        let header = rest.get(..length).context("ends inside its header")?;
        rest = &rest[length..];
        let header: TraceHeader = serde_json::from_slice(header).context("reading its header")?;
        let mut phases: [[Vec<TraceEvent>; 3]; 3] = Default::default();
        for (events, counts) in phases.iter_mut().zip(&header.events) {
            for (events, &count) in events.iter_mut().zip(counts) {
                for _ in 0..count {
                    events.push(read_event(&mut rest)?);
                }
            }
        }
        ensure!(rest.is_empty(), "has bytes after its last event");
        Ok(Self { header, phases })
    }
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_number(rest: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().context("ends inside a number")?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    bail!("has a number of more than 64 bits")
}

fn read_event(rest: &mut &[u8]) -> Result<TraceEvent> {
    let (&kind, after) = rest.split_first().context("ends before its last event")?;
    *rest = after;
    let party = |index: u8| Party::from_index(usize::from(index));
    let action = match kind {
        6 => Some(Action::End),
        3..6 => party(kind - 3).map(Action::Receive),
        kind => party(kind).map(Action::Send),
    };
    Ok(TraceEvent {
        action: action.with_context(|| format!("has an event of the unknown kind {kind}"))?,
        label: u32::try_from(read_number(rest)?).context("has a label beyond its table")?,
        bytes: read_number(rest)?,
        gap_wall_ns: read_number(rest)?,
        gap_cpu_ns: read_number(rest)?,
        inside_wall_ns: read_number(rest)?,
        inside_cpu_ns: read_number(rest)?,
    })
}

/// All traces of a run that are whole, ordered by file name; none if it left none. One that is damaged, or that stands under
/// the name of another, is left out, and it is said why.
pub fn read_all(run: &Path) -> Vec<Trace> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(run.join("trace"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "trace"))
        .collect();
    paths.sort();
    let named = |path: &PathBuf| -> Result<Trace> {
        let trace = Trace::read(path)?;
        let name = trace.file_name();
        ensure!(
            path.file_name().is_some_and(|n| n == name.as_str()),
            "{}: is a copy of {name}",
            path.display()
        );
        Ok(trace)
    };
    let mut traces = Vec::new();
    for path in &paths {
        match named(path) {
            Ok(trace) => traces.push(trace),
            Err(why) => crate::note!("note: a trace is left out: {why:#}"),
        }
    }
    traces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        let event = |action, bytes| TraceEvent {
            action,
            label: 1,
            bytes,
            gap_wall_ns: 300,
            gap_cpu_ns: u64::MAX,
            inside_wall_ns: 0,
            inside_cpu_ns: 127,
        };
        let one = PhaseTrace {
            labels: vec![String::new(), "layer0/max".into()],
            events: vec![
                event(Action::Send(Party::P2), 1 << 40),
                event(Action::Receive(Party::P1), 128),
                event(Action::End, 0),
            ],
        };
        let traces = [0, 1, 2].map(|_| [one.clone(), PhaseTrace::default(), one.clone()]);
        Trace::new(&RunRow::default(), &Link::loopback(), 2, traces)
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        trace().write(folder.path()).unwrap();
        let path = folder.path().join(trace().file_name());
        assert_eq!(Trace::read(&path).unwrap(), trace());
    }

    #[test]
    fn damage_is_found_and_named() {
        let good = trace().bytes().unwrap();
        let said = |bytes: &[u8]| format!("{:#}", Trace::parse(bytes).unwrap_err());
        assert!(said(b"PK").contains("QBTRACE1"));
        assert!(said(&good[..good.len() - 1]).contains("checksum"));
        let mut flipped = good.clone();
        flipped[40] ^= 1;
        assert!(said(&flipped).contains("checksum"));
    }
}

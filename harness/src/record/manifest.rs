//! `manifest.json`: what a run is, on which machine, of which source, and by which command.

use super::whole;
use crate::host;
use crate::names::text_of;
use crate::scenario::{External, FigureSpec, TableSpec};
use anyhow::{Context, Result, ensure};
use qbench_protocols::kernel::cpu::{self, Isa};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::SystemTime;

/// Version of the files of a run; `docs/FORMAT.md` describes it.
pub const FORMAT: u32 = 1;

/// The file's name in the run's folder.
pub const FILE: &str = "manifest.json";

/// The machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Short name made of the CPU model.
    pub name: String,
    /// As the kernel calls it.
    pub cpu_model: String,
    /// Instruction sets that the kernels may use.
    pub cpu_flags: Vec<String>,
    /// What the kernels were held to, as `QBENCH_ISA` has it; empty where they could use all that the machine has.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub isa: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Installed memory, bytes.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
}

/// An external system as it was found at a start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExternalState {
    /// The declaration.
    pub declared: External,
    /// What its check said: a version, or the reason why it was left out.
    pub said: String,
    /// Whether its cells were left out.
    pub left_out: bool,
}

/// One start of `qbench run` on this directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// UTC, RFC 3339.
    pub time: String,
    /// As typed; a byte that is no UTF-8 is written `\xNN`.
    pub command: Vec<String>,
    /// Commit that the binary was built from, with `-dirty` where its sources differed, or `unknown`.
    pub commit: String,
    /// BLAKE3 of the binary, 16 digits.
    pub binary: String,
    /// Repetitions and limits of this start, for people.
    #[serde(default)]
    pub limits: String,
    /// The external systems of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub externals: Vec<ExternalState>,
}

/// `manifest.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// `qbench` version.
    pub version: String,
    /// Scenario name.
    pub scenario: String,
    /// The scenario file as it was.
    pub scenario_text: String,
    /// `--set` and `--quick` of the first start.
    pub overrides: Vec<String>,
    /// Content hash over the plan's cells.
    pub plan: String,
    /// Title.
    pub title: String,
    /// Question.
    pub question: String,
    /// The figures to draw.
    pub figures: Vec<FigureSpec>,
    /// The tables beside the one that every report has.
    #[serde(default)]
    pub tables: Vec<TableSpec>,
    /// The machine.
    pub machine: Machine,
    /// Every start, the first one first.
    pub starts: Vec<Start>,
}

impl Manifest {
    /// Reads the manifest of a run.
    ///
    /// # Errors
    /// A file that is missing, torn, or of a later version.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} is no run: cannot read manifest.json", dir.display()))?;
        let manifest: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no whole manifest of qbench", path.display()))?;
        ensure!(
            manifest.format <= FORMAT,
            "{} has format {}, and this qbench reads up to {FORMAT}",
            path.display(),
            manifest.format
        );
        Ok(manifest)
    }

    /// Writes the manifest whole or not at all.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        whole::write(&dir.join(FILE), text.as_bytes())
    }
}

/// Instruction sets worth recording, each with what must be allowed for it to be used. AES is by a library where no kernel of
/// ours may do it.
const FLAGS: &[(&str, Isa)] = &[
    ("aes", Isa::Portable),
    ("vaes", Isa::Avx2),
    ("sse4_1", Isa::Avx2),
    ("avx", Isa::Avx2),
    ("avx2", Isa::Avx2),
    ("avx512f", Isa::Native),
    ("avx512bw", Isa::Native),
    ("avx512vl", Isa::Native),
    ("avx512_vnni", Isa::Native),
    ("avx_vnni", Isa::Native),
    ("vpclmulqdq", Isa::Native),
    ("asimd", Isa::Portable),
    ("sve", Isa::Portable),
];

/// Looks at this machine.
pub fn machine() -> Machine {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        cpu.lines()
            .find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let cpu_model = field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let flags = field("flags")
        .or_else(|| field("Features"))
        .unwrap_or_default();
    // What a command cannot do with, `qbench::main` has refused.
    let allowed = cpu::allowed().unwrap_or_default();
    let isa = match allowed {
        Isa::Native => "",
        less => less.name(),
    };
    let used = |flag: &str, least: Isa| {
        least <= allowed && flags.split_whitespace().any(|found| found == flag)
    };
    Machine {
        name: named(slug(&cpu_model), isa),
        cpu_flags: FLAGS
            .iter()
            .filter(|(flag, least)| used(flag, *least))
            .map(|(flag, _)| (*flag).to_owned())
            .collect(),
        isa: isa.to_owned(),
        cpu_model,
        cores: host::cores(),
        memory_bytes: host::proc_bytes("/proc/meminfo", "MemTotal"),
        kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .to_owned(),
    }
}

/// A machine that is held to less is another machine: its rows are never added to those of the whole one, nor compared with
/// them without a word.
fn named(name: String, isa: &str) -> String {
    match isa {
        "" => name,
        isa => format!("{name}-{isa}"),
    }
}

/// `AMD EPYC 9B14 96-Core Processor` becomes `amd-epyc-9b14`.
fn slug(cpu_model: &str) -> String {
    let lower = cpu_model
        .to_lowercase()
        .replace("(r)", " ")
        .replace("(tm)", " ");
    let words: Vec<String> = lower
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .take_while(|word| !matches!(*word, "core" | "processor" | "with"))
        .filter(|word| !word.is_empty() && *word != "cpu" && !word.ends_with("ghz"))
        .map(str::to_owned)
        .collect();
    // `96-Core` leaves its number behind.
    let words = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => &words[..],
    };
    words.join("-").chars().take(40).collect()
}

/// The commit that this binary was built from, with `-dirty` where its sources differed; `unknown` where git could not say.
pub fn commit() -> String {
    env!("QBENCH_COMMIT").to_owned()
}

/// Why [`commit`] is not known, in git's words; empty where it is.
pub fn no_commit() -> &'static str {
    env!("QBENCH_NO_COMMIT")
}

/// Now, UTC, RFC 3339.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// This start, with its limits.
///
/// # Errors
/// A binary that cannot be read.
pub fn this_start(limits: String) -> Result<Start> {
    Ok(Start {
        time: now(),
        command: std::env::args_os().map(|a| text_of(&a)).collect(),
        commit: commit(),
        binary: host::binary_hash()?,
        limits,
        externals: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::{named, slug};

    #[test]
    fn a_machine_held_to_less_has_another_name() {
        assert_eq!(named("amd-epyc-9b14".into(), ""), "amd-epyc-9b14");
        assert_eq!(named("amd-epyc-9b14".into(), "avx2"), "amd-epyc-9b14-avx2");
    }

    #[test]
    fn machines_get_short_names() {
        for (model, name) in [
            ("AMD EPYC 9B14 96-Core Processor", "amd-epyc-9b14"),
            ("Intel(R) Xeon(R) CPU @ 2.20GHz", "intel-xeon"),
            (
                "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz",
                "intel-xeon-platinum-8481c",
            ),
            ("AMD EPYC", "amd-epyc"),
        ] {
            assert_eq!(slug(model), name);
        }
    }
}

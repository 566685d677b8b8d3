//! Runs `qbench` with faulty systems in folders of its own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// An example's binary, which `cargo test` builds beside the tests; with `--test all`, or a name before `--`, it does not.
pub fn example(name: &str) -> PathBuf {
    let qbench = Path::new(env!("CARGO_BIN_EXE_qbench"));
    let binary = qbench.with_file_name("examples").join(name);
    let built = |path: &Path| path.metadata().and_then(|m| m.modified());
    match (built(&binary), built(qbench)) {
        (Ok(example), Ok(qbench)) if example + STALE >= qbench => binary,
        _ => panic!(
            "{} is not there or old: `cargo test --release -p qbench -- NAME` builds the examples too",
            binary.display()
        ),
    }
}

/// Both are built by one command, in whichever order.
const STALE: Duration = Duration::from_secs(600);

/// A scenario with one cell of a system.
pub fn scenario(system: &str, extra: &str) -> String {
    format!(
        "title = \"test\"\n[model]\npreset = \"bert-tiny\"\n[sweep]\nsystem = \"{system}\"\nseq_len = 8\n\
         link = \"slow\"\n[link.slow]\nbandwidth = \"1gbit\"\nrtt = \"2ms\"\n[run]\nrepetitions = 1\n\
         warmup = 0\ntimeout = \"20s\"\n{extra}"
    )
}

/// A folder with a scenario `test.toml`.
pub struct Place {
    pub dir: tempfile::TempDir,
    binary: PathBuf,
}

impl Place {
    /// With the faulty systems.
    pub fn new(scenario: &str) -> Self {
        Self::of(&example("faulty"), scenario)
    }

    /// With the systems that `qbench` brings.
    pub fn of_qbench(scenario: &str) -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_qbench")), scenario)
    }

    pub fn of(binary: &Path, scenario: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("test.toml"), scenario).unwrap();
        Self {
            dir,
            binary: binary.to_owned(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `BINARY ARGUMENTS` in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).current_dir(self.dir.path());
        command
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the scenario into `out`.
    pub fn run(&self, more: &[&str]) -> Output {
        let mut arguments = vec!["run", "test.toml", "--out", "out"];
        arguments.extend(more);
        self.output(&arguments)
    }

    /// Starts the scenario with announcements of processes and phases.
    pub fn start(&self, environment: &[(&str, &str)]) -> Running {
        let mut child = self
            .command(&["run", "test.toml", "--out", "out"])
            .env("QBENCH_TEST_ANNOUNCE", "1")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Running {
            child,
            lines,
            log: String::new(),
        }
    }

    /// Rows of `out/runs.csv`.
    pub fn rows(&self) -> Vec<HashMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.path("out/runs.csv")).unwrap();
        reader.deserialize().map(|row| row.unwrap()).collect()
    }

    /// The error of the only row.
    pub fn only_error(&self) -> String {
        let rows = self.rows();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0]["error"].clone()
    }
}

/// A run under way.
pub struct Running {
    pub child: Child,
    lines: BufReader<std::process::ChildStderr>,
    pub log: String,
}

impl Running {
    /// Reads on until a line starts with `start`; returns the rest of that line.
    pub fn until(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.lines.read_line(&mut line).unwrap(),
                0,
                "no `{start}` in\n{}",
                self.log
            );
            self.log += &line;
            if let Some(rest) = line.strip_prefix(start) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Process ids of the parties of the next repetition.
    pub fn parties(&mut self) -> Vec<i32> {
        let list = self.until("parties");
        list.trim_matches(['[', ']'])
            .split(", ")
            .map(|p| p.parse().unwrap())
            .collect()
    }

    /// Reads to the end; returns everything it said and the exit code.
    pub fn finish(mut self) -> (String, Option<i32>) {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            self.log += &line;
            line.clear();
        }
        let status = self.child.wait().unwrap();
        (self.log, status.code())
    }
}

/// What a finished command said on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether a process is still there (and is no zombie).
pub fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|s| s.trim_start().starts_with('Z'))
    })
}

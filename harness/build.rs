//! Writes the commit that the binary is made of into it, so that a row says what computed it and not what the source tree has
//! become since.
//!
//! `QBENCH_COMMIT` takes git's place where there is no repository (a source archive).

use std::path::Path;
use std::process::Command;

/// What enters the binary, seen from the repository's root.
const SOURCES: [&str; 5] = [
    "harness",
    "protocols",
    "baselines",
    "Cargo.toml",
    "Cargo.lock",
];

fn main() {
    println!("cargo::rerun-if-env-changed=QBENCH_COMMIT");
    let (commit, reason) = match std::env::var("QBENCH_COMMIT") {
        Ok(commit) if !commit.trim().is_empty() => (commit.trim().to_owned(), String::new()),
        _ => from_git(),
    };
    println!("cargo::rustc-env=QBENCH_COMMIT={commit}");
    println!("cargo::rustc-env=QBENCH_NO_COMMIT={reason}");
}

/// The commit, with `-dirty` where sources differ from it; or `unknown` with git's reason.
fn from_git() -> (String, String) {
    let commit = match git(&["rev-parse", "--short=12", "HEAD"]) {
        Ok(commit) => commit,
        Err(reason) => {
            // A repository that git does not trust yet: it is asked again once that is mended.
            if let (true, Ok(home)) = (Path::new("../.git").exists(), std::env::var("HOME")) {
                println!("cargo::rerun-if-changed={home}/.gitconfig");
            }
            return ("unknown".to_owned(), reason);
        }
    };
    // A commit moves HEAD or what it points to; a change of the sources makes the tree dirty.
    for file in ["HEAD", "logs/HEAD", "packed-refs"] {
        watch(&git(&["rev-parse", "--git-path", file]));
    }
    let branch = git(&["symbolic-ref", "-q", "HEAD"]);
    watch(&branch.and_then(|branch| git(&["rev-parse", "--git-path", &branch])));
    for source in SOURCES {
        watch(&Ok(format!("../{source}")));
    }
    // git runs in this folder, the root is above it.
    let sources: Vec<String> = SOURCES.iter().map(|s| format!(":/{s}")).collect();
    let mut arguments = vec!["--no-optional-locks", "status", "--porcelain", "--"];
    arguments.extend(sources.iter().map(String::as_str));
    match git(&arguments) {
        Ok(changes) if changes.is_empty() => (commit, String::new()),
        Ok(_) => (format!("{commit}-dirty"), String::new()),
        Err(reason) => (format!("{commit}-dirty"), reason),
    }
}

/// Builds again when a file changes. What is not there is not named, or every build would run this again.
fn watch(path: &Result<String, String>) {
    if let Ok(path) = path
        && Path::new(path).exists()
    {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// What git says, or why it says nothing, in one line.
fn git(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").args(arguments).output();
    let output = output.map_err(|error| format!("git cannot be started: {error}"))?;
    let line = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().replace('\n', " ");
    match output.status.success() {
        true => Ok(line(&output.stdout)),
        false => Err(line(&output.stderr)),
    }
}

//! Rigs that several commands use at once: `qbench link exec`, `list` and `clean`.
//!
//! Each has a name and two files in a folder of the user: `NAME.json` says who holds it, `NAME.users` is
//! locked (shared) by each user for as long as it lives. The holder ends when nobody holds that lock any
//! more, so a user that is killed is not waited for, and a holder that is killed leaves only a file that the
//! next command removes.

use super::holder::{Held, Ready};
use crate::link::Link;
use crate::names::short_hash;
use crate::process::{Deadline, this_binary};
use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a holder waits for its first user, and for another one after the last.
const GRACE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(20);

/// What stands in `NAME.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The holder's process.
    pub pid: u32,
    /// When it started, in the kernel's ticks: a process id alone may have been given to another.
    pub start_ticks: u64,
    /// The link.
    pub link: Link,
    /// What its users need.
    pub ready: Ready,
}

/// Files of a shared rig.
struct Files {
    entry: PathBuf,
    users: PathBuf,
    start: PathBuf,
}

/// The folder of this user's shared rigs, made if need be.
///
/// # Errors
/// A folder of that name that belongs to somebody else; the operating system's.
pub fn folder() -> Result<PathBuf> {
    let uid = geteuid();
    let folder = match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(base) => PathBuf::from(base).join("qbench"),
        None => std::env::temp_dir().join(format!("qbench-{uid}")),
    };
    let made = DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(&folder);
    made.with_context(|| format!("cannot make {}", folder.display()))?;
    let metadata = std::fs::symlink_metadata(&folder)?;
    if !metadata.is_dir() || metadata.uid() != uid.as_raw() {
        bail!("{} belongs to somebody else", folder.display());
    }
    Ok(folder)
}

fn files(name: &str) -> Result<Files> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        bail!("a rig's name has letters, digits and dashes: `{name}` does not fit");
    }
    let folder = folder()?;
    Ok(Files {
        entry: folder.join(format!("{name}.json")),
        users: folder.join(format!("{name}.users")),
        start: folder.join(format!("{name}.start")),
    })
}

/// The name of a link's rig where none is given: the same link, the same rig.
pub fn default_name(link: &Link) -> String {
    let content = serde_json::to_vec(&(link.mode, link.bandwidth, link.rtt, &link.exceptions));
    format!("{}-{}", link.name, short_hash(&content.unwrap_or_default()))
}

/// Runs a command in a party's place of a shared rig, which is made if it is not there; returns only if
/// that fails. The command sees `QBENCH_PARTY` and `QBENCH_ADDRESS_P0` to `_P2`.
///
/// # Errors
/// A rig that cannot be built; a command that cannot be started.
pub fn exec(link: &Link, name: Option<&str>, party: usize, command: &[OsString]) -> Result<()> {
    let name = name.map_or_else(|| default_name(link), str::to_owned);
    let files = files(&name)?;
    let users = open(&files.users)?;
    users.lock_shared().context("joining the rig's users")?;
    let entry = joined(link, &name, &files)?;
    if entry.link != *link && default_name(&entry.link) != default_name(link) {
        bail!(
            "rig `{name}` has another link, {}: choose another --name",
            entry.link.describe()
        );
    }
    let [program, arguments @ ..] = command else {
        bail!("no command was given: write it after --");
    };
    super::enter(&entry.ready.seats[party])?;
    // The command takes the lock along, and gives it up when it ends, however it does.
    fcntl(&users, FcntlArg::F_SETFD(FdFlag::empty())).context("keeping the rig")?;
    let mut process = Command::new(program);
    process
        .args(arguments)
        .env("QBENCH_PARTY", party.to_string());
    for (peer, seat) in entry.ready.seats.iter().enumerate() {
        process.env(format!("QBENCH_ADDRESS_P{peer}"), seat.address.to_string());
    }
    Err(process.exec()).with_context(|| format!("starting `{}`", program.display()))
}

/// Finds the rig's holder, or starts one; one command at a time.
fn joined(link: &Link, name: &str, files: &Files) -> Result<Entry> {
    let start = open(&files.start)?;
    start.lock().context("waiting for the rig's start")?;
    if let Some(entry) = living(&files.entry) {
        return Ok(entry);
    }
    // Of a holder that was killed.
    let _ = std::fs::remove_file(&files.entry);
    let log = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(files.start.with_extension("log"))?;
    let mut holder = this_binary()
        .args(["link-share", "--name", name, "--link"])
        .arg(serde_json::to_string(link)?)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
        .context("starting the process that holds the links")?;
    let mut deadline = Deadline::after(PATIENCE);
    loop {
        if let Some(entry) = living(&files.entry) {
            return Ok(entry);
        }
        if holder.try_wait()?.is_some() || deadline.has_passed() {
            let said = std::fs::read_to_string(files.start.with_extension("log"));
            let said = said.unwrap_or_default();
            bail!("{}", said.trim().trim_start_matches("error: "));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Holds a shared rig until nobody uses it.
///
/// # Errors
/// A rig that cannot be built, or whose relay ended.
pub fn hold(link: &str, name: &str) -> Result<()> {
    let link: Link = serde_json::from_str(link).context("reading the link")?;
    let files = files(name)?;
    let mut held = Held::build(&link)?;
    let pid = std::process::id();
    let entry = Entry {
        pid,
        start_ticks: start_ticks(pid).context("reading /proc/self/stat")?,
        link,
        ready: held.ready.clone(),
    };
    // Whole or not at all.
    let draft = files.entry.with_extension("draft");
    std::fs::write(&draft, serde_json::to_vec_pretty(&entry)?)?;
    std::fs::rename(&draft, &files.entry)?;
    let users = open(&files.users)?;
    let mut idle_since = Instant::now();
    let outcome = loop {
        std::thread::sleep(TICK);
        if let Err(broken) = held.check() {
            break Err(broken);
        }
        match users.try_lock() {
            Err(TryLockError::WouldBlock) => idle_since = Instant::now(),
            Ok(()) if idle_since.elapsed() < GRACE => users.unlock()?,
            // Nobody can join now: the lock is held until the files are gone.
            Ok(()) => break Ok(()),
            Err(TryLockError::Error(error)) => break Err(error.into()),
        }
    };
    let _ = std::fs::remove_file(&files.entry);
    outcome.and_then(|()| held.finish().map(|_| ()))
}

/// The rigs of this user: name, what holds it, whether that lives.
///
/// # Errors
/// A folder that cannot be read.
pub fn list() -> Result<Vec<(String, Option<Entry>)>> {
    let mut rigs = Vec::new();
    for file in std::fs::read_dir(folder()?)? {
        let path = file?.path();
        if path.extension().is_some_and(|e| e == "json") {
            let name = path.file_stem().unwrap_or_default();
            rigs.push((name.to_string_lossy().into_owned(), living(&path)));
        }
    }
    rigs.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(rigs)
}

/// Removes what dead commands left: files without a holder, holders without a user. Says what it did.
///
/// # Errors
/// A folder that cannot be read.
pub fn clean() -> Result<Vec<String>> {
    let mut done = Vec::new();
    let folder = folder()?;
    for (name, entry) in list()? {
        let files = files(&name)?;
        match entry {
            None => {
                std::fs::remove_file(&files.entry)?;
                done.push(format!("{name}: removed the file of a holder that is gone"));
            }
            // Whoever uses it holds the lock.
            Some(entry) if open(&files.users)?.try_lock().is_ok() => {
                kill(Pid::from_raw(entry.pid as i32), Signal::SIGKILL)?;
                let _ = std::fs::remove_file(&files.entry);
                done.push(format!("{name}: ended a holder that nobody used"));
            }
            Some(_) => {}
        }
    }
    // Lock files of rigs that are gone; taking the lock first shows that nobody is about to use them.
    for file in std::fs::read_dir(&folder)? {
        let path = file?.path();
        let lone = !path.with_extension("json").exists();
        if lone && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_file(&path);
        }
    }
    Ok(done)
}

/// The entry, if its holder lives.
fn living(path: &Path) -> Option<Entry> {
    let entry: Entry = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (start_ticks(entry.pid) == Some(entry.start_ticks)).then_some(entry)
}

/// When a process started: the 22nd field of its `stat`, after a name that may hold anything. `None` for one
/// that is gone or ended.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    (state != "Z").then_some(())?;
    fields.nth(18)?.parse().ok()
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    let opened = options.truncate(false).open(path);
    opened.with_context(|| format!("cannot open {}", path.display()))
}

//! A rig: a network namespace for each party, joined pairwise, held by one process of ours.
//!
//! The namespaces have no names. They exist as long as a process is in them or holds them open, so whatever
//! is killed, the kernel removes them with all interfaces, routes and queues in them; nothing can be left
//! behind, and two rigs cannot collide. The holder ends when its control stream does.
//!
//! | module | what it holds |
//! |---|---|
//! | `build` | interfaces, addresses, routes, shaping |
//! | [`tcp`] | TCP settings of a namespace |
//! | [`holder`] | the process that holds a rig |
//! | [`shared`] | rigs that several commands use, `qbench link` |

mod build;
pub mod holder;
pub mod shared;
pub mod tcp;

pub use holder::{Ready, RigReport};
pub use tcp::TcpSettings;

use super::Link;
use crate::process::{self, Deadline};
use anyhow::{Context, Result, anyhow, bail};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{Uid, getegid, geteuid};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where a party's process belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The user namespace that owns the others, where the rig was not made by root.
    pub user_namespace: Option<PathBuf>,
    /// The party's network namespace.
    pub network_namespace: PathBuf,
    /// The party's address, the same on its links to both peers.
    pub address: IpAddr,
}

/// Moves this process into a seat. It must have one thread only, as at its start.
///
/// # Errors
/// A rig that is gone; a kernel that refuses.
pub fn enter(seat: &Seat) -> Result<()> {
    let open = |path: &PathBuf| {
        File::open(path).with_context(|| format!("the rig is gone: {}", path.display()))
    };
    let network = open(&seat.network_namespace)?;
    if let Some(path) = &seat.user_namespace {
        setns(open(path)?, CloneFlags::CLONE_NEWUSER).context("entering the user namespace")?;
    }
    setns(network, CloneFlags::CLONE_NEWNET).context("entering the network namespace")
}

impl Seat {
    /// As the command line of a process names it.
    ///
    /// # Errors
    /// A path that is no text.
    pub fn written(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

/// Moves this process into the seat that its command line names, if it names one.
///
/// # Errors
/// A seat that cannot be read; [`enter`]'s.
pub fn enter_written(seat: Option<&str>) -> Result<()> {
    match seat {
        // Before the first thread starts: a process enters its namespaces alone.
        Some(seat) => enter(&serde_json::from_str(seat).context("reading the seat")?),
        None => Ok(()),
    }
}

/// A rig that this process uses; dropping it ends it.
pub struct Rig {
    holder: Child,
    control: UnixStream,
    ready: Ready,
    state: Arc<Mutex<State>>,
}

/// What the holder has said after it was ready.
#[derive(Default)]
struct State {
    report: Option<RigReport>,
    broken: Option<String>,
    ending: bool,
}

/// A view on a rig for those who wait for something that only comes if it lives.
#[derive(Clone)]
pub struct Health(Arc<Mutex<State>>);

impl Health {
    /// Whether the links still stand.
    ///
    /// # Errors
    /// One line that says what ended.
    pub fn check(&self) -> Result<()> {
        match &lock(&self.0).broken {
            Some(what) => Err(anyhow!("the link broke: {what}")),
            None => Ok(()),
        }
    }
}

/// A state is whole even if a thread that held it panicked.
fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a holder may take to build or to end.
const PATIENCE: Duration = Duration::from_secs(20);

impl Rig {
    /// Builds the namespaces and links, and waits until they stand.
    ///
    /// # Errors
    /// What is missing: rights, a kernel feature; an interrupt by the user.
    pub fn start(link: &Link) -> Result<Self> {
        let (control, theirs) = UnixStream::pair().context("opening the rig's control stream")?;
        let holder = process::this_binary()
            .args(["link-hold", "--link", &serde_json::to_string(link)?])
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            // Ctrl-C reaches the controller, which ends the rig after its parties.
            .process_group(0)
            .spawn()
            .context("starting the process that holds the links")?;
        let mut rig = Self {
            holder,
            control,
            ready: Ready::default(),
            state: Arc::default(),
        };
        rig.control.set_read_timeout(Some(PATIENCE))?;
        let mut reader = BufReader::new(rig.control.try_clone()?);
        rig.ready = match hear(&mut reader)? {
            holder::Word::Ready(ready) => *ready,
            holder::Word::Broken(why) => bail!("{why}"),
            holder::Word::Report(_) => bail!("the process that holds the links ended at once"),
        };
        rig.control.set_read_timeout(None)?;
        let state = Arc::clone(&rig.state);
        std::thread::Builder::new()
            .name("rig".into())
            .spawn(move || listen(&mut reader, &state))?;
        Ok(rig)
    }

    /// Where a party belongs.
    pub fn seat(&self, party: usize) -> &Seat {
        &self.ready.seats[party]
    }

    /// An interface of a party that has its address, by name: the one to its last peer.
    pub fn interface(party: usize) -> String {
        build::interface(if party == 2 { 1 } else { 2 })
    }

    /// TCP settings in the parties' namespaces.
    pub fn tcp(&self) -> &TcpSettings {
        &self.ready.tcp
    }

    /// A view for others.
    pub fn health(&self) -> Health {
        Health(Arc::clone(&self.state))
    }

    /// Whether the links still stand.
    ///
    /// # Errors
    /// One line that says what ended.
    pub fn check(&self) -> Result<()> {
        self.health().check()
    }

    /// Ends the rig and says what passed.
    ///
    /// # Errors
    /// A rig that broke before.
    pub fn finish(&mut self) -> Result<RigReport> {
        lock(&self.state).ending = true;
        // Half of the stream: what the holder still says comes back on the other.
        let _ = self.control.shutdown(std::net::Shutdown::Write);
        let mut deadline = Deadline::after(PATIENCE);
        loop {
            {
                let state = lock(&self.state);
                if let Some(report) = &state.report {
                    return Ok(report.clone());
                }
                if let Some(broken) = &state.broken {
                    bail!("the link broke: {broken}");
                }
            }
            if deadline.has_passed() {
                bail!("the process that holds the links does not end");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        lock(&self.state).ending = true;
        let _ = self.control.shutdown(std::net::Shutdown::Both);
        let began = Instant::now();
        while matches!(self.holder.try_wait(), Ok(None)) {
            if began.elapsed() > Duration::from_secs(2) {
                // Its relay dies with it, and the namespaces with both.
                let _ = self.holder.kill();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn hear(reader: &mut impl BufRead) -> Result<holder::Word> {
    let mut line = String::new();
    let read = reader.read_line(&mut line);
    match read.context("waiting for the links")? {
        0 => bail!("the process that holds the links has ended"),
        _ => serde_json::from_str(&line).context("reading what the holder said"),
    }
}

fn listen(reader: &mut impl BufRead, state: &Mutex<State>) {
    loop {
        let word = hear(reader);
        let mut state = lock(state);
        match word {
            Ok(holder::Word::Report(report)) => state.report = Some(report),
            Ok(holder::Word::Broken(why)) => state.broken = Some(why),
            Ok(holder::Word::Ready(_)) => {}
            Err(error) => {
                if !state.ending && state.broken.is_none() {
                    state.broken = Some(format!("{error:#}"));
                }
                return;
            }
        }
    }
}

/// Gives this process, which must have one thread only, the rights to make network namespaces: by a user
/// namespace of its own if it is not root. Returns whether that was needed.
///
/// # Errors
/// One line that says which setting forbids it.
pub fn gain_rights() -> Result<bool> {
    if geteuid().is_root() && unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        return Ok(false);
    }
    let (user, group) = (geteuid(), getegid());
    match unshare(CloneFlags::CLONE_NEWUSER) {
        Ok(()) => {}
        Err(error) => bail!("{}", forbidden(user, error)),
    }
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text)
            .with_context(|| format!("writing /proc/self/{file}"))
    };
    // Groups cannot be mapped before they are frozen.
    write("setgroups", "deny".into())?;
    write("uid_map", format!("0 {user} 1"))?;
    write("gid_map", format!("0 {group} 1"))?;
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => Ok(true),
        Err(error) => bail!("{}", forbidden(user, error)),
    }
}

fn forbidden(user: Uid, error: Errno) -> String {
    let mut causes = Vec::new();
    for (key, bad) in [
        ("user/max_user_namespaces", "0"),
        ("user/max_net_namespaces", "0"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ] {
        let value = std::fs::read_to_string(format!("/proc/sys/{key}")).unwrap_or_default();
        if value.trim() == bad {
            causes.push(format!("sysctl {} is {bad}", key.replace('/', ".")));
        }
    }
    let cause = if causes.is_empty() {
        "run as root, or allow user namespaces".to_owned()
    } else {
        format!("{}: change it, or run as root", causes.join(", "))
    };
    format!("user {user} may not make network namespaces ({error}): {cause}")
}

/// Whether rigs can be built here.
///
/// # Errors
/// One sentence that says what is missing and how to get it.
pub fn available() -> Result<(), String> {
    in_scratch_namespace("rig")
}

/// Probes a feature in a process of its own, which ends with its namespace.
///
/// # Errors
/// What the probe said.
pub(super) fn in_scratch_namespace(feature: &str) -> Result<(), String> {
    let output = process::this_binary()
        .args(["link-probe", feature])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("the probe cannot be started: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.trim().trim_start_matches("error: ");
    Err(text.lines().next().unwrap_or("the probe failed").to_owned())
}

/// The probe of a feature: `rig` or `netem`.
///
/// # Errors
/// What is missing.
pub fn probe_here(feature: &str) -> Result<()> {
    gain_rights()?;
    match feature {
        "netem" => super::netem::try_here(),
        _ => build::try_veth(),
    }
}

/// Writes one JSON line.
fn say_line(to: &mut impl Write, word: &impl Serialize) -> Result<()> {
    to.write_all(&process::line(word)?)
        .context("control stream of the rig")
}

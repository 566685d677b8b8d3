//! The process that holds a rig: builds it, starts the relay in the middle, and ends it all when its control
//! stream ends.

use super::build::{self, Namespaces};
use super::{Seat, TcpSettings, gain_rights, say_line, tcp};
use crate::link::relay::messages::{Answer, Order, Route, Statistics};
use crate::link::{Link, LinkMode, netem, queue_bytes};
use crate::process;
use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

/// What a holder says, one JSON object a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The links stand.
    Ready(Box<Ready>),
    /// They cannot be built, or have broken; why.
    Broken(String),
    /// The last word: what passed.
    Report(RigReport),
}

/// A rig that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// By party.
    pub seats: [Seat; 3],
    /// In the parties' namespaces.
    pub tcp: TcpSettings,
    /// Whether the relay has real-time priority; `None` without a relay.
    pub real_time_priority: Option<bool>,
}

impl Default for Ready {
    fn default() -> Self {
        let seat = |party| Seat {
            user_namespace: None,
            network_namespace: "/proc/self/ns/net".into(),
            address: IpAddr::V4(build::address(party)),
        };
        Self {
            seats: [seat(0), seat(1), seat(2)],
            tcp: TcpSettings::default(),
            real_time_priority: None,
        }
    }
}

/// The relay's routes in their order, as sender and receiver.
const ROUTES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];

/// What passed over a rig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RigReport {
    /// Of the relay, where there was one.
    pub relay: Option<Statistics>,
    /// Frames that netem dropped.
    pub netem_dropped_frames: u64,
}

impl RigReport {
    /// Frames that did not arrive.
    pub fn dropped_frames(&self) -> u64 {
        let relayed = self.relay.iter().flat_map(|relay| &relay.routes);
        self.netem_dropped_frames + relayed.map(|route| route.dropped_frames).sum::<u64>()
    }

    /// Bytes of the frames that the relay forwarded, by sender and receiver; `None` without a relay.
    pub fn carried(&self) -> Option<[[u64; 3]; 3]> {
        let mut carried = [[0; 3]; 3];
        for ((from, to), route) in ROUTES.into_iter().zip(&self.relay.as_ref()?.routes) {
            carried[from][to] = route.bytes;
        }
        Some(carried)
    }
}

/// A rig inside its holder.
pub struct Held {
    /// What its users need.
    pub ready: Ready,
    mode: LinkMode,
    namespaces: Namespaces,
    relay: Option<Relay>,
}

/// Holds a rig of a link, given as JSON, for one user, over standard input and output, until standard input ends.
///
/// # Errors
/// What was also said.
pub fn run(link: &str) -> Result<()> {
    let link: Link = serde_json::from_str(link).context("reading the link")?;
    let mut out = std::io::stdout();
    let mut held = match Held::build(&link) {
        Ok(held) => held,
        Err(error) => return say_line(&mut out, &Word::Broken(format!("{error:#}"))),
    };
    say_line(&mut out, &Word::Ready(Box::new(held.ready.clone())))?;
    let (sender, events) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        // The receiver is gone only when this process ends.
        let _ = sender.send(());
    });
    while events.recv_timeout(TICK).is_err() {
        if let Err(broken) = held.check() {
            return say_line(&mut out, &Word::Broken(format!("{broken:#}")));
        }
    }
    let word = match held.finish() {
        Ok(report) => Word::Report(report),
        Err(error) => Word::Broken(format!("{error:#}")),
    };
    // A user that was killed does not hear it.
    let _ = say_line(&mut out, &word);
    Ok(())
}

const TICK: Duration = Duration::from_millis(20);

impl Held {
    /// Builds a rig in this process, which must have one thread only.
    ///
    /// # Errors
    /// What is missing, or what the kernel refused.
    pub fn build(link: &Link) -> Result<Self> {
        let user_namespace = gain_rights()?;
        let mut opened = Vec::new();
        for _ in 0..4 {
            unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
            opened.push(File::open("/proc/self/ns/net").context("opening a network namespace")?);
        }
        let Ok([p0, p1, p2, middle]) = <[File; 4]>::try_from(opened) else {
            bail!("four namespaces were made");
        };
        let namespaces = Namespaces {
            parties: [p0, p1, p2],
            middle,
        };
        // Before there are interfaces, so that none speaks IPv6 first.
        let mut settings = TcpSettings::default();
        for namespace in &namespaces.parties {
            build::go(namespace)?;
            settings = tcp::pin(link);
        }
        build::go(&namespaces.middle)?;
        tcp::pin(link);
        build::build(link, &namespaces)?;
        let relay = match link.mode {
            LinkMode::Relay => Some(Relay::start(link)?),
            _ => None,
        };
        let process = format!("/proc/{}", std::process::id());
        let seat = |party: usize| Seat {
            user_namespace: user_namespace.then(|| format!("{process}/ns/user").into()),
            network_namespace: format!("{process}/fd/{}", namespaces.parties[party].as_raw_fd())
                .into(),
            address: IpAddr::V4(build::address(party)),
        };
        let ready = Ready {
            seats: [seat(0), seat(1), seat(2)],
            tcp: settings,
            real_time_priority: relay.as_ref().map(|relay| relay.real_time_priority),
        };
        Ok(Self {
            ready,
            mode: link.mode,
            namespaces,
            relay,
        })
    }

    /// Whether the relay still runs.
    ///
    /// # Errors
    /// One line that says how it ended.
    pub fn check(&mut self) -> Result<()> {
        match self.relay.as_mut().map(|relay| relay.child.try_wait()) {
            Some(Ok(Some(status))) => {
                bail!("the relay {}", process::describe(status))
            }
            _ => Ok(()),
        }
    }

    /// Ends the relay and reads all counters.
    ///
    /// # Errors
    /// A relay that said nothing.
    pub fn finish(&mut self) -> Result<RigReport> {
        let mut report = RigReport::default();
        if self.mode == LinkMode::Netem {
            for (party, namespace) in self.namespaces.parties.iter().enumerate() {
                build::go(namespace)?;
                for peer in (0..3).filter(|&peer| peer != party) {
                    report.netem_dropped_frames += netem::dropped(&build::interface(peer))?;
                }
            }
        }
        report.relay = self.relay.take().map(Relay::finish).transpose()?;
        Ok(report)
    }
}

/// The relay's process.
struct Relay {
    child: Child,
    /// It ends when this does.
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    real_time_priority: bool,
}

impl Relay {
    fn start(link: &Link) -> Result<Self> {
        let routes = ROUTES.map(|(from, to)| {
            let direction = link.direction(from, to);
            Route {
                from: build::middle_interface(from, to),
                to: build::middle_interface(to, from),
                bits_per_second: direction.bandwidth.map(|b| b.bits_per_second),
                one_way_ns: direction.one_way.as_nanos() as u64,
                queue_bytes: queue_bytes(&direction),
            }
        });
        let routes = routes.to_vec();
        let mut child = process::this_binary()
            .arg("link-relay")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the relay")?;
        let (Some(mut orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the relay has no pipes");
        };
        say_line(&mut orders, &Order { routes })?;
        orders.flush()?;
        let mut answers = BufReader::new(answers);
        match read_line(&mut answers)? {
            Answer::Ready(real_time_priority) => Ok(Self {
                child,
                orders,
                answers,
                real_time_priority,
            }),
            Answer::Error(why) => bail!("the relay cannot start: {why}"),
        }
    }

    fn finish(mut self) -> Result<Statistics> {
        drop(self.orders);
        let statistics = read_line(&mut self.answers);
        let status = self.child.wait()?;
        statistics.with_context(|| format!("the relay {}", process::describe(status)))
    }
}

fn read_line<T: for<'a> Deserialize<'a>>(from: &mut impl BufRead) -> Result<T> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    serde_json::from_str(&line).context("the relay said nothing")
}

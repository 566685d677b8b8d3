//! Where the parties run and how the controller reaches them.
//!
//! That all is on one machine is assumed here (a party is a child process, its control connection a socket) and in
//! [`super::start`] (one clock). Everything else of a repetition sees a party's process as [`Process`], and its
//! control connection as two streams of bytes, which never are the measured links.

use super::control::Control;
use crate::link::rig::{self, Seat};
use crate::process::{self, Group};
use anyhow::{Context, Result};
use std::io::{BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Stdio;

/// The machines of the three parties.
pub trait Hosts {
    /// Starts a party of this binary, in its seat where it has one.
    ///
    /// # Errors
    /// A party that cannot be started.
    fn launch(&self, party: usize, seat: Option<&Seat>) -> Result<Launched>;

    /// The address at which a party listens for its peers.
    fn address(&self, party: usize, seat: Option<&Seat>) -> IpAddr;
}

/// A party that was started.
pub struct Launched {
    /// Its process.
    pub process: Box<dyn Process>,
    /// What the controller says to it.
    pub orders: Box<dyn Write + Send>,
    /// What it says to the controller.
    pub words: Box<dyn Read + Send>,
}

/// The process of a party, wherever it runs.
pub trait Process {
    /// Its number on the machine of the controller.
    fn id(&self) -> u32;

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// The operating system's.
    fn ended(&mut self) -> Result<Option<End>>;

    /// Ends it, if it still runs, with whatever it started.
    fn end(&mut self);
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether as it should.
    pub well: bool,
    /// For people.
    pub how: String,
}

/// All three parties on the machine of the controller, in namespaces of their own where the link has them.
pub struct ThisMachine;

impl Hosts for ThisMachine {
    fn launch(&self, party: usize, seat: Option<&Seat>) -> Result<Launched> {
        // Its orders come over its standard input: a socket that reaches into any namespace, and that nobody else
        // can connect to.
        let (ours, theirs) = process::control_pair()?;
        let mut command = process::this_binary();
        // The environment goes along: what it says of instruction sets holds for the parties, which compute.
        command.args(["party", "--id", &party.to_string()]);
        if let Some(seat) = seat {
            command.args(["--seat", &seat.written()?]);
        }
        // From here on dropping it ends the child, should the next line fail.
        let group = Group::spawn(command.stdin(theirs).stdout(Stdio::null()))
            .with_context(|| format!("starting P{party}"))?;
        let process = Box::new(Local(group));
        Ok(Launched {
            words: Box::new(ours.try_clone()?),
            orders: Box::new(ours),
            process,
        })
    }

    fn address(&self, _: usize, seat: Option<&Seat>) -> IpAddr {
        seat.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |seat| seat.address)
    }
}

/// A child process.
struct Local(Group);

impl Process for Local {
    fn id(&self) -> u32 {
        self.0.id()
    }

    fn ended(&mut self) -> Result<Option<End>> {
        let status = self.0.ended()?;
        Ok(status.map(|status| End {
            well: status.success(),
            how: process::describe(status),
        }))
    }

    fn end(&mut self) {
        self.0.end();
    }
}

/// The party's side: puts this process where [`Hosts::launch`] wants it, before its first thread starts, and takes
/// up the control connection.
///
/// # Errors
/// A seat that is gone; a process that no controller started.
pub fn arrive(seat: Option<&str>) -> Result<Control> {
    // The child must not outlive a controller that was killed.
    process::end_with_parent()?;
    rig::enter_written(seat)?;
    let stream =
        process::control("standard input is no socket: qbench run starts the parties, not you")?;
    let orders = BufReader::new(stream.try_clone()?);
    Ok(Control::new(orders, stream))
}

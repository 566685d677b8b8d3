//! What is asked of one repetition.

use super::launch::Hosts;
use crate::link::Link;
use qbench_protocols::system::Workload;
use std::time::Duration;

/// What one repetition needs beside the system.
pub struct Order<'a> {
    /// The machines of the parties.
    pub hosts: &'a dyn Hosts,
    /// What all parties know; `model_dir` and `tokens` are taken out where a party must not have them.
    pub workload: Workload,
    /// Threads of each party.
    pub threads: usize,
    /// The link between each two parties.
    pub link: &'a Link,
    /// Longest silence of a party, and longest phase.
    pub timeout: Duration,
    /// Whether the parties write down what they send and receive when.
    pub trace: bool,
    /// First of three fixed ports.
    pub port: Option<u16>,
}

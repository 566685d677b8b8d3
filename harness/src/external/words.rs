//! What a program reads on standard input and what it writes on standard output: one JSON object each.

use crate::link::Link;
use crate::run::order::Order;
use crate::scenario::External;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::phase::Phase;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Version of this protocol.
pub const PROTOCOL: u32 = 1;

/// Where the parties of one repetition are.
#[derive(Clone, Debug)]
pub struct Places {
    /// By party.
    pub addresses: [IpAddr; 3],
    /// A port that is free at each party.
    pub ports: [u16; 3],
    /// The name of an interface that has the party's address, by party.
    pub interfaces: [String; 3],
}

/// The cell as one party's program gets it.
#[derive(Clone, Debug, Serialize)]
pub struct Description<'a> {
    protocol: u32,
    system: &'a str,
    party: usize,
    parties: &'a [usize],
    addresses: [IpAddr; 3],
    ports: [u16; 3],
    interface: &'a str,
    link: LinkWords<'a>,
    model: &'a ModelConfig,
    model_folder: Option<&'a str>,
    seq_len: usize,
    threads: usize,
    seed: u64,
    verify: bool,
    timeout_seconds: f64,
    phases: [&'static str; 3],
}

#[derive(Clone, Debug, Serialize)]
struct LinkWords<'a> {
    name: &'a str,
    mode: &'static str,
    bandwidth_bits_per_second: Option<u64>,
    rtt_ns: u64,
}

impl<'a> LinkWords<'a> {
    fn new(link: &'a Link) -> Self {
        Self {
            name: &link.name,
            mode: link.mode.name(),
            bandwidth_bits_per_second: link.bandwidth.map(|b| b.bits_per_second),
            rtt_ns: link.rtt.nanoseconds,
        }
    }
}

impl<'a> Description<'a> {
    /// The cell of `order` for one party.
    ///
    /// # Errors
    /// A model folder whose name has no form in JSON.
    pub fn new(
        external: &'a External,
        order: &'a Order<'_>,
        places: &'a Places,
        party: usize,
    ) -> Result<Self> {
        let workload = &order.workload;
        let folder = &workload.model_dir;
        let model_folder = match folder.as_os_str() {
            none if none.is_empty() => None,
            name => Some(name.to_str().with_context(|| {
                format!(
                    "model folder {}: programs of others get its name as JSON, and it is no UTF-8: rename it",
                    folder.display()
                )
            })?),
        };
        Ok(Self {
            protocol: PROTOCOL,
            system: &external.id,
            party,
            parties: &external.parties,
            addresses: places.addresses,
            ports: places.ports,
            interface: &places.interfaces[party],
            link: LinkWords::new(order.link),
            model: &workload.model,
            model_folder,
            seq_len: workload.seq_len,
            threads: order.threads,
            seed: workload.input_seed,
            verify: workload.verify,
            timeout_seconds: order.timeout.as_secs_f64(),
            phases: Phase::ALL.map(Phase::name),
        })
    }
}

/// What one party's program answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// By phase.
    pub phases: PhaseAnswers,
    /// How the output was checked; `None` if it was not.
    #[serde(default)]
    pub verified: Option<String>,
    /// Largest difference to the program's own float reference, relative to that reference's root mean square.
    #[serde(default)]
    pub float_error: Option<f64>,
}

/// Phases; `None` where the program has none of its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhaseAnswers {
    /// Sharing of the weights.
    pub setup: Option<PhaseAnswer>,
    /// Correlated randomness.
    pub offline: Option<PhaseAnswer>,
    /// The inference.
    pub online: Option<PhaseAnswer>,
}

impl PhaseAnswers {
    /// In the order of [`Phase::ALL`].
    pub fn all(&self) -> [Option<&PhaseAnswer>; 3] {
        [&self.setup, &self.offline, &self.online].map(Option::as_ref)
    }
}

/// One phase at one party; what is `None` is not known.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhaseAnswer {
    /// From a common start to this party's end.
    pub seconds: Option<f64>,
    /// Payload that this party sent to each party, bytes.
    pub sent_bytes: Option<[u64; 3]>,
    /// Longest chain of dependent messages.
    pub rounds: Option<u64>,
    /// CPU time of the party, all threads.
    pub cpu_seconds: Option<f64>,
}

impl Answer {
    /// Reads what a party's program wrote, and checks it on its own.
    ///
    /// # Errors
    /// One line that says what does not fit.
    pub fn read(external: &External, party: usize, text: &str) -> Result<Self> {
        let who = || format!("P{party} of `{}` gave no valid answer", external.id);
        Self::parse(text)
            .and_then(|answer| answer.check(external, party).map(|()| answer))
            .with_context(who)
    }

    fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            bail!("it wrote nothing on standard output, where one JSON object is due");
        }
        let start: String = text.chars().take(60).collect();
        serde_json::from_str(text).map_err(|error| {
            anyhow::anyhow!("standard output must be one JSON object: {error}; it begins `{start}`")
        })
    }

    fn check(&self, external: &External, party: usize) -> Result<()> {
        ensure!(
            self.protocol == PROTOCOL,
            "it speaks protocol {}, and this is {PROTOCOL}",
            self.protocol
        );
        let online = self.phases.online.as_ref();
        ensure!(
            online.is_some_and(|online| online.seconds.is_some()),
            "`phases.online.seconds` is missing"
        );
        let sound = |what: &str, value: Option<f64>| {
            let fits = value.is_none_or(|v| v.is_finite() && v >= 0.0);
            ensure!(
                fits,
                "`{what}` is {value:?}: it must be finite and not negative"
            );
            Ok(())
        };
        sound("float_error", self.float_error)?;
        for (phase, answer) in Phase::ALL.iter().zip(self.phases.all()) {
            let Some(answer) = answer else { continue };
            let name = phase.name();
            sound(&format!("phases.{name}.seconds"), answer.seconds)?;
            sound(&format!("phases.{name}.cpu_seconds"), answer.cpu_seconds)?;
            for (to, bytes) in answer.sent_bytes.iter().flatten().enumerate() {
                let peer = to != party && external.parties.contains(&to);
                ensure!(
                    peer || *bytes == 0,
                    "`phases.{name}.sent_bytes` has {bytes} bytes to P{to}, which is no peer of P{party}"
                );
            }
        }
        Ok(())
    }

    /// Seconds of all phases that are known.
    pub fn total_seconds(&self) -> f64 {
        let all = self.phases.all();
        all.into_iter().flatten().filter_map(|p| p.seconds).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let external = External {
            id: "other".into(),
            command: Vec::new(),
            check: Vec::new(),
            parties: vec![1, 2],
            about: String::new(),
        };
        match Answer::read(&external, 1, text) {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn what_is_left_out_is_not_known() {
        let text = said(r#"{"protocol": 1, "phases": {"online": {"seconds": 1.5}}}"#);
        assert!(text.contains("setup: None"), "{text}");
        assert!(text.contains("rounds: None"), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, word) in [
            ("", "wrote nothing"),
            ("hello there", "it begins `hello there`"),
            (
                r#"{"protocol": 2, "phases": {"online": {"seconds": 1}}}"#,
                "protocol 2",
            ),
            (r#"{"protocol": 1, "phases": {}}"#, "online.seconds"),
            (
                r#"{"protocol": 1, "phases": {"online": {"seconds": -1}}}"#,
                "not negative",
            ),
            (
                r#"{"protocol": 1, "phases": {"onlin": {"seconds": 1}}}"#,
                "unknown field `onlin`",
            ),
            (
                r#"{"protocol": 1, "phases": {"online": {"seconds": 1, "sent_bytes": [7, 0, 0]}}}"#,
                "7 bytes to P0",
            ),
        ] {
            assert!(said(text).contains(word), "{}", said(text));
        }
    }
}

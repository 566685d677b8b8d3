//! Reads the files of `results/published`.

use super::network::Network;
use super::{Number, Published};
use crate::quantities::Quantity;
use crate::units::{Bandwidth, Rtt};
use anyhow::{Context, Result, anyhow};
use qbench_protocols::phase::Phase;
use std::collections::HashMap;

/// A committed file, with its name for messages.
macro_rules! file {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../results/published/", $name)),
        )
    };
}

const FIG5: (&str, &str) = file!("lu2025qbert_fig5_latency_ms.csv");
const TABLE2: (&str, &str) = file!("lu2025qbert_table2_lan_ms.csv");
const TABLE3: (&str, &str) = file!("lu2025qbert_table3_wan_ms.csv");
const TABLE4: (&str, &str) = file!("lu2025qbert_table4_communication_mb.csv");
const SIGMA_BERT: (&str, &str) = file!("sigma_pets2024_bert.csv");
const NETWORKS: (&str, &str) = file!("networks.csv");

/// Bytes of the SIGMA paper's GB.
const GIB: f64 = (1_u64 << 30) as f64;

/// A line of a file by column.
struct Line(HashMap<String, String>);

impl Line {
    fn text(&self, column: &str) -> Result<&str> {
        let value = self.0.get(column).map(String::as_str);
        value.with_context(|| format!("column `{column}` is missing"))
    }

    /// A number, or nothing where the cell is empty.
    fn number<T: std::str::FromStr>(&self, column: &str) -> Result<Option<T>> {
        match self.text(column)? {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(anyhow!("column `{column}`: `{text}` is no number")),
            },
        }
    }

    fn must<T: std::str::FromStr>(&self, column: &str) -> Result<T> {
        self.number(column)?
            .with_context(|| format!("column `{column}` is empty"))
    }

    fn phase(&self) -> Result<Phase> {
        let name = self.text("phase")?;
        let phase = Phase::ALL.into_iter().find(|p| p.name() == name);
        phase.with_context(|| format!("`{name}` is no phase"))
    }
}

/// Reads a file line by line.
fn each((name, text): (&str, &str), mut read: impl FnMut(&Line) -> Result<()>) -> Result<()> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for (index, line) in reader.deserialize().enumerate() {
        line.map_err(anyhow::Error::from)
            .and_then(|line| read(&Line(line)))
            .with_context(|| format!("{name}:{}", index + 2))?;
    }
    Ok(())
}

/// Reads all files.
pub(super) fn all() -> Result<Published> {
    let networks = networks()?;
    let network = |paper: &str, name: &str| {
        let found = networks
            .iter()
            .find(|n| (n.paper.as_str(), n.name.as_str()) == (paper, name));
        found
            .cloned()
            .with_context(|| format!("networks.csv has no {name} of {paper}"))
    };
    let online = Quantity::Seconds(Some(Phase::Online));
    let mut numbers = Vec::new();
    // What every line of the paper that the project starts from has in common.
    let base = |table, line: &Line, quantity| -> Result<Number> {
        Ok(Number {
            table,
            source: line.text("source")?.to_owned(),
            how: line.text("how")?.to_owned(),
            system: "lut-rss".into(),
            model: "bert-base".into(),
            quantity,
            network: None,
            device: "cpu".into(),
            threads: None,
            seq_len: None,
            value: 0.0,
            printed: String::new(),
            note: String::new(),
        })
    };
    let milliseconds = |number: &mut Number, line: &Line| -> Result<()> {
        number.value = line.must::<f64>("milliseconds")? / 1e3;
        number.printed = format!("{} ms", line.text("milliseconds")?);
        Ok(())
    };
    each(FIG5, |line| {
        let mut number = base("fig5", line, Quantity::Seconds(Some(line.phase()?)))?;
        number.network = Some(network(&number.source, line.text("link")?)?);
        number.seq_len = Some(line.must("seq_len")?);
        number.threads = Some(line.must("threads")?);
        milliseconds(&mut number, line)?;
        numbers.push(number);
        Ok(())
    })?;
    each(TABLE2, |line| {
        let mut number = base("table2", line, online)?;
        number.system = line.text("system")?.to_owned();
        number.network = Some(network(&number.source, "lan")?);
        number.device = line.text("device")?.to_owned();
        number.threads = line.number("threads")?;
        number.seq_len = line.number("seq_len_stated")?;
        number.note = line.text("note")?.to_owned();
        milliseconds(&mut number, line)?;
        numbers.push(number);
        Ok(())
    })?;
    each(TABLE3, |line| {
        let mut number = base("table3", line, online)?;
        number.system = line.text("system")?.to_owned();
        number.network = Some(network(&number.source, "wan")?);
        number.threads = Some(line.must("threads")?);
        number.seq_len = Some(line.must("seq_len")?);
        milliseconds(&mut number, line)?;
        numbers.push(number);
        Ok(())
    })?;
    each(TABLE4, |line| {
        let mut number = base("table4", line, Quantity::Bytes(line.phase()?))?;
        number.system = line.text("system")?.to_owned();
        number.seq_len = Some(line.must("tokens")?);
        // Traffic: the table names no device.
        number.device = String::new();
        number.value = line.must("megabytes")?;
        number.printed = format!("{} MB", line.text("megabytes")?);
        number.note = line.text("note")?.to_owned();
        numbers.push(number);
        Ok(())
    })?;
    each(SIGMA_BERT, |line| {
        let mut number = base("bert", line, online)?;
        number.system = line.text("system")?.to_owned();
        number.model = line.text("model")?.to_owned();
        number.seq_len = Some(line.must("seq_len")?);
        (number.device, number.threads) = match line.text("device")? {
            "cpu-4-threads" => ("cpu".into(), Some(4)),
            device => (device.to_owned(), None),
        };
        for (column, unit, link, quantity, scale) in [
            ("lan_s", "s", "lan", online, 1.0),
            ("wan_min", "min", "wan", online, 60.0),
            (
                "online_gb_2_30",
                "GB of 2^30",
                "",
                Quantity::Bytes(Phase::Online),
                GIB / 1e6,
            ),
            (
                "key_gb_2_30",
                "GB of 2^30",
                "",
                Quantity::Bytes(Phase::Offline),
                GIB / 1e6,
            ),
        ] {
            let Some(value) = line.number::<f64>(column)? else {
                continue;
            };
            numbers.push(Number {
                quantity,
                network: match link {
                    "" => None,
                    link => Some(network(&number.source, link)?),
                },
                value: value * scale,
                printed: format!("{} {unit}", line.text(column)?),
                ..number.clone()
            });
        }
        Ok(())
    })?;
    Ok(Published { numbers, networks })
}

fn networks() -> Result<Vec<Network>> {
    let mut networks = Vec::new();
    each(NETWORKS, |line| {
        for name in ["lan", "wan"] {
            let bandwidth = line.text(&format!("{name}_bandwidth"))?;
            let rtt = line.text(&format!("{name}_rtt"))?;
            if bandwidth.is_empty() {
                continue;
            }
            networks.push(Network {
                paper: line.text("paper")?.to_owned(),
                name: name.to_owned(),
                bandwidth: Bandwidth::parse(bandwidth).map_err(|e| anyhow!(e))?,
                rtt: match rtt {
                    "" => None,
                    rtt => Some(Rtt::parse(rtt).map_err(|e| anyhow!(e))?),
                },
            });
        }
        Ok(())
    })?;
    Ok(networks)
}

//! Quantities with units. A bare number is never accepted: every message shows how to write it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Bandwidth of one directed pair of parties, bits a second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bandwidth {
    /// Bits a second.
    pub bits_per_second: u64,
}

/// Round-trip time: both ways. The one-way delay of a link is half of it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Rtt {
    /// Both ways, nanoseconds.
    pub nanoseconds: u64,
}

/// An amount of memory or data, bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize {
    /// Bytes.
    pub bytes: u64,
}

const BANDWIDTHS: &[(&str, u64)] = &[
    ("bit", 1),
    ("kbit", 1_000),
    ("mbit", 1_000_000),
    ("gbit", 1_000_000_000),
];
const TIMES: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads `number unit`, such as `0.2ms` or `5 gbit`, in units of the table's smallest.
fn quantity(text: &str, units: &[(&str, u64)], example: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim());
    let names = || {
        let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    };
    if unit.is_empty() {
        return Err(format!(
            "`{text}` has no unit: write for example {example}; units are {}",
            names()
        ));
    }
    let number: f64 = number.parse().map_err(|_| {
        format!("`{text}` does not start with a number: write for example {example}")
    })?;
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!(
            "unit `{unit}` in `{text}` does not fit here: write for example {example}; units are {}",
            names()
        ));
    };
    let value = number * *scale as f64;
    if value >= u64::MAX as f64 {
        return Err(format!("`{text}` is too large"));
    }
    Ok(value.round() as u64)
}

/// Writes a quantity in the largest unit that leaves at least 1.
fn written(value: u64, units: &[(&str, u64)]) -> String {
    let (name, scale) = units
        .iter()
        .rev()
        .find(|(_, scale)| value >= *scale)
        .unwrap_or(&units[0]);
    let number = value as f64 / *scale as f64;
    let digits = format!("{number:.3}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}{name}")
}

impl Bandwidth {
    /// Reads such as `5gbit` or `100mbit`.
    ///
    /// # Errors
    /// One sentence with an example, for a missing or unfit unit and for zero.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bits_per_second = quantity(text, BANDWIDTHS, "bandwidth = \"100mbit\"")?;
        if bits_per_second == 0 {
            return Err("a bandwidth of zero never delivers anything".into());
        }
        Ok(Self { bits_per_second })
    }
}

impl Rtt {
    /// Reads such as `40ms` or `0.2ms`; both ways.
    ///
    /// # Errors
    /// One sentence with an example, for a missing or unfit unit and for more than a minute.
    pub fn parse(text: &str) -> Result<Self, String> {
        let nanoseconds = quantity(text, TIMES, "rtt = \"40ms\"")?;
        if nanoseconds > 60_000_000_000 {
            return Err(format!("a round trip of `{text}` is over a minute"));
        }
        Ok(Self { nanoseconds })
    }

    /// Half of the round trip.
    pub fn one_way(self) -> Duration {
        Duration::from_nanos(self.nanoseconds / 2)
    }
}

impl ByteSize {
    /// Reads such as `20GiB` or `512MB`.
    ///
    /// # Errors
    /// One sentence with an example, for a missing or unfit unit.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = quantity(text, SIZES, "memory_limit = \"20GiB\"")?;
        Ok(Self { bytes })
    }
}

/// Reads a span of time such as `10min` or `30s`.
///
/// # Errors
/// One sentence with an example, for a missing or unfit unit.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    quantity(text, TIMES, "timeout = \"10min\"").map(Duration::from_nanos)
}

/// Bytes for people: decimal units, as the papers use (MB = 10^6 bytes).
pub fn bytes_text(bytes: u64) -> String {
    let text = written(bytes, &SIZES[..4]);
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
    format!("{} {}", &text[..unit], &text[unit..])
}

/// Nanoseconds for people.
pub fn time_text(nanoseconds: f64) -> String {
    match nanoseconds {
        t if t < 1e3 => format!("{t:.0} ns"),
        t if t < 1e6 => format!("{:.1} us", t / 1e3),
        t if t < 1e9 => format!("{:.1} ms", t / 1e6),
        t if t < 120e9 => format!("{:.2} s", t / 1e9),
        t => format!("{:.1} min", t / 60e9),
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.bits_per_second, BANDWIDTHS))
    }
}
impl fmt::Display for Rtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Times up to a second are written in milliseconds, as in the papers: `0.2ms`, `40ms`.
        let milliseconds = format!("{:.6}", self.nanoseconds as f64 / 1e6);
        let digits = milliseconds.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{digits}ms")
    }
}
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bytes_text(self.bytes))
    }
}

/// A ratio for people: three digits.
pub fn digits(ratio: f64) -> String {
    match ratio {
        r if r >= 100.0 => format!("{r:.0}"),
        r if r >= 10.0 => format!("{r:.1}"),
        r if r >= 1.0 => format!("{r:.2}"),
        r if r >= 0.01 => format!("{r:.3}"),
        r => format!("{r:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        assert_eq!(
            Bandwidth::parse("5gbit").unwrap().bits_per_second,
            5_000_000_000
        );
        assert_eq!(Bandwidth::parse("9.4 gbit").unwrap().to_string(), "9.4gbit");
        assert_eq!(Rtt::parse("0.2ms").unwrap().nanoseconds, 200_000);
        assert_eq!(Rtt::parse("0.2ms").unwrap().to_string(), "0.2ms");
        assert_eq!(
            Rtt::parse("40ms").unwrap().one_way(),
            Duration::from_millis(20)
        );
        assert_eq!(ByteSize::parse("2GiB").unwrap().bytes, 2 << 30);
        assert_eq!(parse_duration("10min").unwrap(), Duration::from_secs(600));
    }

    #[test]
    fn refuses_bare_numbers_and_wrong_units() {
        for (error, part) in [
            (Bandwidth::parse("20").unwrap_err(), "has no unit"),
            (Bandwidth::parse("20ms").unwrap_err(), "does not fit"),
            (Bandwidth::parse("0gbit").unwrap_err(), "zero"),
            (Rtt::parse("fast").unwrap_err(), "number"),
            (Rtt::parse("40").unwrap_err(), "rtt = \"40ms\""),
            (Rtt::parse("2h").unwrap_err(), "over a minute"),
            (ByteSize::parse("2gib").unwrap_err(), "GiB"),
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}

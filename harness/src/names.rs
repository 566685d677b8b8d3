//! Names: tables that give values the names that scenario files, rows and options have for them, and what is said
//! of a name that is in none.

use qbench_protocols::model::config::ActivationFunction;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The activation functions' names in scenario files.
pub const ACTIVATIONS: &[(&str, ActivationFunction)] = &[
    ("relu", ActivationFunction::Relu),
    ("gelu", ActivationFunction::Gelu),
];

/// What has bytes for a name, such as a path, as text that is different for different names: a byte that is no UTF-8 becomes `\xNN`.
pub fn text_of(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text += chunk.valid();
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    text
}

/// The name of a value in a table of names.
pub fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table
        .iter()
        .find(|(_, v)| v == value)
        .map_or("unnamed", |(name, _)| *name)
}

/// Whether a character may stand in text that people read: what XML, and so SVG, can hold.
pub fn is_text(c: char) -> bool {
    match c {
        '\n' | '\t' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control(),
    }
}

/// A name as it is shown in one line: a replacement character for each that cannot be seen.
pub fn shown(name: &str) -> String {
    let seen = |c: char| match c.is_control() || !is_text(c) {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    name.chars().map(seen).collect()
}

/// Each name once, in order of first appearance.
pub fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// `; did you mean ..?` or the list of what there is.
pub fn suggestion(name: &str, known: &[&str]) -> String {
    let best = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), *k))
        .min();
    match best {
        Some((distance, best)) if distance <= 1 + best.len() / 3 => {
            format!("; did you mean `{best}`?")
        }
        _ => format!("; there are: {}", known.join(", ")),
    }
}

/// The name of what has no other: the first 12 hexadecimal digits of its BLAKE3 hash.
pub fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_told_apart() {
        for (name, text) in [
            (&b"m"[..], "m"),
            (b"m\xff", "m\\xff"),
            (b"\xc3\xa8\xc3", "\u{e8}\\xc3"),
            (b"", ""),
        ] {
            assert_eq!(text_of(OsStr::from_bytes(name)), text);
        }
    }
}

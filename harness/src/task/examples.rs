//! A file of labelled texts: tab-separated columns under a line of their names, as GLUE (<https://gluebenchmark.com/tasks>) has them.
//! Quotation marks are text.

use crate::names::{shown, suggestion};
use anyhow::{Context, Result, bail, ensure};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::path::Path;

/// One labelled example.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its line in the file, from 0 after the names.
    pub number: usize,
    /// One text, or two.
    pub texts: Vec<String>,
    /// A class's number, or a score.
    pub label: f64,
}

/// Reads all examples of a file.
///
/// # Errors
/// A file that cannot be read, or has no such column; a line with another number of columns, or with a label that is no number.
pub fn read(path: &Path, texts: &[String], label: &str) -> Result<Vec<Example>> {
    let at = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {at}"))?;
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let place = |name: &str| {
        let place = names.iter().position(|known| *known == name);
        place.with_context(|| {
            let known: Vec<String> = names.iter().map(|name| shown(name)).collect();
            format!(
                "{at} has no column `{}`{} (it has {})",
                shown(name),
                suggestion(name, &names),
                known.join(", ")
            )
        })
    };
    let label = place(label)?;
    let texts = texts.iter().map(|name| place(name));
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let mut examples = Vec::new();
    for (number, line) in lines.enumerate() {
        // The last line ends like the others, or not.
        if line.is_empty() {
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        ensure!(
            columns.len() == names.len(),
            "{at}, line {}: {} columns, and {} names",
            number + 2,
            columns.len(),
            names.len()
        );
        let Ok(value) = columns[label].trim().parse::<f64>() else {
            bail!(
                "{at}, line {}: the label `{}` is no number",
                number + 2,
                shown(columns[label])
            );
        };
        examples.push(Example {
            number,
            texts: texts
                .iter()
                .map(|place| columns[*place].to_owned())
                .collect(),
            label: value,
        });
    }
    ensure!(!examples.is_empty(), "{at} holds no examples");
    Ok(examples)
}

/// So many of the examples, drawn with a seed, in the order of the file; all where there are no more.
pub fn drawn(mut examples: Vec<Example>, count: usize, seed: u64) -> Vec<Example> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    // Each of the first places gets one of those that are left.
    for place in 0..count.min(examples.len()) {
        let left = (examples.len() - place) as u64;
        examples.swap(place, place + (random.next_u64() % left) as usize);
    }
    examples.truncate(count);
    examples.sort_by_key(|example| example.number);
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(text: &str, texts: &[&str]) -> Result<Vec<Example>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dev.tsv");
        std::fs::write(&path, text).unwrap();
        let texts: Vec<String> = texts.iter().map(|name| (*name).to_owned()).collect();
        read(&path, &texts, "label")
    }

    #[test]
    fn columns_are_found_by_name_and_quotes_are_text() {
        let read = examples("label\ta\tb\r\n1\t\"x\" y\tz\r\n0.5\tu\tv\n", &["b", "a"]).unwrap();
        assert_eq!(read[0].texts, ["z", "\"x\" y"]);
        assert_eq!((read[1].number, read[1].label), (1, 0.5));
        for (text, expected) in [
            ("", "has no column `label`"),
            (
                "label\ta\n",
                "has no column `b`; did you mean `a`? (it has label, a)",
            ),
            ("label\tb\n", "holds no examples"),
            ("label\tb\n1\tx\ty\n", "line 2: 3 columns, and 2 names"),
            (
                "label\tb\n1\tx\ngood\ty\n",
                "line 3: the label `good` is no number",
            ),
        ] {
            let error = format!("{:#}", examples(text, &["b"]).unwrap_err());
            assert!(
                error.contains(expected),
                "expected `{expected}` in `{error}`"
            );
        }
    }

    #[test]
    fn a_draw_is_the_seed_s_and_has_every_example_once() {
        let text: String = (0..50).map(|i| format!("{i}\tx\n")).collect();
        let all = examples(&format!("label\ta\n{text}"), &["a"]).unwrap();
        let numbers = |count, seed| -> Vec<usize> {
            let drawn = drawn(all.clone(), count, seed);
            drawn.iter().map(|example| example.number).collect()
        };
        let ten = numbers(10, 1);
        assert!(ten.len() == 10 && ten.is_sorted_by(|a, b| a < b));
        assert_eq!(ten, numbers(10, 1));
        assert_ne!(ten, numbers(10, 2));
        assert_eq!(numbers(80, 3), (0..50).collect::<Vec<_>>());
    }
}

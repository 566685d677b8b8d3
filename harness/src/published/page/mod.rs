//! `docs/PUBLISHED.md`: where the published comparison is not like for like. Every statement is computed from
//! `results/published` when the page is written; one whose numbers do not say so is an error, not a sentence.

mod headline;
mod offline;
mod table2;
mod table4;
mod usable;
mod wan;

use super::Published;
use anyhow::{Context, Result};
use qbench_protocols::lut_rss::plan::AS_PUBLISHED;
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::system::{Declared, System, Workload};

/// The page, in Markdown; `systems` must have those that it holds the published numbers against.
///
/// # Errors
/// A statement that the numbers do not bear out.
pub fn page(systems: &[&'static dyn System], published: &Published) -> Result<String> {
    let parts = [
        headline::section().context("the headline factors")?,
        table2::section(published).context("Table 2")?,
        table4::section(systems, published).context("Table 4")?,
        wan::section(systems, published).context("the WAN times")?,
        offline::section(published).context("the offline times")?,
        usable::section(published).context("what can be compared")?,
    ];
    headline::claimed(published).context("the headline factors")?;
    Ok(wrapped(&format!("{HEAD}\n{}", parts.join("\n"))))
}

/// Wraps paragraphs; tables and headings stay on their lines.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 130;
    let mut out = String::new();
    for line in text.lines() {
        let mut column = 0;
        if line.starts_with(['|', '#']) {
            out += line;
        } else {
            for word in line.split(' ') {
                if column > 0 && column + 1 + word.chars().count() > WIDTH {
                    out.push('\n');
                    column = 0;
                }
                if column > 0 {
                    out.push(' ');
                    column += 1;
                }
                out += word;
                column += word.chars().count();
            }
        }
        out.push('\n');
    }
    out
}

const HEAD: &str = "# Where the published comparison is not like for like

Written by `qbench report --published` from the files of [results/published](../results/published), and of one run of ours; do not edit. Every number below is computed \
from those files (what is *declared* here: by the walk of `qbench cost`), and every statement is checked when the page is written. *The paper* is arXiv \
2508.01636v1 (`lut-rss`). Each section says what follows from the numbers and what does not. Times are of the online phase unless said.
";

/// What a system of this project declares for BERT-base; `paper` takes the paper's choices of `lut-rss`.
fn declared(
    systems: &[&'static dyn System],
    system: &str,
    seq_len: usize,
    paper: bool,
) -> Result<Declared> {
    let system = crate::systems::find(systems, system)?;
    let mut model = ModelConfig::preset("bert-base").context("bert-base is a preset")?;
    model.activation = system.default_activation();
    let mut workload = Workload::new(model, seq_len);
    workload.verify = false;
    if paper {
        workload = AS_PUBLISHED
            .iter()
            .fold(workload, |w, (key, value)| w.with(key, value));
    }
    Ok(system.cost(&workload)?)
}

/// A Markdown table.
pub(crate) fn table(columns: &[&str], lines: &[Vec<String>]) -> String {
    let mut text = format!(
        "| {} |\n{}|\n",
        columns.join(" | "),
        "|---".repeat(columns.len())
    );
    for line in lines {
        text += &format!("| {} |\n", line.join(" | "));
    }
    text
}

/// `a`, `a and b`, `a, b and c`.
fn listed<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    match items.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::Number;
    use crate::quantities::Quantity;
    use qbench_protocols::phase::Phase;

    /// The committed numbers with those of one system in one table changed.
    fn with(table: &str, system: &str, change: impl Fn(&mut Number)) -> Published {
        let mut published = Published::committed().unwrap();
        for number in &mut published.numbers {
            if number.table == table && number.system == system {
                change(number);
            }
        }
        published
    }

    #[test]
    fn statements_that_do_not_hold_are_errors() {
        let page = |published: &Published| super::page(&crate::systems::systems(), published);
        page(&Published::committed().unwrap()).unwrap();
        let less_offline = |n: &mut Number| {
            if n.quantity == Quantity::Bytes(Phase::Offline) {
                n.value /= 4.0;
            }
        };
        for (published, part) in [
            (with("table2", "lut-rss", |n| n.value *= 1.01), "Fig. 5"),
            (with("table2", "crypten", |n| n.value *= 1.01), "SIGMA"),
            (with("table4", "crypten", |n| n.note.clear()), "note"),
            (with("table3", "lut-rss", |n| n.value *= 9.0), "Fig. 5"),
            (with("table4", "lut-rss", less_offline), "offline"),
            (with("table3", "lut-mul", |n| n.value *= 1.5), "claimed 8"),
            (with("table2", "sigma", |n| n.value *= 1.5), "claimed 9"),
        ] {
            let error = format!("{:#}", page(&published).unwrap_err());
            assert!(error.contains(part), "no `{part}` in {error}");
        }
    }

    #[test]
    fn tables_are_not_wrapped() {
        let row = format!("| {} |", "cell ".repeat(40));
        assert_eq!(wrapped(&row), format!("{row}\n"));
        let text = wrapped(&"word ".repeat(60));
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.len() <= 130));
    }

    #[test]
    fn lists_read_as_text() {
        assert_eq!(listed(&[8]), "8");
        assert_eq!(listed(&[8, 16, 32]), "8, 16 and 32");
    }
}

//! Tables in Markdown files that are made from runs, so that no number is copied by hand. A marker says what
//! the table is of, another one ends it; what is between them is written from the rows.
//!
//! ```text
//! <!-- qbench:begin growth runs=results/paper-fig5/DIR system=lut-rss threads=1 -->
//!
//! | tokens | ..
//!
//! <!-- qbench:end -->
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`marker`] | what a marker says |
//! | [`comparison`], [`growth`], [`headline`], [`links`], [`task`] | the kinds of tables |
//! | [`numbers`] | how many digits a number of a column gets |

mod comparison;
mod growth;
mod headline;
mod links;
mod marker;
mod numbers;
mod task;

use crate::names::suggestion;
use anyhow::{Context, Result, bail};
use marker::Marker;
use std::path::Path;

/// Makes one kind of table.
type Table = fn(&Marker) -> Result<String>;

/// The kinds by the name that markers give them.
const KINDS: [(&str, Table); 6] = [
    ("comparison", comparison::table),
    ("growth", growth::table),
    ("headline", headline::table),
    ("links", links::probed),
    ("modes", links::modes),
    ("task", task::table),
];

/// A table that is not what its runs say.
#[derive(Debug, PartialEq)]
pub struct Difference {
    /// Line of the marker, from 1.
    pub line: usize,
    /// The kind of table.
    pub kind: String,
    /// The first line that differs, as it stands.
    pub stands: String,
    /// The same line as the rows have it.
    pub should: String,
}

/// A file with its tables written again.
pub struct Spliced {
    /// The whole text.
    pub text: String,
    /// Tables between markers.
    pub tables: usize,
    /// Those that were otherwise before.
    pub differences: Vec<Difference>,
}

/// Writes the tables of a text again; run folders are named from `folder`.
///
/// # Errors
/// A marker that cannot be read, or none at all; a run that is not there; rows that do not make the table.
/// Each with its line.
pub fn splice(text: &str, folder: &Path) -> Result<Spliced> {
    let mut spliced = Spliced {
        text: String::new(),
        tables: 0,
        differences: Vec::new(),
    };
    let mut fenced = false;
    let mut lines = text.split_inclusive('\n').zip(1..);
    while let Some((line, number)) = lines.next() {
        spliced.text += line;
        // A page that explains markers shows some.
        fenced ^= line.trim_start().starts_with("```");
        let of_line = || format!("line {number}");
        if fenced || !marker::is_marker(line) {
            continue;
        }
        let Some(marker) = Marker::begin(line, folder).with_context(of_line)? else {
            bail!("line {number}: ends a table that no marker begins");
        };
        let mut stands = String::new();
        let end = loop {
            match lines.next() {
                Some((line, _)) if marker::is_end(line) => break line,
                Some((line, other)) if marker::is_marker(line) => {
                    bail!("line {other}: begins a table inside that of line {number}")
                }
                Some((line, _)) => stands += line,
                None => bail!("line {number}: begins a table that no marker ends"),
            }
        };
        let should = format!("\n{}\n", table(&marker).with_context(of_line)?);
        if stands != should {
            spliced.differences.push(Difference {
                line: number,
                kind: marker.kind.clone(),
                ..first_difference(&stands, &should)
            });
        }
        spliced.tables += 1;
        spliced.text += &should;
        spliced.text += end;
    }
    if spliced.tables == 0 {
        bail!("has no table between markers: see qbench splice --help");
    }
    Ok(spliced)
}

fn table(marker: &Marker) -> Result<String> {
    let kind = KINDS.iter().find(|(kind, _)| *kind == marker.kind);
    let Some((kind, table)) = kind else {
        let kinds = KINDS.map(|(kind, _)| kind);
        bail!(
            "no kind of table is called `{}`{}",
            marker.kind,
            suggestion(&marker.kind, &kinds)
        );
    };
    table(marker).with_context(|| format!("the table `{kind}`"))
}

/// The first line in which two texts differ.
fn first_difference(stands: &str, should: &str) -> Difference {
    let (mut stands, mut should) = (stands.lines(), should.lines());
    loop {
        let (a, b) = (stands.next(), should.next());
        if a != b || a.is_none() {
            let said = |line: Option<&str>| line.unwrap_or_default().to_owned();
            return Difference {
                line: 0,
                kind: String::new(),
                stands: said(a),
                should: said(b),
            };
        }
    }
}

//! `qbench splice`: tables of runs in Markdown files.

use crate::cli::SpliceArguments;
use crate::record::whole;
use crate::splice;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Writes the tables of each file again, or only looks whether they are what the runs say.
///
/// # Errors
/// A file without markers, or with one that cannot be read; a run that is not there; with `--check` the first
/// table that differs.
pub fn splice(arguments: &SpliceArguments) -> Result<bool> {
    for path in &arguments.files {
        let name = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let spliced = splice::splice(&text, folder).with_context(|| name.to_string())?;
        match spliced.differences.first() {
            Some(first) if arguments.check => bail!(
                "{name}: line {}: the table `{}` is not what its runs say; qbench splice {name} writes it again\n  \
                 stands: {}\n  should: {}",
                first.line,
                first.kind,
                first.stands,
                first.should
            ),
            Some(_) => whole::write(path, spliced.text.as_bytes())?,
            None => {}
        }
        crate::say!(
            "{name}: {} tables are what their runs say{}",
            spliced.tables,
            match spliced.differences.len() {
                0 => String::new(),
                written => format!(", {written} of them written again"),
            }
        );
    }
    Ok(true)
}

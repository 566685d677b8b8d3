//! What a marker says.

use crate::compare::runs::Run;
use crate::names::suggestion;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

const BEGIN: &str = "qbench:begin";
const END: &str = "qbench:end";

/// A marker that begins a table: its kind and its parameters, `key=value` each.
pub struct Marker {
    /// The kind of table.
    pub kind: String,
    parameters: Vec<(String, String)>,
    folder: PathBuf,
}

/// The words inside a comment that is a line of its own.
fn words(line: &str) -> Vec<&str> {
    let comment = line.trim().strip_prefix("<!--");
    let inside = comment.and_then(|rest| rest.strip_suffix("-->"));
    inside.unwrap_or_default().split_whitespace().collect()
}

/// Whether a line is a marker of either sort.
pub fn is_marker(line: &str) -> bool {
    words(line)
        .first()
        .is_some_and(|word| word.starts_with("qbench:"))
}

/// Whether a line is a marker that ends a table.
pub fn is_end(line: &str) -> bool {
    words(line) == [END]
}

impl Marker {
    /// Reads a marker; `None` for one that ends a table.
    ///
    /// # Errors
    /// Words that are no marker, or no parameter.
    pub fn begin(line: &str, folder: &Path) -> Result<Option<Self>> {
        let (kind, parameters) = match words(line)[..] {
            [END] => return Ok(None),
            [BEGIN, kind, ref parameters @ ..] => (kind, parameters.to_vec()),
            _ => bail!("`{}` is no marker: see qbench splice --help", line.trim()),
        };
        let pair = |word: &&str| {
            let (key, value) = word
                .split_once('=')
                .with_context(|| format!("`{word}` is no parameter: write key=value"))?;
            Ok((key.to_owned(), value.to_owned()))
        };
        Ok(Some(Self {
            kind: kind.to_owned(),
            parameters: parameters.iter().map(pair).collect::<Result<_>>()?,
            folder: folder.to_owned(),
        }))
    }

    /// The parameters in the order written.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// A parameter that the table cannot do without.
    ///
    /// # Errors
    /// Where it is missing.
    pub fn need(&self, key: &str) -> Result<&str> {
        let found = self.parameters().find(|(name, _)| *name == key);
        let (_, value) = found.with_context(|| format!("its marker has no `{key}=..`"))?;
        Ok(value)
    }

    /// Refuses parameters of other names.
    ///
    /// # Errors
    /// The first of them, with the nearest known one.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.parameters().find(|(key, _)| !known.contains(key)) {
            Some((key, _)) => bail!("unknown parameter `{key}`{}", suggestion(key, known)),
            None => Ok(()),
        }
    }

    /// The runs of `runs=..`.
    ///
    /// # Errors
    /// A folder that is no run.
    pub fn runs(&self) -> Result<Vec<Run>> {
        let folders = self.folders()?.into_iter();
        folders.map(|folder| Run::read(&folder)).collect()
    }

    /// The folders of `runs=`.
    ///
    /// # Errors
    /// A marker without it.
    pub fn folders(&self) -> Result<Vec<PathBuf>> {
        let folders = self.need("runs")?.split(',');
        Ok(folders.map(|folder| self.folder.join(folder)).collect())
    }
}

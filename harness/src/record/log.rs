//! Append-only CSV files that survive a crash: a row is on disk when `append` returns, and a last line
//! that a crash tore is dropped when the file is opened again.

use anyhow::{Context, Result, bail};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An open file of rows.
pub struct Log {
    path: PathBuf,
    file: File,
    /// The first line; empty in an empty file.
    header: String,
}

/// The columns of one row with their names, in file order.
pub type Row = Vec<(String, String)>;

impl Log {
    /// Opens or makes the file; drops a torn last line and says so in the second value.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn open(path: &Path) -> Result<(Self, bool)> {
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        let (mut torn, mut header) = (false, String::new());
        // Of a device there is nothing to read back and nothing to cut off.
        if file.metadata()?.is_file() {
            let bytes =
                std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            torn = whole < bytes.len();
            if torn {
                file.set_len(whole as u64).with_context(|| {
                    format!("dropping the torn last line of {}", path.display())
                })?;
            }
            let first = bytes[..whole].split(|b| *b == b'\n').next();
            header = String::from_utf8_lossy(first.unwrap_or_default()).into_owned();
        }
        let path = path.to_owned();
        Ok((Self { path, file, header }, torn))
    }

    /// Writes rows, the header before the first, and waits until they are on disk.
    ///
    /// # Errors
    /// A full disk and whatever else the operating system says, with the path.
    pub fn append(&mut self, rows: &[Row]) -> Result<()> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
        let header = names.join(",");
        if !self.header.is_empty() && self.header != header {
            bail!(
                "{} has the columns of another version: start with --fresh",
                self.path.display()
            );
        }
        let mut text = csv::Writer::from_writer(Vec::new());
        if self.header.is_empty() {
            text.write_record(&names)?;
        }
        for row in rows {
            // A row is one line, whatever an error message holds: this is what makes a torn one visible.
            text.write_record(
                row.iter()
                    .map(|(_, value)| value.replace(['\n', '\r'], " ")),
            )?;
        }
        let bytes = text.into_inner().map_err(|e| anyhow::anyhow!("{e}"))?;
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data());
        match written {
            // A device has nothing to sync.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {}
            other => other.with_context(|| {
                format!(
                    "cannot write {}: the rows before it are kept",
                    self.path.display()
                )
            })?,
        }
        self.header = header;
        Ok(())
    }

    /// Cuts the file to its first `rows` rows.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn keep_rows(&mut self, rows: usize) -> Result<()> {
        let text = std::fs::read_to_string(&self.path)?;
        let length: usize = text
            .split_inclusive('\n')
            .take(rows + 1)
            .map(str::len)
            .sum();
        self.file
            .set_len(length as u64)
            .with_context(|| format!("cutting {}", self.path.display()))
    }
}

/// Whether rows of these columns can be appended to a file: one that is not there, or is empty, or has the
/// same columns.
pub fn continues(path: &Path, row: &Row) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
    text.lines()
        .next()
        .is_none_or(|header| header == names.join(","))
}

/// Reads a file of rows; a torn last line is left out. A file that is not there has no rows.
///
/// # Errors
/// The first row that cannot be read, by line.
pub fn read<T>(path: &Path, row: impl Fn(&[(&str, &str)]) -> Result<T, String>) -> Result<Vec<T>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(metadata) if !metadata.is_file() => return Ok(Vec::new()),
        _ => {}
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let whole = &text[..text.rfind('\n').map_or(0, |i| i + 1)];
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(whole.as_bytes());
    let header = reader.headers()?.clone();
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record?;
        if record.len() != header.len() {
            bail!(
                "{}:{}: expected {} columns, found {}",
                path.display(),
                index + 2,
                header.len(),
                record.len()
            );
        }
        let columns: Vec<(&str, &str)> = header.iter().zip(record.iter()).collect();
        rows.push(
            row(&columns)
                .map_err(|what| anyhow::anyhow!("{}:{}: {what}", path.display(), index + 2))?,
        );
    }
    Ok(rows)
}

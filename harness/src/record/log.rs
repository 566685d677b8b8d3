//! Append-only CSV files that survive a crash: a row is on disk when `append` returns, and a last line
//! that a crash tore is dropped when the file is opened again.

use anyhow::{Context, Result, anyhow, bail, ensure};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
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
    /// Opens or makes the file for rows with the columns of `row`; drops a torn last line and says so in the second value.
    ///
    /// # Errors
    /// [`look`]'s; the operating system's, with the path.
    pub fn open(path: &Path, row: &Row) -> Result<(Self, bool)> {
        let Found {
            header,
            whole_bytes,
            torn,
        } = look(path, row)?;
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if torn {
            file.set_len(whole_bytes)
                .with_context(|| format!("dropping the torn last line of {}", path.display()))?;
        }
        let path = path.to_owned();
        Ok((Self { path, file, header }, torn))
    }

    /// Whether what stands at the file's path is still the file.
    ///
    /// # Errors
    /// One sentence that says that it is not.
    pub fn in_place(&self) -> Result<()> {
        ensure!(
            same(&self.file, &self.path),
            "{} was moved, removed or replaced while this run writes into it: what was measured is in the file that was \
             there before; start again once it is back",
            self.path.display()
        );
        Ok(())
    }

    /// Writes rows, the header before the first, and waits until they are on disk.
    ///
    /// # Errors
    /// A full disk and whatever else the operating system says, with the path.
    pub fn append(&mut self, rows: &[Row]) -> Result<()> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let header = header_of(first);
        ensure!(
            self.header.is_empty() || self.header == header,
            "{} was opened for rows of other columns",
            self.path.display()
        );
        let mut text = csv::Writer::from_writer(Vec::new());
        if self.header.is_empty() {
            text.write_record(first.iter().map(|(name, _)| name))?;
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
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
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
        let bytes = std::fs::read(&self.path)?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(bytes.as_slice());
        if let Some(first) = reader.byte_records().nth(rows) {
            let length = first?.position().map_or(0, csv::Position::byte);
            self.file
                .set_len(length)
                .with_context(|| format!("cutting {}", self.path.display()))?;
        }
        Ok(())
    }
}

/// What a file of rows was found to be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The first line; empty in an empty file.
    header: String,
    /// Bytes up to the last line end.
    whole_bytes: u64,
    /// Whether something stands after it.
    torn: bool,
}

/// Looks whether rows with the columns of `row` can be appended to a file, and changes nothing. One that is not there or is
/// empty takes any, and so does a device.
///
/// # Errors
/// A file that another program or version has written, with what can be done about it.
pub fn look(path: &Path, row: &Row) -> Result<Found> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::default()),
        // Of a device there is nothing to read back and nothing to cut off.
        Ok(metadata) if !metadata.is_file() => return Ok(Found::default()),
        _ => {}
    }
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let name = path.display();
    let (marked, returns) = (bytes.starts_with(MARK), bytes.contains(&b'\r'));
    if marked || returns {
        bail!(
            "{name} was saved by another program, with {}, and rows cannot be added to it like that; this makes it plain \
             again: sed -i '1s/^\\xEF\\xBB\\xBF//; s/\\r$//' '{name}'",
            if marked {
                "a byte-order mark"
            } else {
                "CRLF line ends"
            }
        );
    }
    let ours = header_of(row);
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let header = String::from_utf8_lossy(first).into_owned();
    // A crash can tear the very first line.
    let begun = whole == 0 && ours.starts_with(&header);
    if header != ours && !begun {
        let start: String = header.chars().take(40).collect();
        if header.starts_with("cell,repetition,") {
            bail!(
                "{name} has the columns of another version of qbench: choose another folder (--out), or a fresh one (--fresh)"
            );
        }
        bail!("{name} is no file of qbench, as it begins `{start}`: choose another folder (--out)");
    }
    Ok(Found {
        header: if begun { String::new() } else { header },
        whole_bytes: whole as u64,
        torn: whole < bytes.len(),
    })
}

/// The byte-order mark of UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

fn header_of(row: &Row) -> String {
    let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
    names.join(",")
}

/// Whether an open file or folder is what stands at a path.
pub fn same(file: &File, path: &Path) -> bool {
    let of = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(file), Ok(there)) => of(file) == of(there),
        _ => false,
    }
}

/// Reads a file of rows with their lines; a torn last line is left out. A file that is not there has no rows. `needed` are
/// columns without which it is no file of rows.
///
/// # Errors
/// The first row that cannot be read, by line.
pub fn read<T>(
    path: &Path,
    needed: &[&str],
    row: impl Fn(&[(&str, &str)]) -> Result<T, String>,
) -> Result<Vec<(u64, T)>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(metadata) if !metadata.is_file() => return Ok(Vec::new()),
        _ => {}
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let text = text.trim_start_matches('\u{feff}');
    let whole = &text[..text.rfind('\n').map_or(0, |i| i + 1)];
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(whole.as_bytes());
    let header = reader.headers()?.clone();
    if let Some(missing) = needed
        .iter()
        .find(|name| !header.iter().any(|h| h == **name))
        && !text.is_empty()
    {
        bail!(
            "{}:1: column `{missing}` is missing: this is no file of qbench",
            path.display()
        );
    }
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record?;
        let from = record.position().map_or(0, |p| p.byte() as usize);
        // The reader may stand between the two bytes of a line end, or before empty lines.
        let ends = |b: &&u8| matches!(**b, b'\n' | b'\r');
        let start = from + whole.as_bytes()[from..].iter().take_while(ends).count();
        line += whole.as_bytes()[counted..start]
            .iter()
            .filter(|b| **b == b'\n')
            .count() as u64;
        counted = start;
        if record.len() != header.len() {
            bail!(
                "{}:{line}: expected {} columns, found {}",
                path.display(),
                header.len(),
                record.len()
            );
        }
        let columns: Vec<(&str, &str)> = header.iter().zip(record.iter()).collect();
        let read = row(&columns).map_err(|what| anyhow!("{}:{line}: {what}", path.display()))?;
        rows.push((line, read));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        ["cell", "repetition", "b"]
            .map(|n| (n.to_owned(), "1".to_owned()))
            .into()
    }

    /// What is said of a file that holds `text`, and that the file stays as it is.
    fn said(text: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, text).unwrap();
        let said = match look(&path, &row()) {
            Ok(found) => format!("{found:?}"),
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(std::fs::read(&path).unwrap(), text);
        if said.contains("whole_bytes") {
            Log::open(&path, &row())
                .unwrap()
                .0
                .append(&[row()])
                .unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("cell,repetition,b\n"), "{text}");
            assert!(text.ends_with("\n1,1,1\n"), "{text}");
        } else {
            assert!(Log::open(&path, &row()).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), text);
        }
        said
    }

    #[test]
    fn only_what_is_ours_is_opened_or_cut() {
        for (text, words) in [
            ("a,b\n1,2\n3,4", "no file of qbench, as it begins `a,b`"),
            ("a,b", "no file of qbench"),
            ("\n", "no file of qbench"),
            ("cell,repetition,c\n1,2,3\n", "another version"),
            ("cell,repetition,b\r\n1,2,3\r\n", "CRLF"),
            ("\u{feff}cell,repetition,b\n1,2,3\n", "byte-order mark"),
            ("", "torn: false"),
            ("cell,repe", "torn: true"),
            ("cell,repetition,b", "torn: true"),
            ("cell,repetition,b\n", "torn: false"),
            ("cell,repetition,b\n1,2,3\n4,", "torn: true"),
        ] {
            let said = said(text.as_bytes());
            assert!(said.contains(words), "{text:?}: {said}");
        }
    }

    #[test]
    fn files_that_other_programs_saved_are_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let mut all = Vec::new();
        for text in [
            "cell,repetition\na,1\nb,2\n",
            "\u{feff}cell,repetition\na,1\nb,2\n",
            "cell,repetition\r\na,1\r\nb,2\r\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let join = |c: &[(&str, &str)]| Ok(format!("{c:?}"));
            all.push(read(&path, &["cell"], join).unwrap());
        }
        assert_eq!(all[0].len(), 2);
        assert_eq!(all[0][1].0, 3, "lines count from one");
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
    }

    #[test]
    fn rows_are_kept_by_their_number_also_with_empty_lines_between() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "cell,repetition,b\n1,1,1\n\n2,2,2\n3,3,3\n").unwrap();
        Log::open(&path, &row()).unwrap().0.keep_rows(2).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "cell,repetition,b\n1,1,1\n\n2,2,2\n");
    }
}

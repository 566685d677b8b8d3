//! Bytes that wait in a file: written at its end, read from its beginning, fetched before they are needed.

use crate::wipe::Wiped;
use crate::{Error, Result};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

/// Bytes that are gathered before they are written to the file.
const BUFFER_BYTES: usize = 1 << 20;
/// Bytes that are fetched before they are needed.
const READ_AHEAD_BYTES: u64 = 256 << 20;

/// A thread that asks the system to read parts of a file into its cache. The request itself waits for the disk once there are many,
/// which is why it has a thread. Without one nothing is fetched ahead.
struct Fetcher {
    requests: Option<Sender<Range<u64>>>,
}

impl Fetcher {
    fn new(file: &File) -> Self {
        let Ok(file) = file.try_clone() else {
            return Self { requests: None };
        };
        let (requests, asked) = channel::<Range<u64>>();
        let body = move || {
            for part in asked {
                let needed = PosixFadviseAdvice::POSIX_FADV_WILLNEED;
                let count = (part.end - part.start) as i64;
                let _ = posix_fadvise(&file, part.start as i64, count, needed);
            }
        };
        let started = std::thread::Builder::new()
            .name("read-ahead".into())
            .spawn(body);
        Self {
            requests: started.is_ok().then_some(requests),
        }
    }

    fn fetch(&self, part: Range<u64>) {
        if let Some(requests) = &self.requests {
            let _ = requests.send(part);
        }
    }
}

/// A file that is written at its end and read from its beginning.
///
/// # Security
/// Shares of correlated randomness lie on the disk as they are. The file has no name and can be opened by nobody else, but
/// who can read the disk itself can read it, and nothing is overwritten there: the blocks keep what was in them until the file
/// system uses them again. An encrypted disk, or a folder in memory (tmpfs, without swap), keeps nothing.
pub(super) struct Spill {
    pub(super) folder: PathBuf,
    file: File,
    /// What is to be written next; the first [`Spill::waiting`] bytes. A `BufWriter` would not be zeroed.
    buffer: Wiped<u8>,
    /// Bytes in the buffer.
    waiting: usize,
    /// Where the next piece begins.
    read: u64,
    /// Where the buffer will be written.
    written: u64,
    /// Up to where the system has been asked to read: never before `read`.
    ahead: u64,
    fetcher: Fetcher,
}

impl Spill {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let wrong = |error| {
            Error::io(
                format!("making a file for material in {}", folder.display()),
                error,
            )
        };
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|e| wrong(std::io::Error::other(e)))?;
        let path = folder.join(format!(
            ".qbench-material-{:016x}",
            u64::from_le_bytes(name)
        ));
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(wrong)?;
        std::fs::remove_file(&path).map_err(wrong)?;
        Ok(Self {
            folder: folder.to_owned(),
            fetcher: Fetcher::new(&file),
            file,
            buffer: Wiped::zeros(BUFFER_BYTES),
            waiting: 0,
            read: 0,
            written: 0,
            ahead: 0,
        })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.waiting + bytes.len() > self.buffer.len() {
            self.flush()?;
        }
        if bytes.len() > self.buffer.len() {
            let outcome = self.file.write_all_at(bytes, self.written);
            self.written += bytes.len() as u64;
            return self.done("writing", outcome);
        }
        self.buffer[self.waiting..][..bytes.len()].copy_from_slice(bytes);
        self.waiting += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let waiting = &self.buffer[..std::mem::take(&mut self.waiting)];
        let outcome = self.file.write_all_at(waiting, self.written);
        self.written += waiting.len() as u64;
        self.done("writing", outcome)
    }

    pub(super) fn read(&mut self, length: usize) -> Result<Wiped<u8>> {
        self.flush()?;
        self.read_ahead(length as u64);
        let mut bytes = Wiped::zeros(length);
        let outcome = self.file.read_exact_at(&mut bytes, self.read);
        self.done("reading", outcome)?;
        self.read += length as u64;
        if self.read == self.written {
            // All has been used: the next inference's material takes the place of this one's. (Cutting the file short would take
            // seconds, of the phase that is timed.)
            (self.read, self.written, self.ahead) = (0, 0, 0);
        }
        Ok(bytes)
    }

    /// Has what comes after the next `length` bytes fetched while they are being used.
    pub(super) fn read_ahead(&mut self, length: u64) {
        let until = (self.read + length + READ_AHEAD_BYTES).min(self.written);
        // A quarter of a window at a time: a request costs more than it brings where pieces are small.
        if until > self.ahead
            && (until == self.written || until - self.ahead > READ_AHEAD_BYTES / 4)
        {
            self.fetcher.fetch(self.ahead..until);
            self.ahead = until;
        }
    }

    fn done(&self, what: &str, outcome: std::io::Result<()>) -> Result<()> {
        outcome.map_err(|error| {
            Error::io(
                format!("{what} material in {}", self.folder.display()),
                error,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dealt, Store};
    use super::*;

    fn dealt(byte: u8) -> Dealt {
        Dealt::bytes(vec![byte; 3_000_000])
    }

    /// The file has no name for others to cut; what a disk has lost is said all the same.
    #[test]
    fn a_file_cut_short_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::spilled(folder.path(), 0).unwrap();
        store.put("a", "pairs", dealt(7)).unwrap();
        store.put("a", "pairs", dealt(8)).unwrap();
        let spill = store.spill.as_mut().unwrap();
        spill.flush().unwrap();
        spill.file.set_len(5_000_000).unwrap();
        assert!(store.take("a", &"pairs").unwrap().bytes == Some(vec![7; 3_000_000].into()));
        let error = store.take("a", &"pairs").unwrap_err().to_string();
        assert!(error.contains("reading material in"), "{error}");
    }

    /// The device that is always full: one error with the folder, and nothing left there.
    #[test]
    fn a_full_disk_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::spilled(folder.path(), 0).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        store.spill.as_mut().unwrap().file = full;
        let outcome = store.put("a", "pairs", dealt(7));
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("writing material in"), "{error}");
        assert!(error.to_lowercase().contains("space"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

//! Folders that this program has made, and can therefore make again: a record in each says of what it was made and what
//! its files were. Without it, or with other files, a folder is somebody's and is never overwritten.

use anyhow::{Context, Result, anyhow, bail};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The record's file.
pub const RECORD_FILE: &str = "made.json";
/// Version of the record.
const VERSION: u32 = 1;

/// What stands in [`RECORD_FILE`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    version: u32,
    /// Hash of all that the folder was made of.
    from: String,
    /// BLAKE3 of each file by its name.
    files: BTreeMap<String, String>,
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing, or an empty folder.
    Absent,
    /// What was made of the same, whole.
    Current,
    /// What was made of something else, whole.
    Stale,
}

/// Looks at a place where a folder made of `from` is wanted.
///
/// # Errors
/// What is not this program's, or no longer as it was made.
pub fn state(place: &Path, from: &str) -> Result<State> {
    loop {
        let folder = identity(place);
        let seen = look(place, from);
        // Another process may have put its folder there meanwhile: then half of what was seen is of the one before.
        if identity(place) == folder {
            return seen;
        }
    }
}

/// Device and inode of what stands at a place.
fn identity(place: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(place).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn look(place: &Path, from: &str) -> Result<State> {
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound && fs::symlink_metadata(place).is_err() => {
            return Ok(State::Absent);
        }
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", place.display())),
    };
    let names = entries.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<std::io::Result<Vec<_>>>()?;
    if names.is_empty() {
        return Ok(State::Absent);
    }
    let record = whole(place)?;
    let known = |name: &std::ffi::OsString| {
        name.to_str()
            .is_some_and(|name| name == RECORD_FILE || record.files.contains_key(name))
    };
    match names.iter().find(|name| !known(name)) {
        _ if record.from == from => Ok(State::Current),
        // Making it again would remove this file.
        Some(other) => bail!(
            "it also holds {}, which is none of its files",
            other.display()
        ),
        None => Ok(State::Stale),
    }
}

/// The record of a folder all of whose files are as they were made.
fn whole(place: &Path) -> Result<Record> {
    let path = place.join(RECORD_FILE);
    let bytes = match fs::read(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            bail!("it has no {RECORD_FILE}: nothing says of what it was made, and by whom")
        }
        bytes => bytes.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let record: Record = serde_json::from_slice(&bytes)
        .with_context(|| format!("its {RECORD_FILE} is no record of this program"))?;
    if record.version != VERSION {
        bail!("its {RECORD_FILE} is of version {}", record.version);
    }
    for (name, hash) in &record.files {
        if hash_of(&place.join(name))? != *hash {
            bail!("its {name} is not what was made");
        }
    }
    Ok(record)
}

fn hash_of(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let cannot = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    hasher.update_reader(file).with_context(cannot)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// A folder under way, which is gone if it does not become one.
pub struct Draft {
    /// Where its files are written.
    pub path: PathBuf,
    keep: bool,
}

impl Draft {
    /// A new folder beside a place, so that it can be renamed.
    ///
    /// # Errors
    /// The operating system's.
    pub fn beside(place: &Path) -> std::io::Result<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(place.file_name().unwrap_or_default());
        name.push(format!(".{}.draft", std::process::id()));
        let path = place.with_file_name(name);
        // Of a process that was killed and had the same number.
        let _ = fs::remove_dir_all(&path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::create_dir(&path)?;
        Ok(Self { path, keep: false })
    }

    /// Writes the record and puts the folder into its place, whole or not at all, where nothing or something stale stands.
    ///
    /// # Errors
    /// The operating system's; a place that has become somebody else's.
    pub fn become_folder(mut self, place: &Path, from: &str) -> Result<()> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|name| anyhow!("{} has no name in JSON", name.display()))?;
            files.insert(name, hash_of(&entry.path())?);
        }
        let record = serde_json::to_vec_pretty(&Record {
            version: VERSION,
            from: from.to_owned(),
            files,
        })?;
        fs::write(self.path.join(RECORD_FILE), record)?;
        for entry in fs::read_dir(&self.path)? {
            File::open(entry?.path())?.sync_all()?;
        }
        let state_now =
            || state(place, from).context("what has come to stand there is not overwritten");
        match state_now()? {
            // Another process was faster.
            State::Current => return Ok(()),
            State::Absent => match fs::rename(&self.path, place) {
                Err(_) if matches!(state(place, from), Ok(State::Current)) => return Ok(()),
                renamed => renamed?,
            },
            State::Stale => {
                self.exchange(place)?;
                // What was there is here now, and goes with the draft, unless somebody has just written into it.
                self.keep = whole(&self.path).is_err();
            }
        }
        let parent = place.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }

    /// Changes places with what stands there.
    fn exchange(&self, place: &Path) -> Result<()> {
        let flags = RenameFlags::RENAME_EXCHANGE;
        if renameat2(AT_FDCWD, &self.path, AT_FDCWD, place, flags).is_ok() {
            return Ok(());
        }
        // A file system that cannot do it at once.
        let mut aside = self.path.clone().into_os_string();
        aside.push("-old");
        fs::rename(place, &aside)?;
        fs::rename(&self.path, place)?;
        fs::rename(&aside, &self.path)?;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.keep {
            // After a renaming there may be nothing at the draft's place.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(place: &Path, from: &str, text: &str) -> Result<()> {
        let draft = Draft::beside(place)?;
        fs::write(draft.path.join("file"), text)?;
        draft.become_folder(place, from)
    }

    #[test]
    fn what_was_made_is_replaced_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("deep/made");
        assert_eq!(state(&place, "a").unwrap(), State::Absent);
        make(&place, "a", "one").unwrap();
        assert_eq!(state(&place, "a").unwrap(), State::Current);
        assert_eq!(state(&place, "b").unwrap(), State::Stale);
        make(&place, "b", "two").unwrap();
        assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "two");
        // No drafts are left, nor what was replaced.
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);

        // Somebody's file beside: kept with what is current, and in the way of another.
        fs::write(place.join("notes"), "").unwrap();
        assert_eq!(state(&place, "b").unwrap(), State::Current);
        assert!(
            state(&place, "c")
                .unwrap_err()
                .to_string()
                .contains("notes")
        );
        assert!(make(&place, "c", "three").is_err());
        fs::remove_file(place.join("notes")).unwrap();

        for damage in ["", "tw", "somebody's"] {
            fs::write(place.join("file"), damage).unwrap();
            for from in ["b", "c"] {
                let error = state(&place, from).unwrap_err().to_string();
                assert!(error.contains("file is not what was made"), "{error}");
                assert!(make(&place, from, "three").is_err());
            }
            assert_eq!(fs::read_to_string(place.join("file")).unwrap(), damage);
        }
        fs::remove_file(place.join("file")).unwrap();
        assert!(format!("{:#}", state(&place, "b").unwrap_err()).contains("cannot read"));
        for record in ["", "{}", "{\"version\": 2, \"from\": \"b\", \"files\": {}}"] {
            fs::write(place.join(RECORD_FILE), record).unwrap();
            assert!(state(&place, "b").is_err());
        }
        fs::remove_file(place.join(RECORD_FILE)).unwrap();
        assert_eq!(state(&place, "b").unwrap(), State::Absent);
        fs::write(place.join("public.safetensors"), "somebody's").unwrap();
        assert!(
            state(&place, "b")
                .unwrap_err()
                .to_string()
                .contains("no made.json")
        );
    }

    #[test]
    fn no_folder_is_no_place() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("made");
        fs::write(&place, "").unwrap();
        assert!(state(&place, "a").is_err());
        fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink("nowhere", &place).unwrap();
        assert!(state(&place, "a").is_err());
    }
}

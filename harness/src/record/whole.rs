//! Files that are written whole or not at all, whatever happens between.

use anyhow::{Context, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// What a draft's name has after its file's.
pub const DRAFT: &str = ".partial-";

/// Writes a file beside its place, and puts it there once it is on disk.
///
/// # Errors
/// The operating system's, with the path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("{DRAFT}{}", std::process::id()));
    let draft = path.with_file_name(name);
    // Of an earlier process of this number, which was killed.
    let _ = fs::remove_file(&draft);
    let put = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        // Then the name is on disk too.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    put()
        .inspect_err(|_| {
            // Whatever was written of it is of no use.
            let _ = fs::remove_file(&draft);
        })
        .with_context(|| format!("cannot write {}", path.display()))
}

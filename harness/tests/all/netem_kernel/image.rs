//! An initial memory file system in the format `newc` of cpio, which Linux unpacks at boot.

use std::path::Path;

/// The archive under construction.
#[derive(Default)]
pub struct Image {
    bytes: Vec<u8>,
    inode: u32,
    folders: Vec<String>,
}

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

impl Image {
    /// Adds a file, executable, with the folders above it. `path` has no slash at its start.
    pub fn file(&mut self, path: &str, content: &[u8]) {
        let mut above = String::new();
        for part in path.split('/').take(path.matches('/').count()) {
            above = if above.is_empty() {
                part.to_owned()
            } else {
                format!("{above}/{part}")
            };
            self.folder(&above);
        }
        self.entry(path, PROGRAM, content);
    }

    /// Adds a copy of a file of this machine.
    pub fn copy(&mut self, from: &Path, path: &str) {
        let content = std::fs::read(from).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
        self.file(path, &content);
    }

    /// Adds an empty folder.
    pub fn folder(&mut self, path: &str) {
        if !self.folders.iter().any(|f| f == path) {
            self.folders.push(path.to_owned());
            self.entry(path, FOLDER, &[]);
        }
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.inode += 1;
        let links = if mode == FOLDER { 2 } else { 1 };
        // Inode, mode, owner, group, links, time, size, device (two), its own device (two), name, checksum.
        let name_bytes = path.len() as u32 + 1;
        let fields = [
            self.inode,
            mode,
            0,
            0,
            links,
            0,
            content.len() as u32,
            0,
            0,
            0,
            0,
            name_bytes,
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").into_bytes());
        }
        self.bytes.extend(path.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

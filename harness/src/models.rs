//! Where weights come from: drawn from a seed once a run, or a folder on disk.

use anyhow::{Context, Result};
use qbench_protocols::model::config::ModelConfig;
use std::path::{Path, PathBuf};

/// Where the weights of a cell come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// Drawn from a seed.
    Synthetic {
        /// The seed.
        seed: u64,
    },
    /// A model folder, and the hash of its files.
    Folder {
        /// The folder.
        dir: PathBuf,
        /// BLAKE3 over its files.
        hash: String,
    },
}

impl ModelSource {
    /// What enters a cell's content hash.
    pub fn identity(&self) -> String {
        match self {
            Self::Synthetic { seed } => format!("synthetic-{seed}"),
            Self::Folder { hash, .. } => format!("folder-{hash}"),
        }
    }
}

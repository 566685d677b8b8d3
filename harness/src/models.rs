//! Where weights come from: drawn from a seed once a run, or a folder on disk.

use anyhow::{Context, Result};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::store::{self, PRIVATE_FILE, PUBLIC_FILE};
use qbench_protocols::model::synthetic::synthetic;
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
        /// BLAKE3 over its files, 12 digits.
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

/// Reads what is public of a model folder.
///
/// # Errors
/// A folder that is not there or holds no model.
pub fn folder(dir: &Path) -> Result<(ModelConfig, ModelSource)> {
    let dir = dir
        .canonicalize()
        .with_context(|| format!("no model folder at {}", dir.display()))?;
    let config = store::load_public(&dir)?.config;
    let mut hasher = blake3::Hasher::new();
    for file in [PUBLIC_FILE, PRIVATE_FILE] {
        let path = dir.join(file);
        let open = std::fs::File::open(&path);
        let open = open.with_context(|| format!("cannot read {}", path.display()))?;
        hasher.update_reader(open)?;
    }
    let hash = hasher.finalize().to_hex()[..12].to_owned();
    Ok((config, ModelSource::Folder { dir, hash }))
}

/// The folders of synthetic models of one run, each written once.
pub struct Models {
    base: PathBuf,
}

impl Models {
    /// Models are written below `base`.
    pub fn new(base: PathBuf) -> Self {
        Self { base }
    }

    /// The folder of a model, written now if it is not there yet.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn folder_of(&self, config: &ModelConfig, source: &ModelSource) -> Result<PathBuf> {
        let seed = match source {
            ModelSource::Folder { dir, .. } => return Ok(dir.clone()),
            ModelSource::Synthetic { seed } => *seed,
        };
        let dir = self.base.join(format!("{}-{seed}", config.name));
        // Each file is written whole or not at all, the public one last.
        if !dir.join(PUBLIC_FILE).exists() {
            let model = synthetic(config, seed)?;
            store::save(&dir, &model, None)?;
        }
        Ok(dir.canonicalize()?)
    }
}

//! Where weights come from: drawn from a seed once a run, or a folder on disk.

pub mod checkpoint;
mod made;
pub mod plan_file;

use crate::names::{ACTIVATIONS, name_of};
use anyhow::{Context, Result, ensure};
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::store::{self, PRIVATE_FILE, PUBLIC_FILE};
use qbench_protocols::model::synthetic::synthetic;
use std::cell::RefCell;
use std::collections::HashMap;
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

    /// Looks whether a model folder still holds what it held when the cell got its name: its files are read anew by every
    /// repetition.
    ///
    /// # Errors
    /// [`Changed`].
    pub fn unchanged(&self) -> Result<()> {
        let Self::Folder { dir, hash } = self else {
            return Ok(());
        };
        let what = match hash_of(dir) {
            Ok(now) if now == *hash => return Ok(()),
            Ok(now) => format!("its files were {hash} and are {now}"),
            Err(error) => format!("{error:#}"),
        };
        Err(Changed(format!(
            "model folder {} has changed since this command began ({what}): start again for cells of what it holds now, or \
             put its files back to go on with these",
            dir.display()
        ))
        .into())
    }
}

/// A model folder with other files than those that a cell is named after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed(String);

impl std::fmt::Display for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Changed {}

/// Reads a model folder, or the quantized form of a Hugging Face folder, which is made if it is not there.
///
/// # Errors
/// A folder that is not there or holds no model; files of different models; as [`checkpoint::model_folder`].
pub fn folder(dir: &Path) -> Result<(ModelConfig, ModelSource)> {
    form(dir, checkpoint::How::default())
}

/// [`folder`] with a choice of how a checkpoint is quantized.
///
/// # Errors
/// As [`folder`].
pub fn form(dir: &Path, how: checkpoint::How<'_>) -> Result<(ModelConfig, ModelSource)> {
    let dir = checkpoint::model_folder(dir, how)?.canonicalize()?;
    // Before the files are read: what is replaced meanwhile is found by its hash.
    let hash = hash_of(&dir)?;
    let (public, private) = (store::load_public(&dir)?, store::load_private(&dir)?);
    let same = public.config == private.config
        && public.input_range == private.input_range
        && public.output_range == private.output_range()?;
    ensure!(
        same,
        "{}: {PUBLIC_FILE} and {PRIVATE_FILE} are of different models (`{}` and `{}`): put both files of one there",
        dir.display(),
        public.config.name,
        private.config.name
    );
    Ok((public.config, ModelSource::Folder { dir, hash }))
}

/// BLAKE3 over both files of a model folder, 12 digits.
fn hash_of(dir: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for file in [PUBLIC_FILE, PRIVATE_FILE] {
        let path = dir.join(file);
        let cannot = || format!("cannot read {}", path.display());
        let open = std::fs::File::open(&path).with_context(cannot)?;
        hasher.update_reader(open).with_context(cannot)?;
    }
    Ok(hasher.finalize().to_hex()[..12].to_owned())
}

/// The folders of synthetic models of one run.
pub struct Models {
    base: PathBuf,
    /// What was written by this process: folder, and the hash of its files.
    written: RefCell<HashMap<PathBuf, String>>,
}

impl Models {
    /// Models are written below `base`.
    pub fn new(base: PathBuf) -> Self {
        Self {
            base,
            written: RefCell::default(),
        }
    }

    /// The folder of a model. A synthetic one is written at its first use, whatever an earlier start has left there, and again
    /// when it is no longer what was written: the seed says all of it.
    ///
    /// # Errors
    /// A folder that cannot be written; [`Changed`].
    pub fn folder_of(&self, config: &ModelConfig, source: &ModelSource) -> Result<PathBuf> {
        let seed = match source {
            ModelSource::Folder { dir, .. } => {
                source.unchanged()?;
                return Ok(dir.clone());
            }
            ModelSource::Synthetic { seed } => *seed,
        };
        // The same signs, but the ranges differ with the activation function.
        let activation = match config.activation {
            ActivationFunction::Relu => String::new(),
            other => format!("-{}", name_of(ACTIVATIONS, &other)),
        };
        let name = format!("{}{activation}-{seed}", config.name);
        let dir = self.base.join(name);
        let mut written = self.written.borrow_mut();
        let sound = match (written.get(&dir), hash_of(&dir)) {
            (Some(hash), Ok(now)) => *hash == now,
            _ => false,
        };
        if !sound {
            let model = synthetic(config, seed)?;
            store::save(&dir, &model, None, &[])?;
            written.insert(dir.clone(), hash_of(&dir)?);
        }
        Ok(dir.canonicalize()?)
    }
}

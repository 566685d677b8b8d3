//! Where weights come from: drawn from a seed once a run, or a folder on disk.

use crate::names::{ACTIVATIONS, name_of};
use anyhow::{Context, Result, bail};
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::quantize::quantize;
use qbench_protocols::model::store::{self, PRIVATE_FILE, PUBLIC_FILE};
use qbench_protocols::model::synthetic::synthetic;
use qbench_tokenizer::{TOKENIZER_FILE, Tokenizer};
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
        // The same signs, but the ranges differ with the activation function.
        let activation = match config.activation {
            ActivationFunction::Relu => String::new(),
            other => format!("-{}", name_of(ACTIVATIONS, &other)),
        };
        let name = format!("{}{activation}-{seed}", config.name);
        let dir = self.base.join(name);
        // Each file is written whole or not at all, the public one last.
        if !dir.join(PUBLIC_FILE).exists() {
            let model = synthetic(config, seed)?;
            store::save(&dir, &model, None)?;
        }
        Ok(dir.canonicalize()?)
    }
}

/// Sentences on which a checkpoint's activation ranges are set: everyday English of several lengths.
const CALIBRATION: &[&str] = &[
    "The weather was fine and we walked along the river until noon.",
    "A slow, thoughtful film with two actors at the height of their powers.",
    "I would not recommend this hotel to anyone.",
    "The committee will publish its report on the new railway next week.",
    "How do I reset the password of my account?",
    "She bought three apples, a loaf of bread and some cheese at the market.",
    "Researchers measured the temperature of the lake every hour for a year.",
    "Nothing about the plot makes sense, and the jokes fall flat.",
    "The company's shares rose by four percent after the announcement.",
    "Please send me the invoice before the end of the month.",
    "It is one of the best books I have read in a long time, and I read a lot of them.",
    "Good.",
    "What time does the last train to the city leave on Sundays?",
    "The patient was given two tablets a day and recovered within a week.",
    "Children were playing football in the street when the rain began.",
    "The court held that the contract had been broken by both sides.",
];

/// The quantized form of a Hugging Face folder, made on first use and kept in `DIR/qbench-model`; a folder
/// that holds a quantized model is taken as it is.
///
/// # Errors
/// A folder that holds neither; a checkpoint that cannot be read; a place that cannot be written.
pub fn quantized_folder(dir: &Path) -> Result<PathBuf> {
    if dir.join(PUBLIC_FILE).exists() {
        return Ok(dir.to_owned());
    }
    if !dir.join(checkpoint::CONFIG_FILE).exists() {
        bail!(
            "{} holds no model: expected config.json, model.safetensors and tokenizer.json of a BERT",
            dir.display()
        );
    }
    let cached = dir.join("qbench-model");
    if cached.join(PUBLIC_FILE).exists() {
        return Ok(cached);
    }
    crate::note!(
        "quantizing {} into {} (once)",
        dir.display(),
        cached.display()
    );
    let tokenizer = Tokenizer::load(dir)?;
    let model = checkpoint::load(dir)?;
    let embeddings = model
        .embeddings
        .as_ref()
        .context("the checkpoint has no embeddings")?;
    let mut inputs = Vec::new();
    for text in CALIBRATION {
        let mut tokens = tokenizer.encode(text)?;
        tokens.truncate(model.config.max_positions);
        inputs.push(embeddings.embed(&tokens)?);
    }
    let quantized = quantize(&model, &inputs)?;
    std::fs::create_dir_all(&cached)
        .with_context(|| format!("cannot make {}", cached.display()))?;
    store::copy(&dir.join(TOKENIZER_FILE), &cached.join(TOKENIZER_FILE))?;
    store::save(&cached, &quantized, model.embeddings.as_ref())?;
    Ok(cached)
}

//! The weights' file, and what stands in folders that lack it.

use crate::Result;
use crate::model::tensors::{fault, read};
use std::fs;
use std::path::Path;

/// What files of other formats are called, and what they are, the likeliest first.
const OTHERS: &[(&str, &str)] = &[
    ("model.safetensors.index.json", "weights in several files"),
    ("pytorch_model.bin", "weights as PyTorch pickles them"),
    (
        "pytorch_model.bin.index.json",
        "pickled weights in several files",
    ),
    ("tf_model.h5", "weights for TensorFlow"),
    ("flax_model.msgpack", "weights for Flax"),
    (
        "adapter_model.safetensors",
        "an adapter, not a whole model: merge it into its base first",
    ),
    ("adapter_model.bin", "an adapter, not a whole model"),
];
/// The same by the ends of names.
const ENDINGS: &[(&str, &str)] = &[
    ("safetensors", "weights under another name"),
    ("onnx", "a graph for ONNX"),
    ("gguf", "weights for llama.cpp"),
    ("bin", "weights as PyTorch pickles them"),
    ("pt", "weights as PyTorch pickles them"),
    ("pth", "weights as PyTorch pickles them"),
    ("index", "a checkpoint of TensorFlow"),
    ("h5", "weights for TensorFlow"),
];

/// Reads the weights' file whole.
///
/// # Errors
/// No such file, with the one that is there instead; a pointer of Git LFS; the operating system's.
pub(super) fn read_weights(path: &Path) -> Result<Vec<u8>> {
    if !path.exists()
        && let Some((name, what)) = instead(path)
    {
        return Err(fault(
            path,
            format!(
                "is not there, and `{name}` is ({what}): in transformers \
                 `AutoModel.from_pretrained(DIR).save_pretrained(NEW_DIR, max_shard_size=\"100GB\")` writes the file that is read \
                 here, with the checkpoint's own class in the place of AutoModel where it has a head"
            ),
        ));
    }
    let bytes = read(path)?;
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(fault(
            path,
            "is the pointer that Git LFS leaves in the place of a large file: `git lfs pull` fetches the file",
        ));
    }
    Ok(bytes)
}

/// The name of a weights' file of another format in the same folder, and what it is.
fn instead(path: &Path) -> Option<(String, &'static str)> {
    let dir = path.parent()?;
    let known = OTHERS.iter().find(|(name, _)| dir.join(name).exists());
    if let Some((name, what)) = known {
        return Some(((*name).to_owned(), what));
    }
    let mut names: Vec<_> = fs::read_dir(dir)
        .ok()?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    ENDINGS.iter().find_map(|(ending, what)| {
        let of_kind = |name: &&std::ffi::OsString| {
            Path::new(name)
                .extension()
                .is_some_and(|end| end == *ending)
        };
        let name = names.iter().find(of_kind)?;
        Some((name.to_string_lossy().into_owned(), *what))
    })
}

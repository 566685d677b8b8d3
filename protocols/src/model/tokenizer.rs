//! Text to token ids: WordPiece as a checkpoint's `tokenizer.json` describes it.

use super::tensors::{fault, read, write_atomically};
use crate::Result;
use std::path::{Path, PathBuf};
use tokenizers::ModelWrapper;

/// The tokenizer's file, in a checkpoint and in a model folder alike.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// A WordPiece tokenizer that frames a text with `[CLS]` and `[SEP]`.
pub struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of folder `dir`. Padding and truncation that the file asks for are off:
    /// a run computes on every token of its text and on no other.
    ///
    /// # Errors
    /// [`crate::Error::Model`]: unreadable, cut short, not WordPiece, or a text is not framed with
    /// `[CLS]` and `[SEP]`.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(TOKENIZER_FILE);
        Self::parse(&path, &read(&path)?)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|e| fault(path, format!("is cut short or not a tokenizer ({e})")))?;
        if !matches!(inner.get_model(), ModelWrapper::WordPiece(_)) {
            return Err(fault(
                path,
                "holds another kind of tokenizer than WordPiece",
            ));
        }
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| fault(path, format!("cannot turn truncation off ({e})")))?;
        let frame = (inner.token_to_id("[CLS]"), inner.token_to_id("[SEP]"));
        let tokenizer = Self {
            path: path.to_owned(),
            inner,
        };
        match (frame, tokenizer.encode("")?.as_slice()) {
            ((Some(cls), Some(sep)), [first, last]) if (*first, *last) == (cls, sep) => {
                Ok(tokenizer)
            }
            _ => Err(fault(path, "does not frame a text with [CLS] and [SEP]")),
        }
    }

    /// Token ids of a text, `[CLS]` first and `[SEP]` last.
    ///
    /// # Errors
    /// What the tokenizer refuses, such as an unknown word where the file has no `[UNK]`.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode(text, true)
            .map_err(|e| fault(&self.path, format!("cannot encode the text ({e})")))?;
        Ok(encoding.get_ids().to_vec())
    }
}

/// Copies a checkpoint's tokenizer into a model folder, for P1.
///
/// # Errors
/// As [`Tokenizer::load`], and what the operating system refuses.
pub fn copy(checkpoint: &Path, dir: &Path) -> Result<()> {
    let path = checkpoint.join(TOKENIZER_FILE);
    let bytes = read(&path)?;
    Tokenizer::parse(&path, &bytes)?;
    write_atomically(&dir.join(TOKENIZER_FILE), &bytes)
}

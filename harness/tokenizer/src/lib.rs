//! Text to token ids: WordPiece as a checkpoint's `tokenizer.json` describes it.
//!
//! A crate of its own, because what it stands on takes a third of the build and nothing else needs it.

use std::path::{Path, PathBuf};
use tokenizers::ModelWrapper;

/// The tokenizer's file, in a checkpoint and in a model folder alike.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// A tokenizer that cannot be read, or that cannot encode a text.
#[derive(Debug, thiserror::Error)]
#[error("tokenizer {path}: {what}")]
pub struct Error {
    path: String,
    what: String,
}

fn fault(path: &Path, what: impl Into<String>) -> Error {
    Error {
        path: path.display().to_string(),
        what: what.into(),
    }
}

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
    /// Unreadable, cut short, not WordPiece, or a text is not framed with
    /// `[CLS]` and `[SEP]`.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(TOKENIZER_FILE);
        let bytes = std::fs::read(&path);
        let bytes = bytes.map_err(|e| fault(&path, format!("cannot be read: {e}")))?;
        let path = path.as_path();
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes)
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
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self
            .inner
            .encode(text, true)
            .map_err(|e| fault(&self.path, format!("cannot encode the text ({e})")))?;
        Ok(encoding.get_ids().to_vec())
    }
}

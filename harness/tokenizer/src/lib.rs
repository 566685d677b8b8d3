//! Text to token ids: WordPiece, or byte-level BPE, as a checkpoint's `tokenizer.json` describes it, and `tokenizer_config.json` where
//! that is there.
//!
//! A crate of its own, because what it stands on takes a third of the build and nothing else needs it.

mod settings;

use settings::Settings;
use std::path::{Path, PathBuf};
use tokenizers::{ModelWrapper, PreTokenizerWrapper};

/// The tokenizer's file, in a checkpoint and in a model folder alike.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// All files of a checkpoint that decide its tokens; only the first one must be there.
pub const CHECKPOINT_FILES: [&str; 4] = [
    TOKENIZER_FILE,
    settings::CONFIG_FILE,
    settings::NAMES_FILE,
    settings::ADDED_FILE,
];

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

/// A tokenizer that frames a text with two tokens, `[CLS]` and `[SEP]` as a rule.
pub struct Tokenizer {
    path: PathBuf,
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a model folder, which stands for itself. Padding and truncation that the file asks for are
    /// off: a run computes on every token of its text and on no other.
    ///
    /// # Errors
    /// Unreadable, cut short, neither WordPiece nor BPE over bytes; a text is not framed with two tokens, or has token types other than 0.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let tokenizer = Self::read(dir)?;
        tokenizer.frame(None)?;
        Ok(tokenizer)
    }

    /// Reads the tokenizer of a checkpoint as `transformers` does: `tokenizer.json`, changed as `tokenizer_config.json` beside
    /// it says (`do_lower_case`, `strip_accents`, `tokenize_chinese_chars`).
    ///
    /// # Errors
    /// As [`Tokenizer::load`], and files that contradict each other: another kind of tokenizer, other names of the tokens
    /// that frame a text or stand for unknown words, tokens that only one of them has.
    pub fn of_checkpoint(dir: &Path) -> Result<Self, Error> {
        let mut tokenizer = Self::read(dir)?;
        let settings = Settings::read(dir)?;
        settings.normalize(&tokenizer.path, &mut tokenizer.inner)?;
        settings.agree(&tokenizer.inner)?;
        tokenizer.frame(Some(&settings))?;
        Ok(tokenizer)
    }

    fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(TOKENIZER_FILE);
        if !path.exists() && dir.join("vocab.txt").exists() {
            return Err(fault(
                &path,
                "is not there, only vocab.txt: in transformers `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)` writes it",
            ));
        }
        let bytes = std::fs::read(&path);
        let bytes = bytes.map_err(|e| fault(&path, format!("cannot be read: {e}")))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes)
            .map_err(|e| fault(&path, format!("is cut short or not a tokenizer ({e})")))?;
        let of_bytes = matches!(
            inner.get_pre_tokenizer(),
            Some(PreTokenizerWrapper::ByteLevel(_))
        );
        let is_known = match inner.get_model() {
            ModelWrapper::WordPiece(_) => true,
            ModelWrapper::BPE(_) => of_bytes,
            _ => false,
        };
        if !is_known {
            return Err(fault(
                &path,
                "holds another kind of tokenizer than WordPiece or BPE over bytes",
            ));
        }
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| fault(&path, format!("cannot turn truncation off ({e})")))?;
        Ok(Self { path, inner })
    }

    /// Checks that a text is framed with two tokens, which the settings of a checkpoint name, and is all of token type 0: an
    /// encoder's input has no other.
    fn frame(&self, settings: Option<&Settings>) -> Result<(), Error> {
        let encoded = |text: &str| {
            self.inner
                .encode(text, true)
                .map_err(|e| fault(&self.path, format!("cannot encode the text ({e})")))
        };
        let framed = match (encoded("")?.get_tokens(), settings) {
            ([first, last], Some(settings)) => *first == settings.cls && *last == settings.sep,
            ([_, _], None) => true,
            _ => false,
        };
        if !framed {
            let (cls, sep) = settings.map_or(("[CLS]", "[SEP]"), |s| (&s.cls, &s.sep));
            return Err(fault(
                &self.path,
                format!("does not frame a text with {cls} and {sep}"),
            ));
        }
        if encoded("a")?.get_type_ids().iter().any(|t| *t != 0) {
            return Err(fault(
                &self.path,
                "gives a text token types other than 0, which is not implemented",
            ));
        }
        Ok(())
    }

    /// Token ids of a text, the framing tokens first and last.
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

    /// Token ids of a pair of texts as one sequence, and the type of each token.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`]; a file that frames a pair otherwise than BERT (the second text and what ends it of type 1) and RoBERTa
    /// (a separator more, and no types) do.
    pub fn encode_pair(&self, first: &str, second: &str) -> Result<(Vec<u32>, Vec<u32>), Error> {
        let encoded = |first: &str, second: &str| {
            let pair = (first.to_owned(), second.to_owned());
            let encoding = self.inner.encode(pair, true);
            encoding.map_err(|e| fault(&self.path, format!("cannot encode the texts ({e})")))
        };
        let (alone, frame) = (self.encode("")?, encoded("", "")?);
        let (ids, types) = (frame.get_ids(), frame.get_type_ids());
        let is_known = match (&alone[..], ids) {
            ([cls, sep], [a, b, c]) => (a, b, c) == (cls, sep, sep) && types == [0, 0, 1],
            ([cls, sep], [a, b, c, d]) => (a, b, c, d) == (cls, sep, sep, sep) && types == [0; 4],
            _ => false,
        };
        if !is_known {
            return Err(fault(
                &self.path,
                "frames a pair of texts otherwise than BERT and RoBERTa do, which is not implemented",
            ));
        }
        let encoding = encoded(first, second)?;
        Ok((
            encoding.get_ids().to_vec(),
            encoding.get_type_ids().to_vec(),
        ))
    }

    /// Checks that a model with a table of `vocabulary` words embeds every token.
    ///
    /// # Errors
    /// A token beyond the table: the tokenizer is of another checkpoint, or the table was not enlarged for tokens that were added.
    pub fn fits(&self, vocabulary: usize) -> Result<(), Error> {
        let beyond = self.inner.get_vocab(true).into_iter();
        match beyond.max_by_key(|(_, id)| *id) {
            Some((token, id)) if id as usize >= vocabulary => Err(fault(
                &self.path,
                format!(
                    "has the token `{token}` with id {id}, but the model embeds {vocabulary} words: they are not of one checkpoint"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The whole tokenizer as the bytes of one `tokenizer.json`.
    ///
    /// # Errors
    /// What has no such form.
    pub fn to_json(&self) -> Result<String, Error> {
        self.inner
            .to_string(false)
            .map_err(|e| fault(&self.path, format!("cannot be written ({e})")))
    }
}

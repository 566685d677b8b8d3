//! What stands beside `tokenizer.json` in a checkpoint and decides tokens too. `transformers` reads all of it: where the
//! files differ, ids that follow one alone are not the original's.

use super::{Error, TOKENIZER_FILE, fault};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

/// Settings of the tokenizer's class.
pub const CONFIG_FILE: &str = "tokenizer_config.json";
/// Names of special tokens, as older versions keep them.
pub const NAMES_FILE: &str = "special_tokens_map.json";
/// Tokens beyond the vocabulary, as older versions keep them.
pub const ADDED_FILE: &str = "added_tokens.json";

/// The model's configuration, which names the tokenizer's class where [`CONFIG_FILE`] does not.
const MODEL_FILE: &str = "config.json";

/// Classes that make `tokenizer.json` anew from BERT's settings, framing a text with `[CLS]` and `[SEP]`.
const BERT: [&str; 4] = [
    "BertTokenizer",
    "BertTokenizerFast",
    "DistilBertTokenizer",
    "DistilBertTokenizerFast",
];
/// Classes that do the same, framing it with `<s>` and `</s>`.
const MPNET: [&str; 2] = ["MPNetTokenizer", "MPNetTokenizerFast"];
/// Classes of pieces of bytes (BPE), framing it likewise.
const ROBERTA: [&str; 2] = ["RobertaTokenizer", "RobertaTokenizerFast"];
/// Classes that take it as it is.
const AS_IT_IS: [&str; 2] = ["PreTrainedTokenizerFast", "TokenizersBackend"];

/// What a tokenizer's class does with `tokenizer.json`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    WordPieces,
    Bytes,
    AsItIs,
}

/// A file that may be absent.
struct Beside {
    path: PathBuf,
    map: Map<String, Value>,
}

impl Beside {
    fn read(path: PathBuf) -> Result<Self, Error> {
        let map = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| fault(&path, format!("is cut short or no JSON object ({e})")))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Map::new(),
            Err(e) => return Err(fault(&path, format!("cannot be read: {e}"))),
        };
        Ok(Self { path, map })
    }

    /// A value that is there and not `null`.
    fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(fault(
                &self.path,
                format!("`{key}` is `{other}`, expected true or false"),
            )),
        }
    }

    /// The name of a special token: a text, or an object that holds it.
    fn name(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(content)
    }
}

/// A `tokenizer.json` that the class itself does not keep: some versions of `transformers` follow it, and others make it anew.
fn another(path: &Path, what: &str, class: &str) -> Error {
    fault(
        path,
        format!(
            "has another {what} than {class}: if that is meant, write `\"tokenizer_class\": \"PreTrainedTokenizerFast\"` into \
             {CONFIG_FILE}, which takes {TOKENIZER_FILE} as it is"
        ),
    )
}

fn content(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// What the files beside `tokenizer.json` say.
pub struct Settings {
    config: Beside,
    names: Beside,
    added: Beside,
    class: Class,
    /// The token before a text.
    pub cls: String,
    /// The token after a text.
    pub sep: String,
}

impl Settings {
    /// Reads what is there.
    ///
    /// # Errors
    /// A file that is no JSON object; a class that makes other tokens than BERT's.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let config = Beside::read(dir.join(CONFIG_FILE))?;
        let names = Beside::read(dir.join(NAMES_FILE))?;
        let added = Beside::read(dir.join(ADDED_FILE))?;
        let model = Beside::read(dir.join(MODEL_FILE))?;
        let (file, class) = match config.get("tokenizer_class") {
            None => (&model, model.get("tokenizer_class")),
            class => (&config, class),
        };
        let is_one = |of: &[&str]| class.is_some_and(|c| of.iter().any(|name| c == name));
        let all = [&BERT[..], &MPNET, &ROBERTA, &AS_IT_IS];
        if class.is_some() && !all.iter().any(|names| is_one(names)) {
            return Err(fault(
                &file.path,
                format!(
                    "`tokenizer_class` is `{}`, expected {}",
                    file.name("tokenizer_class").unwrap_or("no name"),
                    all.concat().join(", ")
                ),
            ));
        }
        // Without the name of a class, the model's kind has one.
        let kind = model.name("model_type").filter(|_| class.is_none());
        let of_kind = |kinds: &[&str]| kind.is_some_and(|kind| kinds.contains(&kind));
        let framed_by_s = is_one(&MPNET) || is_one(&ROBERTA) || of_kind(&["mpnet", "roberta"]);
        let class = if is_one(&AS_IT_IS) {
            Class::AsItIs
        } else if is_one(&ROBERTA) || of_kind(&["roberta"]) {
            Class::Bytes
        } else {
            Class::WordPieces
        };
        for (key, expected) in [("split_special_tokens", false), ("do_basic_tokenize", true)] {
            if config.flag(key)?.is_some_and(|flag| flag != expected) {
                let what = format!("`{key}` is {}, which is not implemented", !expected);
                return Err(fault(&config.path, what));
            }
        }
        let name = |key: &str, otherwise: &str| -> Result<String, Error> {
            match (config.name(key), names.name(key)) {
                (Some(a), Some(b)) if a != b => Err(fault(
                    &config.path,
                    format!("`{key}` is `{a}`, but {NAMES_FILE} says `{b}`: make them agree"),
                )),
                (a, b) => Ok(a.or(b).unwrap_or(otherwise).to_owned()),
            }
        };
        Ok(Self {
            cls: name("cls_token", if framed_by_s { "<s>" } else { "[CLS]" })?,
            sep: name("sep_token", if framed_by_s { "</s>" } else { "[SEP]" })?,
            class,
            config,
            names,
            added,
        })
    }

    /// Lower-cases, strips accents and sets Chinese characters apart as the settings say: they win over `tokenizer.json`, as in
    /// the original. Where they say nothing, the original's default must be what `tokenizer.json` does.
    ///
    /// # Errors
    /// A normalizer of another kind; a difference that no setting decides.
    pub fn normalize(&self, path: &Path, tokenizer: &mut Tokenizer) -> Result<(), Error> {
        match self.class {
            Class::AsItIs => return Ok(()),
            Class::Bytes => return self.bytes(path, tokenizer),
            Class::WordPieces => {}
        }
        let Some(NormalizerWrapper::BertNormalizer(written)) = tokenizer.get_normalizer() else {
            return Err(another(path, "normalizer", "BertTokenizer"));
        };
        let splits = tokenizer.get_pre_tokenizer();
        let pieces_are_berts = match tokenizer.get_model() {
            ModelWrapper::WordPiece(model) => {
                model.continuing_subword_prefix == "##" && model.max_input_chars_per_word == 100
            }
            _ => false,
        };
        if !matches!(splits, Some(PreTokenizerWrapper::BertPreTokenizer(_))) {
            return Err(another(path, "pre-tokenizer", "BertTokenizer"));
        } else if !written.clean_text {
            return Err(another(path, "`clean_text`", "BertTokenizer"));
        } else if !pieces_are_berts {
            return Err(another(
                path,
                "prefix or longest word of pieces",
                "BertTokenizer",
            ));
        }
        let mut normalizer = *written;
        let decided = |key: &str, written: bool, default: bool| match self.config.flag(key)? {
            Some(flag) => Ok(flag),
            None if written == default => Ok(written),
            None => Err(fault(
                path,
                format!(
                    "does what `\"{key}\": {written}` says, but without that key in {CONFIG_FILE} BertTokenizer of transformers takes \
                     {default}: write the one that is meant into {CONFIG_FILE}"
                ),
            )),
        };
        normalizer.lowercase = decided("do_lower_case", normalizer.lowercase, true)?;
        let chinese = normalizer.handle_chinese_chars;
        normalizer.handle_chinese_chars = decided("tokenize_chinese_chars", chinese, true)?;
        // Here `null` is a third value: as the case. Only a key that is missing leaves it open.
        normalizer.strip_accents = match self.config.map.get("strip_accents") {
            Some(_) => self.config.flag("strip_accents")?,
            None => match normalizer.strip_accents {
                None => None,
                Some(strips) if strips == normalizer.lowercase => None,
                Some(strips) => {
                    return Err(fault(
                        path,
                        format!(
                            "does what `\"strip_accents\": {strips}` says, but without that key in {CONFIG_FILE} BertTokenizer of transformers \
                             takes do_lower_case's value, {}: write the one that is meant into {CONFIG_FILE}",
                            normalizer.lowercase
                        ),
                    ));
                }
            },
        };
        tokenizer.with_normalizer(Some(normalizer));
        Ok(())
    }

    /// Checks that pieces of bytes are cut as RobertaTokenizer cuts them, which has one setting.
    fn bytes(&self, path: &Path, tokenizer: &Tokenizer) -> Result<(), Error> {
        const KEY: &str = "add_prefix_space";
        let expected = self.config.flag(KEY)?.unwrap_or(false);
        match tokenizer.get_pre_tokenizer() {
            Some(PreTokenizerWrapper::ByteLevel(bytes)) if bytes.use_regex => {
                let written = bytes.add_prefix_space;
                if written == expected {
                    return Ok(());
                }
                let what = format!(
                    "does what `\"{KEY}\": {written}` says, but RobertaTokenizer of transformers takes {expected} here: write the one \
                     that is meant into {CONFIG_FILE}"
                );
                Err(fault(path, what))
            }
            _ => Err(another(path, "pre-tokenizer", "RobertaTokenizer")),
        }
    }

    /// Checks that all files name the same tokens.
    ///
    /// # Errors
    /// The first difference.
    pub fn agree(&self, tokenizer: &Tokenizer) -> Result<(), Error> {
        for file in [&self.config, &self.names] {
            if let (Some(named), ModelWrapper::WordPiece(model)) =
                (file.name("unk_token"), tokenizer.get_model())
                && named != model.unk_token
            {
                let what = format!(
                    "`unk_token` is `{named}`, but {TOKENIZER_FILE} has `{}` for unknown words",
                    model.unk_token
                );
                return Err(fault(&file.path, what));
            }
        }
        let mut added: Vec<(&Beside, &str, Option<u64>)> = Vec::new();
        for (token, id) in &self.added.map {
            added.push((&self.added, token, id.as_u64()));
        }
        if let Some(Value::Object(tokens)) = self.config.get("added_tokens_decoder") {
            for (id, token) in tokens {
                let token = content(token).unwrap_or_default();
                added.push((&self.config, token, id.parse().ok()));
            }
        }
        for file in [&self.config, &self.names] {
            for key in ["additional_special_tokens", "extra_special_tokens"] {
                let tokens: Vec<&Value> = match file.get(key) {
                    Some(Value::Array(list)) => list.iter().collect(),
                    Some(Value::Object(map)) => map.values().collect(),
                    _ => Vec::new(),
                };
                added.extend(
                    tokens
                        .into_iter()
                        .filter_map(content)
                        .map(|t| (file, t, None)),
                );
            }
        }
        let known = tokenizer.get_added_tokens_decoder();
        for (file, token, id) in added {
            let found = known.iter().find(|(_, known)| known.content == token);
            let agrees = found.is_some_and(|(at, _)| id.is_none_or(|id| id == u64::from(*at)));
            if !agrees {
                let id = id.map_or_else(String::new, |id| format!(" with id {id}"));
                let what = format!(
                    "adds the token `{token}`{id}, which {TOKENIZER_FILE} does not: in transformers \
                     `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)` makes them agree"
                );
                return Err(fault(&file.path, what));
            }
        }
        Ok(())
    }
}

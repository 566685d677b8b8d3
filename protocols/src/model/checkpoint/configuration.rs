//! `config.json`: what decides what is computed. Keys that are missing have the values of `BertConfig` of Hugging Face
//! `transformers`.

use super::foreign;
use crate::Result;
use crate::model::config::ActivationFunction;
use crate::model::tensors::fault;
use serde_json::{Map, Value};
use std::path::Path;

/// The head that `architectures` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NamedHead {
    /// `BertModel`.
    Nothing,
    /// `BertForSequenceClassification`.
    SequenceClassification,
}

/// What `config.json` says.
pub(super) struct Configuration {
    /// Encoder layers.
    pub layers: usize,
    /// Width of a token's hidden state.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Rows of the position table.
    pub max_positions: usize,
    /// Rows of the word table.
    pub vocabulary: usize,
    /// Rows of the token type table.
    pub token_types: usize,
    /// The feed-forward non-linearity.
    pub activation: ActivationFunction,
    /// Epsilon of every LayerNorm.
    pub layer_norm_epsilon: f32,
    /// The head, where it is named.
    pub head: Option<NamedHead>,
    /// The number of labels, where it is named, and the key that does.
    pub labels: Option<(&'static str, usize)>,
    /// Keys that are missing, with the values taken.
    pub assumed: Vec<(&'static str, String)>,
}

impl Configuration {
    /// Reads the file's bytes.
    ///
    /// # Errors
    /// What is no JSON object; a key with whose value something else is computed than here.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let map: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| {
            fault(
                path,
                format!("is cut short or not a BERT configuration ({e})"),
            )
        })?;
        let mut keys = Keys {
            path,
            map: &map,
            assumed: Vec::new(),
        };
        let head = keys.head()?;
        keys.model_type(head)?;
        let hidden = keys.number("hidden_size", 768)?;
        let heads = keys.number("num_attention_heads", 12)?;
        foreign::refuse(path, &map, hidden, heads)?;
        Ok(Self {
            layers: keys.number("num_hidden_layers", 12)?,
            hidden,
            heads,
            feed_forward: keys.number("intermediate_size", 3072)?,
            max_positions: keys.number("max_position_embeddings", 512)?,
            vocabulary: keys.number("vocab_size", 30_522)?,
            token_types: keys.number("type_vocab_size", 2)?,
            activation: keys.activation()?,
            layer_norm_epsilon: keys.epsilon()?,
            head,
            labels: keys.labels()?,
            assumed: keys.assumed,
        })
    }

    /// Whether a key is missing.
    pub fn assumes(&self, key: &str) -> bool {
        self.assumed.iter().any(|(assumed, _)| *assumed == key)
    }
}

/// The keys of the file, and those that were missing so far.
struct Keys<'a> {
    path: &'a Path,
    map: &'a Map<String, Value>,
    assumed: Vec<(&'static str, String)>,
}

impl Keys<'_> {
    fn expected<T>(&self, key: &str, value: &Value, what: &str) -> Result<T> {
        let value = foreign::shown(value);
        Err(fault(
            self.path,
            format!("`{key}` is {value}, expected {what}"),
        ))
    }

    fn number(&mut self, key: &'static str, otherwise: usize) -> Result<usize> {
        let Some(value) = self.map.get(key) else {
            self.assumed.push((key, otherwise.to_string()));
            return Ok(otherwise);
        };
        // As large as a table's side can be: products of two of them do not overflow.
        match value.as_u64().map(u32::try_from) {
            Some(Ok(number)) => Ok(number as usize),
            _ => self.expected(key, value, "a whole number below 2^32"),
        }
    }

    fn activation(&mut self) -> Result<ActivationFunction> {
        const KEY: &str = "hidden_act";
        match self.map.get(KEY) {
            None => {
                self.assumed.push((KEY, "gelu".into()));
                Ok(ActivationFunction::Gelu)
            }
            Some(value) => match value.as_str() {
                Some("gelu") => Ok(ActivationFunction::Gelu),
                Some("relu") => Ok(ActivationFunction::Relu),
                _ => self.expected(KEY, value, "`gelu` or `relu`"),
            },
        }
    }

    fn epsilon(&mut self) -> Result<f32> {
        const KEY: &str = "layer_norm_eps";
        let Some(value) = self.map.get(KEY) else {
            self.assumed.push((KEY, "1e-12".into()));
            return Ok(1e-12);
        };
        match value.as_f64().map(|epsilon| epsilon as f32) {
            Some(epsilon) if epsilon.is_finite() && epsilon > 0.0 => Ok(epsilon),
            _ => self.expected(KEY, value, "a positive number"),
        }
    }

    /// `architectures`: every name in it must be of one and the same head.
    fn head(&self) -> Result<Option<NamedHead>> {
        const KEY: &str = "architectures";
        let Some(value) = self.map.get(KEY).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let Some(names) = value.as_array() else {
            return self.expected(KEY, value, "a list of names");
        };
        let mut found = None;
        for name in names {
            let head = match name.as_str() {
                Some("BertModel") => NamedHead::Nothing,
                Some("BertForSequenceClassification") => NamedHead::SequenceClassification,
                _ => {
                    let name = foreign::shown(name);
                    let what = format!(
                        "`{KEY}` names {name}, which is not implemented: it must be `BertForSequenceClassification`, or \
                         `BertModel` for the encoder without a head (in transformers \
                         `BertModel.from_pretrained(DIR).save_pretrained(NEW_DIR)` writes that of another head's)"
                    );
                    return Err(fault(self.path, what));
                }
            };
            if found.is_some_and(|other| other != head) {
                return self.expected(KEY, value, "one architecture");
            }
            found = Some(head);
        }
        Ok(found)
    }

    /// `model_type`, which old checkpoints lack: then the architecture must be named.
    fn model_type(&self, head: Option<NamedHead>) -> Result<()> {
        match (self.map.get("model_type"), head) {
            (Some(value), _) if value.as_str() == Some("bert") => Ok(()),
            (None, Some(_)) => Ok(()),
            (Some(value), _) => {
                let what = format!(
                    "is of architecture {}, expected `bert`",
                    foreign::shown(value)
                );
                Err(fault(self.path, what))
            }
            (None, None) => Err(fault(
                self.path,
                "has no `model_type`, expected `\"model_type\": \"bert\"`: write it there if the checkpoint is a BERT",
            )),
        }
    }

    /// As `transformers` counts them: the names win over the number.
    fn labels(&self) -> Result<Option<(&'static str, usize)>> {
        if let Some(names) = self.map.get("id2label").and_then(Value::as_object) {
            return Ok(Some(("id2label", names.len())));
        }
        const KEY: &str = "num_labels";
        match self.map.get(KEY).filter(|value| !value.is_null()) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(labels) => Ok(Some((KEY, labels as usize))),
                None => self.expected(KEY, value, "a whole number"),
            },
        }
    }
}

//! `config.json`: what decides what is computed. Keys that are missing have the values that the kind's own configuration has in Hugging
//! Face `transformers`.

use super::foreign;
use super::kind::{Kind, Positions};
use crate::Result;
use crate::model::config::ActivationFunction;
use crate::model::tensors::fault;
use serde_json::{Map, Value};
use std::path::Path;

/// The head that `architectures` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NamedHead {
    /// `BertModel`; and `BertForMaskedLM`, of which a folder may hold the encoder alone.
    Nothing,
    /// `BertForSequenceClassification`.
    SequenceClassification,
}

const ARCHITECTURES: &str = "architectures";

/// What `config.json` says.
pub(super) struct Configuration {
    /// The kind of encoder.
    pub kind: &'static Kind,
    /// Encoder layers.
    pub layers: usize,
    /// Width of a token's hidden state.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Rows of the position table.
    pub position_rows: usize,
    /// The padding token, after whose row positions begin.
    pub padding: Option<usize>,
    /// Rows of the word table.
    pub vocabulary: usize,
    /// Rows of the token type table, where there is one.
    pub token_types: Option<usize>,
    /// The feed-forward non-linearity.
    pub activation: ActivationFunction,
    /// Epsilon of every LayerNorm.
    pub layer_norm_epsilon: f32,
    /// The head, where it is named.
    pub head: Option<NamedHead>,
    /// The number of labels, where it is named, and the key that does.
    pub labels: Option<(&'static str, usize)>,
    /// What the labels are called, where it is said; else empty.
    pub label_names: Vec<String>,
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
        let kind = keys.kind()?;
        let head = keys.head(kind)?;
        let hidden = keys.number(kind.hidden)?;
        let heads = keys.number(kind.heads)?;
        foreign::refuse(path, &map, kind, hidden, heads)?;
        let padding = match kind.positions {
            Positions::Zero => None,
            Positions::AfterPadding(key) => Some(keys.number((key, 1))?),
            Positions::AfterFixed(token) => Some(token),
        };
        Ok(Self {
            kind,
            layers: keys.number(kind.layers)?,
            hidden,
            heads,
            feed_forward: keys.number(kind.feed_forward)?,
            position_rows: keys.number(kind.position_rows)?,
            padding,
            vocabulary: keys.number(kind.vocabulary)?,
            token_types: kind.token_types.map(|key| keys.number(key)).transpose()?,
            activation: keys.activation(kind.activation)?,
            layer_norm_epsilon: keys.epsilon(kind.epsilon)?,
            head,
            labels: keys.labels()?,
            label_names: keys.label_names(),
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

    fn number(&mut self, (key, otherwise): (&'static str, usize)) -> Result<usize> {
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

    fn activation(&mut self, key: &'static str) -> Result<ActivationFunction> {
        match self.map.get(key) {
            None => {
                self.assumed.push((key, "gelu".into()));
                Ok(ActivationFunction::Gelu)
            }
            Some(value) => match value.as_str() {
                Some("gelu") => Ok(ActivationFunction::Gelu),
                Some("relu") => Ok(ActivationFunction::Relu),
                _ => self.expected(key, value, "`gelu` or `relu`"),
            },
        }
    }

    fn epsilon(&mut self, key: Option<&'static str>) -> Result<f32> {
        const OTHERWISE: f32 = 1e-12;
        let Some(key) = key else {
            return Ok(OTHERWISE);
        };
        let Some(value) = self.map.get(key) else {
            self.assumed.push((key, "1e-12".into()));
            return Ok(OTHERWISE);
        };
        match value.as_f64().map(|epsilon| epsilon as f32) {
            Some(epsilon) if epsilon.is_finite() && epsilon > 0.0 => Ok(epsilon),
            _ => self.expected(key, value, "a positive number"),
        }
    }

    /// `architectures`, if the file has it.
    fn architectures(&self) -> Result<&[Value]> {
        match self.map.get(ARCHITECTURES).filter(|value| !value.is_null()) {
            None => Ok(&[]),
            Some(Value::Array(names)) => Ok(names),
            Some(value) => self.expected(ARCHITECTURES, value, "a list of names"),
        }
    }

    /// The kind that `model_type` names; old checkpoints lack it: then the architecture must be named.
    fn kind(&self) -> Result<&'static Kind> {
        let types = Kind::ALL.map(|kind| format!("`{}`", kind.model_type));
        let types = types.join(", ");
        if let Some(value) = self.map.get("model_type") {
            let kind = value.as_str().and_then(Kind::of_type);
            return kind.ok_or_else(|| {
                let what = foreign::shown(value);
                fault(
                    self.path,
                    format!("is of architecture {what}, expected one of {types}"),
                )
            });
        }
        match self.architectures()?.first() {
            Some(name) => Ok(name
                .as_str()
                .and_then(Kind::of_class)
                .unwrap_or(Kind::ALL[0])),
            None => Err(fault(
                self.path,
                format!(
                    "has no `model_type`, expected one of {types}: write there what the checkpoint is"
                ),
            )),
        }
    }

    /// `architectures`: every name in it must be of one and the same head.
    fn head(&self, kind: &Kind) -> Result<Option<NamedHead>> {
        let (encoder, classifier) = (kind.encoder_class(), kind.classifier_class());
        let masked = format!("{}ForMaskedLM", kind.class);
        let mut found = None;
        for value in self.architectures()? {
            let head = match value.as_str() {
                Some(name) if name == encoder || name == masked => NamedHead::Nothing,
                Some(name) if Some(name) == classifier.as_deref() => {
                    NamedHead::SequenceClassification
                }
                _ => {
                    let name = foreign::shown(value);
                    let classifier =
                        classifier.map_or_else(String::new, |class| format!("`{class}`, or "));
                    let what = format!(
                        "`{ARCHITECTURES}` names {name}, which is not implemented: it must be {classifier}`{encoder}` for the encoder \
                         without a head (in transformers `{encoder}.from_pretrained(DIR).save_pretrained(NEW_DIR)` writes that of \
                         another head's)"
                    );
                    return Err(fault(self.path, what));
                }
            };
            if found.is_some_and(|other| other != head) {
                let all = &self.map[ARCHITECTURES];
                return self.expected(ARCHITECTURES, all, "one architecture");
            }
            found = Some(head);
        }
        Ok(found)
    }

    /// The names in order; none where they are `LABEL_0` and so on, which `transformers` writes for want of any.
    fn label_names(&self) -> Vec<String> {
        let Some(map) = self.map.get("id2label").and_then(Value::as_object) else {
            return Vec::new();
        };
        let name = |id: usize| map.get(&id.to_string())?.as_str().map(str::to_owned);
        let names: Option<Vec<String>> = (0..map.len()).map(name).collect();
        let names = names.unwrap_or_default();
        let mut numbered = names.iter().enumerate();
        match numbered.all(|(id, name)| *name == format!("LABEL_{id}")) {
            true => Vec::new(),
            false => names,
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

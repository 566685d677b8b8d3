//! The checkpoint's tensors by their names there.

use super::CONFIG_FILE;
use super::configuration::{Configuration, NamedHead};
use super::kind::Kind;
use crate::Result;
use crate::model::config::ModelConfig;
use crate::model::embeddings::Embeddings;
use crate::model::float::{FloatLayer, FloatLinear, FloatNorm};
use crate::model::score_bias::{BUCKETS, ScoreBias};
use crate::model::tensors::TensorFile;
use crate::model::walk::Linear;
use std::cell::RefCell;
use std::collections::HashSet;

/// A table that every encoder has: what stands before its name stands before all others.
const WORDS: &str = "embeddings.word_embeddings.weight";
/// Parts that the encoder alone does not compute with, and counters that some versions store: no loss without them.
const IDLE: [&str; 4] = [
    "pooler.dense.weight",
    "pooler.dense.bias",
    "embeddings.position_ids",
    "embeddings.token_type_ids",
];

/// The tensors, and which of them were taken.
pub(super) struct Weights<'a> {
    file: &'a TensorFile<'a>,
    config: &'a ModelConfig,
    kind: &'static Kind,
    /// What stands before the encoder's names: `bert.` if there is a head, as a rule.
    prefix: &'static str,
    taken: RefCell<HashSet<String>>,
}

impl<'a> Weights<'a> {
    /// The tensors of a file.
    ///
    /// # Errors
    /// Names with another prefix than the kind's or none.
    pub fn new(
        file: &'a TensorFile<'a>,
        kind: &'static Kind,
        config: &'a ModelConfig,
    ) -> Result<Self> {
        let expected = kind.prefix;
        let prefix = if file.has(&format!("{expected}{WORDS}")) {
            expected
        } else {
            if !file.has(WORDS)
                && let Some(name) = file.names().find(|name| name.ends_with(WORDS))
            {
                return Err(file.fault(format!(
                    "names its tensors as in `{name}`, expected `{expected}{WORDS}` or `{WORDS}`: it was saved from within \
                     another module, so save the {} in it by itself", kind.class
                )));
            }
            ""
        };
        Ok(Self {
            file,
            config,
            kind,
            prefix,
            taken: RefCell::default(),
        })
    }

    /// A name of the encoder or the pooler as the file has it.
    pub fn inner(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn take(&self, name: String, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.file.any_float(&name, shape)?;
        self.taken.borrow_mut().insert(name);
        Ok(values)
    }

    /// A fully connected layer.
    pub fn linear(&self, name: &str, linear: Linear) -> Result<FloatLinear> {
        let (outputs, inputs) = linear.shape(self.config);
        Ok(FloatLinear {
            outputs,
            inputs,
            weights: self.take(format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.take(format!("{name}.bias"), &[outputs])?,
        })
    }

    /// A LayerNorm. Checkpoints converted from TensorFlow call its parts gamma and beta.
    fn norm(&self, name: &str) -> Result<FloatNorm> {
        let name = self.inner(name);
        let hidden = [self.config.hidden];
        let (gain, offset) = if self.file.has(&format!("{name}.gamma")) {
            ("gamma", "beta")
        } else {
            ("weight", "bias")
        };
        Ok(FloatNorm {
            gamma: self.take(format!("{name}.{gain}"), &hidden)?,
            beta: self.take(format!("{name}.{offset}"), &hidden)?,
        })
    }

    /// An encoder layer.
    pub fn layer(&self, l: usize) -> Result<FloatLayer> {
        let name = |part: &str| format!("{}{l}.{part}", self.kind.layer);
        let [
            query,
            key,
            value,
            attention_output,
            feed_forward_in,
            feed_forward_out,
        ] = self.kind.linears;
        let [attention_norm, feed_forward_norm] = self.kind.norms;
        let linear = |part: &str, linear| self.linear(&self.inner(&name(part)), linear);
        Ok(FloatLayer {
            query: linear(query, Linear::Query(l))?,
            key: linear(key, Linear::Key(l))?,
            value: linear(value, Linear::Value(l))?,
            attention_output: linear(attention_output, Linear::AttentionOutput(l))?,
            feed_forward_in: linear(feed_forward_in, Linear::FeedForwardIn(l))?,
            feed_forward_out: linear(feed_forward_out, Linear::FeedForwardOut(l))?,
            attention_norm: self.norm(&name(attention_norm))?,
            feed_forward_norm: self.norm(&name(feed_forward_norm))?,
        })
    }

    /// The bias of scores by distance, where the kind has one.
    pub fn score_bias(&self) -> Result<Option<ScoreBias>> {
        if !self.kind.relative_positions {
            return Ok(None);
        }
        let name = self.inner("encoder.relative_attention_bias.weight");
        let values = self.take(name, &[BUCKETS, self.config.heads])?;
        Ok(Some(ScoreBias::new(self.config.heads, values)))
    }

    /// The embedding tables.
    pub fn embeddings(&self, source: &Configuration) -> Result<Embeddings> {
        let hidden = self.config.hidden;
        let table = |name: &str, rows: usize| {
            let name = self.inner(&format!("embeddings.{name}_embeddings.weight"));
            if rows == 0 {
                return Err(self.file.fault(format!("tensor `{name}`: has no rows")));
            }
            self.take(name, &[rows, hidden])
        };
        let norm = self.norm("embeddings.LayerNorm")?;
        let token_type = source.token_types.map(|rows| table("token_type", rows));
        Ok(Embeddings {
            hidden,
            word: table("word", source.vocabulary)?,
            position: table("position", source.position_rows)?,
            padding: source.padding,
            token_type: token_type.transpose()?,
            norm_gamma: norm.gamma,
            norm_beta: norm.beta,
            epsilon: self.config.layer_norm_epsilon,
        })
    }

    /// Refuses tensors with which nothing was computed: heads, adapters, cross-attention and whatever else would be left out.
    /// Layers beyond a number that the configuration names are left out by the original too.
    ///
    /// # Errors
    /// The first such tensor by name.
    pub fn nothing_is_left(&self, source: &Configuration) -> Result<()> {
        let taken = self.taken.borrow();
        let left = self.file.names().filter(|name| {
            let inner = name.strip_prefix(self.prefix).unwrap_or(name);
            let beyond = self.layer_of(name).is_some_and(|l| l >= self.config.layers)
                && !source.assumes(self.kind.layers.0);
            !(taken.contains(*name) || IDLE.contains(&inner) || beyond)
        });
        let Some(name) = left.min() else {
            return Ok(());
        };
        let heads = [
            "cls.",
            "qa_outputs.",
            "lm_head.",
            "classifier.",
            "pre_classifier.",
            "vocab_",
        ];
        let belongs = if heads.iter().any(|head| name.starts_with(head)) {
            "of a head that is not implemented"
        } else if self.layer_of(name).is_some_and(|l| l >= self.config.layers) {
            "of a layer beyond the last one"
        } else {
            "with which nothing that is implemented computes"
        };
        let encoder = match source.head {
            Some(NamedHead::SequenceClassification) => String::new(),
            _ => format!(
                "; in transformers `{}.from_pretrained(DIR).save_pretrained(NEW_DIR)` writes the encoder alone",
                self.kind.encoder_class()
            ),
        };
        Err(self.file.fault(format!(
            "holds the tensor `{name}`, {belongs}: {CONFIG_FILE} must describe all that the weights are for{encoder}"
        )))
    }

    /// The layer that a tensor is of.
    fn layer_of(&self, name: &str) -> Option<usize> {
        let rest = name
            .strip_prefix(self.prefix)?
            .strip_prefix(self.kind.layer)?;
        rest.split_once('.')?.0.parse().ok()
    }
}

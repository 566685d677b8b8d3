//! What a model predicts for an example: a class, a logit, or how alike two texts are.

use super::examples::Example;
use super::metrics::Metric;
use crate::models::checkpoint;
use crate::systems::chosen;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::model::config::{Head, ModelConfig};
use qbench_protocols::model::embeddings::Embeddings;
use qbench_protocols::model::float::{FloatModel, Parameters};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::reference_float::FloatReference;
use qbench_protocols::model::store;
use qbench_protocols::system::{Settings, System};
use qbench_tokenizer::Tokenizer;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Whether the model can do such a task.
///
/// # Errors
/// What it can do instead.
pub fn fits(config: &ModelConfig, metric: Metric, texts: usize) -> Result<()> {
    match (config.head, texts) {
        (Head::Hidden, 2) => ensure!(
            !metric.of_classes(),
            "two texts of a model without a head give a similarity, which has no classes: use pearson or spearman"
        ),
        (Head::Classifier { labels }, 1 | 2) => ensure!(
            metric.of_classes() == (labels > 1),
            "{} has {labels} labels: {}",
            config.name,
            match labels {
                1 => "its one logit is a number, not a class: use pearson or spearman",
                _ => "it gives a class: use accuracy, f1 or matthews",
            }
        ),
        (Head::Hidden, _) => bail!(
            "{} has no head: it takes two texts, which are compared",
            config.name
        ),
        (Head::Classifier { .. }, _) => bail!(
            "{} takes one text, or two as one sequence, not {texts}",
            config.name
        ),
    }
    Ok(())
}

/// One sequence that a model takes.
pub struct Input {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Where they are not all of type 0.
    pub types: Option<Vec<u32>>,
}

/// What predictions are made with.
pub struct Model {
    config: ModelConfig,
    tokenizer: Tokenizer,
    embeddings: Embeddings,
    /// The checkpoint, or a quantized model whose checkpoint is not there.
    float: Float,
    labels: Vec<String>,
    trained_for: BTreeMap<String, String>,
}

enum Float {
    Original(Box<FloatModel>),
    /// Read from its folder when it is first asked.
    Levels(PathBuf, Box<OnceCell<QuantizedModel>>),
}

impl Model {
    /// Of a model folder, and of what the user named, which may be the checkpoint that it was made of.
    ///
    /// # Errors
    /// A folder that cannot be read, or a synthetic model.
    pub fn load(dir: &Path, named: &Path) -> Result<Self> {
        let public = store::load_public(dir)?;
        let embeddings = public.embeddings.with_context(|| {
            format!(
                "{} is synthetic: it has no embeddings for texts",
                dir.display()
            )
        })?;
        let float = match checkpoint::original(named)? {
            Some(original) => Float::Original(Box::new(original)),
            None => Float::Levels(dir.to_owned(), Box::default()),
        };
        Ok(Self {
            config: public.config,
            tokenizer: Tokenizer::load(dir)?,
            embeddings,
            float,
            labels: public.labels,
            trained_for: public.trained_for,
        })
    }

    /// The architecture.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The settings of a system: those that the user names, else those that the model was trained for, else those that commands on a
    /// model take.
    ///
    /// # Errors
    /// As [`chosen`].
    pub fn settings(&self, system: &dyn System, named: &[String]) -> Result<Settings> {
        let mut settings = chosen(system, named, |setting| {
            setting.default_of_infer.unwrap_or(setting.default)
        })?;
        for (key, value) in &self.trained_for {
            let is_named = named.iter().any(|text| {
                let name = text.split_once('=').map(|(name, _)| name.trim());
                name == Some(key)
            });
            if settings.get(key).is_some() && !is_named {
                settings.set(key, value.clone());
            }
        }
        Ok(settings)
    }

    /// The checkpoint in floating point, where it is there.
    pub fn original(&self) -> Option<&FloatModel> {
        match &self.float {
            Float::Original(model) => Some(model),
            Float::Levels(..) => None,
        }
    }

    /// What the logits of a classifier say: each class with its probability, the likeliest first. Nothing of other models.
    pub fn classes(&self, logits: &[f32]) -> Vec<(String, f64)> {
        let Head::Classifier { labels: 2.. } = self.config.head else {
            return Vec::new();
        };
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shares: Vec<f64> = logits
            .iter()
            .map(|logit| f64::from(logit - largest).exp())
            .collect();
        let all: f64 = shares.iter().sum();
        let name = |class: usize| match self.labels.get(class) {
            Some(name) => name.clone(),
            None => format!("class {class}"),
        };
        let mut classes: Vec<(String, f64)> = shares
            .iter()
            .enumerate()
            .map(|(class, share)| (name(class), share / all))
            .collect();
        classes.sort_by(|a, b| b.1.total_cmp(&a.1));
        classes
    }

    /// One text as a sequence.
    ///
    /// # Errors
    /// What the tokenizer refuses; more tokens than positions.
    pub fn sequence(&self, text: &str) -> Result<Input> {
        let tokens = self.tokenizer.encode(text)?;
        self.checked(Input {
            tokens,
            types: None,
        })
    }

    /// Of an encoder alone each text by itself; two texts of a classifier are one sequence.
    ///
    /// # Errors
    /// As [`Model::sequence`], with the example's number.
    pub fn inputs(&self, example: &Example) -> Result<Vec<Input>> {
        let inputs = match (&example.texts[..], self.config.head) {
            ([first, second], Head::Classifier { .. }) => {
                let (tokens, types) = self.tokenizer.encode_pair(first, second)?;
                let types = Some(types);
                self.checked(Input { tokens, types })
                    .map(|input| vec![input])
            }
            (texts, _) => texts.iter().map(|text| self.sequence(text)).collect(),
        };
        inputs.with_context(|| format!("example {}", example.number))
    }

    fn checked(&self, input: Input) -> Result<Input> {
        ensure!(
            input.tokens.len() <= self.config.max_positions,
            "a text of {} tokens, and {} takes at most {}",
            input.tokens.len(),
            self.config.name,
            self.config.max_positions
        );
        Ok(input)
    }

    /// What the encoder takes.
    ///
    /// # Errors
    /// Tokens or types that the model does not have.
    pub fn embed(&self, input: &Input) -> Result<Vec<f32>> {
        let types = input.types.as_deref();
        Ok(self.embeddings.embed_typed(&input.tokens, types)?)
    }

    /// What the outputs for an example's texts say.
    pub fn prediction(&self, outputs: &[Vec<f32>]) -> f64 {
        match (self.config.head, outputs) {
            (Head::Hidden, [first, second]) => {
                let hidden = self.config.hidden;
                let mean = |output: &[f32]| mean_over_tokens(output, hidden);
                f64::from(cosine(&mean(first), &mean(second)))
            }
            (Head::Classifier { labels: 1 }, [logits]) => f64::from(logits[0]),
            (_, outputs) => {
                let logits = outputs.iter().flatten().enumerate();
                let largest = logits.max_by(|a, b| a.1.total_cmp(b.1));
                largest.map_or(f64::NAN, |(class, _)| class as f64)
            }
        }
    }

    /// What the checkpoint puts out in floating point, of its own embeddings; or the model's own weights, where that is not there.
    ///
    /// # Errors
    /// Tokens or types that the model does not have.
    pub fn float(&self, inputs: &[Input]) -> Result<Vec<Vec<f32>>> {
        let embedded = |embeddings: &Embeddings| -> Result<Vec<Vec<f32>>> {
            let inputs = inputs.iter();
            let embed = |i: &Input| Ok(embeddings.embed_typed(&i.tokens, i.types.as_deref())?);
            inputs.map(embed).collect()
        };
        match &self.float {
            Float::Original(model) => {
                let embeddings = model.embeddings.as_ref();
                let embeddings = embeddings.context("the checkpoint has no embeddings")?;
                float_outputs(&**model, &embedded(embeddings)?)
            }
            Float::Levels(dir, model) => {
                let model = match model.get() {
                    Some(model) => model,
                    None => {
                        let read = store::load_private(dir)?;
                        model.get_or_init(|| read)
                    }
                };
                float_outputs(model, &embedded(&self.embeddings)?)
            }
        }
    }
}

/// A model's outputs for embedded inputs, in floating point.
///
/// # Errors
/// Inputs of other shapes.
pub fn float_outputs<P: Parameters>(model: &P, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
    let outputs = FloatReference::run(model, inputs)?;
    Ok(outputs.into_iter().map(|matrix| matrix.data).collect())
}

/// The mean over tokens of last hidden states, a sentence's embedding.
pub fn mean_over_tokens(output: &[f32], hidden: usize) -> Vec<f32> {
    let tokens = (output.len() / hidden).max(1);
    let mut mean = vec![0.0; hidden];
    for token in output.chunks_exact(hidden) {
        for (sum, value) in mean.iter_mut().zip(token) {
            *sum += value / tokens as f32;
        }
    }
    mean
}

/// Cosine similarity.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_and_compares() {
        assert_eq!(mean_over_tokens(&[1.0, 2.0, 3.0, 6.0], 2), vec![2.0, 4.0]);
        assert!((cosine(&[1.0, 0.0], &[2.0, 0.0]) - 1.0).abs() < 1e-6);
        assert!(cosine(&[1.0, 0.0], &[0.0, 3.0]).abs() < 1e-6);
    }
}

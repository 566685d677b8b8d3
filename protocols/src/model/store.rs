//! The project's own model folder: `private.safetensors` for P0 and `public.safetensors` for P1. The
//! format is described in `docs/MODEL_FORMAT.md`.

use super::config::{Head, ModelConfig};
use super::embeddings::Embeddings;
use super::features::FeatureRanges;
use super::quantized::{
    QuantizedHead, QuantizedLayer, QuantizedLinear, QuantizedModel, QuantizedNorm, Range,
};
use super::ranging::Ranging;
use super::score_bias::{BUCKETS, ScoreBias};
use super::tensors::{TensorFile, TensorWriter, fault, read};
use super::walk::{Linear, Norm};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// P0's part: weights, scales and all ranges.
pub const PRIVATE_FILE: &str = "private.safetensors";
/// P1's part: embeddings and the two ranges at the ends.
pub const PUBLIC_FILE: &str = "public.safetensors";
/// Version of the format that this code writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 3;

/// P0's tensor of what is added to scores, where the configuration says that there is one.
const SCORE_BIAS: &str = "score_bias";
/// The one metadata entry of both files.
const METADATA_KEY: &str = "qbench-model";

/// What the metadata entry says, as JSON.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    part: Part,
    config: ModelConfig,
    /// Of the private part: how the ranges of each layer's sites were found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ranging: Option<Vec<Ranging>>,
    /// Of the public part of a model with embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    embeddings: Option<EmbeddingsHeader>,
    /// Of the public part: [`PublicModel::labels`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    /// Of the public part: [`PublicModel::trained_for`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    trained_for: BTreeMap<String, String>,
}

/// What the embedding tables are for.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct EmbeddingsHeader {
    /// See [`Embeddings::padding`].
    padding: Option<usize>,
    /// Whether there is a table of token types.
    token_types: bool,
}

/// Just enough of a header to tell a newer format from a broken file.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Private,
    Public,
}

/// What everyone may know of a model. P1 needs both ranges: it quantizes its own input, and it turns
/// the integers that it learns back into real numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct PublicModel {
    /// The architecture.
    pub config: ModelConfig,
    /// Range of the embedded input.
    pub input_range: Range,
    /// Range of the output: logits or last hidden states.
    pub output_range: Range,
    /// Embedding tables, unless the model is synthetic.
    pub embeddings: Option<Embeddings>,
    /// What each logit stands for, where the checkpoint says so; else empty.
    pub labels: Vec<String>,
    /// Settings of systems that the weights were trained for, such as `index_bits`: what a command takes where nothing else is said.
    /// Empty of a model that was quantized after training.
    pub trained_for: BTreeMap<String, String>,
}

impl QuantizedModel {
    /// Range of what P1 learns: logits, or the last layer's output.
    ///
    /// # Errors
    /// A configuration with a classifier but no head, or no layer at all.
    pub fn output_range(&self) -> Result<Range> {
        let range = match self.config.head {
            Head::Classifier { .. } => self.head.as_ref().map(|head| head.logit_range),
            Head::Hidden => self.layers.last().map(|l| l.feed_forward_norm.output),
        };
        range.ok_or_else(|| Error::Model {
            path: self.config.name.clone(),
            what: "has no output layer".into(),
        })
    }
}

/// Writes both files of a model folder, each whole or not at all. Makes the folder if need be.
///
/// # Errors
/// What the operating system refuses; tensors that do not fit the configuration's shapes.
pub fn save(
    dir: &Path,
    model: &QuantizedModel,
    embeddings: Option<&Embeddings>,
    labels: &[String],
) -> Result<()> {
    fs::create_dir_all(dir).map_err(|e| Error::io(format!("creating {}", dir.display()), e))?;
    let header = |part, ranging, embeddings| {
        serde_json::to_string(&Header {
            version: FORMAT_VERSION,
            part,
            config: model.config.clone(),
            ranging,
            embeddings,
            trained_for: BTreeMap::new(),
            labels: match part {
                Part::Private => Vec::new(),
                Part::Public => labels.to_vec(),
            },
        })
        .map_err(|e| fault(dir, format!("configuration cannot be written ({e})")))
    };
    let private = write_private(model)?;
    let ranging = model.layers.iter().map(|layer| layer.ranging).collect();
    private.write(
        &dir.join(PRIVATE_FILE),
        METADATA_KEY,
        header(Part::Private, Some(ranging), None)?,
    )?;

    let mut public = TensorWriter::default();
    write_ranges(&mut public, "input.range", &[model.input_range]);
    write_ranges(&mut public, "output.range", &[model.output_range()?]);
    if let Some(e) = embeddings {
        let rows = |table: &[f32]| [table.len() / e.hidden.max(1), e.hidden];
        public.f32("embeddings.word", &rows(&e.word), &e.word);
        public.f32("embeddings.position", &rows(&e.position), &e.position);
        if let Some(types) = &e.token_type {
            public.f32("embeddings.token_type", &rows(types), types);
        }
        public.f32("embeddings.norm_gamma", &[e.hidden], &e.norm_gamma);
        public.f32("embeddings.norm_beta", &[e.hidden], &e.norm_beta);
        public.f32("embeddings.epsilon", &[1], &[e.epsilon]);
    }
    let of_embeddings = embeddings.map(|e| EmbeddingsHeader {
        padding: e.padding,
        token_types: e.token_type.is_some(),
    });
    let header = header(Part::Public, None, of_embeddings)?;
    public.write(&dir.join(PUBLIC_FILE), METADATA_KEY, header)
}

fn write_private(model: &QuantizedModel) -> Result<TensorWriter> {
    let mut out = TensorWriter::default();
    let absent = |part: &dyn std::fmt::Display| Error::Model {
        path: model.config.name.clone(),
        what: format!("has no part `{part}`"),
    };
    for linear in Linear::all(&model.config) {
        let layer = model
            .quantized_linear(linear)
            .ok_or_else(|| absent(&linear))?;
        let (outputs, inputs) = linear.shape(&model.config);
        let planes = [layer.bits(), outputs, inputs.div_ceil(8)];
        out.bytes(format!("{linear}.planes"), &planes, &layer.planes);
        out.f32(format!("{linear}.row_scale"), &[outputs], &layer.row_scale);
        out.f32(format!("{linear}.bias"), &[outputs], &layer.bias);
    }
    for (l, layer) in model.layers.iter().enumerate() {
        for norm in [Norm::Attention(l), Norm::FeedForward(l)] {
            let n = model.quantized_norm(norm).ok_or_else(|| absent(&norm))?;
            let hidden = [model.config.hidden];
            out.f32(format!("{norm}.gamma"), &hidden, &n.gamma);
            out.f32(format!("{norm}.beta"), &hidden, &n.beta);
            let ranges = [n.sum, n.mean, n.deviation, n.variance, n.output];
            write_ranges(&mut out, &format!("{norm}.ranges"), &ranges);
        }
        let [query, key, value] = layer.qkv_range;
        let (scores, context) = (layer.score_range, layer.context_range);
        let (inner, activated) = (layer.inner_range, layer.activated_range);
        let ranges = [query, key, value, scores, context, inner, activated];
        write_ranges(&mut out, &format!("layer{l}.ranges"), &ranges);
        for (name, length, values) in layer.features.parts(&model.config) {
            out.f32(format!("layer{l}.features.{name}"), &[length], values);
        }
    }
    write_ranges(&mut out, "input.range", &[model.input_range]);
    if let Some(bias) = &model.score_bias {
        let shape = [BUCKETS, model.config.heads];
        out.f32(SCORE_BIAS, &shape, bias.values());
    }
    if let Some(head) = &model.head {
        let ranges = [head.pooler_range, head.logit_range];
        write_ranges(&mut out, "head.ranges", &ranges);
    }
    Ok(out)
}

fn write_ranges(out: &mut TensorWriter, name: &str, ranges: &[Range]) {
    let flat: Vec<f32> = ranges.iter().flat_map(|r| [r.rms, r.max]).collect();
    out.f32(name, &[ranges.len(), 2], &flat);
}

/// Reads P0's part of a model folder.
///
/// # Errors
/// [`Error::Model`] with the file and the fault: unreadable, cut short, no model of this project, the
/// other part, an unknown version, an impossible configuration, a tensor that is missing or of the
/// wrong type or shape, a value that is not finite, a scale or range that is not positive.
pub fn load_private(dir: &Path) -> Result<QuantizedModel> {
    let path = dir.join(PRIVATE_FILE);
    let bytes = read(&path)?;
    let file = TensorFile::parse(&path, &bytes)?;
    let Header {
        config, ranging, ..
    } = read_header(&file, Part::Private)?;
    let ranging = ranging.unwrap_or_default();
    if ranging.len() != config.layers {
        return Err(file.fault(format!(
            "its `{METADATA_KEY}` metadata has ranges of {} layers, and the model has {}",
            ranging.len(),
            config.layers
        )));
    }
    for ranging in &ranging {
        ranging.check().map_err(|what| file.fault(what))?;
    }
    let linear = |linear: Linear| read_linear(&file, &config, linear);
    let norm = |norm: Norm| read_norm(&file, &config, norm);
    let mut layers = Vec::new();
    for (l, ranging) in ranging.into_iter().enumerate() {
        let ranges = read_ranges::<7>(&file, &format!("layer{l}.ranges"))?;
        let [query, key, value, scores, context, inner, activated] = ranges;
        layers.push(QuantizedLayer {
            query: linear(Linear::Query(l))?,
            key: linear(Linear::Key(l))?,
            value: linear(Linear::Value(l))?,
            attention_output: linear(Linear::AttentionOutput(l))?,
            feed_forward_in: linear(Linear::FeedForwardIn(l))?,
            feed_forward_out: linear(Linear::FeedForwardOut(l))?,
            qkv_range: [query, key, value],
            score_range: scores,
            context_range: context,
            inner_range: inner,
            activated_range: activated,
            attention_norm: norm(Norm::Attention(l))?,
            feed_forward_norm: norm(Norm::FeedForward(l))?,
            features: read_features(&file, &config, l)?,
            ranging,
        });
    }
    let head = match config.head {
        Head::Hidden => None,
        Head::Classifier { .. } => {
            let [pooler_range, logit_range] = read_ranges(&file, "head.ranges")?;
            Some(QuantizedHead {
                pooler: linear(Linear::Pooler)?,
                classifier: linear(Linear::Classifier)?,
                pooler_range,
                logit_range,
            })
        }
    };
    let [input_range] = read_ranges(&file, "input.range")?;
    let score_bias = match config.relative_positions {
        true => {
            let values = file.f32(SCORE_BIAS, &[BUCKETS, config.heads])?;
            Some(ScoreBias::new(config.heads, values))
        }
        false => None,
    };
    Ok(QuantizedModel {
        input_range,
        score_bias,
        layers,
        head,
        config,
    })
}

/// Reads P1's part of a model folder.
///
/// # Errors
/// As [`load_private`].
pub fn load_public(dir: &Path) -> Result<PublicModel> {
    let path = dir.join(PUBLIC_FILE);
    let bytes = read(&path)?;
    let file = TensorFile::parse(&path, &bytes)?;
    let Header {
        config,
        embeddings: of_embeddings,
        labels,
        trained_for,
        ..
    } = read_header(&file, Part::Public)?;
    match config.head {
        Head::Classifier { labels: logits } if labels.len() == logits || labels.is_empty() => {}
        Head::Hidden if labels.is_empty() => {}
        head => {
            return Err(file.fault(format!(
                "its `{METADATA_KEY}` metadata names {} labels, and the model has {head:?}",
                labels.len()
            )));
        }
    }
    let [input_range] = read_ranges(&file, "input.range")?;
    let [output_range] = read_ranges(&file, "output.range")?;
    let embeddings = if let Some(header) = of_embeddings {
        let hidden = config.hidden;
        let table = |name: &str| -> Result<Vec<f32>> {
            let rows = file.shape(name)?.first().copied().unwrap_or(0);
            if rows == 0 {
                return Err(file.fault(format!("tensor `{name}`: has no rows")));
            }
            file.f32_or_rows_of_i8(name, rows, hidden)
        };
        let position = table("embeddings.position")?;
        // Those of padding come first.
        let before = header.padding.map_or(0, |token| token.saturating_add(1));
        let rows = before.saturating_add(config.max_positions);
        if position.len() / hidden != rows {
            return Err(file.fault(format!(
                "tensor `embeddings.position`: expected {rows} rows, has {}",
                position.len() / hidden
            )));
        }
        let token_type = match header.token_types {
            true => Some(table("embeddings.token_type")?),
            false => None,
        };
        Some(Embeddings {
            hidden,
            word: table("embeddings.word")?,
            position,
            padding: header.padding,
            token_type,
            norm_gamma: file.f32("embeddings.norm_gamma", &[hidden])?,
            norm_beta: file.f32("embeddings.norm_beta", &[hidden])?,
            epsilon: file.positive("embeddings.epsilon", &[1])?[0],
        })
    } else {
        None
    };
    Ok(PublicModel {
        config,
        input_range,
        output_range,
        embeddings,
        labels,
        trained_for,
    })
}

fn read_header(file: &TensorFile<'_>, part: Part) -> Result<Header> {
    let json = file.metadata(METADATA_KEY).ok_or_else(|| {
        file.fault(format!(
            "is no model of this project (no `{METADATA_KEY}` in its metadata); \
             quantize a checkpoint to make one"
        ))
    })?;
    let broken = |e| file.fault(format!("its `{METADATA_KEY}` metadata is broken ({e})"));
    let Version { version } = serde_json::from_str(json).map_err(broken)?;
    if version != FORMAT_VERSION {
        return Err(file.fault(format!(
            "has format version {version}, but this program reads version {FORMAT_VERSION}"
        )));
    }
    let header: Header = serde_json::from_str(json).map_err(broken)?;
    if header.part != part {
        return Err(file.fault(format!(
            "is the {:?} part of a model, expected the {part:?} part",
            header.part
        )));
    }
    let config = &header.config;
    config.check().map_err(|what| file.fault(what))?;
    let epsilon = config.layer_norm_epsilon;
    if !(epsilon.is_finite() && epsilon > 0.0) {
        return Err(file.fault(format!(
            "layer_norm_epsilon is {epsilon}, but must be positive"
        )));
    }
    Ok(header)
}

fn read_linear(
    file: &TensorFile<'_>,
    config: &ModelConfig,
    linear: Linear,
) -> Result<QuantizedLinear> {
    let (outputs, inputs) = linear.shape(config);
    let name = format!("{linear}.planes");
    let bits = file.shape(&name)?.first().copied().unwrap_or(0);
    if !(1..=8).contains(&bits) {
        return Err(file.fault(format!(
            "tensor `{name}`: weights have 1 to 8 bits, not {bits}"
        )));
    }
    let planes = [bits, outputs, inputs.div_ceil(8)];
    Ok(QuantizedLinear {
        outputs,
        inputs,
        planes: file.bytes(&name, &planes)?,
        row_scale: file.positive(&format!("{linear}.row_scale"), &[outputs])?,
        bias: file.f32(&format!("{linear}.bias"), &[outputs])?,
    })
}

fn read_features(
    file: &TensorFile<'_>,
    config: &ModelConfig,
    layer: usize,
) -> Result<FeatureRanges> {
    let mut parts: [Vec<f32>; 10] = Default::default();
    let shapes = FeatureRanges::default();
    for (part, (name, length, _)) in parts.iter_mut().zip(shapes.parts(config)) {
        *part = file.f32(&format!("layer{layer}.features.{name}"), &[length])?;
    }
    Ok(FeatureRanges::from_parts(parts))
}

fn read_norm(file: &TensorFile<'_>, config: &ModelConfig, norm: Norm) -> Result<QuantizedNorm> {
    let ranges = read_ranges(file, &format!("{norm}.ranges"))?;
    let [sum, mean, deviation, variance, output] = ranges;
    Ok(QuantizedNorm {
        gamma: file.f32(&format!("{norm}.gamma"), &[config.hidden])?,
        beta: file.f32(&format!("{norm}.beta"), &[config.hidden])?,
        sum,
        mean,
        deviation,
        variance,
        output,
    })
}

fn read_ranges<const N: usize>(file: &TensorFile<'_>, name: &str) -> Result<[Range; N]> {
    let values = file.positive(name, &[N, 2])?;
    Ok(std::array::from_fn(|i| Range {
        rms: values[2 * i],
        max: values[2 * i + 1],
    }))
}

//! Calibration: one float pass of the binarized model over sample inputs, in which every range that
//! the integers of a run are made from is recorded. Optionally each bias is corrected on the way.

use super::float::Parameters;
use super::quantized::{QuantizedModel, QuantizedNorm, Range};
use super::reference_float::{FloatReference, Matrix, Site, moments};
use super::walk::{Linear, Nonlinearity, Norm};
use crate::{Error, Result};
use std::collections::HashMap;

/// The ranges of a LayerNorm.
#[derive(Clone, Copy, Default)]
struct NormRanges {
    mean: Range,
    deviation: Range,
    variance: Range,
}

/// Everything that one pass records.
#[derive(Default)]
struct Record {
    ranges: HashMap<Site, Range>,
    norms: HashMap<Norm, NormRanges>,
    /// What was added to the bias of a layer.
    corrections: HashMap<Linear, Vec<f32>>,
}

/// Per-output means of every fully connected layer's output, over all tokens of all sequences.
pub type LinearMeans = HashMap<Linear, Vec<f32>>;

/// Fills every [`Range`] of `model` from one pass over `inputs` (one embedded sequence each, n x hidden).
///
/// With `targets`, the output means of the unquantized model's layers, the pass goes through the
/// layers in order and first moves each bias so that the layer's mean output over `inputs` is the
/// target, so that later layers are calibrated on what they will get.
///
/// # Errors
/// No input, an input of the wrong shape, and a tensor that is zero everywhere or not finite.
pub fn calibrate(
    model: &mut QuantizedModel,
    inputs: &[Vec<f32>],
    targets: Option<&LinearMeans>,
) -> Result<()> {
    let mut record = Record::default();
    let mut observer = |site: Site, x: &mut [Matrix]| {
        if let (Site::Linear(linear), Some(targets)) = (site, targets)
            && let Some(target) = targets.get(&linear)
        {
            let correction = correct(x, target);
            record.corrections.insert(linear, correction);
        }
        record
            .ranges
            .insert(site, range(x.iter().flat_map(|x| &x.data).copied()));
        if let Site::NormSum(norm) = site {
            record.norms.insert(norm, norm_ranges(x));
        }
    };
    FloatReference::run_observed(model, inputs, &mut observer)?;
    apply(model, &record)
}

/// The output means that [`calibrate`] takes as targets.
///
/// # Errors
/// As [`FloatReference::run`].
pub fn linear_means<P: Parameters>(model: &P, inputs: &[Vec<f32>]) -> Result<LinearMeans> {
    let mut means = LinearMeans::new();
    let mut observer = |site: Site, x: &mut [Matrix]| {
        if let Site::Linear(linear) = site {
            means.insert(linear, column_means(x));
        }
    };
    FloatReference::run_observed(model, inputs, &mut observer)?;
    Ok(means)
}

fn column_means(x: &[Matrix]) -> Vec<f32> {
    let columns = x.first().map_or(0, |x| x.columns);
    let mut sums = vec![0.0f64; columns];
    let mut rows = 0;
    for row in x.iter().flat_map(|x| x.data.chunks(x.columns)) {
        rows += 1;
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    sums.iter()
        .map(|sum| (sum / f64::from(rows)) as f32)
        .collect()
}

/// Adds to each column what brings its mean to `target`, and returns what it added.
fn correct(x: &mut [Matrix], target: &[f32]) -> Vec<f32> {
    let means = column_means(x);
    let correction: Vec<f32> = target.iter().zip(&means).map(|(t, m)| t - m).collect();
    for row in x.iter_mut().flat_map(|x| x.data.chunks_mut(x.columns)) {
        for (x, add) in row.iter_mut().zip(&correction) {
            *x += add;
        }
    }
    correction
}

/// Root mean square and largest absolute value.
pub(crate) fn range(values: impl Iterator<Item = f32>) -> Range {
    let (mut squares, mut count, mut max) = (0.0f64, 0usize, 0.0f32);
    for x in values {
        squares += f64::from(x) * f64::from(x);
        count += 1;
        max = max.max(x.abs());
    }
    Range {
        rms: (squares / count.max(1) as f64).sqrt() as f32,
        max,
    }
}

fn norm_ranges(sums: &[Matrix]) -> NormRanges {
    let rows = || sums.iter().flat_map(|x| x.data.chunks(x.columns));
    let statistics: Vec<(f32, f32)> = rows().map(moments).collect();
    let deviations = rows()
        .zip(&statistics)
        .flat_map(|(row, (mean, _))| row.iter().map(move |x| x - mean));
    NormRanges {
        mean: range(statistics.iter().map(|s| s.0)),
        deviation: range(deviations),
        variance: range(statistics.iter().map(|s| s.1)),
    }
}

/// Moves what was recorded into the model.
fn apply(model: &mut QuantizedModel, record: &Record) -> Result<()> {
    let name = model.config.name.clone();
    let usable = |what: &dyn std::fmt::Debug, range: Range| {
        if range.rms.is_finite() && range.max.is_finite() && range.rms > 0.0 {
            return Ok(range);
        }
        let fault = if range.max == 0.0 {
            "only zeros"
        } else {
            "a value that is no number"
        };
        Err(Error::Model {
            path: name.clone(),
            what: format!("calibration saw {fault} at {what:?}"),
        })
    };
    // A site that the walk did not reach has the empty range, which is not usable.
    let at = |site: Site| usable(&site, record.ranges.get(&site).copied().unwrap_or_default());
    let norm = |norm: Norm, into: &mut QuantizedNorm| -> Result<()> {
        let seen = record.norms.get(&norm).copied().unwrap_or_default();
        into.sum = at(Site::NormSum(norm))?;
        into.mean = usable(&("mean", norm), seen.mean)?;
        into.deviation = usable(&("deviation", norm), seen.deviation)?;
        into.variance = usable(&("variance", norm), seen.variance)?;
        into.output = at(Site::NormOutput(norm))?;
        Ok(())
    };
    model.input_range = at(Site::Input)?;
    for (l, layer) in model.layers.iter_mut().enumerate() {
        layer.qkv_range = [
            at(Site::Linear(Linear::Query(l)))?,
            at(Site::Linear(Linear::Key(l)))?,
            at(Site::Linear(Linear::Value(l)))?,
        ];
        layer.score_range = at(Site::Scores(l))?;
        layer.context_range = at(Site::Context(l))?;
        layer.inner_range = at(Site::Linear(Linear::FeedForwardIn(l)))?;
        layer.activated_range = at(Site::Activated(Nonlinearity::FeedForward(l)))?;
        norm(Norm::Attention(l), &mut layer.attention_norm)?;
        norm(Norm::FeedForward(l), &mut layer.feed_forward_norm)?;
    }
    if let Some(head) = &mut model.head {
        head.pooler_range = at(Site::Linear(Linear::Pooler))?;
        head.logit_range = at(Site::Linear(Linear::Classifier))?;
    }
    for (&linear, correction) in &record.corrections {
        if let Some(layer) = model.quantized_linear_mut(linear) {
            for (bias, add) in layer.bias.iter_mut().zip(correction) {
                *bias += add;
            }
        }
    }
    Ok(())
}

//! Calibration: one float pass of the binarized model over sample inputs, in which every range that
//! the integers of a run are made from is recorded. Optionally each bias is corrected on the way.

use super::features::{FeatureRanges, column_ranges, head_ranges};
use super::float::Parameters;
use super::quantized::{QuantizedModel, QuantizedNorm, Range};
use super::ranging::{Ranging, SiteRange};
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
    /// The range of each column.
    columns: HashMap<Site, Vec<f32>>,
    /// Between which values the scores of each head lie, of each layer.
    heads: HashMap<usize, [Vec<f32>; 2]>,
    /// What each layer's outputs were multiplied with, and what was then added to them.
    corrections: HashMap<Linear, Vec<(f32, f32)>>,
}

/// What calibration brings each output of a layer to, over all tokens of all sequences.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// Mean of each output.
    pub mean: Vec<f32>,
    /// Standard deviation of each output; none to leave it.
    pub deviation: Option<Vec<f32>>,
}

/// Targets of some or all fully connected layers.
pub type Targets = HashMap<Linear, Target>;

/// No row scale is changed by more than this factor, whatever a small sample suggests.
const LARGEST_FACTOR: f32 = 4.0;

/// Fills every [`Range`] of `model` from one pass over `inputs` (one embedded sequence each, n x hidden).
///
/// With `targets`, statistics of the unquantized model's layers, the pass first changes row scale and
/// bias of each layer so that its outputs over `inputs` get the target's mean and deviation. It goes
/// through the layers in order, so that each is corrected for what the layers before it really put out.
///
/// # Errors
/// No input, an input of the wrong shape, and a tensor that is zero everywhere or not finite.
pub fn calibrate(
    model: &mut QuantizedModel,
    inputs: &[Vec<f32>],
    targets: Option<&Targets>,
) -> Result<()> {
    let mut record = Record::default();
    let heads = model.config.heads;
    let ranging: Vec<Ranging> = model.layers.iter().map(|layer| layer.ranging).collect();
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
        match (site, ranging_of(site, &ranging)) {
            (Site::Scores(layer), Some(range)) => {
                record.heads.insert(layer, head_ranges(x, range, heads));
            }
            (_, Some(range)) => {
                record.columns.insert(site, column_ranges(x, range, heads));
            }
            (_, None) => {}
        }
    };
    FloatReference::run_observed(model, inputs, &mut observer)?;
    apply(model, &record)
}

/// How the range of a site is found, where it has ranges of its own.
fn ranging_of(site: Site, layers: &[Ranging]) -> Option<SiteRange> {
    Some(match site {
        Site::Linear(Linear::Query(l) | Linear::Key(l) | Linear::Value(l)) | Site::Context(l) => {
            layers[l].index
        }
        Site::Scores(l) => layers[l].scores,
        Site::Linear(Linear::FeedForwardIn(l)) => layers[l].inner,
        Site::Activated(Nonlinearity::FeedForward(l)) => layers[l].activated,
        Site::NormSum(norm) => layers[norm.layer()].sum,
        _ => return None,
    })
}

/// The statistics of a model's layers, as targets for [`calibrate`].
///
/// # Errors
/// As [`FloatReference::run`].
pub fn targets<P: Parameters>(model: &P, inputs: &[Vec<f32>]) -> Result<Targets> {
    let mut targets = Targets::new();
    let mut observer = |site: Site, x: &mut [Matrix]| {
        if let Site::Linear(linear) = site {
            let (mean, deviation) = column_statistics(x).into_iter().unzip();
            let deviation = Some(deviation);
            targets.insert(linear, Target { mean, deviation });
        }
    };
    FloatReference::run_observed(model, inputs, &mut observer)?;
    Ok(targets)
}

/// Mean and standard deviation of each column over all rows.
fn column_statistics(x: &[Matrix]) -> Vec<(f32, f32)> {
    let rows = || x.iter().flat_map(|x| x.data.chunks(x.columns));
    let columns = x.first().map_or(0, |x| x.columns);
    let count = rows().count() as f64;
    let mut means = vec![0.0f64; columns];
    for row in rows() {
        for (mean, x) in means.iter_mut().zip(row) {
            *mean += f64::from(*x) / count;
        }
    }
    let mut variances = vec![0.0f64; columns];
    for row in rows() {
        for ((variance, mean), x) in variances.iter_mut().zip(&means).zip(row) {
            *variance += (f64::from(*x) - mean).powi(2) / count;
        }
    }
    let deviations = variances.iter().map(|variance| variance.sqrt() as f32);
    means.iter().map(|m| *m as f32).zip(deviations).collect()
}

/// Brings each column to its target; returns the factor and the summand of each.
fn correct(x: &mut [Matrix], target: &Target) -> Vec<(f32, f32)> {
    let correction: Vec<(f32, f32)> = column_statistics(x)
        .iter()
        .enumerate()
        .map(|(column, (mean, deviation))| {
            let factor = match &target.deviation {
                // A sample of one token has no deviation, and says nothing about the scale.
                Some(target) if *deviation > 0.0 && target[column] > 0.0 => {
                    (target[column] / deviation).clamp(1.0 / LARGEST_FACTOR, LARGEST_FACTOR)
                }
                _ => 1.0,
            };
            (factor, target.mean[column] - factor * mean)
        })
        .collect();
    for row in x.iter_mut().flat_map(|x| x.data.chunks_mut(x.columns)) {
        for (x, (factor, add)) in row.iter_mut().zip(&correction) {
            *x = *x * factor + add;
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
        let columns = |site: Site| record.columns.get(&site).cloned().unwrap_or_default();
        let [score_low, score_high] = record.heads.get(&l).cloned().unwrap_or_default();
        layer.features = FeatureRanges {
            qkv: [Linear::Query(l), Linear::Key(l), Linear::Value(l)]
                .map(|linear| columns(Site::Linear(linear))),
            score_low,
            score_high,
            context: columns(Site::Context(l)),
            inner: columns(Site::Linear(Linear::FeedForwardIn(l))),
            activated: columns(Site::Activated(Nonlinearity::FeedForward(l))),
            attention_sum: columns(Site::NormSum(Norm::Attention(l))),
            feed_forward_sum: columns(Site::NormSum(Norm::FeedForward(l))),
        };
    }
    if let Some(head) = &mut model.head {
        head.pooler_range = at(Site::Linear(Linear::Pooler))?;
        head.logit_range = at(Site::Linear(Linear::Classifier))?;
    }
    for (&linear, correction) in &record.corrections {
        if let Some(layer) = model.quantized_linear_mut(linear) {
            let rows = layer.row_scale.iter_mut().zip(&mut layer.bias);
            for ((scale, bias), (factor, add)) in rows.zip(correction) {
                *scale *= factor;
                *bias = *bias * factor + add;
            }
        }
    }
    Ok(())
}

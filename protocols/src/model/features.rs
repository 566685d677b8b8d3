//! Ranges a feature and a head, for systems whose scales are finer than a tensor: what calibration saw of each, as the model's
//! [`super::ranging`] takes it.

use super::config::ModelConfig;
use super::ranging::{Shared, SiteRange};
use super::reference_float::Matrix;

/// The magnitude of each feature of one layer's activations, and the scores of each head.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FeatureRanges {
    /// Query, key and value outputs, `hidden` each.
    pub qkv: [Vec<f32>; 3],
    /// Least score of each head.
    pub score_low: Vec<f32>,
    /// Largest score of each head.
    pub score_high: Vec<f32>,
    /// Attention context, `hidden`.
    pub context: Vec<f32>,
    /// Before the non-linearity, `feed_forward`.
    pub inner: Vec<f32>,
    /// After it, `feed_forward`.
    pub activated: Vec<f32>,
    /// branch + residual after attention, `hidden`.
    pub attention_sum: Vec<f32>,
    /// branch + residual after the feed-forward layers, `hidden`.
    pub feed_forward_sum: Vec<f32>,
}

impl FeatureRanges {
    /// Every vector with its name and length, in a fixed order.
    pub fn parts(&self, config: &ModelConfig) -> [(&'static str, usize, &Vec<f32>); 10] {
        let (hidden, inner, heads) = (config.hidden, config.feed_forward, config.heads);
        let [query, key, value] = &self.qkv;
        [
            ("query", hidden, query),
            ("key", hidden, key),
            ("value", hidden, value),
            ("score_low", heads, &self.score_low),
            ("score_high", heads, &self.score_high),
            ("context", hidden, &self.context),
            ("inner", inner, &self.inner),
            ("activated", inner, &self.activated),
            ("attention_sum", hidden, &self.attention_sum),
            ("feed_forward_sum", hidden, &self.feed_forward_sum),
        ]
    }

    /// The same from vectors in that order.
    pub fn from_parts(parts: [Vec<f32>; 10]) -> Self {
        let [
            query,
            key,
            value,
            score_low,
            score_high,
            context,
            inner,
            activated,
            attention_sum,
            feed_forward_sum,
        ] = parts;
        Self {
            qkv: [query, key, value],
            score_low,
            score_high,
            context,
            inner,
            activated,
            attention_sum,
            feed_forward_sum,
        }
    }
}

/// The range of each column, over all sequences.
pub(super) fn column_ranges(x: &[Matrix], site: SiteRange, heads: usize) -> Vec<f32> {
    let columns = x.first().map_or(0, |x| x.columns);
    let rows: usize = x.iter().map(Matrix::rows).sum();
    let mut values = vec![0.0f32; columns * rows];
    let all = x.iter().flat_map(|x| x.data.chunks(x.columns));
    for (row, x) in all.enumerate() {
        for (column, x) in x.iter().enumerate() {
            values[column * rows + row] = x.abs();
        }
    }
    let columns = values.chunks_mut(rows.max(1));
    let mut ranges: Vec<f32> = columns.map(|column| site.of(column)).collect();
    site.share(&mut ranges, heads);
    ranges
}

/// Between which values the scores of each head lie, over all sequences; scores are (head, query) x key.
pub(super) fn head_ranges(x: &[Matrix], site: SiteRange, heads: usize) -> [Vec<f32>; 2] {
    let of_head = |head: usize, sign: f32| -> Vec<f32> {
        let parts = x.iter().flat_map(|x| {
            let len = x.data.len() / heads;
            &x.data[head * len..(head + 1) * len]
        });
        parts.map(|x| sign * x).collect()
    };
    let mut ends = [-1.0, 1.0].map(|sign| {
        let heads = 0..heads;
        heads
            .map(|head| sign * site.of(&mut of_head(head, sign)))
            .collect::<Vec<f32>>()
    });
    if site.range == Shared::Tensor {
        let [low, high] = &mut ends;
        let (least, most) = (
            low.iter().copied().fold(f32::INFINITY, f32::min),
            high.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        );
        low.fill(least);
        high.fill(most);
    }
    ends
}

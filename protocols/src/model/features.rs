//! Ranges a feature and a head, for systems whose scales are finer than a tensor: what calibration saw of each.

use super::config::ModelConfig;
use super::reference_float::Matrix;

/// The largest absolute value of each feature of one layer's activations, and the scores of each head.
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

/// The largest absolute value of each column, over all sequences.
pub(super) fn column_maxima(x: &[Matrix]) -> Vec<f32> {
    let columns = x.first().map_or(0, |x| x.columns);
    let mut maxima = vec![0.0f32; columns];
    for row in x.iter().flat_map(|x| x.data.chunks(x.columns)) {
        for (max, x) in maxima.iter_mut().zip(row) {
            *max = max.max(x.abs());
        }
    }
    maxima
}

/// Least and largest score of each head, over all sequences; scores are (head, query) x key.
pub(super) fn head_extremes(x: &[Matrix], heads: usize) -> [Vec<f32>; 2] {
    let mut extremes = [vec![f32::INFINITY; heads], vec![f32::NEG_INFINITY; heads]];
    for x in x {
        let [low, high] = &mut extremes;
        let of_heads = low.iter_mut().zip(high);
        for (scores, (low, high)) in x.data.chunks(x.data.len() / heads).zip(of_heads) {
            for score in scores {
                *low = low.min(*score);
                *high = high.max(*score);
            }
        }
    }
    extremes
}

//! Attention in integers: scores with a range a head, exponentials of what lies below a row's maximum, and one division a row, after
//! the product with the values.

use crate::fine::plan::Choices;
use crate::model::bit_plan::Widths;
use crate::model::config::ModelConfig;
use crate::model::quantized::QuantizedLayer;
use crate::model::score_bias::ScoreBias;

/// Scores, softmax and context of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct FineAttention {
    /// What a query's index counts in the scores, a feature.
    pub query_factor: Vec<i64>,
    /// For each head, what is added to the score of key j and query i of n tokens, at `j + n - 1 - i`: what brings the head's range
    /// about zero, and the model's own bias by distance.
    pub score_constant: Vec<Vec<i64>>,
    /// For each head, the exponential of `-d` indices, at d.
    pub exponential: Vec<Vec<i64>>,
    /// The inverse of each sum of a row's exponentials.
    pub inverse: Vec<i64>,
    /// Value of an index of the context, a feature.
    pub context_step: Vec<f64>,
}

impl FineAttention {
    /// `step` are values of indices of query, key and value, a feature each.
    pub(super) fn new(
        config: &ModelConfig,
        widths: &Widths,
        layer: &QuantizedLayer,
        bias: Option<&ScoreBias>,
        step: &[Vec<f64>; 3],
        (seq_len, choices): (usize, Choices),
    ) -> Self {
        let features = &layer.features;
        let width = config.head_width();
        // With a spare bit scores have half of it.
        let ring = f64::from(1u32 << (widths.product - choices.spare_of_scores()));
        let [query, key, value] = step;
        // A head's scores fill its ring but for what calibration may not have seen.
        let headroom = f64::from(layer.ranging.scores.headroom);
        let heads = features.score_low.iter().zip(&features.score_high);
        let ranges: Vec<(f64, f64)> = heads
            .map(|(low, high)| {
                let span = f64::from(high - low).max(1e-6) * headroom;
                (ring / span, f64::from(high + low) / 2.0)
            })
            .collect();
        let per_head = (width as f64).sqrt();
        let query_factor = (0..config.hidden)
            .map(|j| (ranges[j / width].0 * query[j] * key[j] / per_head).round() as i64)
            .collect();
        let score_constant = ranges.iter().enumerate().map(|(head, (gain, middle))| {
            let constant = |bias: f64| (gain * (bias - middle)).round() as i64;
            match bias {
                Some(bias) => {
                    let by_distance = bias.by_distance(head, seq_len).into_iter();
                    by_distance.map(|bias| constant(bias.into())).collect()
                }
                None => vec![constant(0.0); 2 * seq_len - 1],
            }
        });
        let most = f64::from((1u32 << widths.exponential) - 1);
        let index = ring / f64::from(1u32 << widths.scores);
        let exponential = ranges.iter().map(|(gain, _)| {
            let below = 0..1u32 << widths.scores;
            let value = |d: u32| (most * (-f64::from(d) * index / gain).exp()).round() as i64;
            below.map(value).collect()
        });
        // A context lies among the values that it is the mean of: in their range, with so many bits more.
        let finer = f64::from(1u32 << (widths.context - widths.index));
        let context_step = value.iter().map(|step| step / finer).collect();
        let whole = finer * (1u64 << (widths.weighted - widths.context - 1)) as f64;
        // A row's sum is no less than the largest exponential, which is its maximum's.
        let inverse = (0..=widths.row_sum(seq_len).mask())
            .map(|sum| (whole / (sum as f64).max(most)).round() as i64)
            .collect();
        Self {
            query_factor,
            score_constant: score_constant.collect(),
            exponential: exponential.collect(),
            inverse,
            context_step,
        }
    }
}

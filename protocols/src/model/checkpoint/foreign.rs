//! Keys of `config.json` that ask for another computation than the one here: of `BertConfig` itself, of quantized or
//! adapted weights, and of BERT's relatives that also call themselves `bert`. Keys that change no number of the output
//! (dropout, labels' names, caches, the type that weights are stored in, ..) are in no table and pass.

use super::kind::Kind;
use crate::Result;
use crate::model::tensors::fault;
use serde_json::{Map, Value};
use std::path::Path;

/// Implemented only where absent or switched off: `null`, `false`, 0, `""`, `[]` or `{}`.
const OFF: &[&str] = &[
    // BertConfig and PretrainedConfig.
    "is_decoder",
    "add_cross_attention",
    "is_encoder_decoder",
    "cross_attention_hidden_size",
    "pruned_heads",
    "quantization_config",
    "compression_config",
    // Code of its own, which may compute anything.
    "auto_map",
    // Positions that turn or bias the attention.
    "alibi_starting_size",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "rotary_emb_base",
    "rotary_emb_fraction",
    "rotary_value",
    "relative_attention",
    "relative_attention_num_buckets",
    "max_relative_positions",
    "pos_att_type",
    // Attention to a part of the sequence.
    "attention_type",
    "attention_window",
    "sliding_window",
    "local_attention",
    "global_attn_every_n_layers",
    // Other layers.
    "num_hidden_groups",
    "inner_group_num",
    "use_bottleneck",
    "intra_bottleneck_size",
    "trigram_input",
    "conv_kernel_size",
    "head_ratio",
    "feed_forward_type",
    "mlp_type",
    "hidden_activation",
    "qk_norm",
    "use_rms_norm",
    "pre_norm",
    "prenorm",
    "norm_first",
    "normalize_before",
    "num_experts",
    "adapters",
];

/// Refuses the first key with whose value something else is computed.
///
/// # Errors
/// The key, its value, and the value that is implemented.
pub(super) fn refuse(
    path: &Path,
    map: &Map<String, Value>,
    kind: &Kind,
    hidden: usize,
    heads: usize,
) -> Result<()> {
    let refused = |key: &str, value: &Value, expected: &str| {
        Err(fault(
            path,
            format!(
                "`{key}` is {}, which changes what is computed and is not implemented: expected {expected}",
                shown(value)
            ),
        ))
    };
    for key in OFF {
        // The kind's own: the weights must have the shape that is computed with here.
        if kind.relative_positions && *key == "relative_attention_num_buckets" {
            continue;
        }
        if let Some(value) = map.get(*key).filter(|value| !is_off(value)) {
            return refused(key, value, "none");
        }
    }
    // Here `null` switches the position table off.
    if let Some(value) = map.get("position_embedding_type")
        && value.as_str() != Some("absolute")
    {
        return refused("position_embedding_type", value, "`absolute`");
    }
    if let Some(value) = map.get("position_biased_input")
        && value.as_bool() == Some(false)
    {
        return refused("position_biased_input", value, "`true`");
    }
    if let Some(value) = map.get("normalization_type")
        && !matches!(value.as_str(), Some("layer_norm"))
    {
        return refused("normalization_type", value, "`layer_norm`");
    }
    for (key, same) in [
        ("embedding_size", hidden),
        ("num_key_value_heads", heads),
        ("head_dim", hidden / heads.max(1)),
        ("attention_head_size", hidden / heads.max(1)),
    ] {
        if let Some(value) = map.get(key)
            && !value.is_null()
            && value.as_u64() != Some(same as u64)
        {
            return refused(key, value, &same.to_string());
        }
    }
    Ok(())
}

fn is_off(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_off),
    }
}

/// A value as an error line has it: in back quotes, and not longer than what helps to find it.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::String(text) => text.escape_debug().to_string(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}..`", &text[..end]),
    }
}

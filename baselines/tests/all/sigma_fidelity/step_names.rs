//! What the original calls our steps.

/// The original's name of a step of ours within a layer, if it is part of one.
pub fn step_of(label: &str) -> Option<String> {
    let (_, part) = label.strip_prefix("layer")?.split_once('/')?;
    let names = [
        ("attention/query-key-value", "qkv"),
        ("attention/scores", "qk"),
        ("attention/softmax/max", "softmax/max"),
        ("attention/softmax/exp/clip", "softmax/exp_clip"),
        ("attention/softmax/exp/lower-table", "softmax/exp_lut_lsb"),
        ("attention/softmax/exp/upper-table", "softmax/exp_lut_msb"),
        ("attention/softmax/exp/upper", "softmax/exp_tr16_8"),
        ("attention/softmax/exp/product", "softmax/exp_mul"),
        ("attention/softmax/inverse/index", "softmax/inv_tr"),
        ("attention/softmax/inverse", "softmax/inv_lut"),
        ("attention/softmax/product", "softmax/out_mul"),
        ("attention/context", "pv"),
        ("attention/output", "proj"),
        ("feed-forward/in", "ff1"),
        ("feed-forward/activation/drop", "gelu/tr"),
        ("feed-forward/activation/range", "gelu/drelu+ic"),
        ("feed-forward/activation/mux", "gelu/mux"),
        ("feed-forward/activation/table", "gelu/lut"),
        ("feed-forward/activation/select", "gelu/select+open"),
        ("feed-forward/out", "ff2"),
    ];
    let norms = [
        ("mean", "mu_ars"),
        ("squares", "sq_sum_open"),
        ("rsqrt/exponent", "f2bf16"),
        ("rsqrt/normalize", "f2bf16"),
        ("rsqrt/index", "f2bf16"),
        ("rsqrt/table", "lut13"),
        ("normalize", "mul1"),
        ("scale", "mul2"),
    ];
    let starts = |prefix: &str| {
        part.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some((_, name)) = names.iter().find(|(ours, _)| starts(ours)) {
        return Some((*name).to_owned());
    }
    let (norm, rest) = [
        ("ln1", "attention/add-and-norm/"),
        ("ln2", "feed-forward/add-and-norm/"),
    ]
    .iter()
    .find_map(|(norm, prefix)| Some((norm, part.strip_prefix(prefix)?)))
    .unwrap_or_else(|| panic!("step `{label}`"));
    let (_, name) = norms
        .iter()
        .find(|(ours, _)| {
            rest == *ours || rest.strip_prefix(ours).is_some_and(|r| r.starts_with('/'))
        })
        .unwrap_or_else(|| panic!("step `{label}`"));
    Some(format!("{norm}/{name}"))
}

/// The original's name of a step of the first layer.
pub fn first_layer(label: &str) -> Option<String> {
    label.starts_with("layer0/").then(|| step_of(label))?
}

//! A tiny BERT checkpoint in the Hugging Face layout, written from scratch, for tests that need a
//! real folder on disk and no download.

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What is written; tests break parts of it before [`Checkpoint::write`].
pub struct Checkpoint {
    pub config: Value,
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    pub dtype: Dtype,
}

/// Sizes of the checkpoint, all different where the architecture allows it.
pub const HIDDEN: usize = 12;
pub const FEED_FORWARD: usize = 20;
pub const HEADS: usize = 3;
pub const LAYERS: usize = 2;
pub const VOCABULARY: usize = 17;
pub const POSITIONS: usize = 9;

/// Reproducible numbers in [-1, 1): a linear congruential generator is random enough for weights.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
    pub fn take(&mut self, count: usize, factor: f32, offset: f32) -> Vec<f32> {
        (0..count).map(|_| offset + factor * self.next()).collect()
    }
}

impl Checkpoint {
    pub fn new(prefix: &str, labels: Option<usize>, act: &str) -> Self {
        let mut numbers = Numbers(7);
        let mut tensors = BTreeMap::new();
        let mut put = |name: String, shape: &[usize], factor: f32, offset: f32| {
            let values = numbers.take(shape.iter().product(), factor, offset);
            tensors.insert(name, (shape.to_vec(), values));
        };
        let e = format!("{prefix}embeddings");
        put(
            format!("{e}.word_embeddings.weight"),
            &[VOCABULARY, HIDDEN],
            1.0,
            0.0,
        );
        put(
            format!("{e}.position_embeddings.weight"),
            &[POSITIONS, HIDDEN],
            0.5,
            0.0,
        );
        put(
            format!("{e}.token_type_embeddings.weight"),
            &[2, HIDDEN],
            0.3,
            0.0,
        );
        put(format!("{e}.LayerNorm.weight"), &[HIDDEN], 0.3, 1.0);
        put(format!("{e}.LayerNorm.bias"), &[HIDDEN], 0.1, 0.0);
        for l in 0..LAYERS {
            let layer = format!("{prefix}encoder.layer.{l}");
            for (part, outputs, inputs) in [
                ("attention.self.query", HIDDEN, HIDDEN),
                ("attention.self.key", HIDDEN, HIDDEN),
                ("attention.self.value", HIDDEN, HIDDEN),
                ("attention.output.dense", HIDDEN, HIDDEN),
                ("intermediate.dense", FEED_FORWARD, HIDDEN),
                ("output.dense", HIDDEN, FEED_FORWARD),
            ] {
                put(
                    format!("{layer}.{part}.weight"),
                    &[outputs, inputs],
                    0.6,
                    0.0,
                );
                put(format!("{layer}.{part}.bias"), &[outputs], 0.2, 0.0);
            }
            for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
                put(format!("{layer}.{part}.weight"), &[HIDDEN], 0.3, 1.0);
                put(format!("{layer}.{part}.bias"), &[HIDDEN], 0.1, 0.0);
            }
        }
        put(
            format!("{prefix}pooler.dense.weight"),
            &[HIDDEN, HIDDEN],
            0.5,
            0.0,
        );
        put(format!("{prefix}pooler.dense.bias"), &[HIDDEN], 0.2, 0.0);
        if let Some(labels) = labels {
            put("classifier.weight".into(), &[labels, HIDDEN], 0.5, 0.0);
            put("classifier.bias".into(), &[labels], 0.2, 0.0);
        }
        Self {
            config: json!({
                "model_type": "bert", "hidden_act": act, "hidden_size": HIDDEN,
                "intermediate_size": FEED_FORWARD, "layer_norm_eps": 1e-12,
                "max_position_embeddings": POSITIONS, "num_attention_heads": HEADS,
                "num_hidden_layers": LAYERS, "type_vocab_size": 2, "vocab_size": VOCABULARY,
            }),
            tensors,
            dtype: Dtype::F32,
        }
    }

    pub fn write(&self, dir: &Path) {
        std::fs::write(dir.join("config.json"), self.config.to_string()).unwrap();
        let bytes: BTreeMap<&String, Vec<u8>> = self
            .tensors
            .iter()
            .map(|(name, (_, values))| {
                let bytes = match self.dtype {
                    Dtype::BF16 => values
                        .iter()
                        .flat_map(|x| ((x.to_bits() >> 16) as u16).to_le_bytes())
                        .collect(),
                    _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
                };
                (name, bytes)
            })
            .collect();
        let views = self.tensors.iter().map(|(name, (shape, _))| {
            let view = TensorView::new(self.dtype, shape.clone(), &bytes[name]).unwrap();
            (name.as_str(), view)
        });
        let file = safetensors::serialize(views, None).unwrap();
        std::fs::write(dir.join("model.safetensors"), file).unwrap();
        std::fs::write(dir.join("tokenizer.json"), tokenizer().to_string()).unwrap();
    }
}

/// A WordPiece vocabulary of [`VOCABULARY`] words; the file asks for padding and truncation.
pub fn tokenizer() -> Value {
    let words = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##b", "##c", "play", "##ing",
        "the", ".", ",", "cafe", "!",
    ];
    assert_eq!(words.len(), VOCABULARY);
    let vocabulary: serde_json::Map<String, Value> = words
        .iter()
        .enumerate()
        .map(|(i, w)| (w.to_string(), json!(i)))
        .collect();
    let special: Vec<Value> = (0..5)
        .map(|i| {
            json!({"id": i, "special": true, "content": words[i], "single_word": false,
                   "lstrip": false, "rstrip": false, "normalized": false})
        })
        .collect();
    json!({
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
                    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": special,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

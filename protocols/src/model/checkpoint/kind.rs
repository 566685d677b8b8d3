//! The kinds of encoders that compute what the walk does, and how their checkpoints name things in Hugging Face `transformers`.

/// Where positions begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Positions {
    /// At the table's first row.
    Zero,
    /// After the row of the padding token's id, which this key names.
    AfterPadding(&'static str),
    /// After the row of this padding token's id, whatever the configuration says.
    AfterFixed(usize),
}

/// Tensors of the head for the classification of sequences: dense, tanh, dense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct HeadNames {
    /// The dense layer on the first token, and whether the encoder's prefix stands before its name.
    pub pooler: (&'static str, bool),
    /// The logits.
    pub classifier: &'static str,
}

/// A key of `config.json`, with the original's value where it is missing.
type Key = (&'static str, usize);

/// One kind of encoder.
#[derive(Debug)]
pub(super) struct Kind {
    /// `model_type`.
    pub model_type: &'static str,
    /// What the names of its classes begin with.
    pub class: &'static str,
    /// Encoder layers.
    pub layers: Key,
    /// Width of a token's hidden state.
    pub hidden: Key,
    /// Attention heads.
    pub heads: Key,
    /// Width of the feed-forward layer.
    pub feed_forward: Key,
    /// Rows of the position table.
    pub position_rows: Key,
    /// Rows of the word table.
    pub vocabulary: Key,
    /// Rows of the token type table, where there is one.
    pub token_types: Option<Key>,
    /// The feed-forward non-linearity.
    pub activation: &'static str,
    /// Epsilon of every LayerNorm, where it is no constant.
    pub epsilon: Option<&'static str>,
    /// Where positions begin.
    pub positions: Positions,
    /// Whether scores have a bias by the distance of their tokens.
    pub relative_positions: bool,
    /// What stands before the encoder's tensors, if there is a head.
    pub prefix: &'static str,
    /// What stands before a layer's number.
    pub layer: &'static str,
    /// Query, key, value, attention output, feed-forward in and out.
    pub linears: [&'static str; 6],
    /// LayerNorm after attention and after the feed-forward layers.
    pub norms: [&'static str; 2],
    /// The head that is computed here, where the kind has it.
    pub head: Option<HeadNames>,
}

const BERT: Kind = Kind {
    model_type: "bert",
    class: "Bert",
    layers: ("num_hidden_layers", 12),
    hidden: ("hidden_size", 768),
    heads: ("num_attention_heads", 12),
    feed_forward: ("intermediate_size", 3072),
    position_rows: ("max_position_embeddings", 512),
    vocabulary: ("vocab_size", 30_522),
    token_types: Some(("type_vocab_size", 2)),
    activation: "hidden_act",
    epsilon: Some("layer_norm_eps"),
    positions: Positions::Zero,
    relative_positions: false,
    prefix: "bert.",
    layer: "encoder.layer.",
    linears: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
    ],
    norms: ["attention.output.LayerNorm", "output.LayerNorm"],
    head: Some(HeadNames {
        pooler: ("pooler.dense", true),
        classifier: "classifier",
    }),
};

const ROBERTA: Kind = Kind {
    model_type: "roberta",
    class: "Roberta",
    vocabulary: ("vocab_size", 50_265),
    positions: Positions::AfterPadding("pad_token_id"),
    prefix: "roberta.",
    head: Some(HeadNames {
        pooler: ("classifier.dense", false),
        classifier: "classifier.out_proj",
    }),
    ..BERT
};

const MPNET: Kind = Kind {
    model_type: "mpnet",
    class: "MPNet",
    vocabulary: ("vocab_size", 30_527),
    token_types: None,
    positions: Positions::AfterFixed(1),
    relative_positions: true,
    prefix: "mpnet.",
    linears: [
        "attention.attn.q",
        "attention.attn.k",
        "attention.attn.v",
        "attention.attn.o",
        "intermediate.dense",
        "output.dense",
    ],
    norms: ["attention.LayerNorm", "output.LayerNorm"],
    head: ROBERTA.head,
    ..BERT
};

/// Its head for the classification of sequences has a ReLU where the others have tanh.
const DISTILBERT: Kind = Kind {
    model_type: "distilbert",
    class: "DistilBert",
    layers: ("n_layers", 6),
    hidden: ("dim", 768),
    heads: ("n_heads", 12),
    feed_forward: ("hidden_dim", 3072),
    token_types: None,
    activation: "activation",
    epsilon: None,
    prefix: "distilbert.",
    layer: "transformer.layer.",
    linears: [
        "attention.q_lin",
        "attention.k_lin",
        "attention.v_lin",
        "attention.out_lin",
        "ffn.lin1",
        "ffn.lin2",
    ],
    norms: ["sa_layer_norm", "output_layer_norm"],
    head: None,
    ..BERT
};

impl Kind {
    /// Every kind; the first is what old checkpoints are that do not say it.
    pub const ALL: [&'static Self; 4] = [&BERT, &DISTILBERT, &ROBERTA, &MPNET];

    /// The kind that `model_type` names.
    pub fn of_type(model_type: &str) -> Option<&'static Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.model_type == model_type)
    }

    /// The kind whose class this is.
    pub fn of_class(name: &str) -> Option<&'static Self> {
        let is_its = |kind: &&Self| {
            let rest = name.strip_prefix(kind.class);
            rest.is_some_and(|rest| rest.starts_with("Model") || rest.starts_with("For"))
        };
        Self::ALL.into_iter().find(is_its)
    }

    /// The class of the encoder alone.
    pub fn encoder_class(&self) -> String {
        format!("{}Model", self.class)
    }

    /// The class with the head that is computed here.
    pub fn classifier_class(&self) -> Option<String> {
        let has_it = self.head.is_some();
        has_it.then(|| format!("{}ForSequenceClassification", self.class))
    }
}

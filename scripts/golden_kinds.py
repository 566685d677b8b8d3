#!/usr/bin/env python3
"""Writes tiny random checkpoints of BERT's relatives and what their original software makes of them, for the tests.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install torch transformers
    /tmp/golden/bin/python scripts/golden_kinds.py
"""

import json
import pathlib

import torch
import transformers as hf

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "protocols" / "tests" / "data" / "kinds"
COMMON = dict(vocab_size=20, initializer_range=0.4)
BERT = dict(
    hidden_size=12,
    num_attention_heads=3,
    num_hidden_layers=2,
    intermediate_size=20,
    max_position_embeddings=160,
)
MODELS = {
    "bert-pair": (
        hf.BertForSequenceClassification,
        hf.BertConfig(**COMMON, **BERT, type_vocab_size=2, layer_norm_eps=1e-12, num_labels=2),
    ),
    "roberta": (hf.RobertaModel, hf.RobertaConfig(**COMMON, **BERT, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)),
    "roberta-classifier": (
        hf.RobertaForSequenceClassification,
        hf.RobertaConfig(**COMMON, **BERT, type_vocab_size=1, pad_token_id=3, layer_norm_eps=1e-5, num_labels=3),
    ),
    "mpnet": (hf.MPNetModel, hf.MPNetConfig(**COMMON, **BERT, layer_norm_eps=1e-5)),
    "mpnet-classifier": (
        hf.MPNetForSequenceClassification,
        hf.MPNetConfig(**COMMON, **BERT, layer_norm_eps=1e-5, num_labels=2, hidden_act="relu"),
    ),
    "distilbert": (
        hf.DistilBertModel,
        hf.DistilBertConfig(
            **COMMON, dim=12, n_heads=3, n_layers=2, hidden_dim=20, max_position_embeddings=160, sinusoidal_pos_embds=True
        ),
    ),
}


def sequences() -> list[list[int]]:
    """Short and long ones, and one that holds padding tokens of its own."""
    numbers = torch.Generator().manual_seed(3)
    long = torch.randint(4, 20, (150,), generator=numbers).tolist()
    return [[0, 7, 2], [0, 9, 1, 11, 3, 3, 12, 2], long]


def main() -> None:
    torch.manual_seed(1)
    for name, (kind, config) in MODELS.items():
        model = kind(config).eval()
        # What the originals leave at ones and zeros would hide a mistake.
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "LayerNorm" in key or "layer_norm" in key or key.endswith("bias"):
                    parameter.add_(0.2 * torch.randn_like(parameter))
        model.save_pretrained(FOLDER / name, safe_serialization=True)
        cases = []
        for ids in sequences():
            tensor = torch.tensor([ids])
            # The second half is another text's, where the kind tells them apart.
            types = [int(i >= len(ids) // 2) for i in range(len(ids))] if name == "bert-pair" else None
            more = {"token_type_ids": torch.tensor([types])} if types else {}
            with torch.no_grad():
                out = model(input_ids=tensor, attention_mask=torch.ones_like(tensor), **more)
            values = out.logits[0] if "logits" in out else out.last_hidden_state[0].flatten()
            # The first tokens and the last show every position.
            values = values.tolist()
            kept = values if len(values) <= 200 else values[:60] + values[-60:]
            cases.append({"ids": ids, "types": types, "length": len(values), "output": [round(v, 6) for v in kept]})
        (FOLDER / name / "golden.json").write_text(json.dumps({"cases": cases}) + "\n")
    print(f"wrote {', '.join(MODELS)} into {FOLDER} with transformers {hf.__version__}")


if __name__ == "__main__":
    main()

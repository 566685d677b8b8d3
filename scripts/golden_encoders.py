#!/usr/bin/env python3
"""Writes the golden values that the float reference and the tokenizer are tested against.

Runs the checkpoints of scripts/fetch_minilm.sh and fetch_mpnet.sh once in their original software, on a CPU in float32:

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install torch transformers
    /tmp/golden/bin/python scripts/golden_encoders.py minilm-l6
    /tmp/golden/bin/python scripts/golden_encoders.py mpnet-base
"""

import json
import pathlib
import sys

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "Naïve café-goers didn't pre-tokenize 3,141.59€; did they?",
    "Two computing servers and a dealer evaluate a quantized transformer without seeing the sentence "
    "that it reads: every activation stays secret shared from the embedding to the output.",
]
VALUES_PER_TOKEN = 4


def main() -> None:
    name = sys.argv[1]
    folder = ROOT / "models" / name
    model = transformers.AutoModel.from_pretrained(
        folder, attn_implementation="eager", torch_dtype=torch.float32
    ).eval()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    cases = []
    for text in TEXTS:
        ids = tokenizer(text, padding=False, truncation=False)["input_ids"]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        cases.append(
            {
                "text": text,
                "ids": ids,
                "first_token": [float(x) for x in hidden[0]],
                "every_token": [[float(x) for x in row[:VALUES_PER_TOKEN]] for row in hidden],
            }
        )
    golden = {
        "made_by": "scripts/golden_encoders.py",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "cases": cases,
    }
    out = ROOT / "protocols" / "tests" / "data" / f"{name}_golden.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    # Nine digits give an f32 back exactly.
    text = json.dumps(json.loads(json.dumps(golden), parse_float=lambda x: float(f"{float(x):.9g}")))
    out.write_text(text + "\n", encoding="utf-8")
    print(f"{out.relative_to(ROOT)}: {out.stat().st_size} bytes, {len(cases)} texts")


if __name__ == "__main__":
    main()

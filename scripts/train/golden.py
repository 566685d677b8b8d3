#!/usr/bin/env python3
"""Writes the test data that hold the training graph and the engine's integer reference to each other.

    golden.py --out ../../protocols/tests/data/trained                  # a small random student for each width of the index
    golden.py --model models/sst2 --teacher .. --student ..             # logits of sentences by a trained one, to stdout

With cuts that round to the nearest, both give the same logits: every table, scale and product is the same.
"""

import argparse
import json
from pathlib import Path

import torch

import data
import export
import graph

CONFIG = {
    "num_hidden_layers": 2, "hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 40, "max_position_embeddings": 32,
    "layer_norm_eps": 1e-12, "hidden_act": "gelu", "vocab_size": 50, "type_vocab_size": 2,
}

SENTENCES = [
    "a gorgeous, witty film",
    "the plot makes no sense and the jokes fall flat",
    "it is one of the best movies i have seen in years, and i have seen a lot of them",
    "dull.",
]


def random_tensors(seed):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape, scale=1.0, mean=0.0):
        return torch.randn(*shape, generator=generator) * scale + mean

    hidden, inner = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    tensors = {}

    def linear(name, outputs, inputs):
        tensors[f"{name}.weight"] = normal(outputs, inputs, scale=0.3)
        tensors[f"{name}.bias"] = normal(outputs, scale=0.2)

    def norm(name):
        tensors[f"{name}.weight"] = normal(hidden, scale=0.1, mean=1.0)
        tensors[f"{name}.bias"] = normal(hidden, scale=0.2)

    at = "bert.embeddings."
    tensors[f"{at}word_embeddings.weight"] = normal(CONFIG["vocab_size"], hidden)
    tensors[f"{at}position_embeddings.weight"] = normal(CONFIG["max_position_embeddings"], hidden, scale=0.3)
    tensors[f"{at}token_type_embeddings.weight"] = normal(2, hidden, scale=0.3)
    norm(f"{at}LayerNorm")
    for index in range(CONFIG["num_hidden_layers"]):
        at = f"bert.encoder.layer.{index}."
        for name in ("query", "key", "value"):
            linear(f"{at}attention.self.{name}", hidden, hidden)
        linear(f"{at}attention.output.dense", hidden, hidden)
        linear(f"{at}intermediate.dense", inner, hidden)
        linear(f"{at}output.dense", hidden, inner)
        norm(f"{at}attention.output.LayerNorm")
        norm(f"{at}output.LayerNorm")
    linear("bert.pooler.dense", hidden, hidden)
    linear("classifier", 2, hidden)
    return tensors


def with_exported_numbers(student):
    """What is stored has 32 bits, and embeddings have 8: the graph then computes with just these, in 64 bits."""
    with torch.no_grad():
        for table in (student.embeddings.word, student.embeddings.position):
            levels, scale = export.rows_of_i8(table)
            table.copy_(levels.float() * scale[:, None])
    return student.double()


def case(tokens, types, logits, tally):
    """What the test compares with."""
    return {"tokens": tokens[0].tolist(), "types": types[0].tolist(), "logits": logits.tolist(),
            "wrapped": {site: count for site, count in tally.beyond.items() if count}}


def small(bits, out):
    student = export.Recorder(CONFIG, random_tensors(bits))
    generator = torch.Generator().manual_seed(100 + bits)
    texts = [torch.randint(CONFIG["vocab_size"], (1, length), generator=generator) for length in (1, 2, 5, 9, 17, 32)]
    widths = graph.Widths(index=bits, random=False, wrap=True)
    student.calibrate([(text, torch.zeros_like(text)) for text in texts], widths)
    # Steps such that some numbers wrap: both do so alike.
    with torch.no_grad():
        student.largest, cases = {}, []
        for text in texts:
            student.begin()
            student(text, torch.zeros_like(text), widths)
        folder = out / f"index{bits}"
        export.write(student, widths, folder, f"trained-index{bits}", ("low", "high"), None)
        with_exported_numbers(student)
        for text in texts:
            student.begin()
            student.tally = graph.Tally()
            types = torch.zeros_like(text)
            types[:, text.shape[1] // 2 :] = 1
            logits = student(text, types, widths)[0]
            cases.append(case(text, types, logits, student.tally))
        (folder / "cases.json").write_text(json.dumps(cases) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--teacher")
    parser.add_argument("--student")
    arguments = parser.parse_args()
    if arguments.out:
        for bits in range(4, 9):
            small(bits, arguments.out)
        return
    from safetensors.torch import load_file

    student = graph.load(arguments.teacher)
    student.load_state_dict(torch.load(arguments.student)["student"])
    range_of_logits = load_file(str(Path(arguments.model) / "public.safetensors"))["output.range"]
    student.largest_logit.copy_(range_of_logits[0, 1])
    with_exported_numbers(student)
    tokenizer = data.tokenizer_of(arguments.teacher)
    widths = graph.Widths(random=False, wrap=True)
    cases = []
    with torch.no_grad():
        for text in SENTENCES:
            ids = torch.tensor([tokenizer.encode(text).ids])
            types = torch.zeros_like(ids)
            student.tally = graph.Tally()
            logits = student(ids, types, widths)[0]
            cases.append(case(ids, types, logits, student.tally))
    print(json.dumps(cases))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes a trained student as a model folder of qbench (docs/MODEL_FORMAT.md).

    export.py --teacher models/sst2-float --student RUN/student0-w1a4.pt --task SST-2 --glue GLUE --out models/sst2

The engine takes its scales from ranges: they are set so that its formulas give the steps that were trained
(`protocols/src/quantized/integer/scale.rs`). Embeddings get 8 bits and a scale a row.
"""

import argparse
import itertools
import json
from pathlib import Path

import torch

import data
import graph

# Least normal number: scales and ranges are positive.
LEAST = 2.0**-126


def ends(value):
    """A range whose clip is `value`."""
    return [value, value]


def of_cut(step, bits):
    """The range that gives what comes out of a cut this step."""
    half = 1 << (bits - 1)
    if bits == 4:
        return ends(step * half / 1.1)
    fraction = {5: 0, 6: 1, 7: 1, 8: 2}[bits]
    return ends(step / max(1.1 / half, 1 / (7.5 * (1 << fraction))))


def of_table(step, bits):
    """The same of what comes out of a table."""
    return ends(step * 7.5 * (1 << (bits - 4)))


def planes(weight):
    """One plane of signs, least significant bit first, each row from a new byte: `[1, outputs, bytes]`."""
    bits = (weight >= 0).to(torch.uint8)
    outputs, inputs = bits.shape
    missing = -inputs % 8
    bits = torch.nn.functional.pad(bits, (0, missing)).view(outputs, -1, 8)
    return (bits << torch.arange(8, dtype=torch.uint8)).sum(-1).to(torch.uint8)[None]


def rows_of_i8(table):
    """A table in 8 bits with a scale a row."""
    scale = (table.abs().amax(1) / 127).clamp_min(LEAST)
    return (table / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale


class Recorder(graph.Encoder):
    """Remembers the largest value of each feature, which `lut-fine` makes its scales of."""

    def begin(self):
        """Before each pass: sites come in the order of layers."""
        self.order = {}

    def keep(self, site, z):
        if self.calibrating:
            return
        number = self.order.get(site, 0)
        self.order[site] = number + 1
        if site in ("query", "key", "value", "context", "inner", "activation", "sum"):
            seen = [z.detach().abs().reshape(-1, z.shape[-1]).amax(0)]
        elif site == "scores":
            by_head = z.detach().transpose(0, 1).reshape(z.shape[1], -1)
            seen = [-by_head.amin(1), by_head.amax(1)]
        else:
            return
        before = self.largest.get((site, number), seen)
        self.largest[site, number] = [torch.maximum(a, b) for a, b in zip(before, seen)]

    def cut(self, site, z, widths, least, most):
        self.keep(site, z)
        return super().cut(site, z, widths, least, most)

    def table(self, site, z, widths, least, most):
        self.keep(site, z)
        return super().table(site, z, widths, least, most)


def metadata(config, part, name, labels, bits):
    shared = {"range": "feature", "percentile": 100.0, "headroom": 1.2}
    ranging = {
        "index": shared, "scores": {**shared, "range": "head", "headroom": 1.15}, "inner": shared,
        "activated": {**shared, "headroom": 1.0}, "sum": {**shared, "headroom": 2.0},
        "row": {**shared, "range": "tensor", "headroom": 1.5},
    }
    header = {
        "version": 3,
        "part": part,
        "config": {
            "name": name,
            "layers": config["num_hidden_layers"],
            "hidden": config["hidden_size"],
            "heads": config["num_attention_heads"],
            "feed_forward": config["intermediate_size"],
            "max_positions": config["max_position_embeddings"],
            "activation": config["hidden_act"],
            "head": {"classifier": {"labels": max(1, len(labels))}},
            "layer_norm_epsilon": config["layer_norm_eps"],
        },
    }
    if part == "private":
        header["ranging"] = [ranging] * config["num_hidden_layers"]
    else:
        header["embeddings"] = {"padding": None, "token_types": True}
        header["labels"] = list(labels)
        header["trained_for"] = {"index_bits": str(bits)}
    return {"qbench-model": json.dumps(header)}


def private_tensors(student, bits):
    def linear(name, layer):
        return {
            f"{name}.planes": planes(layer.weight),
            f"{name}.row_scale": layer.log_scale.exp(),
            f"{name}.bias": layer.bias,
        }

    def norm(name, layer):
        step = layer.log_sum.exp()
        both = of_cut(step, bits)
        variance = ends(layer.log_largest.exp() * step * step / 1.5)
        ranges = [both, both, both, variance, of_table(layer.log_output.exp(), bits)]
        return {f"{name}.gamma": layer.gamma, f"{name}.beta": layer.beta, f"{name}.ranges": torch.tensor(ranges)}

    tensors = {}
    for index, layer in enumerate(student.layers):
        at = f"layer{index}"
        tensors |= linear(f"{at}/attention/query", layer.query) | linear(f"{at}/attention/key", layer.key)
        tensors |= linear(f"{at}/attention/value", layer.value) | linear(f"{at}/attention/output", layer.attention_output)
        tensors |= linear(f"{at}/feed-forward/in", layer.feed_forward_in)
        tensors |= linear(f"{at}/feed-forward/out", layer.feed_forward_out)
        tensors |= norm(f"{at}/attention/add-and-norm", layer.attention_norm)
        tensors |= norm(f"{at}/feed-forward/add-and-norm", layer.feed_forward_norm)
        ranges = [of_cut(layer.step(name), bits) for name in ("query", "key", "value", "scores", "context", "inner")]
        # Codes -1 to 14 (`activation_levels`).
        ranges.append(ends(layer.step("activation") * 14))
        tensors[f"{at}.ranges"] = torch.tensor(ranges)
        seen = {name: (student.largest[name, index][0] * layer.step(name)) for name in
                ("query", "key", "value", "context", "inner", "activation")}
        low, high = (part * layer.step("scores") for part in student.largest["scores", index])
        features = {
            "query": seen["query"], "key": seen["key"], "value": seen["value"], "score_low": -low, "score_high": high,
            "context": seen["context"], "inner": seen["inner"], "activated": seen["activation"],
            "attention_sum": student.largest["sum", 2 * index][0] * layer.attention_norm.log_sum.exp(),
            "feed_forward_sum": student.largest["sum", 2 * index + 1][0] * layer.feed_forward_norm.log_sum.exp(),
        }
        tensors |= {f"{at}.features.{name}": value for name, value in features.items()}
    tensors |= linear("head/pooler", student.pooler) | linear("head/classifier", student.classifier)
    tensors["head.ranges"] = torch.tensor([of_cut(student.log_pooler.exp(), bits), ends(student.largest_logit)])
    tensors["input.range"] = torch.tensor([of_table(student.log_input.exp(), bits)])
    return tensors


def public_tensors(student, bits):
    tensors = {
        "input.range": torch.tensor([of_table(student.log_input.exp(), bits)]),
        "output.range": torch.tensor([ends(student.largest_logit)]),
        "embeddings.norm_gamma": student.embeddings.gamma,
        "embeddings.norm_beta": student.embeddings.beta,
        "embeddings.epsilon": torch.tensor([student.epsilon]),
        "embeddings.token_type": student.embeddings.types,
    }
    for name, table in (("word", student.embeddings.word), ("position", student.embeddings.position)):
        tensors[f"embeddings.{name}"], tensors[f"embeddings.{name}_scale"] = rows_of_i8(table)
    return tensors


def write(student, widths, out, name, labels, tokenizer):
    """`student` has seen what its features' ranges are taken of."""
    from safetensors.torch import save_file

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for part, tensors in (("private", private_tensors(student, widths.index)), ("public", public_tensors(student, widths.index))):
            small = {}
            for key, value in tensors.items():
                value = value.detach()
                small[key] = (value.float() if value.is_floating_point() else value).clone().contiguous()
            save_file(small, str(out / f"{part}.safetensors"), metadata=metadata(student.config, part, name, labels, widths.index))
    if tokenizer is not None:
        (out / "tokenizer.json").write_text(tokenizer.to_str())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--student", required=True)
    parser.add_argument("--task", default="SST-2", choices=sorted(data.TASKS))
    parser.add_argument("--glue", required=True, help="its training examples set the ranges that lut-fine takes")
    parser.add_argument("--index-bits", type=int, default=4)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    from safetensors.torch import load_file

    student = Recorder(graph.configuration(arguments.teacher), load_file(str(Path(arguments.teacher) / "model.safetensors")))
    student.load_state_dict(torch.load(arguments.student)["student"])
    tokenizer = data.tokenizer_of(arguments.teacher)
    examples = data.read(arguments.glue, arguments.task, "train", tokenizer)
    widths = graph.Widths(index=arguments.index_bits)
    largest = 0.0
    with torch.no_grad():
        student.largest = {}
        for ids, types, *_ in itertools.islice(data.batches(examples, 1000, 11), 60):
            student.begin()
            largest = max(largest, student(ids, types, widths).abs().max().item())
        # Half as much again fits (`output_unit`).
        student.largest_logit.fill_(largest)
    write(student, widths, arguments.out, Path(arguments.out).name, data.TASKS[arguments.task].labels, tokenizer)
    size = sum(file.stat().st_size for file in Path(arguments.out).iterdir())
    print(f"{arguments.out}: {size / 1e6:.1f} MB, largest logit {largest:.2f}")


if __name__ == "__main__":
    main()

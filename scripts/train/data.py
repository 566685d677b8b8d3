"""Tasks in GLUE's own layout, their tokens, and batches of like lengths.

GLUE's files are not part of this project: get them from gluebenchmark.com and name the folder.
"""

import csv
import random
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Task:
    """Where a task's columns stand, as GLUE's files have them (0 is the first)."""

    text: int
    pair: int | None
    label: int
    # Whether the first line names the columns.
    header: bool
    # Names of the labels; none for a score between 0 and 5.
    labels: tuple[str, ...]
    metric: str


TASKS = {
    "SST-2": Task(0, None, 1, True, ("negative", "positive"), "accuracy"),
    "STS-B": Task(7, 8, 9, True, (), "spearman"),
    "MRPC": Task(3, 4, 0, True, ("different", "equivalent"), "f1"),
    "CoLA": Task(3, None, 1, False, ("unacceptable", "acceptable"), "matthews"),
    "RTE": Task(1, 2, 3, True, ("entailment", "not_entailment"), "accuracy"),
}


@dataclass(frozen=True)
class Example:
    tokens: tuple[int, ...]
    types: tuple[int, ...]
    label: float


def read(folder, name, part, tokenizer, longest=128):
    """Examples of `folder/name/part.tsv`, cut to `longest` tokens."""
    task = TASKS[name]
    path = Path(folder) / name / f"{part}.tsv"
    examples = []
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        for number, row in enumerate(rows):
            if task.header and number == 0:
                continue
            needed = max(task.text, task.pair or 0, task.label)
            if len(row) <= needed:
                raise SystemExit(f"{path}, line {number + 1}: {len(row)} columns, {needed + 1} needed")
            second = row[task.pair] if task.pair is not None else None
            encoded = tokenizer.encode(row[task.text], second)
            label = row[task.label]
            value = float(task.labels.index(label)) if name == "RTE" else float(label)
            examples.append(Example(tuple(encoded.ids[:longest]), tuple(encoded.type_ids[:longest]), value))
    return examples


def tokenizer_of(model):
    """The tokenizer in a model's folder, without padding and truncation."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(model) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def batches(examples, tokens_a_batch, seed=None):
    """Batches of examples of one length each, so that none is padded: `(ids, types, labels)` as tensors.

    With a seed, examples and batches are shuffled by it; without one they come by length.
    """
    by_length = {}
    order = list(range(len(examples)))
    generator = random.Random(seed)
    if seed is not None:
        generator.shuffle(order)
    for index in order:
        by_length.setdefault(len(examples[index].tokens), []).append(index)
    cut = []
    for length, indices in sorted(by_length.items()):
        size = max(1, tokens_a_batch // length)
        # Divisible, so that few products do for many short examples.
        size = size // 12 * 12 or size
        cut += [indices[start : start + size] for start in range(0, len(indices), size)]
    if seed is not None:
        generator.shuffle(cut)
    for indices in cut:
        chosen = [examples[index] for index in indices]
        yield (
            torch.tensor([example.tokens for example in chosen]),
            torch.tensor([example.types for example in chosen]),
            torch.tensor([example.label for example in chosen]),
            indices,
        )

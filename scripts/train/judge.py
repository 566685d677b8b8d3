"""How good a model is at a task, and what it is trained by where there is no teacher."""

from dataclasses import replace

import torch
from torch import nn

import data
import graph


def predictions(model, examples, widths):
    """For each example in order the class, or the number of a task without classes; and what did not fit an index, with the
    engine's rounding and wrapping."""
    widths = replace(widths, wrap=True, penalty=0.0)
    fast, model.fast, model.tally = model.fast, False, graph.Tally()
    out = torch.zeros(len(examples))
    with torch.no_grad():
        for ids, types, _, indices in data.batches(examples, 1500):
            logits = model(ids, types, widths)
            out[indices] = logits[:, 0] if logits.shape[1] == 1 else logits.argmax(-1).float()
    tally, model.fast, model.tally = model.tally, fast, None
    return out, tally


def ranks(values):
    """From 1; equal values share the mean of theirs."""
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[inverse]


def correlation(a, b):
    a, b = a.double() - a.double().mean(), b.double() - b.double().mean()
    return ((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp_min(1e-12)).item()


def metric_of(name, predicted, labels):
    if name == "accuracy":
        return (predicted == labels).double().mean().item()
    if name == "f1":
        hits = ((predicted == 1) & (labels == 1)).sum().item()
        return 2 * hits / max(1, 2 * hits + (predicted != labels).sum().item())
    if name == "matthews":
        return correlation(predicted, labels)
    if name == "spearman":
        return correlation(ranks(predicted), ranks(labels))
    raise ValueError(name)


def evaluate(model, examples, widths, task):
    """The task's metric, and the rates of what did not fit."""
    predicted, tally = predictions(model, examples, widths)
    labels = torch.tensor([example.label for example in examples])
    return metric_of(task.metric, predicted, labels), tally


def loss_of_labels(logits, labels, task):
    """Cross entropy of classes; squared error of a score between 0 and 5, in fifths."""
    if task.labels:
        return nn.functional.cross_entropy(logits, labels.long())
    return (logits[:, 0] - labels / 5).square().mean()

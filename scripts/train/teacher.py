#!/usr/bin/env python3
"""Fine-tunes an encoder on a task in floating point: the teacher of fit.py.

    teacher.py --glue GLUE --task SST-2 --encoder models/minilm-l6 --out models/sst2-float

Writes OUT after every epoch, a checkpoint folder as transformers' BertForSequenceClassification has it. About 15 minutes on two cores for two
epochs of SST-2 and MiniLM (6 layers of 384).
"""

import argparse
import json
import os
import shutil
import time
from pathlib import Path

import torch
from torch import nn

import data
import graph
import judge


def checkpoint(model):
    """The graph's tensors under the names of a checkpoint."""
    layer_names = {
        "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
        "attention_output": "attention.output.dense", "feed_forward_in": "intermediate.dense", "feed_forward_out": "output.dense",
        "attention_norm": "attention.output.LayerNorm", "feed_forward_norm": "output.LayerNorm",
    }
    tensors = {}

    def put(name, module):
        weight, bias = (module.gamma, module.beta) if isinstance(module, graph.Norm) else (module.weight, module.bias)
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, bias

    embeddings = model.embeddings
    at = "bert.embeddings."
    tensors[f"{at}word_embeddings.weight"] = embeddings.word
    tensors[f"{at}position_embeddings.weight"] = embeddings.position
    tensors[f"{at}token_type_embeddings.weight"] = embeddings.types
    tensors[f"{at}LayerNorm.weight"], tensors[f"{at}LayerNorm.bias"] = embeddings.gamma, embeddings.beta
    for index, layer in enumerate(model.layers):
        for part, name in layer_names.items():
            put(f"bert.encoder.layer.{index}.{name}", getattr(layer, part))
    put("bert.pooler.dense", model.pooler)
    put("classifier", model.classifier)
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def write(model, source, task, out):
    """A checkpoint folder: `config.json`, `model.safetensors` and what decides tokens."""
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    save_file(checkpoint(model), str(out / "model.safetensors"), metadata={"format": "pt"})
    config = {key: value for key, value in model.config.items() if not key.startswith("_")}
    names = task.labels or ("score",)
    config |= {"architectures": ["BertForSequenceClassification"], "id2label": {str(i): name for i, name in enumerate(names)},
               "label2id": {name: i for i, name in enumerate(names)}}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (Path(source) / name).exists():
            shutil.copyfile(Path(source) / name, out / name)


def encoder(folder, outputs, seed):
    """The graph of an encoder without a head for a task: pooler and classifier are new where the checkpoint has none."""
    from safetensors.torch import load_file

    config = graph.configuration(folder)
    tensors = load_file(str(Path(folder) / "model.safetensors"))
    tensors = {name if name.startswith("bert.") else f"bert.{name}": tensor for name, tensor in tensors.items()}
    generator = torch.Generator().manual_seed(seed)
    hidden = config["hidden_size"]
    for name, rows in (("bert.pooler.dense", hidden), ("classifier", outputs)):
        if f"{name}.weight" not in tensors:
            tensors[f"{name}.weight"] = torch.randn(rows, hidden, generator=generator) * 0.02
            tensors[f"{name}.bias"] = torch.zeros(rows)
    return graph.Encoder(config, tensors, seed=seed, fast=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glue", required=True)
    parser.add_argument("--task", default="SST-2", choices=sorted(data.TASKS))
    parser.add_argument("--encoder", required=True, help="folder with config.json, model.safetensors and tokenizer.json")
    parser.add_argument("--out", required=True)
    parser.add_argument("--init", help="a teacher of another task, whose encoder and head are kept")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--tokens", type=int, default=600, help="tokens a step")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    # All of them: the library takes one of two that share a core, where both together are faster.
    torch.set_num_threads(os.cpu_count() or 1)
    task = data.TASKS[arguments.task]
    tokenizer = data.tokenizer_of(arguments.encoder)
    train = data.read(arguments.glue, arguments.task, "train", tokenizer)
    dev = data.read(arguments.glue, arguments.task, "dev", tokenizer)
    if arguments.init:
        model = graph.load(arguments.init, seed=arguments.seed, fast=True)
    else:
        model = encoder(arguments.encoder, max(1, len(task.labels)), arguments.seed)
    model.dropout = arguments.dropout
    floats = graph.Widths.floats()
    steps = sum(1 for _ in data.batches(train, arguments.tokens, 0)) * arguments.epochs
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.01, foreach=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min(1.0, (s + 1) / (0.06 * steps)) * max(0.0, (steps - s) / steps))
    begun = time.time()
    for epoch in range(arguments.epochs):
        model.train()
        total = count = 0
        for ids, types, labels, _ in data.batches(train, arguments.tokens, 1000 * arguments.seed + epoch):
            loss = judge.loss_of_labels(model(ids, types, floats), labels, task)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        model.eval()
        metric, _ = judge.evaluate(model, dev, floats, task)
        print(f"epoch {epoch}: loss {total / count:.4f}, {task.metric} {metric:.4f}, {time.time() - begun:.0f} s", flush=True)
        write(model, arguments.encoder, task, Path(arguments.out))


if __name__ == "__main__":
    main()

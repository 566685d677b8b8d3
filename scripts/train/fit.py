#!/usr/bin/env python3
"""Trains the 1-bit, 4-bit student of a fine-tuned encoder.

    fit.py --glue GLUE --task SST-2 --teacher models/sst2-float --out RUN --stage w1a4:4.5:5e-4

A stage is WIDTHS:EPOCHS:RATE; each goes on from the one before. A checkpoint is written to RUN after every part of an epoch, and a
run that was stopped goes on from it when it is started again with the same arguments. The log (`RUN/log.csv`) holds the metric on
the dev set with the engine's rounding and wrapping, and how many numbers did not fit.
"""

import argparse
import csv
import json
import math
import os
import time
from pathlib import Path

import torch
from torch import nn

import data
import graph
import judge


def widths_of(name):
    weights, _, activations = name.removeprefix("w").partition("a")
    weights, activations = int(weights), int(activations)
    if activations == 32:
        return graph.Widths(weights=weights, floating=frozenset(graph.SITES))
    return graph.Widths(weights=weights, index=activations)


def distance(student, teacher):
    """Mean squared error in units of the teacher's own scatter. Features far beyond it are clamped: no 4-bit index holds them."""
    bound = 5 * teacher.abs().mean()
    teacher = teacher.clamp(-bound, bound)
    return (student - teacher).square().mean() / teacher.square().mean()


def unlike(logits, wanted):
    """How far the student's answer is from the teacher's: cross entropy of classes, squared error of a number."""
    if logits.shape[1] == 1:
        return (logits - wanted).square().mean()
    return -(torch.softmax(wanted, -1) * torch.log_softmax(logits, -1)).sum(-1).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glue", required=True)
    parser.add_argument("--task", default="SST-2", choices=sorted(data.TASKS))
    parser.add_argument("--teacher", required=True, help="folder of the fine-tuned checkpoint (teacher.py)")
    parser.add_argument("--out", required=True)
    parser.add_argument("--stage", action="append", required=True)
    parser.add_argument("--tokens", type=int, default=900, help="tokens a step")
    parser.add_argument("--penalty", type=float, default=0.003)
    parser.add_argument("--hidden", type=float, default=1.0, help="weight of the hidden states' distance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=250, help="steps between looks at the dev set")
    parser.add_argument("--init", help="a student to start from in place of the teacher")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    # All of them: the library takes one of two that share a core, where both together are faster.
    torch.set_num_threads(os.cpu_count() or 1)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)

    task = data.TASKS[arguments.task]
    tokenizer = data.tokenizer_of(arguments.teacher)
    train = data.read(arguments.glue, arguments.task, "train", tokenizer)
    dev = data.read(arguments.glue, arguments.task, "dev", tokenizer)
    teacher = graph.load(arguments.teacher, fast=True).eval()
    student = graph.load(arguments.teacher, seed=arguments.seed, fast=True)
    if arguments.init:
        student.load_state_dict(torch.load(arguments.init)["student"])
    student.embeddings.requires_grad_(False)
    floats = graph.Widths.floats()

    steps_an_epoch = sum(1 for _ in data.batches(train, arguments.tokens, 0))
    state_file = out / "state.pt"
    state = torch.load(state_file) if state_file.exists() else None
    log = open(out / "log.csv", "a", newline="")
    rows = csv.writer(log)
    begun = time.time()
    for number, stage in enumerate(arguments.stage):
        name, epochs, rate = stage.split(":")
        total = int(float(epochs) * steps_an_epoch)
        rate = float(rate)
        if state and state["stage"] > number:
            continue
        widths = widths_of(name)
        widths.penalty = 0.0
        weights = [p for n, p in student.named_parameters() if n.endswith("weight") and p.requires_grad]
        scales = [p for n, p in student.named_parameters() if "log_" in n and p.requires_grad]
        others = [p for n, p in student.named_parameters() if p.requires_grad and not n.endswith("weight") and "log_" not in n]
        optimizer = torch.optim.Adam(
            [{"params": weights, "lr": rate}, {"params": scales, "lr": 3 * rate}, {"params": others, "lr": rate}], foreach=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / (0.03 * total)) * max(0.02, (total - step) / total))
        done = 0
        if state and state["stage"] == number:
            student.load_state_dict(state["student"])
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
            done = state["done"]
        elif name != "w1a32":
            some = [batch for index, batch in enumerate(data.batches(train, arguments.tokens, 7)) if index < 30]
            student.calibrate(some, widths)
        state = None
        sums, count = torch.zeros(3), 0
        while done < total:
            epoch, first = divmod(done, steps_an_epoch)
            for index, (ids, types, labels, _) in enumerate(data.batches(train, arguments.tokens, 1000 * arguments.seed + 100 * number + epoch)):
                if index < first:
                    continue
                if done >= total:
                    break
                widths.penalty = arguments.penalty / len(ids)
                with torch.no_grad():
                    wanted, wanted_states = teacher(ids, types, floats, hidden_states=True)
                logits, states = student(ids, types, widths, hidden_states=True)
                soft = unlike(logits, wanted)
                near = sum(distance(a, b) for a, b in zip(states, wanted_states)) / len(states)
                loss = soft + arguments.hidden * near
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(student.parameters(), 5.0)
                optimizer.step()
                schedule.step()
                done += 1
                sums += torch.tensor([soft.item(), near.item(), judge.loss_of_labels(logits, labels, task).item()])
                count += 1
                if done % arguments.every == 0 or done == total:
                    metric, tally = judge.evaluate(student, dev, widths, task)
                    worst = {site: f"{tally.rate(site):.1e}" for site in tally.seen}
                    means = [f"{value:.4f}" for value in (sums / count).tolist()]
                    rows.writerow([name, done, total, *means, f"{metric:.4f}", round(time.time() - begun), json.dumps(worst)])
                    log.flush()
                    sums, count = torch.zeros(3), 0
                    kept = {"stage": number, "done": done, "student": student.state_dict(),
                            "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
                    torch.save(kept, out / "state.part")
                    os.replace(out / "state.part", state_file)
        torch.save({"student": student.state_dict(), "stage": name}, out / f"student{number}-{name}.pt")


if __name__ == "__main__":
    main()

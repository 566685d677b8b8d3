#!/usr/bin/env python3
"""One party of the real CrypTen (Knott et al., NeurIPS 2021; version 0.4.1) under qbench's protocol for external
systems, docs/EXTERNAL.md: a BERT encoder between two parties, everything secret.

  run.py                a cell as JSON on standard input, the answer as JSON on standard output
  run.py --check        whether it can run here; the last line says why not, or the versions
  run.py --self-check   one- and twelve-layer encoders on loopback against expected.csv; needs two cores, a minute

What is measured. P1 (rank 0) gives the input, P2 (rank 1) the weights, random and of the model's shape. setup: sharing
the weights, which costs no traffic, because the parties share seeds. online: sharing the input and the forward pass,
up to shares of the output. offline is not given: CrypTen's default provider, the trusted first party, lets both
parties draw all triples from one seed, which is local, free and not secure. The triples that one pass requests are
drawn before the online phase (CrypTen's own cache), so that the online phase does not pay for them.

The interpreter is $QBENCH_CRYPTEN_PYTHON, or target/external/crypten of this source tree, which setup.sh makes.
"""

import csv
import json
import math
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV_PYTHON = HERE.parents[2] / "target/external/crypten/bin/python"
WANTED = "0.4.1"
# A wrap-around of the fixed-point ring gives errors of many thousands; CrypTen's approximations stay well below this.
LARGEST_ERROR = 0.5


def fail(text):
    sys.exit(f"crypten: {text}")


def interpreter():
    """The Python that has CrypTen, or why there is none."""
    named = os.environ.get("QBENCH_CRYPTEN_PYTHON")
    if named:
        return named if os.access(named, os.X_OK) else fail(f"QBENCH_CRYPTEN_PYTHON names no program: {named}")
    if os.access(VENV_PYTHON, os.X_OK):
        return str(VENV_PYTHON)
    fail("not installed: run scripts/external/crypten/setup.sh once, or name a Python in QBENCH_CRYPTEN_PYTHON")


def load():
    """Imports CrypTen; refuses other versions, whose costs differ."""
    # It computes on the CPU, and the torch that setup.sh installs has no CUDA to speak of.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        import torch
        import crypten
    except Exception as error:  # also what a broken shared library raises
        fail(f"{sys.executable} cannot import torch and crypten: {error}")
    if crypten.__version__ != WANTED:
        fail(f"version {crypten.__version__} is installed, {WANTED} is wanted")
    return torch, crypten


def layer_weights(torch, model, generator):
    """Random weights of one encoder layer. At BERT's own scale at initialization, 0.02, the inputs of GELU leave the range
    in which CrypTen's error function is any good; what it costs does not depend on them."""
    h, f = model["hidden"], model["feed_forward"]

    def normal(*shape, scale=0.01):
        return torch.randn(*shape, generator=generator) * scale

    weights = {}
    for name, shape in {"q": (h, h), "k": (h, h), "v": (h, h), "o": (h, h), "up": (h, f), "down": (f, h)}.items():
        weights[name] = normal(*shape)
        weights[name + ".bias"] = normal(shape[1])
    for name in ("norm1", "norm2"):
        weights[name + ".gamma"] = 1.0 + normal(h)
        weights[name + ".beta"] = normal(h)
    return weights


def encoder_layer(x, w, model, ops):
    """One layer after BERT (Devlin et al., 2019), over CrypTen tensors or plain ones: `ops` holds what differs."""
    n, h = x.size()
    heads = model["heads"]
    width = h // heads

    def linear(x, name):
        return x.matmul(w[name]) + w[name + ".bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        variance = (centred * centred if ops.plain else centred.square()).mean(-1, keepdim=True)
        return centred * ops.inverse_root(variance + model["layer_norm_epsilon"]) * w[name + ".gamma"] + w[name + ".beta"]

    q, k, v = (linear(x, name).view(n, heads, width).transpose(0, 1) for name in ("q", "k", "v"))
    root = math.sqrt(width)
    scores = q.matmul(k.transpose(-1, -2)).div(int(root) if root.is_integer() else root)
    context = scores.softmax(-1).matmul(v).transpose(0, 1).reshape(n, h)
    x = norm(x + linear(context, "o"), "norm1")
    return norm(x + linear(ops.activation(linear(x, "up"), model["activation"]), "down"), "norm2")


class Plain:
    """The float reference."""

    plain = True

    def __init__(self, torch):
        self.torch = torch

    def inverse_root(self, x):
        return x.rsqrt()

    def activation(self, x, name):
        return self.torch.nn.functional.gelu(x) if name == "gelu" else x.relu()


class Secret:
    """CrypTen's own protocols."""

    plain = False

    def inverse_root(self, x):
        return x.inv_sqrt()

    def activation(self, x, name):
        if name == "relu":
            return x.relu()
        return x * 0.5 * (x.div(math.sqrt(2.0)).erf() + 1)


class Party:
    """One of the two parties, connected."""

    def __init__(self, cell):
        self.cell, self.model = cell, cell["model"]
        parties = cell["parties"]
        if len(parties) != 2:
            fail(f"it runs between two parties, and the scenario declares {parties}")
        if cell.get("model_folder"):
            fail("it draws its own random weights and cannot read a model folder")
        self.rank = parties.index(cell["party"])
        self.peer = parties[1 - self.rank]
        first = parties[0]
        os.environ.update(
            DISTRIBUTED_BACKEND="gloo",
            RENDEZVOUS=f"tcp://{cell['addresses'][first]}:{cell['ports'][first]}",
            WORLD_SIZE="2",
            RANK=str(self.rank),
            # Else gloo takes the address of the machine's name, which lies outside of the emulated link.
            GLOO_SOCKET_IFNAME=cell["interface"],
        )
        self.torch, self.crypten = load()
        self.torch.set_num_threads(cell["threads"])
        self.torch.set_grad_enabled(False)
        self.crypten.init()
        self.crypten.cfg.communicator.verbose = True
        self.communicator = self.crypten.communicator.get()
        self.answer = {"setup": None, "offline": None, "online": None}

    def phase(self, name, work):
        """Times and counts `work` from a common start."""
        # torch's own barrier: CrypTen's would count as a round.
        self.torch.distributed.barrier(group=self.communicator.main_group)
        self.communicator.reset_communication_stats()
        began, cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        counted = self.communicator.get_communication_stats()
        # CrypTen counts what a party sends and receives; the parties send alike.
        sent = [0, 0, 0]
        sent[self.peer] = int(counted["bytes"]) // 2
        self.answer[name] = {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "sent_bytes": sent,
            "rounds": counted["rounds"],
        }
        return result

    def share(self, weights):
        """Weights of P2 as shares. Both draw them, so both know their shapes; only P2's values enter."""
        return {name: self.crypten.cryptensor(value, src=1) for name, value in weights.items()}

    def forward(self, x, layers):
        for weights in layers:
            x = encoder_layer(x, weights, self.model, Secret())
        return x

    def prepare(self, x, layers):
        """Lets one pass of one layer say which triples it requests, and draws them for all layers."""
        provider = self.crypten.mpc.get_default_provider()
        provider.trace(True)
        self.forward(self.crypten.cryptensor(x, src=0), layers[:1])
        provider.trace(False)
        provider.request_cache = provider.request_cache * len(layers)
        provider.fill_cache()

    def run(self):
        torch, model = self.torch, self.model
        generator = torch.Generator().manual_seed(self.cell["seed"])
        plain = [layer_weights(torch, model, generator) for _ in range(model["layers"])]
        x = torch.randn(self.cell["seq_len"], model["hidden"], generator=generator)
        layers = self.phase("setup", lambda: [self.share(weights) for weights in plain])
        self.prepare(x, layers)
        output = self.phase("online", lambda: self.forward(self.crypten.cryptensor(x, src=0), layers))
        self.leftover()
        answer = {"protocol": 1, "phases": self.answer, "verified": None, "float_error": None}
        if self.cell["verify"]:
            answer["float_error"] = self.error(output, x, plain)
            answer["verified"] = "CrypTen's output, opened after the clocks had stopped, against torch's float encoder"
        return answer

    def leftover(self):
        """The pass must have used what was drawn for it: else it drew triples on the clock, or drew too many."""
        cache = self.crypten.mpc.get_default_provider().tuple_cache
        left = sum(len(tuples) for tuples in cache.values())
        if left:
            fail(f"{left} triples were drawn and not used")

    def error(self, output, x, plain):
        """Largest difference to the float reference, relative to its root mean square."""
        for weights in plain:
            x = encoder_layer(x, weights, self.model, Plain(self.torch))
        error = float((output.get_plain_text() - x).abs().max() / x.square().mean().sqrt())
        if not error < LARGEST_ERROR:
            fail(f"the output is wrong: it differs from the float reference by {error:.3g} times its root mean square")
        return error


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def self_check():
    """Rounds and bytes of whole encoders against those on record; equal, not close."""
    with open(HERE / "expected.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        port = free_port()
        cell = {
            "protocol": 1,
            "system": "crypten-pypi",
            "parties": [1, 2],
            "addresses": ["127.0.0.1"] * 3,
            "ports": [port] * 3,
            "interface": "lo",
            "model": {
                "layers": int(row["layers"]),
                "hidden": 768,
                "heads": 12,
                "feed_forward": 3072,
                "activation": "gelu",
                "layer_norm_epsilon": 1e-12,
            },
            "seq_len": int(row["seq_len"]),
            "threads": 1,
            "seed": 1,
            "verify": True,
        }
        parties = [
            subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in cell["parties"]
        ]
        for party, process in zip(cell["parties"], parties):
            process.stdin.write(json.dumps({**cell, "party": party}))
            process.stdin.close()
        texts = [process.stdout.read() for process in parties]
        if any(process.wait() for process in parties):
            fail("a party failed")
        answers = [json.loads(text) for text in texts]
        online = [answer["phases"]["online"] for answer in answers]
        found = (online[0]["rounds"], sum(sum(phase["sent_bytes"]) for phase in online))
        expected = (int(row["rounds"]), int(row["total_bytes_sent"]))
        seconds = max(phase["seconds"] for phase in online)
        error = answers[0]["float_error"]
        print(f"{row['layers']} layers, n = {row['seq_len']}: {found[0]} rounds, {found[1]} bytes, "
              f"{seconds:.2f} s, error {error:.3g}", flush=True)
        if found != expected or online[0]["rounds"] != online[1]["rounds"]:
            fail(f"expected {expected[0]} rounds and {expected[1]} bytes")


def main():
    if os.environ.get("QBENCH_CRYPTEN_INSIDE") != "1":
        # A venv's interpreter is a link to another: compare by what was asked for, not by what it resolves to.
        os.environ["QBENCH_CRYPTEN_INSIDE"] = "1"
        python = interpreter()
        os.execv(python, [python, __file__, *sys.argv[1:]])
    if sys.argv[1:] == ["--check"]:
        torch, crypten = load()
        print(f"crypten {crypten.__version__}, torch {torch.__version__}")
    elif sys.argv[1:] == ["--self-check"]:
        self_check()
    elif sys.argv[1:]:
        fail(f"unknown arguments: {' '.join(sys.argv[1:])}")
    else:
        # Only the answer goes to standard output; what libraries print there goes to standard error.
        out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        print(json.dumps(Party(json.load(sys.stdin)).run()), file=out, flush=True)
        sys.stderr.flush()
        # The answer is out; gloo's threads now and then abort the interpreter's own end.
        os._exit(0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""One party of the real SecretFlow-SPU (Ma et al., USENIX ATC 2023; version 0.9.5) under qbench's protocol for external
systems, docs/EXTERNAL.md: a BERT encoder, everything secret. Two systems:

  aby3     protocol ABY3 between three parties: replicated shares, semi-honest, honest majority
  semi2k   protocol SEMI2K between two parties: additive shares, triples of SPU's default, the trusted first party

  run.py [aby3|semi2k]         a cell as JSON on standard input, the answer as JSON on standard output; without the
                               argument the end of the system's name decides (`spu-aby3`)
  run.py --check               whether it can run here; the last line says why not, or the versions
  run.py --self-check          encoders of one and two layers on loopback against expected.csv; two cores, a minute

What is measured. Each party is a process with SPU's runtime and its own link (yacl over brpc): no Ray, no node daemons.
The encoder layer is a jax function that SPU's compiler lowers before the clocks start; ring of 64 bits and 18 fraction
bits, SPU's defaults. As its deployments for Transformers do (PUMA, arXiv 2307.12533), GELU is PUMA's polynomial in three
pieces, and softmax subtracts the maximum, takes SPU's exponential and multiplies with one reciprocal a row; LayerNorm is
as jax writes it. QBENCH_SPU_GELU=tanh or =erf takes jax's GELU, as SPU lowers it, instead. PUMA's cut of the
exponential at -14 is left out: random weights stay far from it. Weights are random and of the model's shape.

setup: the owner of the weights (P0 of aby3, P2 of semi2k) shares them with SPU's Io and sends the shares over SPU's link.
online: P1 shares the input in the same way, and the forward pass runs, layer by layer, up to shares of the output. offline
is not given: aby3 has none, and semi2k's triples come from the trusted first party, which is not secure: one of the two
computing parties knows the seeds of both and makes the triples fit by itself. That costs no traffic, and its time is on the
online clock, because SPU does it there.

Bytes are SPU's own counts of payload; the shares of inputs and weights, which this script sends, it counts itself. Of three
parties SPU counts only a party's sum: it is split over its two peers after what the kernel counted on their connections.
Rounds are the longest chain of dependent messages, out of SPU's trace of the link at all parties; those of aby3 vary by a
few from run to run, as do a party's bytes, because SPU draws at every truncation which two parties do it.

Threads: SPU's pool and OpenMP get the cell's number. brpc's threads, and the second thread that SPU starts for a part of every
matrix product of aby3, cannot be turned off: cpu_seconds has them all.

The interpreter is $QBENCH_SPU_PYTHON, or target/external/spu of this source tree, which setup.sh makes.
"""

import csv
import ctypes
import json
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV_PYTHON = HERE.parents[2] / "target/external/spu/bin/python"
WANTED = "0.9.5"
SYSTEMS = {"aby3": 3, "semi2k": 2}
# Of SPU's answer: fixed point with 18 fraction bits and PUMA's GELU stay far below this, a wrap-around far above.
LARGEST_ERROR = 0.5
# A layer's rounds of aby3, from run to run.
ROUNDS_VARY = 8


def fail(text):
    sys.exit(f"spu: {text}")


def interpreter():
    """The Python that has SPU, or why there is none."""
    named = os.environ.get("QBENCH_SPU_PYTHON")
    if named:
        return named if os.access(named, os.X_OK) else fail(f"QBENCH_SPU_PYTHON names no program: {named}")
    if os.access(VENV_PYTHON, os.X_OK):
        return str(VENV_PYTHON)
    fail("not installed: run scripts/external/spu/setup.sh once, or name a Python in QBENCH_SPU_PYTHON")


def load():
    """Imports SPU; refuses other versions, whose costs differ."""
    try:
        import jax
        import spu
        from spu.utils import frontend
    except Exception as error:  # also what a broken shared library raises
        fail(f"{sys.executable} cannot import jax and spu: {error}")
    if spu.__version__ != WANTED:
        fail(f"version {spu.__version__} is installed, {WANTED} is wanted")
    return jax, spu, frontend


def layer_weights(model, generator):
    """Random weights of one encoder layer, at BERT's own scale at initialization."""
    h, f = model["hidden"], model["feed_forward"]

    def normal(*shape, scale=0.02):
        return (generator.standard_normal(shape) * scale).astype("float32")

    weights = {}
    for name, shape in {"q": (h, h), "k": (h, h), "v": (h, h), "o": (h, h), "up": (h, f), "down": (f, h)}.items():
        weights[name] = normal(*shape)
        weights[name + ".bias"] = normal(shape[1])
    for name in ("norm1", "norm2"):
        weights[name + ".gamma"] = 1 + normal(h)
        weights[name + ".beta"] = normal(h)
    return weights


def puma_gelu(jnp, x):
    """GELU of PUMA (arXiv 2307.12533, 3.1): 0, a cubic, a polynomial of degree six, and x."""
    below, low, high = x < -4.0, x < -1.95, x > 3.0
    middle, left = low ^ high ^ True, below ^ low
    x2 = jnp.square(x)
    x3 = x * x2
    x4, x6 = jnp.square(x2), jnp.square(x3)
    cubic = -0.011034134030615728 * x3 - 0.11807612951181953 * x2 - 0.42226581151983866 * x - 0.5054031199708174
    sixth = (0.0018067462606141187 * x6 - 0.037688200365904236 * x4 + 0.3603292692789629 * x2 + 0.5 * x
             + 0.008526321541038084)
    return high * x + left * cubic + middle * sixth


def encoder_layer(jax, model, activation):
    """One layer after BERT (Devlin et al., 2019) as a jax function of the input and the weights."""
    jnp = jax.numpy
    heads = model["heads"]
    width = model["hidden"] // heads

    def layer(x, w):
        n, h = x.shape

        def linear(x, name):
            return x @ w[name] + w[name + ".bias"]

        def norm(x, name):
            centred = x - jnp.mean(x, -1, keepdims=True)
            variance = jnp.mean(jnp.square(centred), -1, keepdims=True)
            return centred * jax.lax.rsqrt(variance + model["layer_norm_epsilon"]) * w[name + ".gamma"] + w[name + ".beta"]

        q, k, v = (linear(x, name).reshape(n, heads, width).transpose(1, 0, 2) for name in ("q", "k", "v"))
        scores = (q / width ** 0.5) @ k.transpose(0, 2, 1)
        exponentials = jnp.exp(scores - jnp.max(scores, -1, keepdims=True))
        attention = exponentials * (1.0 / jnp.sum(exponentials, -1, keepdims=True))
        context = (attention @ v).transpose(1, 0, 2).reshape(n, h)
        x = norm(x + linear(context, "o"), "norm1")
        return norm(x + linear(activation(linear(x, "up")), "down"), "norm2")

    return layer


def activations(jax, model):
    """The scenario's activation: in SPU, and in the float reference."""
    if model.get("activation") == "relu":
        return jax.nn.relu, jax.nn.relu
    exact = lambda x: jax.nn.gelu(x, approximate=False)
    inside = {
        "puma": lambda x: puma_gelu(jax.numpy, x),
        "tanh": lambda x: jax.nn.gelu(x, approximate=True),
        "erf": exact,
    }
    name = os.environ.get("QBENCH_SPU_GELU", "puma")
    return inside[name] if name in inside else fail(f"QBENCH_SPU_GELU is {name}: it takes {', '.join(inside)}"), exact


def longest_chain(traces):
    """Of what each party sent and received, in its order: `s1` to rank 1, `r1` from it, `a` with all at once."""
    at, depth = [0] * len(traces), [0] * len(traces)
    on_way = {}
    moved = True
    while moved:
        moved = False
        for me, trace in enumerate(traces):
            while at[me] < len(trace):
                kind, *peer = trace[at[me]]
                if kind == "s":
                    on_way.setdefault((me, int(peer[0])), []).append(depth[me] + 1)
                elif kind == "r":
                    queue = on_way.get((int(peer[0]), me))
                    if not queue:
                        break
                    depth[me] = max(depth[me], queue.pop(0))
                else:
                    break
                at[me] += 1
                moved = True
        if all(at[me] < len(trace) and trace[at[me]] == "a" for me, trace in enumerate(traces)):
            depth = [max(depth) + 1] * len(traces)
            at = [place + 1 for place in at]
            moved = True
    if any(at[me] < len(trace) for me, trace in enumerate(traces)):
        return None
    return max(depth)


class Party:
    """One of the parties, connected."""

    def __init__(self, cell, kind):
        self.cell, self.model = cell, cell["model"]
        self.parties = cell["parties"]
        if len(self.parties) != SYSTEMS[kind]:
            fail(f"{kind} runs between {SYSTEMS[kind]} parties, and the scenario declares {self.parties}")
        if cell.get("model_folder"):
            fail("it draws its own random weights and cannot read a model folder")
        self.rank, self.world = self.parties.index(cell["party"]), len(self.parties)
        self.weights_from, self.input_from = (0, 1) if kind == "aby3" else (1, 0)
        threads = str(cell["threads"])
        os.environ.update(YACL_NUM_THREADS=threads, OMP_NUM_THREADS=threads, JAX_PLATFORMS="cpu")
        self.jax, self.spu, self.frontend = load()
        self.folder = tempfile.TemporaryDirectory(prefix="qbench-spu-")
        self.log, self.trace = (Path(self.folder.name) / name for name in ("log", "trace"))
        logging = self.spu.libspu.logging
        options = logging.LogOptions()
        # The harness shows its end where a party fails, which brpc may end without a word.
        options.enable_console_logger = "QBENCH_PARTY" in os.environ
        options.system_log_path, options.trace_log_path = str(self.log), str(self.trace)
        options.trace_content_length = 0
        logging.setup_logging(options)
        self.config = self.spu.RuntimeConfig(
            protocol=getattr(self.spu.ProtocolKind, kind.upper()), field=self.spu.FieldType.FM64
        )
        self.config.max_concurrency = cell["threads"]
        # For the line in the log that has the bytes.
        self.config.enable_pphlo_profile = True
        desc = self.spu.link.Desc()
        desc.recv_timeout_ms = int(cell.get("timeout_seconds", 600) * 1000)
        desc.connect_retry_times, desc.connect_retry_interval_ms = 120, 500
        # Messages up to 32 MiB in one piece, as SPU's own distributed module sets it; no deadline but the cell's.
        desc.http_max_payload_size = 32 << 20
        desc.http_timeout_ms = desc.recv_timeout_ms
        for party in self.parties:
            desc.add_party(f"P{party}", f"{cell['addresses'][party]}:{cell['ports'][party]}")
        self.link = self.spu.link.create_brpc(desc, self.rank)
        self.io = self.spu.Io(self.world, self.config)
        self.runtime = self.spu.Runtime(self.link, self.config)
        self.answer = {"setup": None, "offline": None, "online": None}

    def peers(self):
        return [rank for rank in range(self.world) if rank != self.rank]

    def phase(self, name, work):
        """Times and counts `work` from a common start."""
        self.link.barrier()
        log, trace, wire = self.logged(), self.traced(), self.wire()
        self.own = dict.fromkeys(self.peers(), 0)
        began, cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        # All that was sent has arrived after this.
        self.link.barrier()
        wire = {rank: bytes - wire[rank] for rank, bytes in self.wire().items()}
        events = self.events(trace)
        by_spu = sum(int(count) for count in re.findall(r"total send bytes (\d+)", self.log.read_text()[log:]))
        sent = [0, 0, 0]
        for rank, bytes in self.split(by_spu, wire, events).items():
            sent[self.parties[rank]] = bytes
        events = [json.loads(text) for text in self.link.all_gather(json.dumps(events))]
        self.answer[name] = {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "sent_bytes": sent,
            "rounds": longest_chain(events),
        }
        return result

    def logged(self):
        return len(self.log.read_text()) if self.log.exists() else 0

    def traced(self):
        # Its stream is SPU's; the library has no call to empty it.
        ctypes.CDLL(None).fflush(None)
        return self.trace.stat().st_size

    def events(self, begin):
        """What this party sent and received since `begin` bytes of SPU's trace of the link."""
        self.traced()
        with open(self.trace, errors="replace") as file:
            file.seek(begin)
            text = file.read()
        events = []
        for key in re.findall(r"\[spu link\] key=([^,]+),", text):
            if pair := re.search(r":P2P-\d+:(\d+)->(\d+)$", key):
                source, target = int(pair[1]), int(pair[2])
                events.append(f"s{target}" if source == self.rank else f"r{source}")
            elif key.endswith(":ALLGATHER"):
                events.append("a")
            elif not key.endswith(":BARRIER"):
                fail(f"cannot tell from SPU's trace who sends to whom: {key}")
        return events

    def wire(self):
        """Bytes that the kernel has sent, and seen acknowledged, on this party's connections to each peer."""
        places = {(self.cell["addresses"][self.parties[rank]], self.cell["ports"][self.parties[rank]]): rank
                  for rank in self.peers()}
        sent = dict.fromkeys(self.peers(), 0)
        for name in os.listdir("/proc/self/fd"):
            try:
                if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                    continue
                with socket.socket(fileno=os.dup(int(name))) as connection:
                    rank = places.get(connection.getpeername()[:2])
                    if rank is not None:
                        # tcpi_bytes_acked of struct tcp_info
                        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
                        sent[rank] += struct.unpack_from("Q", info, 120)[0]
            except (OSError, struct.error):
                continue
        return sent

    def split(self, by_spu, wire, events):
        """Payload sent to each peer. Of what SPU counts only the sum is known, so with two peers it is split by what the
        kernel counted, less the same framing for each message."""
        sent = dict(self.own)
        if len(sent) == 1:
            sent[self.peers()[0]] += by_spu
            return sent
        total = by_spu + sum(sent.values())
        messages = {rank: sum(event in (f"s{rank}", "a") for event in events) for rank in sent}
        framing = (sum(wire.values()) - total) / max(1, sum(messages.values()))
        first, second = self.peers()
        share = round(wire[first] - framing * messages[first])
        sent[first] = min(max(share, 0), total)
        sent[second] = total - sent[first]
        return sent

    def share(self, owner, arrays):
        """Shares the owner's arrays; each party sets its share as a variable."""
        for name, array in arrays.items():
            if self.rank == owner:
                shares = self.io.make_shares(array, self.spu.Visibility.VIS_SECRET)
                for rank in self.peers():
                    message = pickle.dumps(shares[rank])
                    self.link.send_async(rank, message)
                    self.own[rank] += len(message)
                share = shares[owner]
            else:
                share = pickle.loads(self.link.recv(owner))
            self.runtime.set_var(name, share)

    def compiled(self, x, weights):
        """One encoder layer as SPU's program; all layers have the same shape."""
        inside, _ = activations(self.jax, self.model)
        layer = encoder_layer(self.jax, self.model, inside)
        secret = [self.spu.Visibility.VIS_SECRET] * (1 + len(weights))
        # jax flattens the weights in the order of their names.
        names = ["x", *sorted(weights)]
        kind = self.frontend.Kind.JAX
        return self.frontend.compile(kind, layer, [x, weights], {}, names, secret, lambda out: ["y"])[0]

    def forward(self, program, x, layers):
        """Shares the input and runs all layers; the shares of the output are the variable `y`."""
        self.share(self.input_from, {"x": x})
        for index, weights in enumerate(layers):
            names = ["x" if index == 0 else "y", *(f"{index}.{name}" for name in sorted(weights))]
            self.runtime.run(
                self.spu.Executable(name="layer", input_names=names, output_names=["y"], code=program.code)
            )

    def run(self):
        import numpy

        model = self.model
        generator = numpy.random.default_rng(self.cell["seed"])
        layers = [layer_weights(model, generator) for _ in range(model["layers"])]
        x = generator.standard_normal((self.cell["seq_len"], model["hidden"])).astype("float32")
        program = self.compiled(x, layers[0])
        named = {f"{index}.{name}": array for index, weights in enumerate(layers) for name, array in weights.items()}
        self.phase("setup", lambda: self.share(self.weights_from, named))
        self.phase("online", lambda: self.forward(program, x, layers))
        answer = {"protocol": 1, "phases": self.answer, "verified": None, "float_error": None}
        if self.cell["verify"]:
            answer["float_error"] = self.error(x, layers)
            answer["verified"] = "SPU's output, opened after the clocks had stopped, against jax's float encoder"
        # A peer that misses brpc's reply to its last message ends with an error: the replies get time to arrive.
        self.link.stop_link()
        time.sleep(0.5 + 2e-9 * self.cell.get("link", {}).get("rtt_ns", 0))
        return answer

    def error(self, x, layers):
        """Largest difference to the float reference, relative to its root mean square; the first party opens."""
        share = self.runtime.get_var("y")
        if self.rank != 0:
            self.link.send(0, pickle.dumps(share))
            return None
        others = [pickle.loads(self.link.recv(rank)) for rank in self.peers()]
        output = self.io.reconstruct([share, *others])
        jnp = self.jax.numpy
        _, exact = activations(self.jax, self.model)
        layer = encoder_layer(self.jax, self.model, exact)
        for weights in layers:
            x = layer(x, weights)
        error = float(jnp.abs(output - x).max() / jnp.sqrt(jnp.square(x).mean()))
        if not error < LARGEST_ERROR:
            fail(f"the output is wrong: it differs from the float reference by {error:.3g} times its root mean square")
        return error


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for listener in held:
        listener.bind(("127.0.0.1", 0))
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def self_check():
    """Bytes of whole encoders against those on record, equal; rounds of aby3 vary by a few, because SPU draws at every
    truncation which two parties do it."""
    with open(HERE / "expected.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        kind = row["system"]
        cell = {
            "protocol": 1,
            "system": f"spu-{kind}",
            "parties": [0, 1, 2] if kind == "aby3" else [1, 2],
            "addresses": ["127.0.0.1"] * 3,
            "ports": free_ports(3),
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
        processes = [
            subprocess.Popen([sys.executable, __file__, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in cell["parties"]
        ]
        for party, process in zip(cell["parties"], processes):
            process.stdin.write(json.dumps({**cell, "party": party}))
            process.stdin.close()
        texts = [process.stdout.read() for process in processes]
        if any(process.wait() for process in processes):
            fail("a party failed")
        answers = [json.loads(text) for text in texts]
        online = [answer["phases"]["online"] for answer in answers]
        found = (online[0]["rounds"], sum(sum(phase["sent_bytes"]) for phase in online))
        expected = (int(row["rounds"]), int(row["total_bytes_sent"]))
        slack = ROUNDS_VARY * int(row["layers"]) if kind == "aby3" else 0
        seconds = max(phase["seconds"] for phase in online)
        print(f"{kind}, {row['layers']} layers, n = {row['seq_len']}: {found[0]} rounds, {found[1]} bytes, "
              f"{seconds:.2f} s, error {answers[0]['float_error']:.3g}", flush=True)
        if found[1] != expected[1] or abs(found[0] - expected[0]) > slack:
            fail(f"expected {expected[0]} rounds and {expected[1]} bytes")


def main():
    if os.environ.get("QBENCH_SPU_INSIDE") != "1":
        # A venv's interpreter is a link to another: compare by what was asked for, not by what it resolves to.
        os.environ["QBENCH_SPU_INSIDE"] = "1"
        python = interpreter()
        os.execv(python, [python, __file__, *sys.argv[1:]])
    if sys.argv[1:] == ["--check"]:
        jax, spu, _ = load()
        print(f"spu {spu.__version__}, jax {jax.__version__}")
    elif sys.argv[1:] == ["--self-check"]:
        self_check()
    elif sys.argv[2:] or not set(sys.argv[1:]) <= set(SYSTEMS):
        fail(f"unknown arguments: {' '.join(sys.argv[1:])}")
    else:
        # Only the answer goes to standard output; what libraries print there goes to standard error.
        out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        cell = json.load(sys.stdin)
        kind = sys.argv[1] if sys.argv[1:] else cell["system"].rpartition("-")[2]
        if kind not in SYSTEMS:
            fail(f"system {cell['system']} names none of {', '.join(SYSTEMS)}: give one as the argument")
        party = Party(cell, kind)
        answer = party.run()
        party.folder.cleanup()
        print(json.dumps(answer), file=out, flush=True)
        sys.stderr.flush()
        # The answer is out, and all parties have it: brpc's threads need not be waited for.
        os._exit(0)


if __name__ == "__main__":
    main()

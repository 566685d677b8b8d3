"""The encoder that is trained: BERT in the integers that `lut-rss` computes, with gradients.

Activations between operations are indices, as the engine has them: a product is brought to the unit of what comes out of its
cut, and the cut rounds it at random as two shares do. Forward, every number is the engine's but for the order of additions
(`protocols/src/quantized`; `check.py` holds the two together). Backward, a rounding is taken for the identity where its input
fits, a table for the function that it stands for, and a sign for its latent weight (straight-through estimators).

Steps are learned as their logarithms (LSQ: Esser et al., ICLR 2020), scales of weights a row. What does not fit its index wraps
in the engine. Training clamps it instead, and adds the slope of `penalty * excess^2` to the gradient of what exceeds.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

# Levels of the operands of a product: 4 bits.
LEAST, MOST = -8, 7
# Levels of tanh to each side of zero, the window bits of the variance, the codes of a row sum and the octave of probabilities.
TANH_LEVELS = 7.0
WINDOWS = 16
CODES = 16
OCTAVE = 12.0

# Where numbers are rounded. Any of them can be left in float, to see what it costs.
SITES = ("input", "query", "key", "value", "scores", "softmax", "context", "sum", "mean", "variance", "output", "inner",
         "activation", "pooler", "tanh")


# How much worse it is if a number does not fit here than elsewhere: a mean or variance ruins its row, and the pooler has one token.
GRAVITY = {"sum": 4.0, "mean": 400.0, "variance": 400.0, "pooler": 40.0}


@dataclass
class Widths:
    """What is rounded."""

    # 1, or 32 for the latent weights as they are.
    weights: int = 1
    # Of what comes out of a cut: 4 to 8.
    index: int = 4
    # Sites left in float.
    floating: frozenset = frozenset()
    # Whether cuts round at random, as the engine's do; to the nearest otherwise.
    random: bool = True
    # Whether what does not fit wraps, as in the engine; it is clamped otherwise.
    wrap: bool = False
    # Weight of the penalty on what does not fit.
    penalty: float = 0.0

    @staticmethod
    def floats():
        return Widths(weights=32, floating=frozenset(SITES))


@dataclass
class Tally:
    """Numbers that did not fit their index, by site."""

    seen: dict = field(default_factory=dict)
    beyond: dict = field(default_factory=dict)

    def add(self, site, seen, beyond):
        self.seen[site] = self.seen.get(site, 0) + seen
        self.beyond[site] = self.beyond.get(site, 0) + beyond

    def rate(self, site):
        return self.beyond.get(site, 0) / max(1, self.seen.get(site, 0))


class Noise:
    """Uniform numbers out of a pool that is drawn once: a training step takes as many as it has activations, and drawing them
    anew would take as long as the products."""

    def __init__(self, seed, size=1 << 23):
        generator = torch.Generator().manual_seed(seed)
        self.pool = torch.rand(size, generator=generator)
        self.generator = generator

    def like(self, x):
        count = x.numel()
        if count > self.pool.numel():
            return torch.rand(x.shape, generator=self.generator)
        start = int(torch.randint(self.pool.numel() - count + 1, (1,), generator=self.generator))
        return self.pool[start : start + count].view(x.shape)


class Cut(torch.autograd.Function):
    """Rounds to a neighbour, at random (`noise`) or to the nearest, and clamps or wraps to `least..most`."""

    @staticmethod
    def forward(ctx, z, noise, least, most, wrap, penalty):
        ctx.save_for_backward(z)
        ctx.limits = (least, most, penalty)
        q = (z + noise).floor_() if noise is not None else (z + 0.5).floor_()
        if wrap:
            return q.sub_(least).remainder_(most - least + 1).add_(least)
        return q.clamp_(least, most)

    @staticmethod
    def backward(ctx, gradient):
        (z,) = ctx.saved_tensors
        least, most, penalty = ctx.limits
        excess = z - z.clamp(least, most)
        out = gradient * (excess == 0)
        if penalty:
            out.add_(excess, alpha=2 * penalty)
        return out, None, None, None, None, None


class Product(torch.autograd.Function):
    """`(x sign(W)^T, or x W^T) * factor + offset`, in bfloat16 where asked: small integers and signs are exact in it, sums are
    rounded to 8 bits."""

    @staticmethod
    def forward(ctx, x, weights, factor, offset, binary, fast):
        kind = torch.bfloat16 if fast else torch.float32
        taken = weights.ge(0).to(kind).mul_(2).sub_(1) if binary else weights.to(kind)
        x = x.to(kind)
        sums = nn.functional.linear(x, taken).float()
        ctx.save_for_backward(x, taken, sums, factor)
        return sums * factor + offset

    @staticmethod
    def backward(ctx, gradient):
        x, taken, sums, factor = ctx.saved_tensors
        flat = gradient.reshape(-1, gradient.shape[-1])
        of_factor = (flat * sums.reshape(flat.shape)).sum(0)
        scaled = (gradient * factor).to(x.dtype)
        of_x = scaled.matmul(taken).float()
        of_weights = scaled.reshape(flat.shape).t().matmul(x.reshape(-1, x.shape[-1])).float()
        return of_x, of_weights, of_factor, flat.sum(0), None, None


def jointly(examples, length):
    """How many examples make one product: a divisor of their number."""
    most = max(1, 48 // length)
    return next(count for count in range(most, 0, -1) if examples % count == 0)


def rounded(x):
    """To the nearest integer, ties away from zero; backward the identity."""
    nearest = torch.sign(x) * (x.abs() + 0.5).floor()
    return x + (nearest - x).detach()


class Linear(nn.Module):
    """A fully connected layer: latent weights, a scale a row, a bias."""

    def __init__(self, weight, bias):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())
        self.log_scale = nn.Parameter(weight.abs().mean(1).clamp_min(1e-8).log())

    def forward(self, x, input_step, output_step, widths, unit, fast):
        """In units of `output_step`, of levels in units of `input_step`; `unit` is what one counts in the ring."""
        binary = widths.weights == 1
        gain = input_step / output_step
        factor = self.log_scale.exp() * gain if binary else gain.expand(len(self.bias))
        offset = self.bias / output_step
        if binary and unit is not None:
            factor, offset = rounded(factor * unit) / unit, rounded(offset * unit) / unit
        return Product.apply(x, self.weight, factor, offset, binary, fast)


class Norm(nn.Module):
    """Residual connection and LayerNorm."""

    def __init__(self, gamma, beta):
        super().__init__()
        self.gamma = nn.Parameter(gamma.clone())
        self.beta = nn.Parameter(beta.clone())
        self.log_sum = nn.Parameter(torch.zeros(()))
        # The largest variance that its index holds, in squared indices of the sum.
        self.log_largest = nn.Parameter(torch.zeros(()))
        self.log_output = nn.Parameter(torch.zeros(()))


class Layer(nn.Module):
    STEPS = ("query", "key", "value", "scores", "context", "inner", "activation")

    def __init__(self, tensors, prefix):
        super().__init__()

        def linear(name):
            return Linear(tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"])

        def norm(name):
            return Norm(tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"])

        self.query, self.key, self.value = (linear(f"attention.self.{name}") for name in ("query", "key", "value"))
        self.attention_output = linear("attention.output.dense")
        self.feed_forward_in = linear("intermediate.dense")
        self.feed_forward_out = linear("output.dense")
        self.attention_norm = norm("attention.output.LayerNorm")
        self.feed_forward_norm = norm("output.LayerNorm")
        self.log_steps = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in self.STEPS})

    def step(self, name):
        return self.log_steps[name].exp()


class Embeddings(nn.Module):
    """Word, position and token type, summed and normalized: in the clear at the data owner."""

    def __init__(self, tensors, epsilon):
        super().__init__()
        prefix = "bert.embeddings."
        self.word = nn.Parameter(tensors[f"{prefix}word_embeddings.weight"].clone())
        self.position = nn.Parameter(tensors[f"{prefix}position_embeddings.weight"].clone())
        self.types = nn.Parameter(tensors[f"{prefix}token_type_embeddings.weight"].clone())
        self.gamma = nn.Parameter(tensors[f"{prefix}LayerNorm.weight"].clone())
        self.beta = nn.Parameter(tensors[f"{prefix}LayerNorm.bias"].clone())
        self.epsilon = epsilon

    def forward(self, ids, types):
        x = self.word[ids] + self.position[: ids.shape[1]] + self.types[types]
        return nn.functional.layer_norm(x, x.shape[-1:], self.gamma, self.beta, self.epsilon)


class Encoder(nn.Module):
    """`tensors` are those of a BERT for classification, by their names in a checkpoint."""

    def __init__(self, config, tensors, seed=0, fast=False):
        super().__init__()
        self.config = config
        self.hidden, self.heads = config["hidden_size"], config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]
        self.embeddings = Embeddings(tensors, self.epsilon)
        count = config["num_hidden_layers"]
        self.layers = nn.ModuleList(Layer(tensors, f"bert.encoder.layer.{index}.") for index in range(count))
        self.pooler = Linear(tensors["bert.pooler.dense.weight"], tensors["bert.pooler.dense.bias"])
        self.classifier = Linear(tensors["classifier.weight"], tensors["classifier.bias"])
        self.log_input = nn.Parameter(torch.zeros(()))
        self.log_pooler = nn.Parameter(torch.zeros(()))
        # Largest logit that the ring of the output is made for.
        self.register_buffer("largest_logit", torch.tensor(4.0))
        self.noise = Noise(seed)
        self.fast = fast
        # Set while steps are taken from what is seen.
        self.calibrating = False
        self.tally = None
        # Of a teacher in training.
        self.dropout = 0.0

    def dropped(self, x):
        return nn.functional.dropout(x, self.dropout, self.training) if self.dropout else x

    # Sites.

    def measure(self, parameter, value, most, spread=4.0):
        """While calibrating: the step at which `most` is `spread` deviations of `value`, or its largest if that is less. Few features
        of a trained BERT are a hundred times as large as all others: they are left out, and clamped until training has mended them."""
        if self.calibrating:
            with torch.no_grad():
                value = value.abs()
                for _ in range(3):
                    deviation = value.square().mean().sqrt()
                    value = torch.minimum(value, spread * deviation)
                largest = torch.minimum(spread * deviation, value.amax())
                parameter.copy_(torch.maximum(parameter, (largest / most).clamp_min(1e-6).log()))

    def cut(self, site, z, widths, least, most):
        if site in widths.floating:
            return z
        noise = self.noise.like(z) if widths.random else None
        if self.tally is not None:
            rounded_to = (z + (0.5 if noise is None else noise)).floor()
            self.tally.add(site, z.numel(), ((rounded_to < least) | (rounded_to > most)).sum().item())
        return Cut.apply(z, noise, least, most, widths.wrap, widths.penalty * GRAVITY.get(site, 1.0))

    def table(self, site, z, widths, least, most):
        """What a table rounds to the nearest and clamps."""
        if site in widths.floating:
            return z
        return Cut.apply(z, None, least, most, False, 0.0)

    def level(self, index, fraction, widths, site):
        """The 4-bit level of an index."""
        if widths.index == 4 or site in widths.floating:
            return index / (1 << fraction)
        return Cut.apply(index / (1 << fraction), None, LEAST, MOST, False, 0.0)

    def multiply(self, a, b):
        kind = torch.bfloat16 if self.fast else torch.float32
        return a.to(kind).contiguous().matmul(b.to(kind).contiguous()).float()

    def scores_of(self, query, key):
        """`query key^T` of `[examples, heads, tokens, width]`. Examples of few tokens are multiplied several at once: the library's
        product of many small matrices takes longer to call than to compute."""
        examples, heads, length, width = query.shape
        together = jointly(examples, length)
        query, key = (x.view(-1, together, heads, length, width).transpose(1, 2).reshape(-1, heads, together * length, width)
                      for x in (query, key))
        scores = self.multiply(query, key.transpose(-1, -2)).view(-1, heads, together, length, together, length)
        return scores.diagonal(dim1=2, dim2=4).permute(0, 4, 1, 2, 3).reshape(examples, heads, length, length)

    def mixed(self, probabilities, value):
        """`probabilities value`, likewise."""
        examples, heads, length, width = value.shape
        together = jointly(examples, length)
        value = value.view(-1, together, heads, length, width).transpose(1, 2).reshape(-1, heads, together * length, width)
        blocks = probabilities.view(-1, together, heads, length, length).permute(0, 2, 3, 4, 1)
        blocks = torch.diag_embed(blocks, dim1=2, dim2=4).reshape(-1, heads, together * length, together * length)
        out = self.multiply(blocks, value).view(-1, heads, together, length, width)
        return out.transpose(1, 2).reshape(examples, heads, length, width)

    def softmax(self, scores, step, length, gain, widths):
        """Probabilities of 4-bit codes, of scores in levels: what the tables of `quantized/integer/softmax.rs` give."""
        if "softmax" in widths.floating:
            return torch.softmax(scores * step, -1), None
        return Softmax.apply(scores, step, *softmax_tables(step.item(), length, gain))

    def norm(self, norm, branch, residual, residual_step, widths, unit, output_fraction):
        """`branch` in units of the sum's step, `residual` an index in units of `residual_step`. The output's index."""
        bits, hidden = widths.index, self.hidden
        half = 1 << (bits - 1)
        sum_step = norm.log_sum.exp()
        factor = residual_step / sum_step * residual
        summed = branch + (rounded(factor * unit) / unit if unit is not None else factor)
        index = self.cut("sum", summed, widths, -half, half - 1)
        wide = bits + (hidden - 1).bit_length() + 7
        part = round((1 << (wide - bits)) / hidden) / (1 << (wide - bits))
        total = index.sum(-1, keepdim=True)
        mean = self.cut("mean", total * (1 / hidden if "mean" in widths.floating else part), widths, -half, half - 1)
        deviation = index - mean
        if "sum" not in widths.floating:
            if self.tally is not None:
                self.tally.add("deviation", deviation.numel(), ((deviation < -half) | (deviation > half - 1)).sum().item())
            deviation = Cut.apply(deviation, None, -half, half - 1, widths.wrap, widths.penalty)
        squares = deviation.square().sum(-1, keepdim=True)
        if self.calibrating:
            with torch.no_grad():
                norm.log_largest.copy_(torch.maximum(norm.log_largest, (squares.amax() / hidden * 1.5).clamp_min(1e-6).log()))
        if "variance" in widths.floating:
            variance = squares / hidden
        else:
            full = float(1 << wide)
            square_factor = rounded(full / (hidden * norm.log_largest.exp())).clamp_min(1.0)
            window = full / (square_factor * hidden * WINDOWS)
            code = self.cut("variance", squares * square_factor * WINDOWS / full, widths, 0, WINDOWS - 1)
            variance = code.clamp_min(0.5) * window
        normal = deviation * torch.rsqrt(variance + self.epsilon / sum_step.square())
        value = norm.gamma * normal + norm.beta
        self.measure(norm.log_output, value, half - 0.5, 3.0)
        out_step = norm.log_output.exp()
        return self.table("output", value / out_step, widths, -half, half - 1), out_step

    def forward(self, ids, types, widths, hidden_states=False):
        """Logits, and the layers' outputs as real numbers where asked."""
        bits = widths.index
        unit = float(1 << (16 - bits))
        half = 1 << (bits - 1)
        least, most = -half, half - 1
        # Index bits below a level's unit, of what comes out of a cut and of a table (`quantized/integer/scale.rs`).
        of_cut, of_table = (0, 0, 1, 1, 2)[bits - 4], bits - 4
        states = []
        embedded = self.dropped(self.embeddings(ids, types))
        self.measure(self.log_input, embedded, half - 0.5, 3.0)
        step = self.log_input.exp()
        x = self.table("input", embedded / step, widths, least, most)
        batch, length = ids.shape
        width = self.hidden // self.heads

        def by_head(y):
            return y.view(batch, length, self.heads, width).transpose(1, 2).contiguous()

        def linear(layer, y, input_step, parameter):
            if self.calibrating:
                with torch.no_grad():
                    one = torch.ones(())
                    self.measure(parameter, layer(y, input_step, one, widths, None, False), half)
            return layer(y, input_step, parameter.exp(), widths, unit, self.fast)

        for layer in self.layers:
            levels = self.level(x, of_table, widths, "output")
            level_step = step * (1 << of_table)
            parts = []
            for name in ("query", "key", "value"):
                z = linear(getattr(layer, name), levels, level_step, layer.log_steps[name])
                parts.append(self.level(self.cut(name, z, widths, least, most), of_cut, widths, name))
            query, key, value = map(by_head, parts)
            scale = (1 << of_cut) ** 2
            raw = self.scores_of(query, key)
            product = layer.step("query") * layer.step("key") * scale / math.sqrt(width)
            self.measure(layer.log_steps["scores"], raw * product, half)
            factor = product / layer.step("scores")
            if not {"query", "key", "scores"} & widths.floating:
                factor = rounded(factor * unit) / unit
            scores = self.level(self.cut("scores", raw * factor, widths, least, most), of_cut, widths, "scores")

            value_step = layer.step("value") * (1 << of_cut)
            score_step = layer.step("scores") * (1 << of_cut)
            if self.calibrating:
                with torch.no_grad():
                    probabilities = torch.softmax(scores * score_step, -1)
                    self.measure(layer.log_steps["context"], probabilities.matmul(value) * value_step, half)
            gain = unit * value_step / layer.step("context")
            probabilities, one = self.softmax(scores, score_step, length, gain.item(), widths)
            if one is not None and not {"value", "context"} & widths.floating:
                weighted = rounded(value * (gain / one)) * (one / unit)
            else:
                weighted = value * (gain / unit)
            mixed = self.mixed(probabilities, weighted).transpose(1, 2).reshape(batch, length, self.hidden)
            context = self.level(self.cut("context", mixed, widths, least, most), of_cut, widths, "context")
            context_step = layer.step("context") * (1 << of_cut)

            x, step = self.add_and_norm(layer.attention_output, layer.attention_norm, context, context_step, x, step, widths, unit,
                                        of_table)
            levels = self.level(x, of_table, widths, "output")
            z = linear(layer.feed_forward_in, levels, step * (1 << of_table), layer.log_steps["inner"])
            z = self.cut("inner", z, widths, least, most)
            activated = nn.functional.gelu(z * layer.step("inner"))
            self.measure(layer.log_steps["activation"], activated, 14.5, 6.0)
            activation_step = layer.step("activation")
            activated = self.table("activation", activated / activation_step, widths, -1, 14)
            x, step = self.add_and_norm(layer.feed_forward_out, layer.feed_forward_norm, activated, activation_step, x, step,
                                        widths, unit, of_table)
            if hidden_states:
                states.append(x * step)

        first = self.level(x[:, 0], of_table, widths, "output")
        z = linear(self.pooler, first, step * (1 << of_table), self.log_pooler)
        pooled = torch.tanh(self.cut("pooler", z, widths, least, most) * self.log_pooler.exp())
        pooled = self.table("tanh", pooled * TANH_LEVELS, widths, -7, 7)
        one = torch.ones(())
        logits = self.classifier(pooled, one / TANH_LEVELS, one, widths, self.logit_unit(), False)
        return (logits, states) if hidden_states else logits

    def logit_unit(self):
        """What a logit of one counts in the ring."""
        return 32768.0 / (1.5 * self.largest_logit.item())

    def add_and_norm(self, linear, norm, y, y_step, x, step, widths, unit, of_table):
        if self.calibrating:
            with torch.no_grad():
                one = torch.ones(())
                summed = linear(y, y_step, one, widths, None, False) + x * step
                self.measure(norm.log_sum, summed, 1 << (widths.index - 1))
        branch = self.dropped(linear(y, y_step, norm.log_sum.exp(), widths, unit, self.fast))
        return self.norm(norm, branch, x, step, widths, unit if widths.weights == 1 else None, of_table)

    def calibrate(self, batches, widths):
        """Takes all steps from what is seen in `batches`."""
        with torch.no_grad():
            for parameter in self.all_steps():
                parameter.fill_(-20.0)
            self.calibrating = True
            for ids, types, *_ in batches:
                self(ids, types, widths)
            self.calibrating = False

    def all_steps(self):
        """Every step, as its logarithm."""
        steps = [self.log_input, self.log_pooler]
        for layer in self.layers:
            steps += list(layer.log_steps.values())
            for norm in (layer.attention_norm, layer.feed_forward_norm):
                steps += [norm.log_sum, norm.log_largest, norm.log_output]
        return steps


class Softmax(torch.autograd.Function):
    """Forward the tables; backward the slope of a softmax at the probabilities that came out."""

    @staticmethod
    def forward(ctx, scores, step, exponential, code, quotient, one):
        distance = (scores.amax(-1, keepdim=True) - scores).long()
        e = exponential[distance]
        sums = e.sum(-1, keepdim=True)
        p = quotient[e * CODES + code[sums]]
        ctx.save_for_backward(scores, p, step)
        return p, one

    @staticmethod
    def backward(ctx, gradient, _):
        scores, p, step = ctx.saved_tensors
        slope = p * (gradient - (gradient * p).sum(-1, keepdim=True))
        return slope * step, (slope * scores).sum(), None, None, None, None


_PROBABILITIES = {}


def softmax_tables(step, length, gain):
    """The exponential of each distance, the code of each row sum, the probability of each pair of them, and what one counts."""
    distance = torch.arange(CODES, dtype=torch.float64)
    exponential = (15 * torch.exp(-step * distance)).floor().long()
    n = max(2, length)
    root = math.floor(math.sqrt(gain / n) + 0.5)
    one = n * max(1, root)
    key = (length, one)
    if key not in _PROBABILITIES:
        spread = math.log(n) / (CODES - 1)
        ring = 4 + (length - 1).bit_length()
        sums = torch.arange(1 << ring, dtype=torch.float64).clamp_min(15)
        code = (torch.log(sums / 15) / spread + 0.5).floor().clamp_max(CODES - 1).long()
        levels = [0] + [math.floor(one * n ** ((c - 15) / OCTAVE) + 0.5) for c in range(1, 16)]
        levels = torch.tensor(levels, dtype=torch.float64) / one
        wanted = distance[:, None] / (15 * torch.exp(spread * distance[None, :]))
        nearest = (levels[None, :] - wanted.reshape(-1, 1)).abs().argmin(1)
        _PROBABILITIES[key] = code, levels[nearest].float()
    code, quotient = _PROBABILITIES[key]
    return exponential, code, quotient, one


def configuration(folder):
    """A checkpoint's `config.json`."""
    return json.loads((Path(folder) / "config.json").read_text())


def load(folder, seed=0, fast=False):
    """The graph of a fine-tuned checkpoint in a folder."""
    from safetensors.torch import load_file

    return Encoder(configuration(folder), load_file(str(Path(folder) / "model.safetensors")), seed=seed, fast=fast)

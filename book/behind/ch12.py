"""Behind chapter 12: clocks, counters, and two ways to write.

- `stopwatch` and `race` measure; `Calls` counts and times what PyTorch really calls.
- `saved_bytes` asks autograd what it keeps; `operations` asks PyTorch's own counter.

The figures are in `ch12_figures.py`.
"""

import textwrap
import time
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from curriculum.evaluation.generate import KVCache
from curriculum.model import GPT
from curriculum.ordering import schedules
from curriculum.ordering.plan import Plan
from curriculum.training import stacked

VIEWS = "t view _unsafe_view detach permute transpose unbind".split()
KINDS = {  # a column of the profile: the operations that belong to it
    "products": ("mm", "addmm", "bmm"),
    "attention": ("_scaled_dot_product",),
    "GELU": ("gelu",),
    "norm": ("native_layer_norm",),
}


def say(text, indent=""):
    """Print a long text in lines of at most 70 characters."""
    print(textwrap.fill(text, 70, subsequent_indent=indent))


# --- clocks ----------------------------------------------------------------------------


def clock(device):
    """Seconds: of processor time, or, with a GPU, on the wall."""
    return time.process_time() if device.type == "cpu" else time.perf_counter()


def wait(device):
    """Until the device has done what it was given."""
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def stopwatch(work, device, repeat=15, take=np.median):
    """Seconds of a call: the median, or what else `take` takes."""
    seconds = []
    for _ in range(repeat + 1):
        began = clock(device)
        work()
        wait(device)
        seconds.append(clock(device) - began)
    return float(take(seconds[1:]))  # the first call warms up


def race(ways, rounds, device):
    """{name: (rounds,) units a second}, measured A B C A B C."""
    rates = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, work in ways.items():
            began = clock(device)
            done = work()
            wait(device)
            rates[name].append(done / (clock(device) - began))
    return {name: np.array(found[1:]) for name, found in rates.items()}


# --- counters --------------------------------------------------------------------------


class Calls(TorchDispatchMode):
    """Counts and times the operations that PyTorch really calls."""

    def __init__(self, device):
        super().__init__()
        self.device, self.names, self.seconds = device, Counter(), Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name, began = operation.overloadpacket.__name__, clock(self.device)
        result = operation(*args, **(kwargs or {}))
        wait(self.device)
        self.names[name] += 1
        self.seconds[name] += clock(self.device) - began
        return result

    @property
    def total(self):
        """Operations that compute something; views move nothing."""
        return sum(n for name, n in self.names.items() if name not in VIEWS)

    def shares(self):
        """{kind of operation: share of the seconds}, the remainder as "others"."""
        whole = sum(self.seconds.values())
        found = {
            kind: sum(s for op, s in self.seconds.items() if op.startswith(n))
            for kind, n in KINDS.items()
        }
        found["others"] = whole - sum(found.values())
        return {kind: seconds / whole for kind, seconds in found.items()}


def profile(work, device):
    """Share of the time of `work` by kind of operation, after a warm-up."""
    work()
    with Calls(device) as watched:
        work()
    return watched.shares()


def calls(shape, micro_batches):
    """Operations of forward and backward in one step of one model."""
    model, x = GPT(shape), torch.zeros(16, 64, dtype=torch.long)
    with Calls(torch.device("cpu")) as counter:
        for _ in range(micro_batches):
            F.cross_entropy(model(x).flatten(0, 1), x.flatten()).backward()
    return counter.total


def stacked_calls(shape, members):
    """Operations of forward and backward of one micro-batch of all models."""
    models = [GPT(shape, seed) for seed in range(members)]
    backend = stacked.Stacked(models, [{} for _ in models])
    x = torch.zeros(members, 16, 64, dtype=torch.long)
    with Calls(torch.device("cpu")) as counter:
        backend._micro_batch(x, x, torch.ones(members))
    return counter.total


def operations(work, *args):
    """(operations counted, result) of a call, attention included."""
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        result = work(*args)
    return counter.get_total_flops(), result


def saved_bytes(shape, rows, length):
    """Bytes that autograd keeps for the backward pass, weights left out."""
    model, kept = GPT(shape), {}
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(tensor):
        block = tensor.untyped_storage()
        if block.data_ptr() not in weights:
            kept[block.data_ptr()] = (block.nbytes(), tensor)  # stays alive
        return tensor

    x = torch.zeros(rows, length, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        F.cross_entropy(model(x).flatten(0, 1), x.flatten())
    return sum(size for size, _ in kept.values())


def intensity(n, k, m, size=4):
    """Operations per byte of an (n, k) by (k, m) product."""
    return 2 * n * k * m / (size * (n * k + k * m + n * m))


def parts(width, rows, device):
    """{name: (function, operations, bytes)} at one layer's shapes."""
    x = torch.randn(rows, width, device=device)
    wide = torch.randn(rows, 4 * width, device=device)
    up = torch.randn(4 * width, width, device=device)
    n, size = rows * width, 4 * rows * width  # numbers, and their bytes
    return {
        "product": (
            lambda: F.linear(x, up), 8 * n * width, 5 * size + 16 * width**2
        ),
        "GELU": (lambda: F.gelu(wide), 4 * 8 * n, 8 * size),
        "norm": (lambda: F.layer_norm(x, (width,)), 6 * n, 2 * size),
    }  # fmt: skip


# --- models ----------------------------------------------------------------------------


def first_steps(data, steps, batch=64, schedule="baseline", seed=0):
    """A plan of so many steps on the training programs."""
    ids, schedule = data.train, schedules.get(schedule)
    scores, labels = data.scores[ids], data.labels[ids]
    return Plan(schedule, ids, scores, labels, seed, steps, batch)


def weights(model):
    """All weights of a model in one row."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@torch.no_grad()
def without_cache(model, prompts, new):
    """Greedy writing that reads the whole texts (B, T) for every character."""
    texts = prompts
    for _ in range(new):
        chosen = model(texts)[:, -1].argmax(-1, keepdim=True)
        texts = torch.cat([texts, chosen], dim=1)
    return texts[:, prompts.shape[1] :]


@torch.no_grad()
def with_cache(model, prompts, new):
    """The same, but only what is new is read."""
    cache, tokens, texts = KVCache(model), prompts, prompts
    for _ in range(new):
        tokens = cache.read(tokens)[:, -1].argmax(-1, keepdim=True)
        texts = torch.cat([texts, tokens], dim=1)
    return texts[:, prompts.shape[1] :]


# --- tables ----------------------------------------------------------------------------


def changes(found):
    """Rows (change, speed, range, in all) of all that was tried, kept changes first."""
    rows, before = [], None
    for rung in found["ladder"]:
        if before:
            name, gain = _today(rung["rung"]), rung["rate"] / before
            rows.append((name, gain, None, rung["ratio"]))
        before = rung["rate"]
    for idea in found["tried"]:
        reach = f"{idea['low']:.2f} to {idea['high']:.2f}"
        name = _today(idea["tried"]).split(", in place")[0]
        rows.append((name, idea["ratio"], reach, None))
    return rows


def speeds(found):
    """[(models at once, characters a second, range)] of a study's records.

    On a GPU, models that were trained at once have the same seconds: those of all.
    """
    costs = [r["cost"] for r in found]
    if "cpu" in costs[0]["device"]:
        rates = [c["tokens"] / c["seconds"] for c in costs]
        reach = f"{min(rates):,.0f} to {max(rates):,.0f}"
        return [(1, float(np.median(rates)), reach)]
    groups = {}
    for c in costs:
        groups.setdefault(c["seconds"], []).append(c["tokens"])
    return [(len(t), sum(t) / s, None) for s, t in groups.items()]


def _today(text):
    """The text with today's word for what an older version called so."""
    return text.replace("chunks", "micro-batches")

"""How fast is this machine at what the book does? `make bench`.

- Four stages: generate programs, score them, train, evaluate; each for a few seconds.
- Rates are medians of repeated short runs. Training is also given as a share of the
  matrix-product peak measured in the same minute, because seconds on a busy or a
  different machine mean little and shares mean more.
- A benchmark, not a test: nothing in the test suite looks at a time.

Chapter 11 explains the ceilings.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import torch

from . import corpus, difficulty, evaluate, files, model, train
from .batches import Programs


def rate(work, count: float, seconds: float = 3.0) -> tuple[float, float]:
    """Median `count` per second of `work()`, and the spread (high − low) / median."""
    work()  # warm-up
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    median = float(np.median(times))
    return count / median, (max(times) - min(times)) / median


def matrix_peak(size: int = 1024) -> float:
    """Floating-point operations per second of a square product, the practical ceiling."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return rate(lambda: a @ b, 2.0 * size**3, 1.0)[0]


def bench(size: str = "pocket", seconds: float = 3.0, device: str = "auto") -> dict:
    """Measure every stage. Returns {"stages": [...], "peak": …, "provenance": …}."""
    device, reason = train.choose_device(device)
    spec = corpus.CorpusSpec(size=2_000, seed=7)
    programs = corpus.build(spec)
    stages = []

    def stage(name, unit, work, count, **more):
        found, spread = rate(work, count, seconds)
        stages.append(
            {"stage": name, "unit": unit, "rate": found, "spread": spread, **more}
        )
        return found

    small = dataclasses.replace(spec, size=500)
    stage("generate and run", "programs/s", lambda: corpus.build(small), 500)
    codes = programs.codes[:500]
    stage(
        "score, static scorers", "programs/s", lambda: difficulty.score_many(codes), 500
    )

    shape = model.config(size, programs.tokenizer.size)
    net = model.GPT(shape).to(device)
    rows = Programs(programs, device=device)
    steps = 4

    class Fixed:  # the least that `train` asks of a plan
        digest, starts = "bench", [0, steps]
        stage = staticmethod(lambda step: 0)
        at = staticmethod(lambda step: np.arange(64) + 64 * step)

    Fixed.steps = steps
    tokens = int(rows.lengths[: 64 * steps].sum())
    found = stage(
        "train", "characters/s", lambda: train.train(net, Fixed, rows), tokens
    )
    length = float(rows.lengths.mean())
    flops = found * model.training_flops(shape, length)
    ids = np.arange(100)
    for task, ask in evaluate.RUN.items():
        stage(
            f"evaluate, {task}", "programs/s", lambda a=ask: a(net, programs, ids), 100
        )
    peak = matrix_peak() if device.type == "cpu" else None
    return {
        "size": size,
        "device": f"{device} ({reason})",
        "stages": stages,
        "training_flops_per_second": flops,
        "peak_flops_per_second": peak,
        "share_of_peak": flops / peak if peak else None,
        "provenance": files.provenance(),
    }


def report(found: dict) -> str:
    """The table that `make bench` prints."""
    lines = [
        f"{found['size']} model on {found['device']}",
        f"{'stage':<24}{'rate':>12}  {'unit':<14}{'spread':>7}",
    ]
    for s in found["stages"]:
        lines.append(
            f"{s['stage']:<24}{s['rate']:>12,.0f}  {s['unit']:<14}{s['spread']:>6.0%}"
        )
    if found["share_of_peak"]:
        lines.append(
            f"training reaches {found['training_flops_per_second'] / 1e9:.0f} GFLOP/s,"
            f" {found['share_of_peak']:.0%} of the matrix-product peak"
            f" ({found['peak_flops_per_second'] / 1e9:.0f} GFLOP/s)"
        )
    return "\n".join(lines)

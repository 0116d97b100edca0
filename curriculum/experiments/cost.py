"""The cost card: minutes and money of a sweep, before it is started.

- Work is counted: characters from a plan of the same schedule on a small corpus, then
  operations from the shape of the model.
- This machine's speed is measured, for a moment. That of a GPU is *estimated*, unless you
  give a rate that you measured: the larger of issuing a step's calls and computing it.
- Calls are issued by each run for itself, arithmetic is shared: so several runs on a card
  cost hardly more time than one, until the card has enough to do.
- Prices and the four constants below are assumptions. Change them to yours.

The card is for training; corpus, evaluation and start come on top. Chapter 13 prints one.
"""

from __future__ import annotations

import dataclasses
import heapq
from dataclasses import dataclass
from typing import Annotated

from .. import model
from ..checks import Range, check
from ..ordering.plan import Plan, preflight
from .experiment import Arm, Data, load_data
from .spec import SCALES, Experiment

CALL = 5e-6  # seconds to issue one call on a GPU: assumed
CALLS = (80, 130)  # calls of a step, in all and for each layer: counted in chapter 12
SHARE = 0.3  # of the stated peak that real shapes reach: assumed
PADDING = 0.2  # of the positions computed: chapter 12, four micro-batches


@dataclass(frozen=True)
class Machine:
    """Something to run on: `count` of them, each with `runs` at a time.

    `rates`: {model size: characters a second, all runs of one machine together}, measured;
    without it, `peak` (operations a second, as stated by the maker) gives an estimate.
    """

    name: str
    price: Annotated[float, Range(0, 1e6)]  # for an hour of one
    runs: Annotated[int, Range(1, 10_000)] = 1
    count: Annotated[int, Range(1, 100_000)] = 1
    rates: dict | None = None
    peak: float = 0.0

    def __post_init__(self):
        check(self)
        if self.rates is None and self.peak <= 0:
            raise ValueError(f"{self.name} needs rates (measured) or a peak (stated)")


# Prices of an hour: assumptions, near what clouds asked for on demand in 2025 (US dollars);
# the laptop's is 60 W at 0.30 a kilowatt-hour. Peaks as stated: float32 for the T4, which
# has no bfloat16, else bfloat16 without sparsity.
LAPTOP_PRICE = 0.02
GPUS = {
    "T4": Machine("T4", 0.35, peak=8.1e12),
    "A100": Machine("A100", 2.0, peak=312e12),
    "H100": Machine("H100", 3.5, peak=989e12),
}


@dataclass(frozen=True)
class Work:
    """What one run has to do."""

    size: str  # of the model
    layers: int
    steps: int
    characters: float
    flops: float


def workload(e: Experiment, steps: int = 400, batch: int = 16) -> Work:
    """The work of a run, without its corpus: from `steps` × `batch` programs drawn as it
    would draw them, out of the small corpus of scale smoke."""
    scale, (data, plan) = SCALES[e.scale], _sample(e, steps, batch)
    found = preflight(plan, data.corpus.lengths)
    length = found.tokens / found.programs
    if e.rows == "windows":
        length = float(scale.block_size)
    shape = model.config(scale.size, data.corpus.tokenizer.size, scale.block_size)
    characters = scale.steps * scale.batch * length
    flops = characters * model.training_flops(shape, length)
    return Work(scale.size, shape.n_layer, scale.steps, characters, flops)


def _sample(e: Experiment, steps: int, batch: int) -> tuple[Data, Plan]:
    """The small corpus of scale smoke, and a plan of this experiment's schedule on it."""
    data = load_data(dataclasses.replace(e, scale="smoke", cycles=""))
    ids, schedule = data.train, e.make_schedule()
    scores, labels = data.scores[ids], data.labels[ids]
    return data, Plan(schedule, ids, scores, labels, e.seed, steps, batch)


def seconds(work: Work, machine: Machine, together: int = 1) -> float:
    """Of training one run while `together` of them share the machine."""
    if machine.rates is not None:
        if work.size not in machine.rates:
            raise ValueError(
                f"{machine.name} has no rate for the {work.size} model; measure one"
            )
        return together * work.characters / machine.rates[work.size]
    calls = work.steps * CALL * (CALLS[0] + CALLS[1] * work.layers)
    compute = work.flops / (1 - PADDING) / (SHARE * machine.peak)
    return max(calls, together * compute)


def here(experiments, price: float = LAPTOP_PRICE) -> Machine:
    """This machine, its speed measured with a few steps for each model size."""
    rates = {}
    for e in experiments:
        if SCALES[e.scale].size not in rates:
            data, plan = _sample(e, 400, SCALES[e.scale].batch)
            arm = Arm(e, SCALES[e.scale], data, plan)
            rates[arm.scale.size] = arm.rate()
    return Machine("this machine", price, rates=rates)


def card(experiments, machines) -> list[dict]:
    """One row for each machine: minutes until the last run ends, and what they cost.

    Runs are handed out, longest first, to whatever is free. Money is paid for every
    machine that gets a run, until the last one ends.
    """
    works = [workload(e) for e in experiments]
    rows = []
    for m in machines:
        used = min(m.count, len(works))
        together = min(m.runs, -(-len(works) // used))  # rounded up
        free = [0.0] * (used * together)
        for each in sorted((seconds(w, m, together) for w in works), reverse=True):
            heapq.heappush(free, heapq.heappop(free) + each)
        hours = max(free) / 3600
        rows.append(
            {
                "machine": m.name if m.count == 1 else f"{m.count} × {m.name}",
                "together": together,
                "minutes": 60 * hours,
                "money": used * hours * m.price,
                "known": "estimate" if m.rates is None else "measured",
            }
        )
    return rows


def table(experiments, rows) -> str:
    """The card as text."""
    works = [workload(e) for e in experiments]
    characters, flops = sum(w.characters for w in works), sum(w.flops for w in works)
    lines = [
        f"{len(works)} runs, {characters / 1e6:,.1f} M characters, {flops:.1e} operations",
        f"{'machine':16} {'runs on each':>12} {'minutes':>10} {'money':>9}  speed",
    ]
    lines += [
        f"{r['machine']:16} {r['together']:>12} {r['minutes']:>10,.1f} {r['money']:>9,.2f}"
        f"  {r['known']}"
        for r in rows
    ]
    return "\n".join(lines)

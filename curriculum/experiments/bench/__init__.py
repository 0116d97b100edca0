"""How fast is this, against a plain reference and against the machine's own limit?

- One table: stage, our rate, the reference's rate, their ratio, and the share of a limit
  measured in the same run (matrix products, bare `compile` + `exec`, radon on a tree).
- Ours, reference and limit take turns, round after round, so that a busy moment hits
  all three. Rates are medians over the rounds; the ratio is the median of the rounds'
  own ratios, and its spread says how far to trust it.
- The references are in `reference_*.py`: short, obvious, and tested to compute the same
  as ours. They follow the description of the released code, not its text.
- A benchmark, not a test: nothing in the test suite looks at a time.

Run it with `make bench`. Chapter 12 reads the table and explains the ceilings.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ... import files
from ...training.device import choose_device

# Rooms of this folder; each offers stages(size, device) -> list[Stage].
STAGES = ("generation", "scoring", "training", "many", "evaluation")


@dataclass(frozen=True)
class Stage:
    """One row of the table: the same work done in different ways.

    `ours`, `reference` and `limit` each do a small piece of work and return how many
    units of it they did; they need not do equally much, only the same kind.
    """

    name: str
    unit: str  # of a rate, such as "programs/s"
    ours: Callable[[], float]
    reference: Callable[[], float]
    limit: Callable[[], float] | None = None  # the mark to compare with; see each stage
    limit_name: str = ""  # in words, such as "matrix products"
    note: str = ""  # what the numbers stand for, such as the rows of a batch


def rate(work: Callable[[], float], seconds: float) -> float:
    """Units a second of `work()`, repeated until `seconds` have passed.

    A GPU has done all of its work at both ends of the clock.
    """
    wait = torch.cuda.synchronize if torch.cuda.is_available() else (lambda: None)
    wait()
    began, done = time.perf_counter(), work()
    while time.perf_counter() - began < seconds:
        done += work()
    wait()
    return done / (time.perf_counter() - began)


def in_turns(ways: dict[str, Callable[[], float]], rounds: int, seconds: float) -> dict:
    """{name: (rounds,) units a second}, measured A B C A B C after one warm-up each."""
    for work in ways.values():
        work()
    found = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            found[name].append(rate(work, seconds))
    return {name: np.array(values) for name, values in found.items()}


def measure(stage: Stage, rounds: int = 5, seconds: float = 0.5) -> dict:
    """Let ours, reference and limit take turns; returns one row of plain values.

    Args:
        rounds: turns of each, after one that does not count.
        seconds: the least time of a turn; work that takes longer is done once.
    """
    ways = {"ours": stage.ours, "reference": stage.reference}
    if stage.limit:
        ways["limit"] = stage.limit
    rates = in_turns(ways, rounds, seconds)
    row: dict = {"stage": stage.name, "unit": stage.unit, "note": stage.note}
    for name, values in rates.items():
        row[name] = float(np.median(values))
        row[f"{name}_spread"] = _spread(values)
    ratio = rates["ours"] / rates["reference"]
    row["ratio"], row["ratio_spread"] = float(np.median(ratio)), _spread(ratio)
    if stage.limit:
        row["share_of_limit"] = float(np.median(rates["ours"] / rates["limit"]))
        row["limit_name"] = stage.limit_name
    return row


def _spread(values) -> float:
    """(highest − lowest) / median."""
    return float((values.max() - values.min()) / np.median(values))


def bench(
    stages=STAGES,
    size: str = "paper",
    device: str = "auto",
    rounds: int = 5,
    seconds: float = 0.5,
    show=lambda line: None,
) -> dict:
    """Measure some stages. Returns {"rows": [...], "size", "device", "provenance"}.

    Args:
        stages: names out of `STAGES`. size: of the model, a key of `model.SIZES`.
        show: called with each row as soon as it is known.
    Raises: ValueError: an unknown stage, size or device.
    """
    for name in stages:
        if name not in STAGES:
            raise ValueError(
                f"stage is {name!r}; it must be one of {', '.join(STAGES)}"
            )
    chosen, reason = choose_device(device)
    rows = []
    for name in stages:
        room = importlib.import_module(f".{name}", __name__)
        for stage in room.stages(size, chosen):
            rows.append(measure(stage, rounds, seconds))
            show(rows[-1])
    return {
        "what": "what `make bench` found: ours, a plain reference, and the limit",
        "size": size,
        "device": f"{chosen} ({reason})",
        "rows": rows,
        "provenance": files.provenance(),
    }


HEAD = f"{'stage':<32}{'ours':>10}{'reference':>11} {'unit':<13}{'ratio':>7}{'±':>6}  of limit"


def line(row: dict) -> str:
    """One row of the table that `make bench` prints, under `HEAD`."""
    text = (
        f"{row['stage']:<32}{row['ours']:>10,.0f}{row['reference']:>11,.1f}"
        f" {row['unit']:<13}{row['ratio']:>6.1f}×{row['ratio_spread']:>6.0%}"
    )
    if "share_of_limit" in row:
        text += f"  {row['share_of_limit']:.0%} of {row['limit_name']}"
    return text

"""A full comparison on one GPU, unattended, within a time budget.

- Measures first: characters a second for 1, 4, 16 and 64 models at once, in float32 and
  bfloat16, with and without recorded work. The table is kept.
- Plans from that table which arms and seeds can be finished in the time that is left,
  and says so before it trains.
- Arms and seeds learn together in one process, are evaluated, and leave the same records
  as any other run. Finished runs are never repeated; a run that the clock cut short goes
  on from its checkpoint the next time.
- Without a GPU it does the same, slowly: that is how it is tested.

Run it with `python -m curriculum full --minutes 25`. Chapter 12 says why.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from pathlib import Path

import torch

from .. import files, training
from ..data import corpus
from ..training import Programs, stacked
from . import locks
from .bench import rate
from .bench.training import Steps, products
from .experiment import resolve
from .records import finished, record_path
from .spec import SCALES, Experiment

ARMS = ("baseline", "sequential", "incremental", "hybrid")
MEMBERS = (1, 4, 16, 64)
SPARE = 0.15  # of the time left, for evaluation and for estimates that were too bold


def throughput(
    size: str, device, members=MEMBERS, seconds: float = 2.0, show=print
) -> dict:
    """Characters a second, for every way of computing the same training step.

    Returns: {"rows": [{members, precision, recorded, rate, flops, share}], "peaks", …}.
        rate: characters a second of all members together; None where memory ran out.
        share: of the matrix-product peak in the same precision, measured here.
    """
    programs = corpus.build(corpus.CorpusSpec(size=5_000, seed=7))
    on_gpu = device.type == "cuda"
    rows = Programs(programs, device=device)
    length = float(rows.lengths.mean())
    precisions = ("fp32", training.choose_precision(device)[0])
    found, peaks, steps = [], {}, None
    for precision in dict.fromkeys(precisions):
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        product = products(device, 1.0, dtype)
        product()  # libraries set themselves up on a first call
        peaks[precision] = rate(product, seconds)
        for recorded in (False, True) if on_gpu else (False,):
            for m in members:
                way = functools.partial(stacked.Stacked, record=recorded)
                row = {"members": m, "precision": precision, "recorded": recorded}
                steps = None  # the last one's memory
                try:
                    steps = Steps(
                        size,
                        device,
                        programs,
                        rows,
                        m,
                        way if on_gpu else None,
                        precision == "bf16",
                    )
                    for _ in range(
                        8
                    ):  # every shape of micro-batch is met, and recorded
                        steps()
                    row["rate"] = rate(steps, seconds)
                    row["flops"] = row["rate"] * steps.flops(length)
                    row["share"] = row["flops"] / peaks[precision]
                    row["really_recorded"] = getattr(steps.backend, "record", False)
                except torch.cuda.OutOfMemoryError:
                    row["rate"] = None
                found.append(row)
                if row["rate"]:
                    show(
                        f"{m:>3} models, {precision}, {'recorded' if recorded else 'eager'}:"
                        f" {row['rate']:,.0f} characters/s, {row['share']:.1%} of peak"
                    )
    return {
        "what": "training on one device: models at once, precision, recorded or not",
        "size": size,
        "rows": found,
        "peaks": peaks,
        "provenance": files.provenance(),
    }


def fit(experiments, rates: dict, characters: float, seconds: float) -> tuple:
    """Which experiments can be finished in `seconds`, and in which groups.

    Args:
        experiments: in order of importance. rates: members → characters a second of all
            of them together. characters: that one run trains on.
    Returns: (groups, seconds they should take). Groups are as large as pays; the last
        may be smaller. Nothing fits: no group.
    """
    left, groups, needed = list(experiments), [], 0.0
    while left:
        sizes = [m for m in rates if m <= len(left)] or [min(rates)]
        # The most work in the time that is left, not the most models at once.
        best = max(sizes, key=lambda m: rates[m])
        takes = min(best, len(left)) * characters / rates[best]
        while needed + takes > seconds and (smaller := [m for m in sizes if m < best]):
            best = max(smaller)
            takes = best * characters / rates[best]
        if needed + takes > seconds:
            break
        groups.append(left[:best])
        left, needed = left[best:], needed + takes
    return groups, needed


def together(experiments, root, deadline: float | None = None, show=None) -> list[Path]:
    """Train some experiments at once, measure them, and write their records.

    Args:
        experiments: of one scale; arms that share rows are stacked fastest.
        deadline: `time.monotonic()` at which to stop after the next checkpoint.
        show: called with (name, line of the log).
    Returns: the paths of the records that are there now.
    """
    todo = [e for e in experiments if not finished(e, root)]
    datas, batches, jobs = {}, {}, []
    for e in todo:
        key = (e.variant, e.scale, e.scorer, e.cut)
        arm = resolve(e, datas.get(key))
        datas[key] = arm.data
        kind = (e.variant, e.scale, e.rows, e.loss_on)
        kind += (e.seed,) if e.rows == "windows" else ()
        if kind in batches:
            arm.batches = batches[kind]
        batches[kind] = arm.batches
        tell = show and functools.partial(show, e.name)
        arm.state.callbacks = (arm.log(tell),)
        jobs.append(arm)
    with contextlib.ExitStack() as held:
        for arm in jobs:  # nobody else trains them meanwhile
            held.enter_context(locks.lock(arm.folder / "run.lock"))
        training.train_together([arm.state for arm in jobs], deadline=deadline)
    for arm in jobs:
        if arm.state.done:
            arm.save(arm.measure(), root)
    return [p for e in experiments if (p := record_path(e, root)).exists()]


def full(
    minutes: float,
    scale: str = "paper",
    seeds: int = 4,
    arms=ARMS,
    study: str = "full",
    root="results",
    device: str = "auto",
    show=print,
) -> list[Path]:
    """Measure, plan, train, evaluate, within `minutes`. Returns the records' paths."""
    if not 0 < minutes < float("inf"):
        raise ValueError(f"minutes is {minutes}; it must be more than 0")
    begin = time.monotonic()
    deadline = begin + 60 * minutes
    chosen, reason = training.choose_device(device)
    show(f"device: {chosen} ({reason})")
    fields: dict = {"scale": scale, "study": study, "device": device}
    experiments = [
        Experiment(schedule=arm, seed=seed, **fields)
        for seed in range(seeds)
        for arm in arms
    ]
    todo = [e for e in experiments if not finished(e, root)]
    show(f"{len(experiments)} runs, {len(experiments) - len(todo)} of them done before")
    if not todo:
        return [record_path(e, root) for e in experiments]

    path = Path(root) / "throughput" / f"{study}.json"
    if path.exists():
        table = files.read_json(path)
        show(f"throughput from {path}")
    else:
        seconds = min(2.0, minutes)  # a short budget has no time for long looks
        members = MEMBERS if chosen.type == "cuda" else MEMBERS[:2]
        table = throughput(SCALES[scale].size, chosen, members, seconds, show)
        files.write_json(path, table)
    precision = training.choose_precision(chosen)[0]
    rates = {
        row["members"]: row["rate"]
        for row in table["rows"]
        if row["rate"] and row["precision"] == precision
    }  # a later row replaces an earlier one: recorded work, where there is a GPU

    # The corpus is generated once for all, by all cores.
    flight = resolve(todo[0], workers=os.cpu_count() or 1).preflight()
    left = (deadline - time.monotonic()) * (1 - SPARE)
    groups, needed = fit(todo, rates, flight.tokens, left)
    chosen_runs = sum(map(len, groups))
    show(
        f"a run trains on {flight.tokens:,} characters; {chosen_runs} of {len(todo)} runs"
        f" in {len(groups)} groups should take {needed / 60:.1f} of the"
        f" {left / 60:.1f} minutes left"
    )
    if not groups:  # nothing can be finished, but the next session goes on from here
        groups = [todo[: len(arms)]]
    for group in groups:
        show("training " + ", ".join(e.name for e in group))
        together(group, root, deadline, lambda name, line: show(_line(name, line)))
        if time.monotonic() > deadline:
            break
    kept = [p for e in experiments if (p := record_path(e, root)).exists()]
    show(
        f"{len(kept)} of {len(experiments)} runs are done, after"
        f" {(time.monotonic() - begin) / 60:.1f} minutes"
    )
    return kept


def _line(name, line):
    return f"{name}: step {line['step']:,}, loss {line['loss']:.3f}, {line['seconds']:.0f} s"

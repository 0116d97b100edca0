"""Reproduce: run a study's records again, and compare them number by number.

- `choose` takes a few runs: one of each arm before a second of any, the cheapest first.
- Each is trained from its first step by the code that is here. Checkpoints have a folder
  of their own: a finished run in the cache is not taken for a repetition, and one that
  was killed goes on. The committed records are only read.
- *Facts* must be equal on any machine: corpus, plan, what was fed, the audit.
- *Numbers* (losses, accuracies) rest on sums of floating-point numbers. With the same
  code, versions and processor they repeat to the digit. Elsewhere rounding makes of the
  run another draw of its arm, so a number may differ as seeds do: by `SEEDS` standard
  deviations between the seeds of an arm, pooled over the arms of the study.

`python -m curriculum reproduce STUDY`; chapter 13 is the manual.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import files, training
from ..evaluation.answers import PROTOCOLS, TASKS
from ..sources import code_digest
from . import cost, records
from .experiment import Data, load_data, resolve
from .spec import RESULTS, SCALES, Experiment, cache_folder

# Two independent draws of a normal number differ by more than 5 of its standard
# deviations once in 2,500 times; a record has about 200 numbers, most of them related.
SEEDS = 5

CORPUS = ("hash", "programs", "dropped", "train", "test", "labels")
AUDIT = (
    "steps", "wrong_steps", "first_wrong", "inversions", "repeats", "omissions",
    "unknown_rows",
)  # fmt: skip


class Number(NamedTuple):
    """A number of a record that rests on floating-point sums."""

    value: float | None
    least: float  # that it may differ by even if all seeds agree
    alone: float  # that it may differ by if the study has one seed


def facts(record: dict) -> dict:
    """{name: value} of what is the same on any machine."""
    plan, curve = record["plan"], record["curve"]
    found = {f"corpus {k}": record["corpus"][k] for k in CORPUS}
    found |= {f"plan {k}": plan[k] for k in ("digest", "starts")}
    found |= {f"audit {k}": record["audit"][k] for k in AUDIT}
    found |= {f"curve {k}": [x[k] for x in curve] for k in ("step", "tokens", "stage")}
    found["parameters"] = record["parameters"]
    found["tokens"] = record["cost"]["tokens"]
    for name, group in groups(record):
        found[f"{name} answers"] = group["total"]
    return found


def numbers(record: dict) -> dict[str, Number]:
    """{name: Number} of losses along the curve, accuracies and line similarities.

    A loss may always differ by 0.1 %, an accuracy by two answers, a similarity by half a
    point. Where the study has one seed, these are 5 %, half of the accuracy's own 95 %
    interval, and 5 points.
    """
    found = {}
    for line in record["curve"]:
        values = {"loss": line["loss"]}
        for kind in ("valid", "answer"):
            values |= {f"{kind} {k}": v for k, v in line.get(kind, {}).items()}
        for name, value in values.items():
            part = abs(value)
            found[f"step {line['step']} {name}"] = Number(
                value, 0.001 * part, 0.05 * part
            )
    for name, group in groups(record):
        least = 2 / max(group["total"], 1)
        half = (group["high"] - group["low"]) / 2 if group["total"] else 0.0
        found[f"{name} accuracy"] = Number(group["accuracy"], least, max(half, least))
        if "similarity" in group:
            found[f"{name} similarity"] = Number(group["similarity"], 0.5, 5.0)
    return found


def groups(record: dict):
    """(name, result) of each protocol and task: over all programs, by label, by level."""
    for protocol in PROTOCOLS:
        for task in TASKS:
            whole = record["results"][protocol][task]
            yield f"{protocol} {task}", whole
            for kind in ("by_label", "by_construct"):
                for part, group in whole[kind].items():
                    yield f"{protocol} {task} {part}", group


def spreads(found: Sequence[dict]) -> dict[str, float]:
    """{number: standard deviation between seeds}, pooled over the arms of the study.

    Numbers of which no arm has two seeds are left out.
    """
    arms: dict[str, dict[str, list[float]]] = {}
    for r in found:
        table = arms.setdefault(records.arm(r), {})
        for name, number in numbers(r).items():
            if number.value is not None:
                table.setdefault(name, []).append(number.value)
    squares: dict[str, float] = {}
    freedom: dict[str, int] = {}
    for table in arms.values():
        for name, values in table.items():
            if len(values) > 1:
                around = np.array(values) - np.mean(values)
                squares[name] = squares.get(name, 0.0) + float((around**2).sum())
                freedom[name] = freedom.get(name, 0) + len(values) - 1
    return {name: math.sqrt(squares[name] / freedom[name]) for name in squares}


class Difference(NamedTuple):
    """Something that is not equal to the digit."""

    name: str
    kept: Any  # None: missing in the record
    again: Any  # None: missing in the repetition
    allowed: float  # 0 for a fact


@dataclass(frozen=True)
class Comparison:
    """A record laid beside its repetition."""

    name: str
    equal: int  # facts and numbers that agree to the digit
    within: tuple[Difference, ...]  # numbers within tolerance
    outside: tuple[Difference, ...]  # facts that differ, numbers beyond tolerance


def compare(kept: dict, again: dict, spread: dict[str, float]) -> Comparison:
    """Compare two records of one experiment; `spread` is that of `spreads`."""
    equal, within, outside = 0, [], []
    old, new = facts(kept), facts(again)
    for name in old | new:
        if old.get(name) == new.get(name):
            equal += 1
        else:
            outside.append(Difference(name, old.get(name), new.get(name), 0.0))
    before, after = numbers(kept), numbers(again)
    nothing = Number(None, 0.0, 0.0)
    for name in before | after:
        number, other = before.get(name, nothing), after.get(name, nothing)
        a, b = number.value, other.value
        may = number.alone
        if name in spread:
            may = max(SEEDS * spread[name], number.least)
        if a == b:
            equal += 1
        elif a is not None and b is not None and abs(a - b) <= may:
            within.append(Difference(name, a, b, may))
        else:
            outside.append(Difference(name, a, b, may))
    title = f"{records.arm(kept)}, seed {kept['spec']['seed']}"
    return Comparison(title, equal, tuple(within), tuple(outside))


def choose(found: Sequence[dict], runs: int, arms: Sequence[str] = ()) -> list[dict]:
    """`runs` of the records: one of each arm before a second of any, cheapest first.

    Args: arms: schedules, or names of records without their seed; empty: all.
    """
    names = lambda r: {r["spec"]["schedule"], r["name"].rpartition("_s")[0]}  # noqa: E731
    known = set().union(*map(names, found))
    for arm in arms:
        if arm not in known:
            raise ValueError(
                f"arm is {arm!r}; this study has {', '.join(sorted(known))}"
            )
    table: dict[str, list[dict]] = {}
    for r in sorted(found, key=lambda r: r["spec"]["seed"]):
        if not arms or names(r) & set(arms):
            table.setdefault(records.arm(r), []).append(r)
    turns = [
        (turn, r["cost"]["tokens"], name)
        for name, rows in table.items()
        for turn, r in enumerate(rows)
    ]
    return [table[name][turn] for turn, _, name in sorted(turns)[:runs]]


def whole(record: dict) -> dict:
    """`record`, if it has all that is compared or printed."""
    try:
        facts(record), numbers(record), records.machine(record)
        record["provenance"]["commit"], record["provenance"]["versions"]["torch"]
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the record {record.get('name')} lacks {error}; restore it from the"
            " repository"
        ) from None
    return record


def again(e: Experiment, data: Data, show=None) -> dict:
    """The record of `e`, run anew; nothing is left of it in any folder."""
    arm = resolve(e, data)
    arm.folder = cache_folder() / "reproduce" / arm.folder.name
    arm.train(show)
    with tempfile.TemporaryDirectory() as root:
        found = records.read_record(arm.save(arm.measure(), root, weights=False))
    shutil.rmtree(arm.folder, ignore_errors=True)
    return found


def reproduce(
    study: str,
    results=RESULTS,
    runs: int = 3,
    arms: Sequence[str] = (),
    minutes: float = 30.0,
    show: Callable[[str], None] = print,
) -> list[Comparison]:
    """Run some records of a study again, and compare; prints as it goes.

    Args:
        results: the folder that holds the study's folder; it is only read.
        runs: how many, at most. arms: see `choose`.
        minutes: of training that may be spent.
        show: called with each line.
    Raises:
        ValueError: before any run: no such study or arm, a record that cannot be run here,
            or one that takes longer.
    """
    if study not in studies(results):
        raise ValueError(
            f"study is {study!r}; {results} has {', '.join(studies(results)) or 'none'}"
        )
    found = [whole(r) for r in records.records(study, results)]
    chosen = choose(found, runs, arms)
    experiments = [records.experiment(r, results) for r in chosen]
    for e in experiments:
        training.choose_device(e.device)
    rates = cost.here(experiments).rates or {}
    tokens = [r["cost"]["tokens"] for r in chosen]
    need = sum(
        n / rates[SCALES[e.scale].size] / 60
        for n, e in zip(tokens, experiments, strict=True)
    )
    for line in _heading(study, found, chosen, sum(tokens), need):
        show(line)
    if need > minutes:
        raise ValueError(
            f"{len(chosen)} runs of {study} need about {need:,.0f} minutes here, more than"
            f" {minutes:g}; give --minutes {math.ceil(1.5 * need)}, fewer --runs, or use"
            " a GPU"
        )
    spread, known, done = spreads(found), {}, []
    show(f"\n{'run':36} {'to the digit':>12} {'within':>9} {'outside':>9}")
    for r, e in zip(chosen, experiments, strict=True):
        key = (e.scale, e.variant, e.scorer, e.cut)
        if key not in known:
            known[key] = load_data(e)
        done.append(compare(r, again(e, known[key]), spread))
        for line in lines(done[-1]):
            show(line)
    show(verdict(done))
    return done


def studies(results) -> list[str]:
    """Folders of `results` that hold experiments; the names of these end in the seed."""
    first = {path.parent: path for path in Path(results).glob("*/*_s[0-9]*.json")}
    # What other chapters train leaves records too, without the spec of an experiment.
    return sorted(f.name for f, p in first.items() if "spec" in files.read_json(p))


def _heading(study, found, chosen, tokens, need):
    here, first = files.provenance(), chosen[0]
    unique = lambda values: ", ".join(sorted(set(values)))  # noqa: E731
    code = {r.get("sources") for r in chosen} == {code_digest("results")}
    yield f"study {study}: {len(chosen)} of {len(found)} runs, {tokens:,} characters,"
    yield f"about {need:,.1f} min of training; corpus and tests come on top"
    commits = unique(r["provenance"]["commit"] for r in chosen)
    yield f"kept: commit {commits}, torch {first['provenance']['versions']['torch']},"
    yield f"  {unique(map(records.machine, chosen))}"[:72]
    yield f"here: commit {here['commit']}, torch {here['versions']['torch']},"
    yield f"  {here['hardware']}"[:72]
    yield f"code that decides results: {'the same' if code else 'other than then'}"


def lines(c: Comparison) -> list[str]:
    """A comparison as text: a row, all that is outside, the three largest within."""
    name = c.name if len(c.name) <= 36 else c.name[:25] + "…" + c.name[-10:]
    rows = [f"{name:36} {c.equal:>12,} {len(c.within):>9,} {len(c.outside):>9,}"]
    rows += [_row("outside", d) for d in c.outside]
    largest = sorted(c.within, key=lambda d: -abs(d.kept - d.again) / d.allowed)
    rows += [_row("within", d) for d in largest[:3]]
    if len(largest) > 3:
        rows.append(f"  … and {len(largest) - 3:,} more within")
    return rows


def _row(where, d):
    row = f"  {where} {d.name}: {_short(d.kept)} → {_short(d.again)}"
    return (row + (f" (± {d.allowed:.2g})" if d.allowed else ""))[:72]


def _short(value):
    if isinstance(value, float):
        return f"{value:.5g}"
    text = "missing" if value is None else str(value)
    return text if len(text) <= 14 else text[:13] + "…"


def verdict(done: Sequence[Comparison]) -> str:
    """The last line."""
    bad = [c for c in done if c.outside]
    if bad:
        return f"NOT reproduced: {len(bad)} of {len(done)} runs have numbers outside"
    if any(c.within for c in done):
        return f"reproduced: {len(done)} runs, every number within tolerance"
    return f"reproduced: {len(done)} runs, every number to the digit"

"""Why does a delivery differ from its plan? Simple hypotheses, tried one by one.

- A hypothesis predicts the delivery, step by step. It is named only if it leaves at most a
  tenth of the wrong steps unexplained, and the report says how many it does leave.
- Of several, the one that leaves least is named; then the one with the fewest exceptions
  (steps it says nothing about, jumps it needs); then the first in the order below.
- With a `Plan` there are more hypotheses than with a bare table, which knows no stages,
  no seed and no other schedule.
- "The same programs in another order" predicts no step. It comes last, and is named only
  if next to no row is missing or foreign (`another_order`).

`audit` calls it when a step differs. Chapter 7 has a cause named.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import schedules
from .another_order import another_order

if TYPE_CHECKING:
    from .plan import Plan

LEFT = 0.1  # share of the wrong steps that a named cause may leave unexplained
JUMPS = 6  # more of them are no simple cause
SEEDS = range(100)  # tried, besides the neighbours of the plan's own
MOVES = (1, -1, 2, -2, 3, -3)  # steps that a stage may begin late


@dataclass(frozen=True)
class Cause:
    """A named cause, and what it explains."""

    name: str  # shifted, replayed, …: one word or two for its kind
    text: str  # the same in a sentence, with its numbers
    explained: int  # steps, or rows, that it predicts
    of: int  # all that were delivered
    unit: str = "steps"

    def __str__(self):
        left = self.of - self.explained
        return (
            f"{self.text} (explains {self.explained:,} of {self.of:,} {self.unit},"
            f" {left:,} left over)"
        )


@dataclass
class Case:
    """A delivery and its plan as numbers, each step's in ascending order.

    Shorter steps are filled up with `none`.
    """

    delivered: np.ndarray  # (S', W)
    planned: np.ndarray  # (S, W)
    plan: Plan | None
    number: Callable  # of program ids
    none: int
    lengths: np.ndarray | None = None  # tokens of each row, by number, where known

    def __post_init__(self):
        n = min(len(self.delivered), len(self.planned))
        same = (self.delivered[:n] == self.planned[:n]).all(1)
        self.wrong = np.r_[~same, np.ones(len(self.delivered) - n, bool)]

    def right(self, table) -> np.ndarray:
        """(S',) where a table of numbers predicts the delivered step."""
        found = np.zeros(len(self.delivered), bool)
        width = self.delivered.shape[1] - table.shape[1]
        table = np.pad(table, ((0, 0), (0, width)), constant_values=self.none)
        table = np.sort(table[: len(found)], 1)
        found[: len(table)] = (table == self.delivered[: len(table)]).all(1)
        return found

    def follows(self, source) -> np.ndarray:
        """(S',) where step `source[s]` of the plan was delivered as step s; -1: no claim."""
        source = np.asarray(source)[: len(self.delivered)]
        inside = (source >= 0) & (source < len(self.planned))
        found = np.zeros(len(self.delivered), bool)
        at = np.flatnonzero(inside)
        found[at] = (self.delivered[at] == self.planned[source[at]]).all(1)
        return found


# A hypothesis: its name, its text, (S',) steps it predicts, steps it says nothing about,
# and exceptions that it needs.
Hypothesis = tuple[str, str, np.ndarray, int, int]


def cause_of(case: Case) -> Cause | None:
    """The simplest hypothesis that explains the delivery, if there is one."""
    n, wrong = len(case.delivered), int(case.wrong.sum())
    best: tuple | None = None
    for name, text, right, silent, exceptions in _hypotheses(case):
        left = n - int(right.sum()) - silent
        if left > LEFT * wrong or right.sum() < n / 2:
            continue
        rank = left, silent + exceptions
        if best is None or rank < best[0]:
            best = rank, Cause(name, text, int(right.sum()), n)
            if rank == (0, 0):
                break
    if best:
        return best[1]
    found = another_order(case)
    return Cause(*found, "rows") if found else None


def _hypotheses(case: Case) -> Iterator[Hypothesis]:
    steps = np.arange(len(case.delivered))
    last = len(case.planned) - 1
    yield _whole(
        "reversed", "the steps came in reverse order", case.follows(last - steps)
    )
    for times in (2, 3, 4):
        word = {2: "twice", 3: "three times", 4: "four times"}[times]
        for source in (steps // times, steps - steps % times):
            right = case.follows(source)
            yield _whole("batches again", f"every batch came {word}", right)
        again = np.repeat(case.planned, times, axis=1)  # ascending, as `planned` is
        wide = case.delivered.shape[1]
        if (again[:, :-wide] == case.none).all():
            right = case.right(again[:, -wide:])
            text = f"every row came {word} in its step, as from ranks that do not share"
            yield _whole("rows again", text, right)
    yield from _padded(case)
    if case.plan is not None:
        yield from _other_plans(case, case.plan)
        yield from _moved_stages(case, case.plan)
    yield from _epochs(case)
    yield from _shifted(case)
    yield from _jumps(case)


def _whole(name, text, right) -> Hypothesis:
    """A hypothesis that predicts every step, without exceptions."""
    return name, text, right, 0, 0


def _padded(case) -> Iterator[Hypothesis]:
    """The last step filled up with the first rows of the plan."""
    more, last = case.delivered[-1:], len(case.planned) - 1
    if len(case.delivered) != len(case.planned) or not case.wrong[-1]:
        return
    shown, asked = (
        Counter(x[x != case.none].tolist()) for x in (more, case.planned[-1])
    )
    extra, first = shown - asked, Counter(case.planned[0].tolist())
    if extra and not asked - shown and not extra - first:
        text = f"the last step was filled up with {_rows(extra.total())} of the first"
        right = ~case.wrong
        right[last] = True
        yield _whole("padded", text, right)


def _rows(n) -> str:
    return f"{n:,} row{'s' * (n > 1)}"


def _shifted(case) -> Iterator[Hypothesis]:
    """Everything k steps late or early, whatever stands at the end that is left open."""
    at: dict[bytes, int] = {row.tobytes(): s for s, row in enumerate(case.planned)}
    found = [at.get(row.tobytes()) for row in case.delivered]
    shifts = Counter(s - p for s, p in enumerate(found) if p is not None and s != p)
    for k, _ in shifts.most_common(1):
        steps = np.arange(len(case.delivered))
        outside = (steps - k < 0) | (steps - k >= len(case.planned))
        text = f"everything came {_steps(k, 'late', 'early')}"
        yield "shifted", text, case.follows(steps - k), int(outside.sum()), 0
        if len(steps) <= len(case.planned):  # the end that was pushed out came first
            round_ = case.follows((steps - k) % len(case.planned))
            yield _whole("shifted", text, round_)


def _jumps(case) -> Iterator[Hypothesis]:
    """The plan in its order, but at a few steps the loader jumped back or ahead."""
    places: dict[bytes, list[int]] = {}
    for s, row in enumerate(case.planned):
        places.setdefault(row.tobytes(), []).append(s)
    shift, jumps, right = 0, [], np.zeros(len(case.delivered), bool)
    allowed = max(2, min(JUMPS, len(right) // 10))
    for s, row in enumerate(case.delivered):
        there = places.get(row.tobytes(), [])
        if there and s - shift not in there:
            to = min(there, key=lambda p: abs(s - p))
            jumps.append((s, to, to > s - shift))
            shift = s - to
        right[s] = bool(there)
        if len(jumps) > allowed:
            return
    if not jumps:
        return
    (at, to, ahead), *more = jumps
    text = f"replayed from step {to:,} at step {at:,}"
    if ahead:
        text = f"at step {at:,} the loader went ahead to step {to:,}"
    elif more and more[0][0] == more[0][1]:  # and then as planned again
        text += f", for {_steps(more[0][0] - at, '', '').strip()}"
        more = more[1:]
    text += "".join(f", from step {p:,} at step {s:,}" for s, p, _ in more)
    yield "skipped" if ahead else "replayed", text, right, 0, len(jumps)


def _other_plans(case, plan) -> Iterator[Hypothesis]:
    """The whole plan of another ranking, end, schedule or seed."""
    schedule, ranking = plan.schedule, {"score": "reversed", "reversed": "score"}
    variants: list[tuple] = []
    if schedule.ranking in ranking:
        other = dataclasses.replace(schedule, ranking=ranking[schedule.ranking])
        variants.append(
            ("reversed", "the ranking of the programs was reversed", other, None)
        )
    for end in schedules.ENDS:
        stages = tuple(_with_end(stage, end) for stage in schedule.stages)
        if stages != schedule.stages:
            other = dataclasses.replace(schedule, stages=stages)
            variants.append(
                ("wrong end", f"the {end} programs were replayed", other, None)
            )
    for name in schedules.NAMED:
        if name != schedule.name:
            text = f"schedule {name} ran in place of {schedule.name}"
            variants.append(("other schedule", text, schedules.get(name), None))
    for seed in dict.fromkeys((*SEEDS, plan.seed - 1, plan.seed + 1)):
        if seed != plan.seed:
            text = f"the plan of seed {seed} ran in place of seed {plan.seed}"
            variants.append(("other seed", text, None, seed))
    wrong = np.flatnonzero(case.wrong[: plan.steps])
    for name, text, other, seed in variants:
        try:
            variant = plan.like(other, seed)
        except ValueError:  # impossible with these programs
            continue
        probe = wrong[:: max(1, len(wrong) // 5)]
        if any(_step(case, variant, s) for s in probe):
            yield _whole(name, text, case.right(case.number(variant.table)))
    starts = plan.starts
    back = [np.arange(a, b) for a, b in zip(starts[:-1], starts[1:], strict=True)][::-1]
    if len(back) > 1:
        right = case.follows(np.concatenate(back))
        yield _whole("reversed", "the stages came in reverse order", right)


def _step(case, variant, step) -> bool:
    """Does this plan predict a delivered step?"""
    row = np.sort(case.number(variant.at(int(step))))
    return np.array_equal(row, case.delivered[step][case.delivered[step] != case.none])


def _with_end(stage, end):
    """A stage whose partial selections are from this end."""
    selections = tuple(
        s if s.share == 1 else dataclasses.replace(s, end=end) for s in stage.selections
    )
    return dataclasses.replace(stage, selections=selections)


def _moved_stages(case, plan) -> Iterator[Hypothesis]:
    """One stage, or all later ones, began a few steps late or early.

    In between, the loader may have shown anything of its wrong stage's pool.
    """
    inner = range(1, len(plan.starts) - 1)
    if not inner or plan.schedule.shuffle_steps:
        return
    for chosen in dict.fromkeys([*((i,) for i in inner), tuple(inner)]):
        for move in MOVES:
            starts = [s + move * (i in chosen) for i, s in enumerate(plan.starts)]
            if min(np.diff(starts)) < 1:
                continue
            who = "every later stage" if len(chosen) > 1 else f"stage {chosen[0] + 1}"
            way = _steps(move, "late", "early")
            loose = np.zeros(len(case.delivered), bool)
            for i in chosen:
                for step in range(*sorted((plan.starts[i], starts[i]))):
                    planned, shown = (i, i - 1) if move > 0 else (i - 1, i)
                    if step < len(loose) and case.wrong[step]:
                        loose[step] = _instead(case, plan, step, planned, shown)
            moved = case.right(case.number(plan.staged(starts)))
            for right in (moved, ~case.wrong):  # later steps moved along, or did not
                yield _whole("stage boundary", f"{who} began {way}", right | loose)


def _instead(case, plan, step, planned, shown) -> bool:
    """Is a step of the pool of stage `shown`, in place of that of stage `planned`?"""
    row = case.delivered[step]
    wanted, own = (case.number(plan.ids[plan.pools[i]]) for i in (planned, shown))
    other = len(own) < len(wanted) or not np.isin(row, wanted).all()
    return bool(other and np.isin(row, own).all())


def _steps(k, late, early) -> str:
    return f"{abs(k):,} step{'s' * (abs(k) > 1)} {late if k > 0 else early}"


def _epochs(case) -> Iterator[Hypothesis]:
    """Each epoch in the order of the first; the last batch of each epoch dropped."""
    plan = case.plan
    stages, closing = [(0, len(case.planned))], _epoch_ends(case.planned, case.none)
    endings, same = [closing], ("same epochs", "every epoch had the order of the first")
    if plan is None and closing:
        steps = np.arange(len(case.delivered))
        yield _whole(*same, case.follows(steps % (closing[0] + 1)))
    if plan is not None and plan.pools and not plan.schedule.shuffle_steps:
        B, stages = (
            plan.batch,
            list(zip(plan.starts[:-1], plan.starts[1:], strict=True)),
        )
        right = case.right(case.number(plan.staged(reshuffle=False)))
        yield _whole(*same, right)
        if all(len(pool) >= B for pool in plan.pools):
            right = case.right(case.number(plan.staged(drop_last=True)))
            text = "the last, smaller batch of each epoch was dropped"
            yield _whole("batch dropped", text, right)
        ends = [
            (a, end)
            for (a, b), pool in zip(stages, plan.pools, strict=True)
            for end in range(len(pool), (b - a) * B + 1, len(pool))
        ]  # the step with an epoch's last row, or the last that has no other's
        endings = [
            [a + (e - 1) // B for a, e in ends],
            [a + e // B - 1 for a, e in ends],
        ]
    for dropped in endings:
        for bounds in (stages, [(0, len(case.planned))]):
            source: list[int] = []
            for a, b in bounds:
                kept = [s for s in range(a, b) if s not in dropped]
                source += kept + [-1] * (b - a - len(kept))  # filled up with anything
            silent = source[: len(case.delivered)].count(-1)
            text = "the last batch of each epoch was dropped"
            if len(dropped):
                yield "batch dropped", text, case.follows(source), silent, 0


def _epoch_ends(planned, none) -> list[int]:
    """Where epochs of a bare table end: at a smaller step, or before a program comes again."""
    ends, seen = [], set()
    for s, row in enumerate(planned.tolist()):
        programs = {p for p in row if p != none}
        if seen & programs:
            ends.append(s - 1)
            seen = set()
        seen |= programs
        if none in row:
            ends.append(s)
            seen = set()
    return sorted({*ends, len(planned) - 1}) if ends else []

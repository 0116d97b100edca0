"""The audit: what a training run really delivered, laid beside its plan.

- Four findings: inversions (wrong order), repeats, omissions, and unknown rows (rows that
  are no program of the plan). If they are all zero and no step is missing, the run was
  delivered as planned. That is what makes an order effect worth discussing.
- Deliveries are what was identified in the rows that the model was fed, so a loader that
  shuffles, replays or ignores the plan is found out. This package's trainer does that by
  itself; a `Recorder` does it for a loop of anybody's.
- A run that differs has a cause. `causes` tries simple ones and names the best.
- A faithful delivery of a wrong plan passes: `check.check_plan` looks at the plan.

Chapter 7 audits a run for the first time; chapter 13 reads the audits of stored runs, and
audits a loop that is not the book's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .causes import Case, Cause, cause_of
from .plan import Plan
from .recorder import UNKNOWN, Recorder

__all__ = ["Audit", "Cause", "Recorder", "audit", "count_inversions"]

NO_ROW = -2  # fills up a step that has fewer rows than others


@dataclass(frozen=True)
class Audit:
    """How a delivery differs from its plan."""

    steps: int  # steps delivered
    planned_steps: int
    wrong_steps: int  # steps whose programs are not the planned ones
    first_wrong: int | None  # the first of them
    inversions: int  # pairs of programs delivered in the opposite of the planned order
    # … among all pairs. A reversed run has 1 if no program comes twice. Otherwise it has
    # less, for the k-th delivery of a program is matched with its k-th planned place.
    inversion_share: float
    repeats: int  # deliveries beyond the planned number, over all programs
    omissions: int  # planned deliveries that did not happen, in the steps delivered
    unknown_rows: int  # deliveries of something outside the plan's programs
    examples: dict = field(default_factory=dict)  # a few ids for each finding
    cause: Cause | None = None  # of the differences; None also if no simple one fits

    @property
    def faithful(self) -> bool:
        """True when every delivered step held exactly the planned programs."""
        return not (
            self.wrong_steps or self.repeats or self.omissions or self.unknown_rows
        )

    @property
    def complete(self) -> bool:
        """True when no step is missing at the end."""
        return self.steps >= self.planned_steps

    @property
    def ok(self) -> bool:
        """True when all planned steps were delivered, and nothing else."""
        return self.faithful and self.complete

    @property
    def findings(self) -> str:
        """What differs, in numbers, without a cause."""
        steps = f"{self.steps:,} of {self.planned_steps:,} steps delivered"
        if self.faithful:
            return f"{steps}, {'exactly' if self.complete else 'so far'} as planned"
        return (
            f"{steps}; {self.wrong_steps:,} differ, first at step {self.first_wrong}:"
            f" {self.inversions:,} inversions ({self.inversion_share:.1%} of pairs),"
            f" {self.repeats:,} repeats, {self.omissions:,} omissions,"
            f" {self.unknown_rows:,} unknown rows"
        )

    def __str__(self):
        if self.faithful:
            return self.findings
        return f"{self.findings}. Cause: {self.cause or 'no simple cause found'}"


def audit(delivered, plan, canonical=np.asarray) -> Audit:
    """Compare what a run delivered with what was planned.

    Args:
        delivered: a `Recorder`, or the program ids of each step in the order of delivery:
            (S', B), or a list of S' steps of any length. -1 is a row that is no program.
            S' may be smaller than the plan's S (a run cut short) or larger.
        plan: a `Plan`, or its (S, B) table, or a list of S steps of any length.
        canonical: maps ids to ids; programs that one row can stand for have the same one
            (`Windows.canonical`, and `state.batches.canonical` of any run). A recorder
            has its own.
        Ids are whole numbers, or text if `plan` is a table or a list.
    Returns: an `Audit`. The order of rows inside one step does not matter: a step's
        gradient is a mean over its rows.
    Raises: ValueError: what was given are no steps of ids.
    """
    its = plan if isinstance(plan, Plan) else None
    lengths = None  # of the rows, where they are known
    planned = _steps("plan", its.table if its else plan)
    if isinstance(delivered, Recorder):
        delivered.require(np.concatenate(planned))
        canonical, name = delivered.numbers, delivered.name
        lengths = delivered.lengths
        steps = _steps("delivered", delivered.delivered)
    else:
        steps, name = _steps("delivered", delivered), int
        if any(row.dtype.kind == "U" for row in (*planned, *steps)):
            canonical, name = _of_text(steps, planned)
        steps = _numbered(steps, canonical)
    planned = _numbered(planned, canonical)
    width = max(len(row) for row in (*steps, *planned))
    delivered, whole = _rectangle(steps, width), _rectangle(planned, width)
    case = Case(delivered, whole, its, canonical, NO_ROW, lengths)
    n_steps, wrong = (len(delivered), len(whole)), np.flatnonzero(case.wrong)
    if not len(wrong):  # each step as planned: there is nothing to count
        return Audit(*n_steps, 0, None, 0, 0.0, 0, 0, 0, _examples())
    population = canonical(its.ids) if its else np.unique(whole[whole != NO_ROW])
    planned = whole[: len(delivered)]  # a run cut short has not left out the rest
    shown = delivered[delivered != NO_ROW]
    unknown_rows = shown[~np.isin(shown, population)]
    surplus = _counts(shown, planned[planned != NO_ROW])
    more = {i: n for i, n in surplus.items() if n > 0}
    fewer = {i: -n for i, n in surplus.items() if n < 0}
    known = {i: n for i, n in more.items() if np.isin(i, population)}
    inversions, pairs = _inversions(delivered, planned)
    examples = (list(known), list(fewer), unknown_rows.tolist())
    return Audit(
        *n_steps,
        wrong_steps=len(wrong),
        first_wrong=int(wrong[0]),
        inversions=inversions,
        inversion_share=inversions / pairs if pairs else 0.0,
        repeats=sum(known.values()),
        omissions=sum(fewer.values()),
        unknown_rows=len(unknown_rows),
        examples=_examples(*([name(i) for i in ids[:5]] for ids in examples)),
        cause=cause_of(case),
    )


def _steps(name, steps) -> list[np.ndarray]:
    """One array of ids for each step; all of them numbers, or all of them text."""
    try:
        rows = [np.asarray(row) for row in steps]
    except (TypeError, ValueError):
        rows = []
    if not rows:
        raise ValueError(
            f"{name} is {steps!r}; an audit needs steps, each with its ids"
        )
    for row in rows:
        if row.ndim != 1 or row.size and row.dtype.kind not in "iuU":
            raise ValueError(
                f"{name} has a step of type {row.dtype} and shape {row.shape}; each step is"
                " one row of ids, which are whole numbers or text"
            )
    return rows


def _of_text(*steps):
    """(ids → numbers, number → id) for ids that are text, here and there."""
    kinds = [{row.dtype.kind for row in rows if row.size} for rows in steps]
    if kinds != [{"U"}, {"U"}]:
        raise ValueError(
            f"ids are {' and '.join('text' if k == {'U'} else 'numbers' for k in kinds)};"
            " delivery and plan must name programs alike"
        )
    names = np.unique(np.concatenate([row for rows in steps for row in rows]))
    return lambda ids: np.searchsorted(names, ids), names.tolist().__getitem__


def _numbered(steps, canonical) -> list[np.ndarray]:
    """Canonical numbers in place of ids; whatever is below 0 is an unknown row."""
    ids = np.concatenate(steps)
    if ids.dtype.kind != "U":
        ids = np.maximum(ids.astype(np.int64), UNKNOWN)
    ends = np.cumsum([len(row) for row in steps])[:-1]
    return np.split(canonical(ids), ends)


def _rectangle(steps, width) -> np.ndarray:
    """(S, width): each step's numbers in ascending order, filled up with `NO_ROW`."""
    table = np.full((len(steps), width), NO_ROW)
    for to, row in zip(table, steps, strict=True):
        to[: len(row)] = row
    return np.sort(table, 1)


def _examples(repeats=(), omissions=(), unknown_rows=()) -> dict:
    found = {"repeats": repeats, "omissions": omissions, "unknown_rows": unknown_rows}
    return {name: list(ids[:5]) for name, ids in found.items()}


def _counts(delivered, planned) -> dict:
    """Per program: times delivered minus times planned, where they differ."""
    ids, index = np.unique(
        np.concatenate([delivered.ravel(), planned.ravel()]), return_inverse=True
    )
    signs = np.repeat([1, -1], [delivered.size, planned.size])
    surplus = np.bincount(index, weights=signs, minlength=len(ids)).astype(int)
    return {int(i): int(n) for i, n in zip(ids, surplus, strict=True) if n}


def _inversions(delivered, planned) -> tuple[int, int]:
    """Pairs delivered against the planned order, and all pairs that could have been.

    The k-th delivery of a program is matched with its k-th planned place; pairs inside
    one delivered or one planned step have no order to violate.
    """
    (d_step, d_ids), (p_step, p_ids) = (
        (np.nonzero(x != NO_ROW)[0], x[x != NO_ROW]) for x in (delivered, planned)
    )
    d_key, p_key = (_occurrence(ids, len(d_ids) + len(p_ids)) for ids in (d_ids, p_ids))
    _, d_at, p_at = np.intersect1d(
        d_key, p_key, assume_unique=True, return_indices=True
    )
    delivered_step, planned_step = d_step[d_at], p_step[p_at]
    sequence = planned_step[np.lexsort((planned_step, delivered_step))]
    n = len(sequence)
    same = np.bincount(delivered_step).astype(float)
    return count_inversions(sequence), int(
        n * (n - 1) / 2 - (same * (same - 1) / 2).sum()
    )


def _occurrence(ids, most) -> np.ndarray:
    """A number for 'the k-th time program i appears', k < `most`, unique per (i, k)."""
    order = np.argsort(ids, kind="stable")
    grouped = ids[order]
    first = np.r_[True, grouped[1:] != grouped[:-1]]
    k = np.arange(len(ids)) - np.maximum.accumulate(
        np.where(first, np.arange(len(ids)), 0)
    )
    key = np.empty(len(ids), np.int64)
    key[order] = (grouped + 1) * most + k  # +1: an unknown row has the id -1
    return key


def count_inversions(sequence) -> int:
    """Pairs i < j with sequence[i] > sequence[j], in O(n log max) array operations.

    Two numbers are out of order at the highest bit in which they differ; so for each bit,
    among numbers that agree in all higher bits, count ones that stand before zeros.
    """
    sequence = np.asarray(sequence, np.int64)
    total = 0
    for bit in range(int(sequence.max(initial=0)).bit_length()):
        order = np.argsort(sequence >> (bit + 1), kind="stable")
        group, one = sequence[order] >> (bit + 1), (sequence[order] >> bit) & 1
        ones_before = np.cumsum(one) - one
        first = np.r_[True, group[1:] != group[:-1]]
        at_start = np.maximum.accumulate(np.where(first, ones_before, 0))
        total += int((ones_before - at_start)[one == 0].sum())
    return total

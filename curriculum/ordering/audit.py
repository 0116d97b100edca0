"""The audit: what a training run really delivered, laid beside its plan.

- Four findings: inversions (wrong order), repeats, omissions, and unknown rows (rows that
  are no program of the plan). An empty audit is what makes an order effect worth
  discussing.
- Deliveries are what the trainer identified in the rows it fed to the model, so a loader
  that shuffles, replays or ignores the plan is found out.

Chapter 6 audits a run for the first time; chapter 12 reads the audits of stored runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .plan import Plan


@dataclass(frozen=True)
class Audit:
    """How a delivery differs from its plan. All zero means: delivered as planned."""

    steps: int  # steps delivered
    wrong_steps: int  # steps whose programs are not the planned ones
    first_wrong: int | None  # the first of them
    inversions: int  # pairs of programs delivered in the opposite of the planned order
    inversion_share: float  # … among all pairs (1: reversed; repeats lower it)
    repeats: int  # deliveries beyond the planned number, over all programs
    omissions: int  # planned deliveries that did not happen
    unknown_rows: int  # deliveries of something outside the plan's programs
    examples: dict = field(default_factory=dict)  # a few ids for each finding

    @property
    def ok(self) -> bool:
        """True when every step delivered exactly the planned programs."""
        return not (
            self.wrong_steps or self.repeats or self.omissions or self.unknown_rows
        )

    def __str__(self):
        if self.ok:
            return f"{self.steps:,} steps delivered exactly as planned"
        return (
            f"{self.wrong_steps:,} of {self.steps:,} steps differ, first at step"
            f" {self.first_wrong}: {self.inversions:,} inversions"
            f" ({self.inversion_share:.1%} of pairs), {self.repeats:,} repeats,"
            f" {self.omissions:,} omissions, {self.unknown_rows:,} unknown rows"
        )


def audit(delivered, plan, canonical=np.asarray) -> Audit:
    """Compare what a run delivered with what was planned.

    Args:
        delivered: (S', B) program ids in the order of delivery, -1 for a row that is no
            program of the corpus; S' may be smaller than the plan's S (a run cut short).
        plan: a `Plan`, or its (S, B) table.
        canonical: maps ids to ids; programs that one row can stand for have the same one
            (`Windows.canonical`, and `state.batches.canonical` of any run).
    Returns: an `Audit`. The order of rows inside one step does not matter: a step's
        gradient is a mean over its rows.
    """
    delivered = np.asarray(delivered, np.int64)
    planned = np.asarray(plan.table if isinstance(plan, Plan) else plan, np.int64)
    if (
        delivered.ndim != 2
        or len(delivered) > len(planned)
        or delivered.shape[1:] != planned.shape[1:]
    ):
        raise ValueError(
            f"delivered has the shape {delivered.shape}, the plan {planned.shape};"
            " an audit needs (steps, batch) of the same batch and no more steps than planned"
        )
    delivered, planned = canonical(delivered), canonical(planned[: len(delivered)])
    wrong = np.flatnonzero((np.sort(delivered, 1) != np.sort(planned, 1)).any(1))
    if not len(wrong):  # each step as planned: there is nothing to count
        return Audit(len(delivered), 0, None, 0, 0.0, 0, 0, 0, _examples())
    population = canonical(plan.ids) if isinstance(plan, Plan) else np.unique(planned)
    unknown_rows = delivered[~np.isin(delivered, population)]

    surplus = _counts(delivered, planned)
    more = {i: n for i, n in surplus.items() if n > 0}
    fewer = {i: -n for i, n in surplus.items() if n < 0}
    known = {i: n for i, n in more.items() if np.isin(i, population)}
    inversions, pairs = _inversions(delivered, planned)
    return Audit(
        steps=len(delivered),
        wrong_steps=len(wrong),
        first_wrong=int(wrong[0]) if len(wrong) else None,
        inversions=inversions,
        inversion_share=inversions / pairs if pairs else 0.0,
        repeats=sum(known.values()),
        omissions=sum(fewer.values()),
        unknown_rows=len(unknown_rows),
        examples=_examples(list(known), list(fewer), unknown_rows.tolist()),
    )


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
    d_step, p_step = (
        np.repeat(np.arange(len(x)), x.shape[1]) for x in (delivered, planned)
    )
    d_key, p_key = _occurrence(delivered.ravel()), _occurrence(planned.ravel())
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


def _occurrence(ids) -> np.ndarray:
    """A number for 'the k-th time program i appears', unique per (i, k)."""
    order = np.argsort(ids, kind="stable")
    grouped = ids[order]
    first = np.r_[True, grouped[1:] != grouped[:-1]]
    k = np.arange(len(ids)) - np.maximum.accumulate(
        np.where(first, np.arange(len(ids)), 0)
    )
    key = np.empty(len(ids), np.int64)
    key[order] = (grouped + 1) * len(ids) + k  # +1: an unknown row has the id -1
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

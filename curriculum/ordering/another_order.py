"""The planned programs, but not step by step: other batches, or other places.

- Batches of another size keep the planned order from row to row.
- A stage, or the whole run, may hold its own programs in another order: somebody shuffled.
- A recorder knows how long rows are. So an order by length is named as such: sorted from
  end to end, or steps of programs of like length, as samplers make them to save padding.

`causes` asks here last, when no hypothesis predicts single steps. Chapter 18 meets each.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.stats import rankdata

ALIEN = 0.01  # share of rows of wrong steps that may be foreign to a reshuffled stage
SORTED = 0.95  # rank correlation of a step's number with the length of its rows
ALIKE = 0.25  # at most so much of the variance of lengths lies within steps
FEW = 6  # fewer steps may be sorted by chance


def another_order(case) -> tuple[str, str, int, int] | None:
    """(name, text, rows it explains, all rows) of the first that fits, if one does.

    Args: case: a `causes.Case`.
    """
    tables, n = (case.delivered, case.planned), len(case.planned)
    widths = [(x != case.none).sum(1) for x in tables]
    flat = [x[x != case.none] for x in tables]
    ends = [np.cumsum(w) for w in widths]  # rows up to the end of each step
    tried = []
    sizes = [int(np.bincount(w).argmax()) for w in widths]
    common = np.intersect1d(ends[0], ends[1])
    if sizes[0] != sizes[1] and len(common) > 2:
        text = f"the planned order in batches of {sizes[0]:,} in place of {sizes[1]:,}"
        tried.append(("other batch size", text, [common, common]))
    if len(case.delivered) == n:
        starts = [0, n]
        if case.plan is not None and not case.plan.schedule.shuffle_steps:
            starts = case.plan.starts
        if len(starts) > 2:
            text = "the programs of each stage in another order"
            stages = [end[np.array(starts[1:]) - 1] for end in ends]
            tried.append(("reshuffled", text, stages))
    text = "the programs of the run in another order"
    if len(case.delivered) != n:
        text += f", in {len(case.delivered):,} steps in place of {n:,}"
    tried.append(("reshuffled", text, [end[-1:] for end in ends]))
    for name, text, bounds in tried:
        parts = [np.split(f, b[:-1]) for f, b in zip(flat, bounds, strict=True)]
        own = sum(
            (Counter(shown.tolist()) & Counter(asked.tolist())).total()
            for shown, asked in zip(*parts, strict=True)
        )
        if max(map(len, flat)) - own <= ALIEN * widths[0][case.wrong].sum():
            by = _by_length(case) if name == "reshuffled" else ""
            kind = "by length" if by else name
            return kind, text + by, own, len(flat[0])
    return None


def _by_length(case) -> str:
    """How the rows of a reshuffled run are arranged by their length, if they are."""
    if case.lengths is None:
        return ""
    within, means = [], []
    for table in (case.delivered, case.planned):
        x = np.where(table < 0, np.nan, case.lengths[np.maximum(table, 0)])  # (S, W)
        x = x[~np.isnan(x).all(1)]
        mean = np.nanmean(x, 1, keepdims=True)  # (S, 1)
        within.append(np.nanmean((x - mean) ** 2) / (np.nanvar(x) or 1))
        means.append(mean[:, 0])
    if len(means[0]) < FEW:
        return ""
    now, was = map(_rises, means)
    if abs(now) >= SORTED > abs(was):
        first = "short" if now > 0 else "long"
        return f", sorted by their length, {first} ones first"
    if within[0] <= ALIKE and within[0] < within[1] / 2:
        return ", in steps of programs of like length"
    return ""


def _rises(means) -> float:
    """Rank correlation of (S,) means with their step, from -1 to 1; 0 if all are equal."""
    ranks = rankdata(means)
    return np.corrcoef(ranks, np.arange(len(ranks)))[0, 1] if np.ptp(ranks) else 0.0

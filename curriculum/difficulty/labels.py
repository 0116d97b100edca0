"""From scores to labels, and how far two scorers agree.

Notable points:

- `label` cuts scores into easy (0), medium (1) and hard (2), either at fixed
  thresholds or into three parts of nearly equal size.
- Programs with equal scores always get the same label.
- `agreement` compares rankings (Spearman's rho) and what a curriculum would do with
  them: the share of programs whose label flips.

The thresholds 2 and 4 are those that a summary of Naïr, Yamani, Lhadj and Baghdadi
(2024) reports; the labels they give depend on the tool that counts. Chapter 3.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

Label = Literal["easy", "medium", "hard"]
LABELS: tuple[Label, ...] = ("easy", "medium", "hard")
PAPER_CUT = (2.0, 4.0)


def label(values: Sequence[float] | np.ndarray, cut=PAPER_CUT) -> np.ndarray:
    """Cut scores into 0 easy, 1 medium, 2 hard.

    Args:
        values: N scores.
        cut: two rising thresholds (low, high): below low is easy, from high on is
            hard. Or "tertiles": cut at the gaps between different scores that lie
            nearest to one third and two thirds of the programs. With many equal
            scores the parts are unequal; with only two different scores the lower is
            easy and the upper hard; with one, all are easy.

    Returns:
        (N,) int8.

    Raises:
        ValueError: no scores, a NaN among them, or a cut that is neither.
    """
    values = np.asarray(values, dtype=np.float64)  # (N,)
    if values.ndim != 1 or not len(values):
        raise ValueError(
            f"labels need a list of scores; got an array of shape {values.shape}"
        )
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        raise ValueError(
            f"{len(missing)} of {len(values)} scores are NaN, the first at "
            f"index {missing[0]}: leave out programs that could not be scored"
        )
    low, high = (
        _tertiles(values)
        if isinstance(cut, str) and cut == "tertiles"
        else (_thresholds(cut))
    )
    return ((values >= low).astype(np.int8) + (values >= high)).astype(np.int8)  # (N,)


def _thresholds(cut):
    try:
        low, high = (float(x) for x in cut)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise ValueError(
            f"cut={cut!r}: give two rising numbers, such as {PAPER_CUT}, or 'tertiles'"
        )
    return low, high


def _tertiles(values):
    """Return thresholds (low, high); a program on a threshold is above it."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 1:
        return math.inf, math.inf
    if len(distinct) == 2:
        return distinct[1], distinct[1]
    below = np.cumsum(counts)[:-1] / len(values)  # share below each gap
    first = int(np.argmin(np.abs(below[:-1] - 1 / 3)))  # leaves one gap for `second`
    second = first + 1 + int(np.argmin(np.abs(below[first + 1 :] - 2 / 3)))
    return distinct[first + 1], distinct[second + 1]


@dataclass(frozen=True)
class Agreement:
    """Pairwise agreement of K scorers over the same programs.

    A scorer that gives every program the same score ranks nothing: its
    correlations are NaN.
    """

    names: tuple[str, ...]
    spearman: np.ndarray  # (K, K) rank correlation, ties share their mean rank
    flips: np.ndarray  # (K, K) share of programs whose tertile label differs
    programs: int  # compared
    dropped: int  # left out: at least one scorer had no score for them

    def pair(self, a: str, b: str) -> dict[str, float]:
        """Both numbers for two scorers."""
        for name in (a, b):
            if name not in self.names:
                raise ValueError(f"no scorer {name!r} here: choose from {self.names}")
        i, j = self.names.index(a), self.names.index(b)
        return {
            "spearman": float(self.spearman[i, j]),
            "flips": float(self.flips[i, j]),
        }


def agreement(table: Mapping[str, Sequence[float]]) -> Agreement:
    """Compare every two scorers of a table {name: N scores}.

    Programs without a score (NaN) from any of the scorers are left out everywhere,
    so that all numbers speak about the same programs.

    Raises:
        ValueError: no scorer, columns of unequal length, or fewer than two programs.
    """
    names = tuple(table)
    lengths = {name: len(table[name]) for name in names}
    if not names or len(set(lengths.values())) > 1:
        raise ValueError(f"agreement needs columns of one length; got {lengths}")
    scores = np.array([table[name] for name in names], dtype=np.float64)  # (K, N)
    known = ~np.isnan(scores).any(axis=0)  # (N,)
    scores = scores[:, known]
    if scores.shape[1] < 2:
        raise ValueError(
            f"agreement needs two programs that all of {names} could score; "
            f"got {scores.shape[1]}"
        )
    ranks = np.array([stats.rankdata(row) for row in scores])  # (K, N)
    labels = np.array([label(row, cut="tertiles") for row in scores])  # (K, N)
    varies = np.ptp(scores, axis=1) > 0  # (K,)
    K = len(names)
    spearman = np.full((K, K), np.nan)
    for i in np.flatnonzero(varies):
        spearman[i, i] = 1.0
        for j in np.flatnonzero(varies[:i]):
            spearman[i, j] = spearman[j, i] = np.corrcoef(ranks[i], ranks[j])[0, 1]
    flips = (labels[:, None] != labels[None]).mean(axis=2)  # (K, K)
    return Agreement(names, spearman, flips, int(known.sum()), int((~known).sum()))

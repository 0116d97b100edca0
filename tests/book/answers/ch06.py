import numpy as np
from scipy import stats as scipy_stats

from behind.ch06 import needed
from exercises import ch06 as check

SAME, OTHER = needed(0.02, 0.14, 0.9), needed(0.02, 2 * 0.74 * 0.26, 0.9)
TRUE = {"A": "seen", "B": "open", "C": "ruled out", "D": "seen, negligible"}


def paired(left, right, factor=None):
    gap = left - right
    n = len(gap)
    half = factor or scipy_stats.t.ppf(0.975, n - 1)
    half *= gap.std(ddof=1) / n**0.5
    return gap.mean(), gap.mean() - half, gap.mean() + half


def by_scipy(left, right):
    gap = [a - b for a, b in zip(left, right, strict=True)]
    t = scipy_stats.t(len(gap) - 1, np.mean(gap), scipy_stats.sem(gap))
    return float(np.mean(gap)), *map(float, t.interval(0.95))


WRONG = {
    check.plan: [
        None,
        {},
        {"same": None, "different": 1},
        {"same": needed(0.02, 0.14), "different": OTHER},
        {"same": SAME, "different": OTHER / 2},
        {"same": OTHER, "different": SAME},
        {"same": "3667", "different": OTHER},
    ],
    check.verdicts: [
        None,
        {},
        dict.fromkeys("ABCD"),
        dict.fromkeys("ABCD", "open"),
        TRUE | {"B": "ruled out"},
        TRUE | {"D": "seen"},
        TRUE | {"A": "yes"},
        TRUE | {"C": 3},
    ],
    check.paired: [
        None,
        lambda left, right: None,
        lambda left, right: left - right,
        lambda left, right: (0.0, -1.0, 1.0),
        lambda left, right: paired(right, left),
        lambda left, right: paired(left, right, 1.96),
        lambda left, right: paired(left, right)[:2],
        lambda left, right: paired(left, right[::-1]),
        lambda left, right: ("a", "b", "c"),
        lambda left: left,
    ],
}
RIGHT = {
    check.plan: [
        {"same": SAME, "different": OTHER},
        {"same": np.int64(round(SAME)), "different": round(OTHER)},
    ],
    check.verdicts: [TRUE, dict(reversed(TRUE.items()))],
    check.paired: [paired, by_scipy],
}

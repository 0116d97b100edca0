import numpy as np
import torch

from exercises import ch01 as check

both = np.concatenate


def mix(easy, hard, rng):
    keys = both((rng.beta(1, 2, len(easy)), rng.beta(2, 1, len(hard))))
    return both((easy, hard))[np.argsort(keys, kind="stable")]


def by_count(easy, hard, rng):  # the fewer switches down, the earlier
    rows = both((easy, hard))
    return rows[np.argsort((rows < 0).sum(1), kind="stable")]


def in_steps(easy, hard, rng):  # no chance, other shares: also right
    shares, parts, e, h = (0.2, 0.4, 0.6, 0.8), [], 0, 0
    for share in shares:
        more = round(len(hard) * share / 2)
        less = len(hard) // 2 - more
        parts += [easy[e : e + less], hard[h : h + more]]
        e, h = e + less, h + more
    return both(parts).tolist()


RIGHTS = {key: right for key, (right, _) in check.WHY.items()}
WRONG = {
    check.covariance: [None, "0.023", np.nan, True, [0.023], 0.031, -0.023],
    check.match: [
        None,
        [],
        {},
        dict.fromkeys("ABCDE"),
        dict.fromkeys("ABCDE", "none"),
        RIGHTS | {"C": "last"},
        RIGHTS | {"E": 5},
    ],
    check.largest: [None, "2", 2.5, 1, 3, 6],
    check.nearest: [
        None,
        0.12,
        "easy first",
        "hard first",
        "all the same",
        "hard only",
    ],
    check.mix: [
        None,
        lambda easy: easy,
        lambda easy, hard, rng: None,
        lambda easy, hard, rng: [][0],
        lambda easy, hard, rng: both((easy, hard)),
        lambda easy, hard, rng: both((easy, easy)),
        lambda easy, hard, rng: rng.permutation(both((easy, hard))),
        lambda easy, hard, rng: both((easy, hard))[rng.permutation(19_200)],
        by_count,
    ],
}
RIGHT = {
    check.covariance: [0.023, np.float64(0.0234), torch.tensor(0.0234)],
    check.match: [dict(reversed(RIGHTS.items())), RIGHTS | {"F": "none"}],
    check.largest: [2, np.int64(2)],
    check.nearest: ["shuffled", np.str_("shuffled")],
    check.mix: [mix, in_steps],
}

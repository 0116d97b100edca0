import functools

import numpy as np

from curriculum.evaluation import stats
from curriculum.experiments import records
from exercises import ch11 as check

runs = records.records("study", "results")


@functools.cache
def answers(task):
    return records.right(runs, "results", task=task)


def seeds_needed(sd, effect=0.01):
    for n in range(2, 4000):
        pattern = np.resize([-1.0, 1.0], n)
        if stats.detectable(pattern / pattern.std(ddof=1) * sd) <= effect:
            return n


def chance(sd, arms=6, seeds=3, margin=0.01, own=True, averaged=True):
    rng = np.random.default_rng(0)
    drawn = rng.normal(0, sd, (4000, arms + 1, seeds))
    means = drawn.mean(2) if averaged else drawn[..., 0]
    lead = (means[:, 1:] - means[:, :1] * own).max(1)
    return float((lead >= margin).mean())


def claim(arm, other, task="execution", protocol="exact"):
    by = answers(task)
    n = min(len(by[arm]), len(by[other]))
    found = stats.contrast(by[arm][:n], by[other][:n])
    return found, stats.verdict(found, found.p)


def reversed_claim(arm, other, task, protocol):
    return claim(other, arm, task)


WRONG = {
    check.seeds: [
        None,
        7,
        lambda sd: 3,
        lambda sd: 100,
        lambda sd: "7",
        lambda sd: None,
        lambda sd: seeds_needed(sd) + 1,
        lambda sd: seeds_needed(0.01),
        lambda sd: max(2, int(8 * (sd / 0.01) ** 2)),
        lambda: 3,
    ],
    check.winner: [
        None,
        lambda sd: 0.0,
        lambda sd: 0.75,
        lambda sd: 0.36,
        lambda sd: 0.75 if sd > 0.01 else 0.0,
        lambda sd: "0.75",
        lambda sd: chance(sd, margin=0),
        lambda sd: chance(sd, averaged=False),
        lambda: 0.5,
    ],
    check.claim: [
        (answer, answers)
        for answer in (
            None,
            lambda *claimed: (None, ""),
            lambda *claimed: claim(*claimed)[0],
            lambda *claimed: (claim(*claimed)[0], "seen"),
            lambda *claimed: (claim(*claimed)[0], "open"),
            reversed_claim,
            lambda *claimed: claim("hybrid", "baseline"),
            lambda arm: claim(arm, "baseline"),
        )
    ],
}
RIGHT = {
    check.seeds: [seeds_needed, lambda sd: np.int64(seeds_needed(sd))],
    check.winner: [chance, lambda sd: np.float64(chance(sd))],
    check.claim: [(claim, answers), (lambda *claimed: tuple(claim(*claimed)), answers)],
}

import numpy as np

from curriculum.evaluation import stats
from exercises import ch24 as check


def enough(spread, hope):
    n = 2
    while stats.detectable_at(spread, n) > hope:
        n += 1
    return n


def other(spread, hope):
    return next(n for n in range(2, 9999) if stats.detectable_at(spread, n) <= hope)


def tail(table, mine, part):
    rows = table[len(table) - round(part * len(table)) :]
    return sum(i in set(mine.tolist()) for i in rows.ravel().tolist()) / rows.size


WRONG = {
    check.enough: [
        None,
        lambda spread, hope: 8,
        lambda spread, hope: enough(spread, hope) - 1,
        lambda spread, hope: round((spread / hope) ** 2),
        lambda spread, hope: enough(spread, hope / 2),
        lambda spread, hope: "8",
    ],
    check.tail: [
        None,
        lambda table, mine, part: np.isin(table, mine).mean(),
        lambda table, mine, part: np.isin(
            table[: round(part * len(table))], mine
        ).mean(),
        lambda table, mine, part: np.isin(table[-1], mine).mean(),
        lambda table, mine, part: tail(table, mine, part) * len(table),
        lambda table, mine, part: part,
    ],
    check.control: [None, 3, "baseline", "anti", "random-order", "a larger model", ""],
}
RIGHT = {
    check.enough: [enough, other],
    check.tail: [tail, lambda t, m, p: np.isin(t[-round(p * len(t)) :], m).mean()],
    check.control: ["hybrid-shuffled", "Hybrid shuffled "],
}

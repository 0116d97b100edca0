import numpy as np

from exercises import ch20 as check


def shared(rate, users):
    return max(-1.0, min(1.0, np.log10(rate / users) / 2))


PLACES = [[110, 130], [65, 80], [120, 30]]
EASY = {"stations": [[100, 100]], "users": 2, "velocity": 0, "steps": 2_000}
MIDDLE = {"stations": PLACES, "users": 3, "velocity": 1, "steps": 3_000}
LAST = {"stations": PLACES, "users": 5, "velocity": 1.5, "steps": 15_000}


def written(*stages, **more):
    return {"name": "mine", "stages": list(stages), **more}


def table(curriculum):
    ids, known = [], []
    for stage in curriculum.stages:
        if stage.environment not in known:
            known.append(stage.environment)
        first = [s.environment for s in curriculum.stages].index(stage.environment)
        ids += [first] * (stage.steps // 100)
    return ids


def numbered(curriculum):
    parts = [[i] * (s.steps // 100) for i, s in enumerate(curriculum.stages)]
    return [i for part in parts for i in part]


def echoes(table):
    return (table.argmax(1) == np.arange(len(table))).mean()


WRONG = {
    check.shared: [
        None,
        lambda rate, users: np.log10(rate / users) / 2,
        lambda rate, users: shared(rate, 1),
        lambda rate, users: shared(rate, 1) / users,
        lambda rate, users: max(-1.0, min(1.0, np.log10(rate / users))),
        lambda rate, users: max(0.0, shared(rate, users)),
        lambda rate: 0.0,
    ],
    check.written: [
        None,
        {},
        written(EASY, LAST),
        written(EASY, MIDDLE, {**LAST, "steps": 10_000}),
        written(EASY, MIDDLE, {**LAST, "velocity": 2}),
        written({**EASY, "users": 4}, MIDDLE, LAST),
        written({**EASY, "users": 0}, MIDDLE, LAST),
        written(EASY, {**MIDDLE, "code": "1"}, LAST),
    ],
    check.table: [
        None,
        numbered,
        lambda c: [0] * (c.steps // 100),
        lambda c: [i for i in table(c) for _ in range(2)],
        lambda c: table(c)[::-1],
        lambda c: 3,
        lambda c: ["a"] * (c.steps // 100),
    ],
    check.echoes: [
        None,
        lambda table: 1.0,
        lambda table: (table.argmax(0) == np.arange(len(table))).mean(),
        lambda table: (table.argmin(1) == np.arange(len(table))).mean(),
        lambda table: table.argmax(),
        lambda table: (table.argmax(1) == np.arange(len(table))).sum(),
        lambda table: np.trace(table) / table.sum(),
    ],
}
RIGHT = {
    check.shared: [shared, lambda rate, users: np.float32(shared(rate, users))],
    check.written: [
        written(EASY, MIDDLE, LAST),
        written(EASY, EASY, {**MIDDLE, "steps": 1_000}, LAST),
    ],
    check.table: [table, lambda c: np.array(table(c))],
    check.echoes: [echoes, lambda t: sum(r.argmax() == i for i, r in enumerate(t)) / 6],
}

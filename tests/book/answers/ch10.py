import dataclasses

import numpy as np

from curriculum import files
from curriculum.experiments.experiment import load_data
from curriculum.experiments.spec import Experiment
from curriculum.ordering import schedules
from exercises import ch08
from exercises import ch10 as check

data = load_data(Experiment(scale="smoke"))
plan = ch08.plan_of(schedules.hybrid(), data)
ENDS = {
    "most characters": "hardest",
    "hardest and random": 0.5,
    "hardest and easiest": 0.0,
    "the same, replay 0.75": 2 / 3,
}


def differs(one, other):
    names = [field.name for field in dataclasses.fields(one)]
    return {n for n in names if getattr(one, n) != getattr(other, n)}


def by_dict(one, other):
    return {k for k, v in vars(one).items() if v != vars(other)[k]}


def reorder(table, seed):
    places = files.hash_order(table.size, "same multiset", seed)
    return table.ravel()[places].reshape(table.shape)


def with_numpy(table, seed):
    rng = np.random.default_rng(seed)
    return rng.permutation(table.ravel()).reshape(table.shape)


anyhow = np.random.default_rng(5)
WRONG = {
    check.differs: [
        None,
        lambda one, other: set(),
        lambda one, other: {"name", "ranking"},
        lambda one, other: differs(one, other) - {"stages"},
        lambda one, other: differs(one, other) | {"name"},
        lambda one, other: None,
        lambda one, other: one == other,
        lambda one: set(),
    ],
    check.ends: [
        (answer, data)
        for answer in (
            None,
            {},
            dict.fromkeys(ENDS),
            ENDS | {"most characters": "easiest"},
            ENDS | {"hardest and random": 0.25},
            ENDS | {"the same, replay 0.75": 0.5},
            ENDS | {"hardest and easiest": "0"},
        )
    ],
    check.reorder: [
        (answer, plan, data.labels)
        for answer in (
            None,
            lambda table, seed: table,
            lambda table, seed: None,
            lambda table, seed: table[::-1],
            lambda table, seed: table[:-1],
            lambda table, seed: np.random.default_rng(seed).permutation(table),
            lambda table, seed: with_numpy(table, 0),
            lambda table, seed: anyhow.permutation(table.ravel()).reshape(table.shape),
            lambda table, seed: np.full_like(table, table[0, 0]),
            lambda table: table,
        )
    ],
}
RIGHT = {
    check.differs: [differs, by_dict],
    check.ends: [(ENDS, data), (ENDS | {"hardest and random": np.float64(0.5)}, data)],
    check.reorder: [(reorder, plan, data.labels), (with_numpy, plan, data.labels)],
}

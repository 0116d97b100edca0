import re

import numpy as np
from scipy import stats as scipy_stats

from curriculum.evaluation.stats import Components
from curriculum.experiments.experiment import load_data, resolve
from curriculum.experiments.spec import Experiment
from exercises import ch14 as check

parts = Components(0.00021, 0.0005, 0.15)  # about those of the study
plan = resolve(
    Experiment("sequential", scale="smoke"), load_data(Experiment(scale="smoke"))
).plan

# Programs whose success falls with their arithmetic signs and, less so, their length.
rng = np.random.default_rng(0)
codes = ["a = 1\n" * rng.integers(1, 4) + "+1" * rng.integers(0, 9) for _ in range(400)]
signs = np.array([code.count("+") for code in codes])
success = -signs + 0.3 * rng.standard_normal(400)


def inside(score):
    return scipy_stats.spearmanr(score, success)[0]


def best_design(parts):
    options = []
    for seeds in range(2, 17):
        programs = int((1_000 / seeds - 60) / 0.01)
        if programs > 0:
            options.append((parts.error(seeds, programs), seeds, programs))
    return min(options)[1:]


def shifted(plan):
    return np.concatenate([plan.table[:1], plan.table[:-1]])


def puzzling(plan):
    return np.random.default_rng(0).choice(plan.ids, plan.table.shape)


def my_score(code):
    return len(re.findall(r"[-+*/]", code))


remembered = iter(sorted(-success))  # an order of its own

WRONG = {
    check.design: [
        (answer, parts)
        for answer in (
            None,
            (8, 2_263),
            lambda parts: 8,
            lambda parts: (2, 1_000),
            lambda parts: best_design(check.NOISY),
            lambda parts: (1, 50_000),
            lambda parts: (30, 100),
            lambda parts: ("2", "3"),
            lambda parts: parts.nothing,
            lambda: (2, 1_000),
        )
    ],
    check.faults: [
        (*answer, plan)
        for answer in (
            (shifted, shifted),
            (puzzling, puzzling),
            (puzzling, shifted),
            (lambda plan: plan.table, puzzling),
            (None, None),
            (lambda plan: plan.table[1:], puzzling),
            (shifted, lambda plan: None),
            (shifted, lambda plan: plan.table[::-1]),
        )
    ],
    check.score: [
        (answer, codes, success, inside)
        for answer in (
            None,
            lambda code: 0.0,
            lambda code: -my_score(code),
            lambda code: "3",
            lambda code: None,
            lambda code: float("nan"),
            lambda code: code.count("a"),
            lambda code: next(remembered),
        )
    ],
}
RIGHT = {
    check.design: [
        (best_design, parts),
        (lambda parts: tuple(np.array(best_design(parts))), parts),
    ],
    check.faults: [
        (shifted, puzzling, plan),
        (lambda plan: np.roll(plan.table, -1, 0), puzzling, plan),
    ],
    check.score: [
        (my_score, codes, success, inside),
        (lambda code: np.float64(my_score(code)), codes, success, inside),
    ],
}

"""Checks of the exercises in "Running experiments"."""

import numpy as np

from behind.ch13 import smallest
from curriculum import plots, training
from curriculum.experiments.spec import SCALES, Experiment
from curriculum.ordering import schedules
from curriculum.ordering.audit import audit
from curriculum.ordering.plan import Plan
from exercises import check, returned

ASKS = {
    1: "Does its plan follow from its spec?",
    3: "Do its accuracies follow from its counts?",
    4: "Did it train for as many steps as its scale says?",
}


@check
def words(words: str):
    found = Experiment.parse((words or "").split())
    for field, want in (
        ("schedule", set(schedules.PAPER)),
        ("seed", set(range(5))),
        ("lr_schedule", {"multistep", "constant"}),
        ("scale", {"desk"}),
        ("study", {"decay"}),
    ):
        have = {getattr(e, field) for e in found}
        if have != want:
            return (
                f"{field} is {sorted(have)}; that is not what was asked for."
            )
    if len(found) != 40:
        return f"{len(found)} runs: something varies that was not asked for."
    return f"Right: {len(found)} runs, the first is {found[0].name}."


@check
def problem(problem: callable, suspects: list):
    said = [problem(record) for record in suspects]
    for i, words in enumerate(said):
        if words is not None:
            returned(words, str)
        if words is not None and i not in ASKS:
            return f"Record {i} is in order; you say: {words}."
    for i, ask in ASKS.items():
        if said[i] is None:
            found = sum(words is not None for words in said)
            return f"{found} of 3 found. Ask of every record: {ask}"
    return "Right: all found, and nobody accused without reason."


@check
def seeds(n: int):
    if n is None:
        return "Enter a whole number."
    if n == 14:
        return "So says the normal distribution; few seeds need Student's t."
    if n < 2 or smallest(n, 0.020) > 0.015:
        best = smallest(max(n, 2), 0.020)
        return f"Too few: {max(n, 2)} seeds find {best:.3f} at best."
    if smallest(n - 1, 0.020) <= 0.015:
        return f"{n} are enough, and more than needed."
    return f"Right: {n} seeds find {smallest(n, 0.020):.4f}."


@check
def arm(schedule: schedules.Schedule, arm: object):
    for name in (*schedules.PAPER, *schedules.CONTROLS):
        known = schedules.get(name)
        if (
            schedule.stages == known.stages
            and schedule.ranking == known.ranking
        ):
            return f"This is {name}. Change a stage, a share or a length."
    data, s = arm.data, SCALES["smoke"]
    scores, labels = data.scores[data.train], data.labels[data.train]
    plan = Plan(schedule, data.train, scores, labels, 0, s.steps, s.batch)
    shown = set(data.labels[plan.table].ravel().tolist())
    if len(shown) < 3:
        missing = [
            name for i, name in enumerate(plots.LEVELS) if i not in shown
        ]
        return f"Never shown: {', '.join(missing)}."
    done = training.train(arm.fresh_model(), plan, arm.batches, arm.config)
    found = audit(np.stack(done.delivered), plan)
    return f"{'Right' if found.ok else 'Look'}: {schedule.name}, {found}."

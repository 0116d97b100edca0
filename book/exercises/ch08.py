"""Checks of the exercises in "Sequential"."""

import numpy as np

from curriculum import plots
from curriculum.ordering.plan import Plan
from curriculum.ordering.schedules import Schedule
from exercises import check

LABELS = tuple(plots.LEVELS)
HOLDS = {
    "A": (True, "whose loss is drawn at step 100, and at step 600?"),
    "B": (True, "where is the loss on easy programs at the end?"),
    "C": (True, "compare the baseline's final losses (Chapter 7)."),
    "D": (True, "add up the characters of the first 350 steps."),
    "E": (False, "the plan draws from data.train only; so says the audit."),
}


@check
def forgetting(whole: float, stopped: float):
    if whole is None or stopped is None:
        return "Fill in both numbers."
    if abs(whole - (0.72 - 1.20)) < 0.005 or whole < 0:
        return "Negative: compare with the best moment, not with the start."
    if abs(whole - 0.25) < 0.005:
        return "0.25 is the jump at the start of stage 2; a part is made good."
    if abs(whole - 0.07) < 0.005:
        return "You took the lowest loss of stage 2. It was lower before."
    if abs(whole - 0.17) > 0.005:
        return f"{whole} is not it. Last value minus the lowest one."
    if abs(stopped - 0.10) > 0.005:
        return f"The whole run is as it should be; stopped after five it is not {stopped}."
    return "Right, both."


@check
def objections(answers: dict[str, bool]):
    for name, (holds, ask) in HOLDS.items():
        if answers.get(name) is None:
            return f"{name} is still open."
        if answers[name] is not holds:
            return f"{name}: think again; {ask}"
    return "Right, all five."


def plan_of(schedule, data, steps=700, batch=64):
    """The plan of a schedule over the training programs of `data`."""
    parts = data.train, data.scores[data.train], data.labels[data.train]
    return Plan(schedule, *parts, 0, steps, batch)


@check
def fair(schedule: Schedule, data: object):
    stages = [[s.label for s in stage.selections] for stage in schedule.stages]
    if stages != [[name] for name in LABELS]:
        return f"The stages show {stages}; one label each, in order."
    mine = plan_of(schedule, data).table
    held = np.bincount(data.labels[data.train], minlength=3)
    shown = np.bincount(data.labels[mine.ravel()], minlength=3) / held
    if np.ptp(shown) > 0.05:
        return f"Shown {shown.round(2)} times: lengthen what is shown least."
    return f"Right: shown {shown.round(2)} times."


@check
def rehearsal(schedule: Schedule, data: object, trial: callable):
    """`trial(schedule)` trains a small model: (forgetting of easy, loss on hard)."""
    plan = plan_of(schedule, data)
    pools = [data.labels[plan.ids[pool]] for pool in plan.pools]
    easy = [float((pool == 0).mean()) for pool in pools]
    if len(pools) != 3 or easy[0] < 1:
        return "Three stages, the first with easy programs only."
    if not all(0 < part <= 0.15 for part in easy[1:]):
        return f"Easy part of stages 2 and 3: {easy[1]:.0%}, {easy[2]:.0%}."
    if any((pool == i).mean() < 0.5 for i, pool in enumerate(pools)):
        return "The stage's own label should fill most of it."
    (forgot, hard), (before, hard_before) = trial(schedule), trial(None)
    kept, price = 1 - forgot / before, hard - hard_before
    verdict = "Right" if kept > 0.5 else "A start, but try for half"
    return f"{verdict}: forgetting of easy falls by {kept:.0%}; hard {100 * price:+.1f} hundredths."

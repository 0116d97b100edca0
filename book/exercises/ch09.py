"""Checks of the exercises in "Incremental"."""

import math

import numpy as np

from curriculum import plots
from curriculum.ordering import schedules
from exercises import check, returned
from exercises.ch08 import plan_of

LABELS = tuple(plots.LEVELS)


@check
def times(value: float, data: object):
    if value is None:
        return "Enter a number for my_times."
    held = np.bincount(data.labels[data.train], minlength=3)
    right = 700 * 100 / 120 * 64 / len(data.train)
    if abs(value - right) < 0.01 * right:
        return "Right."
    if abs(value - 700 * 100 / 120 * 64 / held[2]) < 0.05:
        return (
            "You divided by the hard programs; the last stage draws from all."
        )
    if abs(value - 700 * 64 / len(data.train)) < 0.02:
        return "That is the baseline. Only the last stage draws hard programs."
    return (
        f"{value} is not it: steps of the last stage, times 64, over its pool."
    )


def planted(u, start, power):
    floor = start**power
    return math.sqrt(floor + (1 - floor) * u)


def forgets(u, start, power):
    return (start + (1 - start) * u) ** (1 / power)


def inverts(u, start, power):
    floor = start ** (1 / power)
    return (floor + (1 - floor) * u) ** power


PLANTED = {
    "a square root for every power": planted,
    "start not raised to the power": forgets,
    "power and 1/power exchanged": inverts,
}


@check
def reveals(test: callable):
    if returned(test(schedules.root), bool):
        return "Your test rejects the correct function. (Allow 1e-9.)"
    missed = [
        name
        for name, pace in PLANTED.items()
        if not returned(test(pace), bool)
    ]
    if missed:
        return "\n  ".join(["Try more than one power. Not found:", *missed])
    return "Right: your test finds all three and accepts the true one."


def times_shown(plan, data):
    """(3,) how often a program of each label is drawn, on average."""
    held = np.bincount(data.labels[data.train], minlength=3)
    return np.bincount(data.labels[plan.table].ravel(), minlength=3) / held


@check
def equal(schedule: schedules.Schedule, data: object):
    stages = [{s.label for s in stage.selections} for stage in schedule.stages]
    if stages != [{"easy"}, {"easy", "medium"}, set(LABELS)]:
        return "Begin with easy alone, add medium, end with all three labels."
    shown = times_shown(plan_of(schedule, data), data)
    goal = times_shown(plan_of(schedules.baseline(), data), data)
    off = shown / goal - 1
    if np.abs(off).max() > 0.05:
        worst = int(np.abs(off).argmax())
        word = "too often" if off[worst] > 0 else "too rarely"
        counts = f"{shown[worst]:.2f}, goal {goal[worst]:.2f}"
        return f"{LABELS[worst]} is shown {word}: {counts}."
    return f"Right, equally often: {np.round(shown, 2)}."


@check
def pace(pace: callable, hard_from: float):
    """`hard_from`: the share of the programs that are easier than any hard one."""
    u = np.arange(0, 1, 0.01)
    g = np.array([returned(pace(float(x)), float) for x in (*u, 1.0)])
    hard = np.maximum(0, 1 - hard_from / np.maximum(g[:-1], 1e-9))
    early, overall, most = hard[:33].mean(), hard.mean(), np.diff(g).max()
    if g[0] > 0.25 or g[0] <= 0 or abs(g[-1] - 1) > 1e-9:
        return f"From at most 0.25 to 1, not {g[0]:.2f} to {g[-1]:.2f}."
    if np.diff(g).min() < -1e-9:
        return f"It shrinks after progress {u[np.diff(g).argmin()]:.2f}."
    if most > 0.05 + 1e-9:
        return f"It adds {most:.0%} at {u[np.diff(g).argmax()]:.2f}."
    if early > 0.01:
        return f"In the first third {early:.1%} of the draws are hard."
    if overall < 0.22:
        return f"Only {overall:.1%} of all draws are hard."
    return f"Right: hard {early:.1%} early, {overall:.1%} overall."

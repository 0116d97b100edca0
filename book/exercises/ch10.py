"""Checks of the exercises in "Hybrid"."""

import dataclasses

import numpy as np

from curriculum.ordering import schedules
from curriculum.ordering.audit import audit
from exercises import check, returned
from exercises.ch08 import plan_of


@check
def differs(function: callable):
    hybrid, anti = schedules.hybrid(), schedules.anti()
    if returned(function(hybrid, hybrid), set):
        return "A schedule does not differ from itself."
    found = returned(function(hybrid, anti), set)
    if found != {"name", "ranking"}:
        return f"hybrid and anti: {found}; it should be a name and a ranking."
    if function(hybrid, schedules.hybrid(replay=0.2)) != {"stages"}:
        return "Another replay is inside the field `stages`; compare it too."
    renamed = dataclasses.replace(anti, name="other")
    if function(anti, renamed) != {"name"}:
        return "Two schedules that differ in the name alone differ in the name alone."
    return "Right."


def replayed(end, share, data):
    """The easy programs that a hybrid replays in its last stage."""
    pool = plan_of(schedules.hybrid(share, end), data).pools[2]
    return set(pool[data.labels[data.train][pool] == 0].tolist())


def overlap(end, share, data):
    hardest = replayed("hardest", share, data)
    return len(hardest & replayed(end, share, data)) / len(hardest)


@check
def ends(mine: dict, data: object):
    asked = (
        "hardest and random",
        "hardest and easiest",
        "the same, replay 0.75",
    )
    if missing := [
        k for k in ("most characters", *asked) if mine.get(k) is None
    ]:
        return "\n  ".join(["Still open:", *missing])
    size = {}
    for end in schedules.ENDS:
        table = plan_of(schedules.hybrid(0.5, end), data).table
        size[end] = data.corpus.lengths[table].sum()
    if mine["most characters"] != max(size, key=size.get):
        return f"Not {mine['most characters']!r}; which programs are longer?"
    settings = (("random", 0.5), ("easiest", 0.5), ("easiest", 0.75))
    for key, (end, share) in zip(asked, settings, strict=True):
        if abs(returned(mine[key], float) - overlap(end, share, data)) > 0.06:
            return f"{key}: not {mine[key]}; think of a ranked list."
    return "Right, all four."


@check
def reorder(function: callable, plan: object, labels: np.ndarray):
    table, again = (
        np.asarray(function(plan.table.copy(), 0)) for _ in range(2)
    )
    if table.shape != plan.table.shape:
        return f"Shape {table.shape}; it must stay {plan.table.shape}."
    found = audit(table, plan)
    if found.repeats or found.omissions or found.unknown_rows:
        return f"Not the same multiset: {found}."
    if not found.wrong_steps:
        return "This is still the hybrid's order."
    hard = (labels[table] == 2).mean(1)
    thirds = np.round([part.mean() for part in np.array_split(hard, 3)], 2)
    if np.ptp(thirds) > 0.1:
        return f"Hard programs by third of the run: {thirds}; not even."
    if hard.std() > 0.1:
        return "Whole steps were moved; the programs of a step are of a kind."
    if not np.array_equal(table, again):
        return "Two calls with one seed differ; draw from the seed alone."
    if np.array_equal(table, function(plan.table.copy(), 1)):
        return "Another seed must give another order."
    return (
        f"Right: same multiset, {found.inversion_share:.1%} of pairs inverted."
    )

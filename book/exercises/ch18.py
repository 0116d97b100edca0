"""Checks of the exercises in "Your own data"."""

import numpy as np

from curriculum.ordering.feed import PlanBatchSampler
from exercises import check, returned

DEPTHS = {
    "x = 1": 0,
    "print(x)": 1,
    "print([1, (2)])": 3,
    "f(a)(b)(c)": 1,
    "x = {1: [2, (3, [4])]}\nprint(x[1])": 4,
    "((1 + 2) * (3 + (4 + 5)))": 3,
    "print(1)\n[[0]]": 2,
}


@check
def nesting(function: callable):
    for text, wanted in DEPTHS.items():
        found = returned(function(text), int)
        if found != wanted:
            shown = text.replace("\n", " / ")
            return f"{shown} has depth {wanted}; yours says {found}."
    return f"Right on all {len(DEPTHS)} texts."


@check
def blocks(function: callable):
    for n, world in (
        (8, 2),
        (8, 3),
        (7, 2),
        (5, 5),
        (16, 4),
        (10, 1),
        (11, 4),
    ):
        step = [100 + 7 * i % 97 for i in range(n)]
        parts = [list(function(list(step), r, world)) for r in range(world)]
        told = f"{n} rows, {world} ranks"
        joined = [row for part in parts for row in part]
        if sorted(joined) != sorted(step):
            return f"{told}: {len(joined)} rows are fed, {len(set(joined))} of them different."
        sizes = list(map(len, parts))
        if max(sizes) - min(sizes) > 1:
            return (
                f"{told}: the shares have {sizes} rows; one row apart at most."
            )
        if joined != step:
            return f"{told}: every row comes once, but these are no blocks."
    return "Right: whole steps, and every rank one block."


@check
def fault(resumed_at: int, begun_at: int, batches_lost: int):
    for name, value, wanted, says in (
        ("resumed_at", resumed_at, 6, "the first wrong step of the delivery"),
        (
            "begun_at",
            begun_at,
            12,
            "the planned step that was delivered there",
        ),
        ("batches_lost", batches_lost, 12, "of the steps between, two a step"),
    ):
        if value is None:
            return f"Enter {name}, a whole number."
        if value != wanted:
            return f"{name} is not {value}; it is about {says}."
    return "Right: 12 batches were taken for 12 steps."


class Small:
    """A plan as small as a check needs it."""

    table = np.arange(48).reshape(8, 6)


@check
def resume(function: callable):
    plan = Small.table
    for micro, done in (
        (1, 3),
        (2, 6),
        (2, 5),
        (3, 0),
        (3, 8),
        (2, 15),
        (1, 8),
    ):
        first = list(PlanBatchSampler(plan, micro_batches=micro))[:done]
        whole = first[
            : done - done % micro
        ]  # a step that is not complete is lost
        rest = [list(batch) for batch in function(plan, done, micro)]
        told = f"{done} batches done, {micro} a step"
        fed = [row for batch in whole + rest for row in batch]
        if fed != plan.ravel().tolist():
            return f"{told}: {len(fed)} rows are learnt; the plan has 48."
        if len(whole + rest) != 8 * micro:
            return f"{told}: the rest is not cut into {micro} batches a step."
    return "Right: nothing is lost, and nothing comes twice."

"""Checks of the exercises in "Orders everywhere"."""

import numpy as np

from curriculum.evaluation import stats
from exercises import check, returned


@check
def enough(function: callable):
    for spread, hope in (
        (0.03, 0.02),
        (0.03, 0.05),
        (0.01, 0.02),
        (0.03, 0.01),
    ):
        wanted = next(
            n for n in range(2, 1000) if stats.detectable_at(spread, n) <= hope
        )
        found = returned(function(spread, hope), int)
        if found != wanted:
            return (
                f"A spread of {spread} and a hope of {hope}: {found} seeds,"
                f" wanted {wanted}."
            )
    return "Right: half the hope asks for about four times the seeds."


@check
def tail(function: callable):
    rng = np.random.default_rng(24)
    for steps, batch, part in ((20, 4, 0.25), (30, 3, 0.1), (8, 5, 0.5)):
        table = rng.permutation(steps * batch).reshape(steps, batch)
        mine = rng.choice(steps * batch, steps, replace=False)
        rows = table[-round(part * steps) :]
        wanted = float(np.isin(rows, mine).mean())
        found = returned(function(table, mine, part), float)
        if abs(found - wanted) > 1e-9:
            return (
                f"{steps} steps, the last {part:.0%}: {found:.3f},"
                f" wanted {wanted:.3f}."
            )
    return "Right: one line that tells what a run will remember best."


PLANS = ("shuffled", "easy first", "easy first, then shuffled")


@check
def control(answer: str):
    said = answer.strip().lower().replace("_", "-")
    if said in ("baseline", "shuffled baseline", "random", "shuffle"):
        return (
            "It differs in two things: which programs are shown how often, and"
            " when."
        )
    if said in ("anti", "reversed", "random-order"):
        return "It shows other programs more often, too."
    if said in ("hybrid-shuffled", "hybrid shuffled"):
        return "Right: the same programs, as often; only the order differs."
    return f"{answer!r} is no arm of Chapter 11."

"""Checks of the exercises in "Which schedule wins?"."""

from curriculum.evaluation import stats
from exercises import check, returned


@check
def seeds(function: callable):
    for spread in (0.002, 0.01, 0.03):
        n = returned(function(spread), int)
        if n < 2:
            return (
                f"With a spread of {spread}: {n} is no number of paired seeds."
            )
        if (found := stats.detectable_at(spread, min(n, 5_000))) > 0.01:
            return f"With a spread of {spread}, {n} seeds detect {found:.4f} only."
        if n > 2 and stats.detectable_at(spread, n - 1) <= 0.01:
            return (
                f"With a spread of {spread}, fewer than {n} seeds are enough."
            )
    return "Right, for three spreads."


@check
def winner(function: callable):
    sure, never = (returned(function(x), float) for x in (0.05, 1e-6))
    middle = returned(function(0.01), float)
    if never > 0.01:
        return "Without noise nobody can win; is the margin applied?"
    if not 0.6 < sure < 0.9:
        return (
            f"With a spread of 0.05 the chance is {sure:.2f}; about three in"
            "\nfour is expected. Did you average over the seeds, and has the"
            "\nbaseline luck too?"
        )
    if not 0.25 < middle < 0.5:
        return f"With a spread of 0.01 the chance is not {middle:.2f}."
    return "Right."


@check
def claim(function: callable, answers: callable):
    for arm, other, task in (
        ("anti", "sequential", "line"),
        ("hybrid", "baseline", "execution"),
        ("hybrid", "baseline", "token"),
        ("warmup", "baseline", "execution"),
    ):
        found, words = returned(function(arm, other, task, "exact"), tuple)
        if not isinstance(found, stats.Contrast):
            return "The first value must be what stats.contrast returns."
        by = answers(task)
        n = min(len(by[arm]), len(by[other]))
        if abs(found.mean - (by[arm][:n] - by[other][:n]).mean()) > 1e-9:
            return f"{arm}, {other}, {task}: the difference is arm - other, seed by seed."
        if words != stats.verdict(found, found.p):
            return (
                f"{arm}, {other}, {task}: {words!r} is not the rule's verdict."
            )
    return "Right, for four claims."

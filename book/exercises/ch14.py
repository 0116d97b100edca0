"""Checks of the exercises in "Is the effect real?"."""

import numpy as np
from scipy import stats as scipy_stats

from curriculum.evaluation.stats import Components
from curriculum.ordering.audit import audit
from exercises import check, returned

BUDGET, RUN, ANSWER = 2_000, 60, 0.01  # units: for two arms; a run; an answer
NOISY = Components(0.0001, 30.0, 0.2)  # seeds hardly differ, programs do


def cost(seeds, programs):
    """Units for two arms of `seeds` runs, each answering `programs` programs."""
    return 2 * seeds * (RUN + ANSWER * programs)


@check
def design(function: callable, parts: Components):
    for name, its in (("our noise", parts), ("noisier programs", NOISY)):
        pair = returned(function(its), tuple)
        seeds, programs = (returned(x, int) for x in pair)
        if seeds < 2 or programs < 1 or cost(seeds, programs) > BUDGET:
            return f"With {name}: {seeds} seeds and {programs} programs cannot be had."
        options = [
            (s, int((BUDGET / 2 / s - RUN) / ANSWER)) for s in range(2, 17)
        ]
        least = min(its.error(s, p) for s, p in options if p > 0)
        if its.error(seeds, programs) > 1.01 * least:
            return (
                f"With {name}: your error is {its.error(seeds, programs):.5f},"
                f" and {least:.5f} can be had."
            )
    return "Right, for our noise and for other noise."


@check
def faults(shifted: callable, puzzling: callable, plan: object):
    for function, wanted in ((shifted, "shifted"), (puzzling, None)):
        table, name = np.asarray(function(plan)), function.__name__
        if table.shape != plan.table.shape:
            return f"{name}: the shape is {table.shape}, wanted {plan.table.shape}."
        found = audit(table, plan)
        if found.faithful:
            return f"{name}: nothing is wrong with this delivery."
        if (found.cause and found.cause.name) != wanted:
            return f"{name}: the audit says “{found.cause or 'no simple cause found'}”."
    return "Right, both."


@check
def score(function: callable, codes: list, success: object, inside: callable):
    scores = np.array([returned(function(code), float) for code in codes])
    if [function(code) for code in codes[::-1]] != scores[::-1].tolist():
        return "In another order it scores otherwise: it remembers something."
    if np.ptp(scores) == 0:
        return "All programs have the same score."
    rho, within = scipy_stats.spearmanr(scores, success)[0], inside(scores)
    told = f"all {rho:+.2f}, inside levels {within:+.2f}."
    if rho > -0.40 or within > -0.30:
        return f"Not enough yet: {told}"
    return f"Right: {told}"

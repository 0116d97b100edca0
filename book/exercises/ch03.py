"""Checks of the exercises in "How hard is a program?"."""

import numpy as np
from scipy.stats import spearmanr

from behind.ch03 import labeller_a, labeller_b, labeller_c
from curriculum import difficulty
from curriculum.difficulty import LABELS, score
from exercises import check, returned

BY_HAND = "a = 1\nwhile a < 9 and a != 4 :\n\tprint(a)\n\ta = a + 2"


@check
def by_hand(cc: float, hd: float, om: float):
    if None in (cc, hd, om):
        return "Enter three numbers."
    s, h = score(BY_HAND), difficulty.explain_halstead(BY_HAND)
    if cc == s["cyclomatic"] - 1:
        return f"CC = {cc:g}: the path to begin with or the `and` is missing."
    if cc != s["cyclomatic"]:
        return f"CC is not {cc:g}. Count 1 + decisions."
    if abs(hd - s["halstead_radon"]) < 0.01:
        return "That is radon's HD. Count keywords, calls, punctuation, too."
    if abs(hd - h.n1 / 2 * h.N1 / h.n2) < 0.01:
        return "You used N1, all operators; the formula wants N2."
    if abs(hd - h.difficulty) > 0.01:
        return f"HD is not {hd:g}. List operators and operands with counts."
    if abs(om - (cc + hd) / 2) > 0.01:
        return "CC and HD are as they should be; OM is their mean."
    return f"Right, and the label is {LABELS[difficulty.label([om])[0]]}."


@check
def fooled(easy: str, hard: str, name: str = "om_radon"):
    for source, want, least, most in ((easy, 0, 10_000, 1e9), (hard, 2, 0, 3)):
        found = score(source, [name, "steps"])
        label = difficulty.label([found[name]])[0]
        if label != want:
            return (
                f"{source[:40]!r} has {name} {found[name]:.2f}:"
                f" {LABELS[label]}, not {LABELS[want]}."
            )
        if not least <= found["steps"] <= most:
            return f"{source[:40]!r} takes {found['steps']:.0f} steps."
    return f"Right: {name} is fooled both ways."


@check
def sound(test: callable):
    for labeller in (labeller_b, labeller_a, labeller_c):
        verdict = returned(test(labeller), bool)
        if verdict and labeller is not labeller_b:
            return f"{labeller.__name__} passes, but mixes up programs."
        if labeller is labeller_b and not verdict:
            return f"{labeller.__name__} is sound, but your test rejects it."
    return "Right: your test finds both bugs and accuses nobody wrongly."


@check
def better(scorer: callable, codes: list, loss: np.ndarray):
    mine = np.array([returned(scorer(code), float) for code in codes])
    if [scorer(code) for code in codes[::-1]] != mine[::-1].tolist():
        return "In another order it scores otherwise: it remembers something."
    if np.ptp(mine) == 0:
        return "All programs get the same score."
    rho = spearmanr(mine, loss)[0]
    plain = spearmanr([len(code) for code in codes], loss)[0]
    if rho < plain + 0.05:
        return f"rho {rho:.2f}; characters reach {plain:.2f}. Not yet."
    return f"Right: rho {rho:.2f} against {plain:.2f}, better than length."

"""Checks of the exercises in "Eight fresh seeds"."""

import numpy as np

from curriculum.evaluation.stats import holm, sign_flip
from exercises import check, returned


def least(seeds, contrasts):
    """The smallest p that Holm's correction can leave to the first of some contrasts."""
    flip = sign_flip(np.ones(seeds) + np.arange(seeds) / 100)
    return float(holm([flip] + [1.0] * (contrasts - 1))[0])


@check
def smallest(function: callable):
    for seeds, contrasts in ((8, 4), (6, 4), (4, 1), (2, 4), (10, 2)):
        found = returned(function(seeds, contrasts), float)
        wanted = least(seeds, contrasts)
        if abs(found - wanted) > 1e-9:
            return (
                f"With {seeds} seeds and {contrasts} contrasts: {found:.4f};"
                f" the test says {wanted:.4f}."
            )
    return "Right: before the first run you know what a design can decide."


@check
def winners(function: callable):
    for truth, noise in ((0.02, 0.01), (0.02, 0.03), (0.05, 0.03)):
        rng = np.random.default_rng(5)
        seen = rng.normal(truth, noise, 40_000)
        wanted = seen[np.abs(seen) > 1.96 * noise].mean()
        found = returned(function(truth, noise), float)
        if abs(found - wanted) > 0.1 * wanted:
            told = f"truth {truth}, noise {noise}"
            return f"{told}: {found:.4f} is not the mean of what is published."
    return "Right: what is published because it was significant is too large."


CASES = {
    "c = 4\nfor c in range(2, 5) :\n\tprint(e)": True,
    "e = 4\nfor c in range(2, 5) :\n\tprint(c)": False,
    "a = 1\nif a > 0 :\n\tprint(a)": False,
    "a = 1\nb = 2\nprint(b)": False,
    "e = 2\nfor e in range(1, 9, 3) :\n\ta = e + 2\n\tprint(a)": True,
    "for d in range(3) :\n\tprint(d)": False,
}


@check
def recognise(function: callable):
    for code, wanted in CASES.items():
        found = returned(function(code), bool)
        if found != wanted:
            shown = code.replace("\n", " / ").replace("\t", " ")
            return f"{shown}: {found}, wanted {wanted}."
    return "Right on all six programs."

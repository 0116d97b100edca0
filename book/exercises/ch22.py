"""Checks of the exercises in "From small to large"."""

import numpy as np

from curriculum.finetune.data import BETWEEN
from exercises import check, returned


@check
def few_shot(function: callable):
    pairs = [("a = 1\nprint(a)", "1"), ("print(2 + 2)", "4")]
    for n in (2, 1, 0):
        wanted = (
            "".join(f"{q}{BETWEEN}{a}\n\n" for q, a in pairs[:n]) + "print(7)"
        )
        found = returned(function(pairs[:n], "print(7)"), str)
        if found == wanted:
            continue
        if found and found.count("print(7)") != 1:
            return "The question itself must stand in the prompt, once, at its end."
        if found and BETWEEN not in found and n:
            return "Question and answer of an example are joined by BETWEEN."
        return f"{n} examples: {found!r}, wanted {wanted!r}."
    return (
        "Right: examples first, each with its answer, and the question last."
    )


@check
def published(answer: float):
    if answer is None:
        return "Still open: give a number of points."
    if abs(answer - (85.18 - 81.29)) < 0.02:
        return "Right: 3.89 points, from one run an arm."
    if abs(answer - 100 * (85.18 / 81.29 - 1)) < 0.05:
        return (
            "That is the relative gain in per cent; points are a difference."
        )
    return f"{answer:g} is not the difference of 85.18 and 81.29."


@check
def steady(function: callable):
    rng = np.random.default_rng(22)
    for seeds, items in ((3, 40), (5, 12), (2, 7)):
        table = rng.integers(0, 2, (seeds, items))
        table[:, 0], table[:, 1] = 1, 0
        same = (table == table[0]).all(0)
        wanted = float(same.mean())
        found = returned(function(table), float)
        if abs(found - wanted) > 1e-9:
            return f"{seeds} seeds, {items} items: {found:.3f}, wanted {wanted:.3f}."
    return "Right: what all seeds agree on, right or wrong."

"""Checks of the exercises in "What a model is asked"."""

import re

import numpy as np

from curriculum.evaluation import tasks
from exercises import check, returned

THIRD = "# 0.3333333333333333\n\n"
TRIALS = [
    ("# 4\n\n", "# 4\n\n", True, "identical answers are right"),
    ("# 4\n\n", "# 4", False, "the answer does not end with a blank line"),
    (THIRD, "# 0.33333333\n\n", True, "decimals may be rounded"),
    (THIRD, "# 0.3\n\n", False, "0.3 is too far from a third"),
    ("# 5.0\n\n", "# 5\n\n", False, "an integer is not a decimal"),
    ("# 1\n# 2\n\n", "# 1 2\n\n", False, "two lines are not one"),
    ("# -5.3\n\n", "# -5\n# 3\n\n", False, "-5.3 is one number"),
    ("\n", "\n", True, "an empty output can be right"),
    ("\n", "# ha\n\n", False, "text where nothing is printed is wrong"),
    (
        "# 4\n\n",
        "# four\n\n",
        False,
        "words are no numbers, nor a reason to crash",
    ),
]


@check
def pairs(pairs: dict[str, tuple]):
    for kind in ("type", "shape", "value"):
        pair = pairs.get(kind)
        if pair is None:
            return f"{kind} is still open."
        if [type(text) for text in pair] != [str, str]:
            return f"{kind}: give two texts, (true, answer)."
        truth, said = pair
        if truth == said:
            return f"{kind}: the two are equal, so `exact` calls it right."
        read = [tasks.released_numbers(text) for text in pair]
        if read[0] != read[1]:
            return f"{kind}: released reads {read[0]} and {read[1]}."
        found = [re.findall(r"-?\d+(?:\.\d+)?", text) for text in pair]
        values = [[float(n) for n in numbers] for numbers in found]
        if kind == "value" and values[0] == values[1]:
            return "value: the numbers are equal. Think of -5.3."
        if kind == "type" and found[0] == found[1]:
            return "type: no integer stands for a decimal here."
        if kind == "shape" and truth.count("\n") == said.count("\n"):
            return "shape: both have the same number of lines."
    return "Right: three ways to be right and wrong at once."


@check
def judge(judge: callable):
    for truth, said, right, why in TRIALS:
        if returned(judge(truth, said), bool) != right:
            return f"{truth!r} and {said!r}\nshould be {right}: {why}."
    return "Right: a fair judge."


def colleague(truths, said):
    """A colleague's script: the share of right answers, with a fault."""
    hits, seen = 0, 0
    for t, s in zip(truths, said, strict=True):
        try:
            numbers = [float(word) for word in s.replace("#", "").split()]
            float(numbers[0])
        except (ValueError, IndexError):
            continue
        hits += s == t
        seen += 1
    return hits / max(seen, 1)


@check
def worse(worsen: callable, said: list, truths: list):
    new = [returned(text, str) for text in worsen(list(said), list(truths))]
    if len(new) != len(said):
        return "As many answers as before, please."
    better = np.sum(
        [n == t != s for n, s, t in zip(new, said, truths, strict=True)]
    )
    if better:
        return (
            f"{better} wrong answers became true ones; that is no worse model."
        )
    before, now = colleague(truths, said), colleague(truths, new)
    if now <= before:
        return f"{now:.1%} is not above {before:.1%}. What is skipped?"
    if now < 0.999:
        return f"It works: {now:.1%}. Can you make it say 100 %?"
    return f"Right: {now:.0%} for a model that answers less."

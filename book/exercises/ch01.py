"""Checks of the exercises in "Why order matters"."""

import numpy as np

from behind.ch01 import ORDERS, Bowl, Box, descend, learn
from exercises import check

WHY = {
    "A": ("repeats", "count the different programs each arm sees early on"),
    "B": ("last", "ask which level was shown just before the test"),
    "C": ("none", "look for anything that differs besides the order"),
    "D": ("restart", "what happens to the optimizer when a script starts?"),
    "E": ("tokens", "equal programs need not be equal work"),
}


@check
def covariance(value: float):
    if value is None:
        return "Enter a number for my_covariance."
    if abs(value - 0.5**5) < 5e-4:
        return "That is the mean of x*y. Subtract mean(x) times mean(y)."
    if abs(value - (0.25**5 - 0.25**7)) < 5e-4:
        return "You used p. The mean of a switch is 1 - 2p."
    if abs(value - (0.5**5 - 0.5**7)) < 5e-4:
        return "Right."
    return f"{value} is not it. Start from the formula for Cov(x, y) above."


@check
def match(match: dict[str, str]):
    for report, (right, ask) in WHY.items():
        if match.get(report) is None:
            return f"{report} is still open."
        if match[report] != right:
            return f"{report}: not {match[report]!r}; {ask}."
    return "Right, all five."


@check
def largest(value: int):
    if value not in (2, 3, 4, 5):
        return (
            "Enter 2, 3, 4 or 5 (try learn('hard first', box=Box(wired=...)))."
        )
    reach, more = (
        learn("hard first", box=Box(wired=k))["hard"][:, -1].mean()
        for k in (value, value + 1)
    )
    if reach <= 0.9:
        return f"With {value} wired, hard first reaches only {reach:.2f}."
    if more > 0.9:
        return f"{value} is learned, but a larger number is learned as well."
    return f"Right: with {value} wired it reaches {reach:.2f}."


@check
def nearest(name: str):
    if name is None:
        return "Compare descend(bowl, order, fade=0)[-1] for the three orders."
    bowl = Bowl.make()
    ends = {o: descend(bowl, o, fade=0)[-1].mean() for o in ORDERS[:3]}
    if name == "all the same":
        return (
            f"They differ: they end {min(ends.values()):.2f} to"
            f" {max(ends.values()):.2f} away from the minimum."
        )
    if name not in ends:
        return f"{name!r} is no order; use one of {', '.join(ends)}."
    if name != min(ends, key=ends.get):
        return f"{name} ends {ends[name]:.2f} away; another order ends nearer."
    return f"Right: it ends {ends[name]:.2f} away, the others farther."


@check
def mix(mix: callable):
    code = 2 ** np.arange(20)
    for seed, n in ((8, 9600), (9, 3200)):
        rng = np.random.default_rng(seed)
        easy, hard = (Box().draw(rng, (n,), k) for k in ("easy", "hard"))
        shown = np.asarray(mix(easy.copy(), hard.copy(), rng))
        want = np.sort(np.concatenate((easy, hard)) @ code, kind="stable")
        if shown.shape != (2 * n, 20):
            return (
                f"Shape {shown.shape}: return all {2 * n:,} rows, each once."
            )
        if not np.array_equal(np.sort(shown @ code, kind="stable"), want):
            return "Not the same examples: some are missing or shown twice."
        down = (
            (shown < 0).reshape(4, -1).mean(1)
        )  # grows with the share of hard ones
        if not np.all(np.diff(down) > 0.02):
            return (
                f"Down per quarter: {down.round(2)}; it should grow steadily."
            )
        if down[0] < 0.11:
            return "The first quarter is all easy; mix in hard ones at once."
    return f"Right, a mixture: switches down per quarter {down.round(2)}."

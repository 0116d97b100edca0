"""Checks of the exercises in "How sure can we be?"."""

import numpy as np

from behind.ch06 import needed
from curriculum.evaluation import stats
from exercises import check, returned

INTERVALS = {  # mean, low, high in points, corrected p, equivalent within one point
    "A": (-2.1, -3.0, -1.2, 0.004, 0.9),
    "B": (0.2, -3.1, 3.5, 0.81, 0.3),
    "C": (0.1, -0.6, 0.8, 0.70, 0.02),
    "D": (-0.3, -0.5, -0.1, 0.01, 0.001),
}
VERDICTS = ("seen", "seen, negligible", "ruled out", "open")
TESTS = [
    (np.array([0.5, 0.7, 0.6, 0.4]), np.array([0.45, 0.66, 0.52, 0.37])),
    (np.array([0.31, 0.29, 0.35]), np.array([0.36, 0.30, 0.41])),
    (np.array([0.9, 0.1, 0.5, 0.3, 0.7]), np.array([0.8, 0.1, 0.6, 0.2, 0.9])),
]


@check
def plan(plan: dict[str, float]):
    for name, variance in (("same", 0.14), ("different", 2 * 0.74 * 0.26)):
        n, right = plan.get(name), needed(0.02, variance, 0.9)
        if n is None:
            return f"{name} is still open."
        if abs(n / needed(0.02, variance, 0.8) - 1) < 0.02:
            return f"{name}: that is for a chance of 80 %; 90 % was asked."
        if name == "different" and abs(n / right * 2 - 1) < 0.02:
            return "different: both vary, so the variance is twice p(1 - p)."
        if abs(n / right - 1) > 0.02:
            return f"{name}: {n:,.0f} is not it. Which variance did you use?"
    return f"Right: {plan['same']:,.0f} or {plan['different']:,.0f}."


def _verdict(letter):
    mean, low, high, p, equivalent = INTERVALS[letter]
    points = (mean / 100, low / 100, high / 100)
    found = stats.Contrast(*points, p, equivalent, 0.01, 8, 2_000, 0.02)
    return stats.verdict(found, p)


@check
def verdicts(answers: dict[str, str]):
    for letter in INTERVALS:
        said = answers.get(letter)
        if said is None:
            return f"{letter} is still open."
        if said not in VERDICTS:
            return f"{letter}: {said!r} is none of {', '.join(VERDICTS)}."
        if said != _verdict(letter):
            return f"{letter}: not {said!r}. Look at zero first, then at the margin."
    return "Right, all four."


@check
def paired(function: callable):
    for left, right in TESTS:
        given = returned(function(left.copy(), right.copy()), tuple)
        if len(given) != 3:
            return f"Return three numbers: mean, low, high. You return {len(given)}."
        mean, low, high = (returned(x, float) for x in given)
        true = stats.mean_interval(left - right)
        if abs(mean - true[0]) > 1e-6:
            return f"For {left} and {right}\nthe mean is not {mean:.4f}."
        normal = 1.96 * np.std(left - right, ddof=1) / len(left) ** 0.5
        if abs((high - low) / 2 - normal) < 1e-6:
            return "You used 1.96; with few seeds the factor is Student's."
        if abs(low - true[1]) > 1e-4 or abs(high - true[2]) > 1e-4:
            return (
                f"For {left} and {right}\nit is not {low:.4f} to {high:.4f}."
            )
    return "Right for three pairs of arms."

"""Behind chapter 6: sizes of test sets, and the figures about chance."""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats as scipy_stats

from curriculum import plots
from curriculum.evaluation import stats


def textbook(right, n):
    """The interval p ± 1.96 standard errors."""
    p = right / n
    half = 1.96 * (p * (1 - p) / n) ** 0.5
    return p - half, p + half


def needed(effect, variance, wanted=0.8):
    """Test programs that find a true `effect` with the chance `wanted`.

    Args: variance: of one program's difference: d if both models answer the same
        programs and disagree on a share d of them, 2 p (1 - p) if each has its own.
    """
    z = 1.96 + scipy_stats.norm.ppf(wanted)
    return z**2 * (variance - effect**2) / effect**2


def draw_intervals(truth=0.42, programs=100, repeats=60, seed=1):
    """Intervals of many test sets drawn from one world; those that miss stand out."""
    rights = np.random.default_rng(seed).binomial(programs, truth, repeats)
    figure, axes = plt.subplots(figsize=(7, 3))
    for place, right in enumerate(rights):
        low, high = stats.wilson(right, programs)
        hit = low <= truth <= high
        colour, width = (plots.BLUE, 1.4) if hit else (plots.VERMILION, 2.6)
        axes.plot(
            [place] * 2, [100 * low, 100 * high], color=colour, linewidth=width
        )
        marker = "o" if hit else "X"
        axes.plot(
            place, 100 * right / programs, marker, color=colour, markersize=4
        )
    axes.hlines(100 * truth, -1, repeats, color=plots.INK, linewidth=1)
    axes.text(repeats + 0.5, 100 * truth, "the truth", va="center")
    axes.set(xlabel=f"test sets of {programs} programs", ylabel="accuracy (%)")
    axes.set_xticks([])
    axes.set_xlim(-1, repeats + 8)
    axes.grid(False)
    plt.show()


def draw_pairs(left, right, names):
    """Two arms, a line from each run to the run with the same seed; then differences."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 3.2), width_ratios=(1.6, 1))
    for a, b in zip(100 * left, 100 * right, strict=True):
        pair[0].plot([0, 1], [a, b], "o-", color=plots.SOFT, linewidth=1)
    for place, values in enumerate((left, right)):
        pair[0].plot(
            place, 100 * values.mean(), "D", color=plots.BLUE, markersize=8
        )
    pair[0].set_xticks([0, 1], names)
    pair[0].set(xlim=(-0.4, 1.4), ylabel="executed correctly (%)")
    gap = 100 * (right - left)
    spots = np.linspace(-0.15, 0.15, len(gap))
    pair[1].plot(spots, np.sort(gap, kind="stable"), "o", color=plots.SOFT)
    mean, low, high = stats.mean_interval(gap)
    pair[1].errorbar(0.4, mean, [[mean - low], [high - mean]], fmt="D", capsize=4,
                     color=plots.BLUE)  # fmt: skip
    pair[1].axhline(0, color=plots.INK, linewidth=1)
    pair[1].set_xticks([0, 0.4], ["each pair", "mean"])
    pair[1].set(xlim=(-0.35, 0.7), ylabel="difference (points)")
    plt.show()


def draw_power(ours, same, other):
    """Chance to find 5, 2 and 1 points, by the number of test programs."""

    def power(n, effect, variance):
        z = effect / np.sqrt((variance - effect**2) / n)
        return scipy_stats.norm.cdf(z - 1.96) + scipy_stats.norm.cdf(-z - 1.96)

    n = np.geomspace(100, 100_000, 200)
    figure, axes = plt.subplots(figsize=(7, 3.2))
    for effect, colour in (
        (0.05, plots.GREEN), (0.02, plots.BLUE), (0.01, plots.VERMILION),
    ):  # fmt: skip
        for variance, dashes in ((other, "--"), (same, "-")):
            axes.plot(
                n, power(n, effect, variance), color=colour, linestyle=dashes
            )
        label = f"{100 * effect:.0f} point" + "s" * (effect > 0.01)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        at = needed(effect, same, 0.5) * 0.93
        axes.text(at, 0.5, label, color=colour, ha="right", bbox=box)
    axes.axhline(0.8, color=plots.INK, linewidth=1)
    axes.axvline(ours, color=plots.SOFT, linestyle=":")
    axes.text(ours * 1.05, 0.02, "our test set")
    axes.set(
        xscale="log", xlabel="test programs", ylabel="power", ylim=(0, 1.02)
    )
    plt.show()


def draw_verdicts():
    """Four intervals against a margin of one point, and the verdict on each."""
    cases = (
        ("seen", -4.0, -5.5, -2.4), ("seen, but negligible", -0.5, -0.8, -0.2),
        ("ruled out", 0.1, -0.5, 0.7), ("open", 0.5, -3.0, 4.0),
    )  # fmt: skip
    figure, axes = plt.subplots(figsize=(7, 2.7))
    axes.axvspan(-1, 1, color=plots.SKY, alpha=0.25)
    axes.axvline(0, color=plots.INK, linewidth=1)
    for place, (name, mean, low, high) in enumerate(cases):
        plots.interval(
            axes, place, mean, low, high, marker="D", color=plots.BLUE
        )
        axes.text(4.4, place, name, va="center")
    axes.set(
        xlim=(-6, 8), ylim=(3.6, -0.9), yticks=[], xlabel="difference (points)"
    )
    axes.text(0, -0.62, "margin: would not matter", ha="center", fontsize=9)
    axes.set_xticks([-5, -1, 0, 1, 4])
    axes.grid(False)
    plt.show()

"""Behind chapter 14: simulated studies, six rules, rival scores, and the figures."""

import re
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats as scipy_stats

from curriculum import difficulty, plots
from curriculum.evaluation import stats

# --- studies whose truth is known -----------------------------------------------------


class Simulation:
    """Studies with programs as hard, and seeds as noisy, as those of our own study.

    Args:
        success: (programs,) share of the baselines that solve each.
        gap: (seeds, programs) differences of two arms; their spread is taken over.
    """

    def __init__(self, success, gap, seeds=8):
        solving = (seeds * success + 0.5) / (seeds + 1)  # never quite 0 or 1
        self.ability = np.log(solving / (1 - solving))  # in logits
        self.slope = (solving * (1 - solving)).mean()  # accuracy for a logit
        self.between = gap.mean(1).std(ddof=1) / np.sqrt(2) / self.slope
        self.seeds = seeds

    def study(self, effect, rng):
        """Answers of two arms that differ by `effect` in truth: (2, seeds, programs)."""
        shift = rng.normal(0, self.between, (2, self.seeds, 1))
        shift[0] += effect / self.slope
        chance = 1 / (1 + np.exp(-(self.ability + shift)))
        return (rng.random(chance.shape) < chance).astype(float)


def apart(x, y):
    """One seed each: their Wilson intervals do not overlap."""
    (a, b), (c, d) = (
        stats.wilson(int(v[0].sum()), v.shape[1]) for v in (x, y)
    )
    return a > d or c > b


def one_pair(x, y):
    """One seed each: the mean paired difference over programs is not 0."""
    gap = x[0] - y[0]
    return abs(gap.mean()) > 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))


def three_seeds(x, y):
    """3 seeds each: Student's interval of the paired differences."""
    return student(x[:3], y[:3])


def student(x, y):
    """All seeds: Student's interval of the paired differences."""
    gap = stats.paired(x.mean(1), y.mean(1))
    return gap.low > 0 or gap.high < 0


def flips(x, y):
    """All seeds: the sign-flip test, the rule of our protocol."""
    return stats.sign_flip((x - y).mean(1)) < 0.05


def two_way(x, y):
    """All seeds: the bootstrap over seeds and programs."""
    low, high = stats.two_way_bootstrap(x - y, draws=300)
    return low > 0 or high < 0


RULES = {
    "1 seed, intervals do not overlap": apart,
    "1 seed, paired over programs": one_pair,
    "3 seeds, Student's interval": three_seeds,
    "8 seeds, Student's interval": student,
    "8 seeds, sign-flip test": flips,
    "8 seeds, two-way bootstrap": two_way,
}


# --- scores -----------------------------------------------------------------------------


def copier(code):
    """The number last assigned to the printed name, as two patterns find it."""
    name = re.search(r"print\((\w)", code)
    name = name[1] if name else "?"
    found = re.findall(rf"^{name} = (\d+)$", code, re.MULTILINE)
    return found[-1] if found else ""


def rival_scores(codes, outputs):
    """Scores of every program that may predict whether a model solves it."""
    found = dict(difficulty.score_many(codes, difficulty.STATIC).table)
    found |= difficulty.score_many(codes, ["steps", "largest"]).table
    found["arithmetic signs"] = [
        len(re.findall(r"[-+*/]", code)) for code in codes
    ]
    found["output length"] = [len(text) for text in outputs]
    pairs = zip(codes, outputs, strict=True)
    found["not answered by the copier"] = [
        copier(c) != text for c, text in pairs
    ]
    return {name: np.asarray(score, float) for name, score in found.items()}


def inside_levels(score, success, levels):
    """Mean rank correlation with success inside the grammar levels."""
    found = []
    for level in np.unique(levels):
        x, y = score[levels == level], success[levels == level]
        found.append(scipy_stats.spearmanr(x, y)[0] if np.ptp(x) else 0.0)
    return np.mean(found)


def by_tenth(score, success):
    """Mean score and success in ten groups of equal size, ties together: (≤ 10, 2)."""
    rank = scipy_stats.rankdata(score, "average") / len(score)
    group = np.minimum((10 * rank).astype(int), 9)
    return np.array(
        [
            [score[group == g].mean(), success[group == g].mean()]
            for g in np.unique(group)
        ]
    )


# --- texts and figures ----------------------------------------------------------------------


def show_report(title, report):
    """Print a report under a title, in lines that fit the page."""
    print(title)
    for line in str(report).splitlines():
        deeper = "      " if line.startswith("FINDING") else "  "
        wrapped = textwrap.wrap(
            line, 68, initial_indent="  ", subsequent_indent=deeper,
            drop_whitespace=True, replace_whitespace=False,
        )  # fmt: skip
        print("\n".join(wrapped))


def draw_solved(solved):
    """Programs by the number of runs, of eight, that solve them."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    counts = np.bincount(solved, minlength=9)
    axes.bar(range(9), 100 * counts / len(solved), color=plots.BLUE, width=0.7)
    axes.set(
        xlabel="baselines, of eight, that solve a program",
        ylabel="% of programs",
    )
    axes.set_xticks(range(9))
    axes.grid(axis="x", visible=False)
    plt.show()


def draw_rules(alarms, simulated):
    """False alarms of the six rules, with intervals, beside the promised 5 %."""
    figure, axes = plt.subplots(figsize=(7, 3.0))
    places = np.arange(len(alarms))
    ends = [stats.wilson(round(a * simulated), simulated) for a in alarms]
    low, high = np.transpose(ends)
    axes.barh(places, 100 * alarms, color=plots.SKY, height=0.6)
    axes.hlines(places, 100 * low, 100 * high, color=plots.INK)
    axes.axvline(5, color=plots.VERMILION, linestyle="--")
    axes.text(5.6, -0.55, "promised: 5 %", color=plots.VERMILION, fontsize=9)
    axes.set_yticks(places, RULES)
    axes.set_ylim(len(RULES) - 0.5, -0.9)
    axes.set(xlabel="false alarms, % of studies without any difference")
    axes.grid(axis="y", visible=False)
    plt.show()


def draw_validity(scores, success):
    """Success by tenths of three scores."""
    figure, panels = plt.subplots(1, 3, figsize=(9, 3.0), sharey=True)
    names = {
        "om_token": "overall metric (tokens)",
        "om_radon": "overall metric (radon)",
        "tokens": "length in tokens",
    }
    for axes, (name, title) in zip(panels, names.items(), strict=True):
        x, y = by_tenth(scores[name], success).T
        axes.plot(x, 100 * y, "o-", color=plots.BLUE)
        rho = scipy_stats.spearmanr(scores[name], success)[0]
        axes.set(title=title, xlabel="mean score of a tenth")
        say = f"rank correlation {rho:+.2f}"
        axes.text(0.04, 0.05, say, transform=axes.transAxes, fontsize=9)
    panels[0].set(ylabel="solved, %", ylim=(0, 80))
    plt.show()

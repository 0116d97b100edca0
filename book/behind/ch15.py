"""Behind chapter 15: two blocks of seeds side by side, one skill, models along training.

- `repeated` and `decisions` are the primary contrasts in the first block of seeds, in the
  fresh one and in both.
- `Skill` finds the loops that print the loop variable and those that print another one.
- `along` reads the answers of models that were saved during training.
- `draw_lengths` and `changes` compare runs of one length with those of twice the length.
"""

import itertools
import re

import matplotlib.pyplot as plt
import numpy as np

from behind.ch11 import PRIMARY, verdicts
from curriculum import difficulty, files, plots
from curriculum.data.corpus import Corpus
from curriculum.evaluation import stats
from curriculum.evaluation.answers import unpack
from curriculum.experiments import records
from curriculum.show import interval, show_table

# --- the contrasts again ------------------------------------------------------------------


def pooled(first, second):
    """Both blocks' answers: {arm: (seeds of both, programs)}, for arms that both have."""
    shared = [arm for arm in first if arm in second]
    return {arm: np.concatenate([first[arm], second[arm]]) for arm in shared}


def points(c):
    """A contrast in percentage points."""
    return interval(c, digits=1, scale=100)


def repeated(*tables):
    """The primary contrasts in points: rows of rung and one interval for each table."""
    families = [verdicts(right) for right in tables]
    return [
        (rung, *(points(c) for c, *_ in row))
        for rung, row in enumerate(zip(*families, strict=True), 1)
    ]


def decisions(*tables):
    """Rows of rung, and for each table p, p after Holm's correction, and the verdict."""
    families = [verdicts(right) for right in tables]
    return [
        (
            rung,
            *(
                x
                for c, p, verdict in row
                for x in (f"{c.p:.3f}", f"{p:.3f}", verdict)
            ),
        )
        for rung, row in enumerate(zip(*families, strict=True), 1)
    ]


def parts(right, groups):
    """The primary contrasts within groups of programs: rows of rung and intervals."""
    return [
        (
            rung,
            *(
                points(stats.contrast(right[a][:, g], right[b][:, g]))
                for g in groups
            ),
        )
        for rung, (a, b) in enumerate(PRIMARY, 1)
    ]


# --- one skill ----------------------------------------------------------------------------


class Skill:
    """The test programs that print something, and which of them need which skill.

    own: loops that print the loop variable; other: loops that print another variable.
    Both are of grammar level 3.1 (a loop whose body only prints) and print two lines or
    more, so that counting alone cannot be right by luck.
    """

    LABELS = ("easy", "medium", "hard")

    def __init__(self, folder):
        corpus = Corpus.load(folder)
        loud = [i for i, text in enumerate(corpus.outputs) if text]
        self.codes = [corpus.codes[i] for i in loud]
        self.outputs = [corpus.outputs[i] for i in loud]
        self.levels = corpus.levels[loud].astype(str)
        self.kinds = np.array([kind(code) for code in self.codes])
        lines = np.array([text.count("\n") + 1 for text in self.outputs])
        plain = (self.levels == "3.1") & (lines > 1)
        self.own = plain & (self.kinds == "own")
        self.other = plain & (self.kinds == "other")
        self.loops = self.kinds != ""

    def labels(self):
        """(programs,) 0 easy, 1 medium, 2 hard: the paper's score, cut as in the study."""
        scores = difficulty.score_many(self.codes, ["om_token"])
        return difficulty.label(scores.table["om_token"], (2.0, 4.0))


def kind(code):
    """ "own" or "other": which variable a loop prints; "" without a loop."""
    loop = re.search(r"for (\w+) in", code)
    printed = re.search(r"print\((\w+)\)", code)
    if not loop or not printed:
        return ""
    return "own" if loop[1] == printed[1] else "other"


def said(record):
    """(predicted, right) of a run for the test programs that print something."""
    return loud(records.executed(record))


def loud(answers):
    """(predicted, right) of answers, without the programs that print nothing."""
    keep = ~answers.empty
    return np.array(answers.predicted, object)[keep], answers.right[keep]


def counting(skill, runs):
    """Answers of some runs to the loops that print another variable.

    Returns: (share right, wrong answers that are the loop's own numbers, wrong answers).
    """
    shown = np.flatnonzero(skill.other)
    counted = wrong = 0
    for run in runs:
        predicted, right = said(run)
        for i in shown[right[shown] == 0]:
            wrong += 1
            counted += tidy(predicted[i]) == numbers(skill.codes[i])
    return 1 - wrong / (len(runs) * len(shown)), counted, wrong


def numbers(code):
    """The values of a loop's variable, as `tidy` writes an answer."""
    bounds = re.search(r"in range\(([\d, ]+)\)", code)[1].split(",")
    return " ".join(map(str, range(*map(int, bounds))))


def two_ways(gap):
    """(mean, low, high) of a difference (seeds, programs): bootstrap, and Student's."""
    return (gap.mean(), *stats.two_way_bootstrap(gap)), stats.mean_interval(
        gap.mean(1)
    )


def show_answers(skill, places, runs, caption):
    """Programs and what runs answer: `runs` is {title: predicted outputs}."""
    rows = []
    for i in places:
        code = skill.codes[i].replace("\t", "  ")
        truth = skill.outputs[i].replace("\n", " ")
        said = [tidy(predicted[i]) for predicted in runs.values()]
        first, *rest = code.splitlines()
        rows.append((first, truth, *said))
        rows += [(line, "", *[""] * len(said)) for line in rest]
        rows.append(("", "", *[""] * len(said)))
    return show_table(rows[:-1], ("program", "prints", *runs), caption)


def tidy(predicted):
    """An answer as the model wrote it, without comment signs and line breaks."""
    return " ".join(predicted.replace("#", " ").split()) or "nothing"


def draw_runs(right, members, unit):
    """Every run of every arm: its accuracy on some programs, a row for each arm."""
    arms = sorted(right, key=lambda arm: -right[arm][:, members].mean())
    figure, axes = plt.subplots(figsize=(7, 0.33 * len(arms) + 0.9))
    for row, arm in enumerate(arms):
        share = 100 * right[arm][:, members].mean(1)
        look = plots.schedule_style(arm)
        # Runs with nearly the same share stand above each other, not on each other.
        lift = np.zeros(len(share))
        for i in np.argsort(share, kind="stable"):
            near = np.abs(share - share[i]) < 1.2
            lift[i] = 0.13 * (np.sum(near[:i]) % 4 - 1)
        axes.plot(
            share,
            row + lift,
            look["marker"],
            color=look["color"],
            ms=5,
            alpha=0.75,
        )
    axes.set_yticks(range(len(arms)), [f"{a} ({len(right[a])})" for a in arms])
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set(xlabel=unit)
    return axes


# --- along the training ---------------------------------------------------------------------


def along(path):
    """{schedule: (steps, predicted by step, right by step)} of the saved models."""
    found = {}
    for one in files.read_json(path, sealed=True)["models"]:
        row = one["step"], *loud(*unpack(one))
        found.setdefault(one["schedule"], []).append(row)
    return {
        name: tuple(map(np.array, zip(*rows, strict=True)))
        for name, rows in found.items()
    }


def draw_along(saved, skill, starts):
    """Two kinds of loops along training: a panel for each run, its stages marked."""
    figure, panels = plt.subplots(1, len(saved), figsize=(7, 3.2), sharey=True)
    for axes, (name, (steps, _, right)) in zip(
        panels, saved.items(), strict=True
    ):
        for members, label, dashes in (
            (skill.own, "prints the loop variable", "-"),
            (skill.other, "prints another variable", "--"),
        ):
            axes.plot(
                steps, 100 * right[:, members].mean(1), dashes, marker="o",
                color=plots.schedule_style(name)["color"], label=label,
            )  # fmt: skip
        for start in starts[name][1:-1]:
            axes.axvline(start, color=plots.SOFT, linestyle=":")
        axes.set(title=name, xlabel="step", ylim=(0, 104))
    panels[0].set(ylabel="executed, %")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
    )
    plt.show()


def exposure(plan, kinds, parts):
    """Showings of each kind of loop, in % of all showings, in each part of a plan.

    Args: kinds: by program id, as `kind` says. parts: steps where a part begins, and the end.
    """
    shown = kinds[plan.table]  # (steps, batch)
    return [
        [
            100 * np.mean(shown[a:b] == which)
            for a, b in itertools.pairwise(parts)
        ]
        for which in ("own", "other")
    ]


# --- runs of two lengths --------------------------------------------------------------------


def draw_lengths(short, long, steps):
    """Every run of two lengths, seed by seed: a panel for each arm of `long`."""
    figure, panels = plt.subplots(1, len(long), figsize=(7, 3.2), sharey=True)
    for axes, (arm, table) in zip(panels, long.items(), strict=True):
        look = plots.schedule_style(arm)
        ends = 100 * np.stack([short[arm].mean(1), table.mean(1)])
        axes.plot(
            [0, 1], ends, look["linestyle"],
            color=look["color"], marker=look["marker"], ms=5,
        )  # fmt: skip
        axes.set_xticks([0, 1], [f"{n:,}" for n in steps])
        axes.set(title=arm, xlim=(-0.25, 1.25))
    panels[0].set(ylabel="executed, %", ylim=(30, 90))
    panels[len(panels) // 2].set_xlabel("steps of training")
    plt.show()


def changes(short, long, steps, arm="hybrid"):
    """An arm minus each of the others at both lengths, and how the difference changed.

    Returns: {other arm: {steps of training, or "change": (seeds, programs)}}.
    """
    found = {}
    for other in long:
        if other != arm:
            gaps = [t[arm] - t[other] for t in (short, long)]
            names = (*(f"{n:,}" for n in steps), "change")
            found[other] = dict(
                zip(names, [*gaps, gaps[1] - gaps[0]], strict=True)
            )
    return found

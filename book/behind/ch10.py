"""Behind chapter 10: what the replayed part consists of."""

import matplotlib.pyplot as plt
import numpy as np

from behind.arms import LABELS
from curriculum import plots
from curriculum.show import show_table


def shares_table(plans, data):
    """Share of each label in each stage of several plans."""
    rows = []
    for name, plan in plans.items():
        cells = []
        for a, z in zip(plan.starts[:-1], plan.starts[1:], strict=True):
            drawn = np.bincount(
                data.labels[plan.table[a:z]].ravel(), minlength=3
            )
            cells.append(" / ".join(f"{x:.0%}" for x in drawn / drawn.sum()))
        rows.append((name, *cells))
    stages = [f"stage {k + 1}" for k in range(len(rows[0]) - 1)]
    caption = "Shares of easy / medium / hard programs in each stage."
    return show_table(rows, ("plan", *stages), caption)


def replayed(plan, data):
    """(N,) True for the training programs that the last stage draws."""
    kept = np.zeros(len(data.train), bool)
    kept[plan.pools[-1]] = True
    return kept


def cuts_table(plan, data):
    """Where the replayed part of each earlier label begins."""
    kept, labels = replayed(plan, data), data.labels[data.train]
    rows = []
    for i, name in enumerate(LABELS[:2]):
        part = kept & (labels == i)
        cut = plan.scores[part].min()
        tied = (labels == i) & (plan.scores == cut)
        of = f"{part.sum():,} of {(labels == i).sum():,}"
        rows.append((name, of, cut, f"{(tied & kept).sum()} of {tied.sum()}"))
    columns = ("label", "replayed", "from score", "of those with that score")
    return show_table(rows, columns)


def draw_kept(plan, data):
    """Scores of easy and medium programs, and which are replayed."""
    kept, labels = replayed(plan, data), data.labels[data.train]
    edges = np.arange(1, 4.01, 0.125)
    parts = {"left behind": (plots.SOFT, "//"), "replayed": (plots.GREEN, "")}
    below = np.zeros(len(edges) - 1)
    _, axes = plt.subplots(figsize=(7, 3))
    for (name, (colour, hatch)), keep in zip(
        parts.items(), (0, 1), strict=True
    ):
        counts, _ = np.histogram(
            plan.scores[(labels < 2) & (kept == keep)], edges
        )
        axes.bar(
            edges[:-1], counts, np.diff(edges), below, align="edge", color=colour,
            hatch=hatch, edgecolor="white", label=name,
        )  # fmt: skip
        below += counts
    axes.axvline(2, color=plots.INK, linewidth=1, linestyle="--")
    for x, name in ((1.5, "easy"), (2.5, "medium")):
        axes.text(x, below.max(), name, ha="center")
    axes.set(xlabel="score (OM over tokens)", ylabel="training programs")
    axes.set_ylim(0, 1.12 * below.max())
    axes.legend(loc="upper right")
    plt.show()


def kinds_table(plan, data):
    """Share of each grammar level that is replayed."""
    kept, labels = replayed(plan, data), data.labels[data.train]
    levels = data.corpus.levels[data.train]
    names = np.unique(levels)
    rows = []
    for i, label in enumerate(LABELS[:2]):
        here = [(labels == i) & (levels == name) for name in names]
        rows.append(
            (label, *(kept[h].mean() if h.sum() > 50 else None for h in here))
        )
    caption = "Share of the programs of each grammar level that is replayed."
    return show_table(
        rows, ("label", *names), caption, formats=dict.fromkeys(names, ".0%")
    )


def ends_table(plans, data):
    """What is replayed from each end: scores, length, and the run's characters."""
    labels, rows = data.labels[data.train], []
    for end, plan in plans.items():
        old = plan.pools[-1][labels[plan.pools[-1]] < 2]
        means = [plan.scores[old[labels[old] == i]].mean() for i in (0, 1)]
        size = data.corpus.lengths[data.train[old]].mean()
        run = data.corpus.lengths[plan.table].sum() / 1e6
        rows.append((end, *means, size, run))
    columns = (
        "end",
        "score, easy",
        "score, medium",
        "characters",
        "million characters in the run",
    )
    formats = dict.fromkeys(columns[1:], ".2f") | {"characters": ".0f"}
    return show_table(
        rows, columns, "Means over the replayed programs.", formats
    )


def control_rows(plans, data):
    """Pools and repeats of several plans, as rows."""
    rows = []
    for name, plan in plans.items():
        times = np.bincount(plan.table.ravel(), minlength=len(data.corpus))
        counts = np.bincount(times[data.train], minlength=8)[1:6]
        pools = " / ".join(f"{len(pool):,}" for pool in plan.pools)
        rows.append((name, pools, *counts))
    columns = (
        "plan",
        "pools of the stages",
        "once",
        "twice",
        "3×",
        "4×",
        "5×",
    )
    caption = (
        "Sizes of the pools; programs shown once, twice, up to five times."
    )
    return show_table(rows, columns, caption)

"""Behind chapter 9: figures of pacing functions, and sliders that draw a plan."""

import textwrap

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np

from behind.arms import LABELS, times_shown
from curriculum import plots
from curriculum.ordering import schedules
from curriculum.show import show_table

FORMS = {  # name: colour, dashes, where its name stands in the figure
    "linear": (plots.BLACK, "-", (0.4, 0.5)),
    "root": (plots.GREEN, "--", (0.3, 0.66)),
    "geometric": (plots.BLUE, "-.", (0.52, 0.36)),
    "exponential": (plots.VERMILION, (0, (1, 1)), (0.7, 0.2)),
    "logarithmic": (plots.ORANGE, (0, (7, 2)), (0.13, 0.9)),
    "step": (plots.PURPLE, ":", (0.47, 0.58)),
}
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}


def levels_table(data):
    """How many programs of each grammar level stand behind each label."""
    levels, labels = data.corpus.levels[data.train], data.labels[data.train]
    names = np.unique(levels)
    rows = [
        (label, *(((levels == name) & (labels == i)).sum() for name in names))
        for i, label in enumerate(LABELS)
    ]
    caption = "Training programs by label and grammar level."
    return show_table(rows, ("label", *names), caption)


def often_table(plans, data):
    """How many programs are shown once, twice, ... in a run of each plan."""
    rows = []
    for name, plan in plans.items():
        times = np.bincount(plan.table.ravel(), minlength=len(data.corpus))
        counts = np.bincount(times[data.train], minlength=8)[:8]
        rows.append((name, *counts))
    caption = "Programs by how many times they are shown."
    return show_table(rows, ("arm", *map(str, range(8))), caption)


def draw_forms(start=0.1, full_at=0.8, power=2):
    """The six pacing functions in one picture."""
    progress = np.linspace(0, 1, 401)
    _, axes = plt.subplots()
    for name, (colour, dashes, place) in FORMS.items():
        pace = schedules.paced(name, start=start, full_at=full_at, power=power)
        shares = [pace.open_share(u) for u in progress]
        axes.plot(progress, shares, color=colour, linestyle=dashes)
        look = {"ha": "center", "va": "center", "bbox": WHITE}
        axes.text(*place, name, color=colour, **look)
    axes.set(xlabel="progress of the run", ylabel="open share g")
    axes.set(xlim=(0, 1), ylim=(0, 1.03))
    plt.show()
    halfway = full_at / 2
    paces = {
        name: schedules.paced(name, start=start, full_at=full_at, power=power)
        for name in FORMS
    }
    opened = {k: p.open_share(halfway) for k, p in paces.items()}
    opened = sorted(opened.items(), key=lambda pair: -round(pair[1], 3))
    said = ", ".join(f"{name} {share:.0%}" for name, share in opened)
    print(textwrap.fill(f"open at progress {halfway:.1f}: {said}", 68))


def draw_staircase(plans, data):
    """Programs drawn at each step by their rank, a panel for each plan."""
    labels = data.labels[data.train]
    ranked = data.train[np.argsort(data.scores[data.train], kind="stable")]
    ranks = np.empty(len(data.corpus), int)
    ranks[ranked] = np.arange(len(ranked))
    edges = np.cumsum(np.bincount(labels)) / len(labels)
    _, row = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
    for axes, (title, plan) in zip(row, plans.items(), strict=True):
        few = ranks[plan.table[:, :4]].ravel() / len(
            labels
        )  # 4 of 64 programs
        steps = np.repeat(np.arange(plan.steps), 4)
        axes.plot(steps, few, ".", color=plots.BLUE, markersize=2, alpha=0.5)
        for edge in edges[:2]:
            axes.axhline(edge, color=plots.INK, linewidth=1, linestyle="--")
        axes.set(
            title=title,
            xlabel="training step",
            xlim=(0, plan.steps),
            ylim=(0, 1),
        )
        axes.grid(False)
    row[0].set_ylabel("rank of the program (share)")
    box = WHITE | {"pad": 2, "alpha": 0.9}
    for name, y in zip(LABELS, (0.1, 0.42, 0.82), strict=True):
        look = {"ha": "center", "va": "center", "bbox": box}
        row[0].text(0.83 * plan.steps, y, name, **look)
    plt.show()


def preview(plan_of, data, pacing="root", start=0.1, full_at=0.8, power=2.0):
    """A pace, the plan that follows from it, and how often each label is shown."""
    pace = schedules.paced(pacing, start=start, full_at=full_at, power=power)
    plan = plan_of(pace)
    progress = np.linspace(0, 1, 401)
    _, row = plt.subplots(1, 2, figsize=(7, 2.8), sharey=True)
    shares = [pace.open_share(u) for u in progress]
    row[0].plot(progress * plan.steps, shares, color=plots.INK)
    row[0].set(title="open share", xlabel="training step")
    row[0].set(ylim=(0, 1), xlim=(0, plan.steps))
    plots.draw_plan(row[1], plan, data.labels)
    row[1].set(title="what is drawn", ylabel="")
    plt.show()
    times = zip(LABELS, times_shown(plan, data), strict=True)
    print("times shown: " + ", ".join(f"{k} {x:.2f}" for k, x in times))


class Sliders(widgets.VBox):
    """A box of controls that says what it is where no kernel can show it."""

    def __repr__(self):
        return "sliders for form, start, full at and power (need a kernel)"


def controls(plan_of, data):
    """Sliders for `preview`; they need a running kernel."""

    def slider(low, high, step, value, name):
        return widgets.FloatSlider(
            min=low, max=high, step=step, value=value, description=name,
            continuous_update=False,
        )  # fmt: skip

    inputs = {
        "pacing": widgets.Dropdown(
            options=list(FORMS), value="root", description="form"
        ),
        "start": slider(0.05, 1, 0.05, 0.1, "start"),
        "full_at": slider(0.1, 1, 0.05, 0.8, "full at"),
        "power": slider(1, 6, 1, 2, "power"),
    }

    def draw(**chosen):
        preview(plan_of, data, **chosen)

    picture = widgets.interactive_output(draw, inputs)
    return Sliders([*inputs.values(), picture])

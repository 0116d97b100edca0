"""Behind chapter 11: one figure of the whole study, and the tables around it.

- `equal_table`: what all runs share and what they do not, as their records say.
- `gap`: two arms, compared over the seeds that both have.
- `draw_study`: every arm minus the shuffled baseline, and the four verdicts; `study_table`
  has the same rows in numbers, `secondary_table` the contrasts in other outcomes.
- `draw_answer_loss`: the loss on outputs over the run, by difficulty label.
- `short_spread`, `short_gaps`: what the runs of one minute could see, and what they show.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.transforms import blended_transform_factory

from behind.arms import LABELS
from curriculum import plots
from curriculum.evaluation import stats
from curriculum.evaluation.answers import TASKS
from curriculum.experiments import records
from curriculum.show import interval, show_table

# The protocol's primary contrasts, in its order: arm, reference.
PRIMARY = (
    ("hybrid, restarts", "baseline"),
    ("hybrid", "baseline"),
    ("hybrid, restarts", "baseline, restarts"),
    ("hybrid", "hybrid-shuffled"),
)
# Rows of the figure, so that contrasts join neighbours where possible.
MAIN = ("baseline", "hybrid", "hybrid-shuffled", "hybrid, restarts",
        "baseline, restarts")  # fmt: skip
OTHERS = ("sequential", "incremental", "anti", "random-order", "warmup")


def by_arm(runs):
    """{arm: its records}, seeds ascending."""
    found = {}
    for r in runs:
        found.setdefault(records.arm(r), []).append(r)
    return found


# --- what is equal ---


def equal_table(runs):
    """One row for each property: its values over all runs, and whether it is one."""
    properties = {
        "corpus (hash)": lambda r: r["corpus"]["hash"][:12],
        "weights of the model": lambda r: f"{r['parameters']:,}",
        "steps × programs": lambda r: (
            f"{r['scale']['steps']:,} × {r['scale']['batch']}"
        ),
        "largest learning rate": lambda r: str(r["scale"]["lr"]),
        "test programs": lambda r: f"{r['corpus']['test']:,}",
        "delivered exactly as planned": records.as_planned,
        "showings of a program, mean": lambda r: (
            f"{r['plan']['preflight']['programs'] / r['corpus']['train']:.2f}"
        ),
        "decay of the learning rate": lambda r: r["spec"]["lr_schedule"],
        "plan (digest)": lambda r: r["plan"]["digest"][:12],
    }
    rows = []
    for name, read in properties.items():
        values = sorted({str(read(r)) for r in runs})
        said = " or ".join(values)
        if len(values) > 2:
            said = f"{len(values)} in {len(runs)} runs"
        rows.append((name, said, "yes" if len(values) == 1 else "no"))
    sizes = [r["plan"]["preflight"]["tokens"] for r in runs]
    said = f"{min(sizes) / 1e6:.1f} to {max(sizes) / 1e6:.1f} million"
    one = "yes" if min(sizes) == max(sizes) else "no"
    rows.append(("characters trained on", said, one))
    caption = f"What the records of {len(runs)} runs say."
    return show_table(rows, ("property", "found", "equal"), caption)


def diet_table(runs):
    """How often a program of each label is shown in a run of the study, by its record.

    Arms whose stages follow other labels than the true ones are left out. A record counts
    the programs that a stage draws; where it goes through its pool more than once, times
    the passes. Unfinished passes make this a little rough.
    """
    arms = {"hybrid": "hybrid, hybrid-shuffled"}
    rows = []
    for arm in ("baseline", "sequential", "incremental", "hybrid", "warmup"):
        mine = [r["plan"]["preflight"] for r in by_arm(runs)[arm]]
        held = by_arm(runs)["baseline"][0]["plan"]["preflight"]["stages"][0]
        times = [
            sum(
                max(1, s["epochs"]) * s["labels"][label]
                for s in mine[0]["stages"]
            )
            / held["labels"][label]
            for label in LABELS
        ]
        size = np.mean([p["tokens"] for p in mine]) / 1e6
        rows.append((arms.get(arm, arm), *times, size))
    columns = ("arm", *LABELS, "million characters")
    formats = dict.fromkeys(LABELS, ".2f") | {"million characters": ".1f"}
    caption = (
        "How often a program of each label is shown in one run, on average."
    )
    return show_table(rows, columns, caption, formats)


# --- the figure ---


def gap(right, arm, reference, margin=0.01):
    """`stats.contrast` of two arms, over the seeds that both have."""
    n = min(len(right[arm]), len(right[reference]))
    return stats.contrast(right[arm][:n], right[reference][:n], margin)


def verdicts(right, margin=0.01):
    """[(contrast, corrected p, verdict)] of `PRIMARY`, by the protocol's rule."""
    found = [gap(right, *pair, margin) for pair in PRIMARY]
    adjusted = stats.holm([c.p for c in found])
    return [
        (c, p, stats.verdict(c, p))
        for c, p in zip(found, adjusted, strict=True)
    ]


def draw_study(right, margin=0.01):
    """Every arm minus the baseline in points; brackets: the primary contrasts."""
    places = {name: float(i) for i, name in enumerate(MAIN)}
    places |= {name: i + len(MAIN) + 0.8 for i, name in enumerate(OTHERS)}
    _, axes = plt.subplots(figsize=(6, 6.2))
    axes.axvspan(-100 * margin, 100 * margin, color="#eef0f3", zorder=0)
    axes.axvline(0, color=plots.INK, linewidth=1)
    for name, place in places.items():
        _draw_arm(axes, place, name, right)
    axes.set_yticks(
        list(places.values()),
        [f"{name} ({len(right[name])})" for name in places],
    )
    axes.tick_params(labelsize=11)  # the figure is wide for a phone
    axes.set_ylim(max(places.values()) + 0.6, -0.8)
    axes.set_xlabel("← worse     points against the baseline     better →")
    axes.grid(axis="y", visible=False)
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    for pair, (c, _, said) in zip(
        PRIMARY, verdicts(right, margin), strict=True
    ):
        ends = sorted(places[name] for name in pair)
        x = 1.02 if ends[1] - ends[0] == 1 else 1.26  # longer ones further out
        points = interval(c, digits=1, scale=100).split()[0].replace("-", "−")
        _bracket(axes, beside, x, ends, f"{points}\n{said}")
    middle = np.mean([places[name] for name in OTHERS])
    axes.text(
        1.02, middle, "exploratory:\nno verdict", transform=beside,
        va="center", fontsize=11, color=plots.SOFT,
    )  # fmt: skip
    plt.show()


def _draw_arm(axes, place, name, right):
    """One row: a dot for each seed, the mean with its interval."""
    look = plots.schedule_style(name)
    if "restarts" in name:
        look["markerfacecolor"] = "white"
    if name == "baseline":
        axes.plot(0, place, **look)
        return
    c = gap(right, name, "baseline")
    seeds = (right[name] - right["baseline"][: c.seeds]).mean(1)
    dots = {"color": plots.SOFT, "markersize": 3.5, "alpha": 0.8}
    axes.plot(100 * seeds, [place + 0.27] * c.seeds, "o", **dots)
    ends = (100 * x for x in (c.mean, c.low, c.high))
    plots.interval(axes, place, *ends, **look)


def _bracket(axes, beside, x, ends, said):
    """A bracket to the right of the axes, from one row to another."""
    top, bottom = ends[0] + 0.12, ends[1] - 0.12
    axes.plot(
        [x, x + 0.02, x + 0.02, x], [top, top, bottom, bottom],
        transform=beside, clip_on=False, color=plots.INK, linewidth=1,
    )  # fmt: skip
    axes.text(
        x + 0.035, (top + bottom) / 2, said, transform=beside, va="center",
        fontsize=11, linespacing=0.95,
    )  # fmt: skip


def study_table(right, margin=0.01):
    """The rows of `draw_study` in numbers, with Student's interval over the seeds."""
    rows = []
    for name in (*MAIN[1:], *OTHERS):
        c = gap(right, name, "baseline", margin)
        seeds = (right[name] - right["baseline"][: c.seeds]).mean(1)
        student = interval(*stats.mean_interval(seeds), 1, 100, signed=True)
        points = interval(c, digits=1, scale=100), student.split(" ", 1)[1]
        rows.append((name, c.seeds, 100 * right[name].mean(), *points))
    columns = ("arm", "seeds", "right", "points, as drawn", "Student's")
    caption = "Execution in per cent; arm − baseline in points."
    return show_table(rows, columns, caption, {"right": ".1f"})


def seeds_table(right, arms=OTHERS):
    """Differences from the baseline seed by seed, of arms with few seeds."""
    rows = []
    for name in arms:
        n = len(right[name])
        gaps = 100 * (right[name] - right["baseline"][:n]).mean(1)
        rows.append((name, *(f"{x:+.1f}" for x in gaps)))
    columns = ("arm", *(f"seed {s}" for s in range(n)))
    return show_table(rows, columns, "Arm − baseline in points, each seed.")


def secondary_table(runs, margin=0.01):
    """The primary contrasts in the other tasks and under the released protocol."""
    outcomes = {
        "line": ("line", "exact"),
        "token": ("token", "exact"),
        "execution, released": ("execution", "released"),
    }
    columns = []
    for task, protocol in outcomes.values():
        answers = records.right(runs, task=task, protocol=protocol)
        found = [gap(answers, *pair, margin) for pair in PRIMARY]
        columns.append([interval(c, digits=1, scale=100) for c in found])
    rows = [
        (i, *cells) for i, cells in enumerate(zip(*columns, strict=True), 1)
    ]
    caption = "Secondary outcomes, in points [two-way bootstrap]."
    return show_table(rows, ("contrast", *outcomes), caption)


# --- where the order costs ---


def draw_answer_loss(runs, names=("hybrid", "hybrid-shuffled")):
    """Loss on the output of validation programs: mean over seeds, 95 % band."""
    _, row = plt.subplots(1, 3, figsize=(6, 3.6), sharey=True)
    found = {name: by_arm(runs)[name] for name in names}
    first = found[names[0]][0]
    for axes, label in zip(row, LABELS, strict=True):
        for start in first["plan"]["starts"][1:-1]:
            axes.axvline(start / 1000, color=plots.SOFT, linewidth=1)
        for name, mine in found.items():
            losses = [[c["answer"][label] for c in r["curve"]] for r in mine]
            steps = [c["step"] / 1000 for c in mine[0]["curve"]]
            mean, low, high = np.transpose(
                [stats.mean_interval(x) for x in np.transpose(losses)]
            )
            look = plots.schedule_style(name)
            axes.plot(steps, mean, label=name, **look)
            axes.fill_between(
                steps, low, high, color=look["color"], alpha=0.15, linewidth=0
            )
        axes.set(title=label, yscale="log", ylim=(0.18, 2.4))
        ticks = (0.2, 0.3, 0.5, 1, 2)
        axes.set_yticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.tick_params(labelsize=10)
    row[1].set_xlabel("thousand steps")
    row[0].set_ylabel("loss on the output (nats)")
    row[2].legend(
        fontsize=10,
        handlelength=1.5,
        frameon=True,
        edgecolor="none",
        framealpha=1,
    )
    plt.show()


# --- the runs of one minute ---


def accuracies(found, task):
    """{arm: (seeds,) accuracies} of runs of one minute."""
    return records.by_schedule(found, lambda r: records.accuracy(r, task))


def short_spread(found):
    """Spread of the seeds of one arm, and what three pairs could see, by task."""
    rows = []
    for task in TASKS:
        by = accuracies(found, task)
        spread = np.mean([v.std(ddof=1) for v in by.values()])
        small = np.median(
            [
                stats.paired(values, by["baseline"]).detectable
                for arm, values in by.items()
                if arm != "baseline"
            ]
        )
        numbers = by["baseline"].mean(), spread, small
        rows.append((task, *(100 * x for x in numbers)))
    names = ("task", "baseline", "spread of seeds", "detectable")
    caption = "Runs of one minute: per cent, and points of accuracy."
    return show_table(rows, names, caption, dict.fromkeys(names[1:], ".1f"))


def short_gaps(found):
    """Paired differences of the runs of one minute: arm − baseline, by task."""
    by = {task: accuracies(found, task) for task in TASKS}
    pairs = {arm: (arm, "baseline") for arm in by["line"] if arm != "baseline"}
    pairs["hybrid − random"] = "hybrid", "random-order"
    rows = []
    for name, (arm, other) in pairs.items():
        gaps = [stats.paired(by[t][arm], by[t][other]) for t in TASKS]
        rows.append((name, *(interval(g, digits=1, scale=100) for g in gaps)))
    caption = (
        "Runs of one minute, 3 seeds: arm − baseline, in points [Student's"
        " interval]."
    )
    return show_table(rows, ("arm", *TASKS), caption)

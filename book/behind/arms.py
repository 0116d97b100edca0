"""The arm report: what chapters 7 to 10 show of every arm, always in the same form.

- Before training: what the plan draws (`draw_plan`), how often programs of each label are
  shown (`diet`).
- While it trains: a few lines of progress, then plan and losses on one axis (`draw_arm`).
- After it: forgetting, losses of several arms (`draw_bands`), paired differences
  (`gaps_table`, `draw_gaps`), and answers that a reader can look at.

The chapters import it as `arms`.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from curriculum import plots, training
from curriculum.evaluation import generate, stats
from curriculum.evaluation.answers import TASKS
from curriculum.experiments import records
from curriculum.show import interval, show_table

LABELS = tuple(plots.LEVELS)  # easy, medium, hard
TICKS = (0.4, 0.6, 1, 2, 4)  # nats, on logarithmic axes


# --- before training ---


def draw_plan(plan, labels, height=2.6):
    """One plan: which labels it draws over the run."""
    _, axes = plt.subplots(figsize=(7, height))
    plots.draw_plan(axes, plan, labels)
    plt.show()


def draw_plans(plans, labels):
    """Several plans side by side, by name."""
    _, row = plt.subplots(1, len(plans), figsize=(7, 3), sharey=True)
    for axes, (name, plan) in zip(row, plans.items(), strict=True):
        plots.draw_plan(axes, plan, labels)
        axes.set_title(name)
        axes.label_outer()
    plt.show()


def times_shown(plan, data):
    """(3,) how often a program of each label is drawn, on average."""
    held = np.bincount(data.labels[data.train], minlength=3)
    drawn = np.bincount(data.labels[plan.table].ravel(), minlength=3)
    return drawn / held


def at_peak(plan, config):
    """(S,) True where a step has the full learning rate."""
    rates = [
        training.learning_rate(config, plan, s) for s in range(plan.steps)
    ]
    return np.isclose(rates, config.lr)


def diet(plans, data, config=None):
    """How often each label is shown, and on how many characters the run trains.

    Args: config: also give the share of hard programs' showings at the full rate.
    """
    rows = []
    for name, plan in plans.items():
        size = data.corpus.lengths[plan.table].sum() / 1e6
        row = {
            "arm": name,
            **dict(zip(LABELS, times_shown(plan, data), strict=True)),
        }
        row["million characters"] = size
        if config:
            hard = data.labels[plan.table] == 2
            row["hard at full rate"] = (
                hard[at_peak(plan, config)].sum() / hard.sum()
            )
        rows.append(row)
    formats = dict.fromkeys(LABELS, ".2f") | {"million characters": ".2f"}
    formats["hard at full rate"] = ".0%"
    formats = {k: v for k, v in formats.items() if k in rows[0]}
    caption = (
        "How often a program of each label is shown in one run, on average."
    )
    return show_table(rows, caption=caption, formats=formats)


# --- while it trains ---


def progress(lines=5, total=20):
    """A callback for `train` that prints `lines` of the `total` measurements."""
    seen = []

    def show(line):
        seen.append(line)
        if len(seen) % (total // lines) == 0:
            print(
                f"step {line['step']:>5}  loss {line['loss']:.3f}", flush=True
            )

    return show


def loss_axis(axes):
    axes.set(yscale="log", ylim=(0.36, 4.4))
    axes.set_yticks(TICKS, [str(t) for t in TICKS])
    axes.minorticks_off()


def draw_arm(plan, labels, curve):
    """What a run was shown (above) and the loss on each label (below)."""
    _, (above, below) = plt.subplots(
        2, 1, figsize=(7, 4.8), sharex=True, height_ratios=(1, 2)
    )
    plots.draw_plan(above, plan, labels)
    above.set(xlabel="", ylabel="shown")
    plots.draw_curves(below, curve, starts=plan.starts[1:-1])
    loss_axis(below)
    for text in list(below.texts):  # labelled again on the logarithmic axis
        text.remove()
    _label_ends_log(below)
    below.set(
        xlim=(0, plan.steps), ylabel="validation loss (nats per character)"
    )
    plt.show()


def _label_ends_log(axes, factor=1.12):
    """Names at the right ends of curves, a `factor` apart on a logarithmic axis."""
    lines = [x for x in axes.get_lines() if not x.get_label().startswith("_")]
    place = 0.0
    for line in sorted(lines, key=lambda x: x.get_ydata()[-1]):
        place = max(line.get_ydata()[-1], place * factor)
        axes.annotate(
            line.get_label(), (line.get_xdata()[-1], place), xytext=(8, 0),
            textcoords="offset points", color=line.get_color(), va="center",
            fontsize=9, annotation_clip=False,
        )  # fmt: skip


def forgetting(curve, key="valid"):
    """{label: loss at the end minus the lowest on the way}."""
    return {
        name: curve[-1][key][name] - min(c[key][name] for c in curve)
        for name in LABELS
    }


def forgetting_matrix(curve, key="valid"):
    """(labels, stages): loss at the last measurement of each stage."""
    last = {c["stage"]: c for c in curve}  # later ones replace earlier ones
    return np.array(
        [[last[k][key][name] for k in sorted(last)] for name in LABELS]
    )


def draw_matrix(curve):
    """The forgetting matrix, one shade per loss."""
    table = forgetting_matrix(curve)
    _, axes = plt.subplots(figsize=(5.4, 2.7))
    shades = {"vmin": np.log(0.4), "vmax": np.log(4), "aspect": "auto"}
    axes.imshow(np.log(table), cmap="Greys", **shades)
    for (row, column), loss in np.ndenumerate(table):
        axes.text(
            column, row, f"{loss:.2f}", ha="center", va="center",
            color="white" if loss > 1.2 else plots.INK,
            fontweight="bold" if row == column else "normal",
        )  # fmt: skip
    axes.set_xticks(
        range(len(table.T)), [f"stage {k + 1}" for k in range(len(table.T))]
    )
    axes.set_yticks(range(3), LABELS)
    axes.set(xlabel="at the end of", ylabel="loss on")
    axes.grid(False)
    plt.show()


# --- after it: committed runs ---


def of(found, *names):
    """{schedule: its records} of the named schedules."""
    return {n: [r for r in found if r["spec"]["schedule"] == n] for n in names}


def final(label=None, key="valid"):
    """A figure of a record: its last loss, on a label or the mean over labels."""

    def figure(r):
        end = r["curve"][-1][key]
        return end[label] if label else float(np.mean(list(end.values())))

    return figure


def execution(label=None, protocol="exact"):
    """A figure of a record: accuracy in execution."""
    return lambda r: records.accuracy(r, "execution", label, protocol=protocol)


def gap(arm, reference, figure):
    """Paired differences of a figure between two lists of runs, seed by seed."""
    return stats.paired(
        [figure(r) for r in arm], [figure(r) for r in reference]
    )


def forgetting_table(arms):
    """Mean forgetting of each arm and label, with an interval over seeds."""
    rows = []
    for name, found in arms.items():
        lost = [list(forgetting(r["curve"]).values()) for r in found]
        cells = [interval(*stats.mean_interval(x)) for x in np.transpose(lost)]
        rows.append((name, *cells))
    caption = "Forgetting in nats: mean over seeds [Student's 95 % interval]."
    return show_table(rows, ("arm", *LABELS), caption)


def gaps_table(
    pairs, figure=final, labels=LABELS, caption="", scale=100, digits=1
):
    """A row for each pair of arms, a column for each label: differences.

    Args:
        pairs: {name: (runs, reference runs)}. figure: label → figure of a record.
        scale: 100 gives hundredths of a nat, or points of accuracy.
    """
    rows = []
    for name, (arm, reference) in pairs.items():
        cells = [interval(gap(arm, reference, figure(k)), digits=digits, scale=scale)
                 for k in labels]  # fmt: skip
        rows.append((name, *cells))
    return show_table(
        rows, ("difference", *(k or "all" for k in labels)), caption
    )


def tasks_table(arm, reference, caption=""):
    """Paired differences in accuracy, in points: labels by tasks, exact protocol."""
    rows = []
    for label in (None, *LABELS):
        cells = []
        for task in TASKS:

            def figure(r, task=task, label=label):
                return 100 * records.accuracy(r, task, label)

            cells.append(interval(gap(arm, reference, figure), digits=1))
        rows.append((label or "all", *cells))
    return show_table(rows, ("label", *TASKS), caption)


def draw_gaps(
    pairs, figure, labels=LABELS, xlabel="", styles=None, limits=None
):
    """The same as a picture: a panel for each label; grey dots are seeds."""
    _, row = plt.subplots(
        1,
        len(labels),
        figsize=(7, 1.4 + 0.45 * len(pairs)),
        sharex=True,
        sharey=True,
    )
    for axes, label in zip(np.atleast_1d(row), labels, strict=True):
        for place, (name, (arm, reference)) in enumerate(pairs.items()):
            value = figure(label)
            found = gap(arm, reference, value)
            seeds = np.subtract(
                [value(r) for r in arm], [value(r) for r in reference]
            )
            look = plots.schedule_style((styles or {}).get(name, name))
            plots.interval(
                axes, place, found.mean, found.low, found.high, **look
            )
            axes.plot(
                seeds,
                [place + 0.28] * len(seeds),
                "o",
                color=plots.SOFT,
                markersize=3,
            )
        axes.axvline(0, color=plots.INK, linewidth=1)
        axes.set(
            title=label or "all", ylim=(len(pairs) - 0.4, -0.5), xlim=limits
        )
    row = np.atleast_1d(row)
    row[len(row) // 2].set_xlabel(xlabel)
    row[0].set_yticks(range(len(pairs)), list(pairs))
    plt.show()


def draw_bands(arms, key="valid"):
    """Loss on each label against characters: mean over seeds, band: 95 % interval."""
    _, row = plt.subplots(1, 3, figsize=(7, 3.2), sharey=True)
    for axes, label in zip(row, LABELS, strict=True):
        for name, found in arms.items():
            at = (
                np.mean([[c["tokens"] for c in r["curve"]] for r in found], 0)
                / 1e6
            )
            losses = [[c[key][label] for c in r["curve"]] for r in found]
            mean, low, high = np.array(
                [stats.mean_interval(x) for x in np.transpose(losses)]
            ).T
            look = plots.schedule_style(name)
            axes.plot(at, mean, label=name, markevery=4, **look)
            low = np.maximum(low, 0.1)
            axes.fill_between(
                at, low, high, color=look["color"], alpha=0.15, linewidth=0
            )
        loss_axis(axes)
        axes.set(title=label, xlabel="million characters")
    row[0].set_ylabel("validation loss (nats)")
    row[2].legend(loc="upper right")
    plt.show()


# --- answers that can be looked at ---


def next_line(model, tokenizer, text, most=40):
    """The line that the model finds likeliest after `text`, which ends a line."""
    prompt = torch.from_numpy(tokenizer.encode(text).astype(np.int64))
    stop = (int(tokenizer.encode("\n")[0]),)
    (written,) = generate.generate(model, [prompt], most, stop=stop)
    return tokenizer.decode(written.numpy()).rstrip("\n")


def continuations(models, data, label=0, n=5, width=15):
    """First lines of validation programs, continued by each of several models.

    Args: models: {name: model}. label: which programs; n: how many, from the first.
    """
    tokenizer = data.corpus.tokenizer
    rows = []
    for i in data.valid[data.labels[data.valid] == label][:n]:
        first, second = data.corpus.codes[i].split("\n")[:2]
        said = {
            k: next_line(m, tokenizer, first + "\n") for k, m in models.items()
        }
        texts = {"first line": first, "the true second": second} | said
        rows.append(
            {k: t.replace("\t", "→")[:width] for k, t in texts.items()}
        )
    return show_table(rows)

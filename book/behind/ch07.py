"""Behind chapter 7: figures of batches and rates, short runs, and sorts of questions."""

import re

import matplotlib.pyplot as plt
import numpy as np
import torch

from behind.ch05 import copier
from curriculum import plots, training
from curriculum.evaluation import stats
from curriculum.experiments import experiment, records
from curriculum.experiments.spec import Experiment
from curriculum.model import GPT, config
from curriculum.show import show_table
from curriculum.training import IGNORE, TrainConfig, TrainState

RATES = {
    "multistep": (plots.BLACK, "-"),
    "multistep-restart": (plots.VERMILION, "--"),
    "constant": (plots.SKY, "-."),
}


def draw_shares(shuffled, by_length):
    """The share of hard programs in each batch of two orders."""
    _, axes = plt.subplots(figsize=(7, 3))
    axes.plot(
        by_length, color=plots.BLUE, linestyle="--", label="short to long"
    )
    axes.plot(shuffled, color=plots.BLACK, linewidth=1, label="shuffled")
    axes.set(
        xlabel="batch of one pass",
        ylabel="share of hard programs",
        ylim=(0, 1),
    )
    plots.label_ends(axes)
    plt.show()


def padding(batch):
    """Share of the places of a step that no program needs."""
    real = sum(int((targets != IGNORE).sum()) for _, targets in batch)
    return 1 - real / sum(targets.numel() for _, targets in batch)


def rates(plan, name):
    """(S,) the learning rate of each step under the schedule `name`."""
    settings = TrainConfig(lr=3e-3, lr_schedule=name)
    return np.array(
        [
            training.learning_rate(settings, plan, step)
            for step in range(plan.steps)
        ]
    )


def draw_rates(plans):
    """Learning rates under the three schedules, a panel for each plan."""
    _, row = plt.subplots(1, len(plans), figsize=(7, 3), sharey=True)
    for axes, (title, plan) in zip(row, plans.items(), strict=True):
        for name, (colour, dashes) in RATES.items():
            look = {"color": colour, "linestyle": dashes, "where": "post"}
            axes.step(range(plan.steps), rates(plan, name), label=name, **look)
        axes.set(
            title=title,
            xlabel="training step",
            yscale="log",
            ylim=(1.5e-6, 1e-2),
        )
    row[0].set_ylabel("learning rate")
    row[0].legend(loc="lower left")
    plt.show()


def rates_table(plans):
    """Steps at the full rate, stage by stage, as rows for a table."""
    rows = []
    for title, plan in plans.items():
        for name in RATES:
            parts = np.split(rates(plan, name) == 3e-3, plan.starts[1:-1])
            high = [f"{part.sum()} of {len(part)}" for part in parts]
            rows.append((title, name, *high, *[None] * (3 - len(high))))
    return rows


def draw_losses(curve, plan):
    """Losses per label on all characters, and on those of the answer alone."""
    steps = [line["step"] for line in curve]
    titles = {"valid": "all characters", "answer": "characters of the answer"}
    _, row = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
    for axes, (key, title) in zip(row, titles.items(), strict=True):
        for name in plots.LEVELS:
            losses = [line[key][name] for line in curve]
            look = plots.level_style(name)
            axes.plot(steps, losses, label=name, markevery=3, **look)
        axes.axvline(0.7 * plan.steps, color=plots.SOFT, linewidth=1)
        axes.set(title=title, xlabel="training step")
    row[0].set_ylabel("validation loss (nats per character)")
    row[0].legend(loc="upper left", bbox_to_anchor=(0.2, 1))
    row[1].text(0.71 * plan.steps, 1.45, "rate falls")
    plots.label_ends(row[1], gap=0.07)
    plt.show()


FREE = re.compile(r"\d|\b[a-e]\b|[-+*/<>]")


def free_share(codes):
    """Share of characters that the generator chose: digits, names, operators."""
    return sum(len(FREE.findall(code)) for code in codes) / sum(
        map(len, codes)
    )


class Short:
    """Short runs of small models on the same programs: for audits and resumes.

    Args: parts: (ids, scores, labels) of the programs; batches: rows of them.
    """

    def __init__(self, parts, batches, make_plan):
        self.parts, self.batches, self.make_plan = parts, batches, make_plan

    def run(self, steps=40, folder=None, stop_at=None, weights=0, shuffle=0):
        """The `TrainState` of a nano model after `steps` steps of 16 programs."""
        plan = self.make_plan(*self.parts, shuffle, steps, 16)
        model = GPT(
            config("nano", self.batches.corpus.tokenizer.size), seed=weights
        )
        settings = TrainConfig(lr=3e-3, checkpoint_every=10)
        state = TrainState(model, plan, self.batches, settings, folder)
        return training.train_together([state], stop_at)[0]


def compare(one, other):
    """How many weight tensors of two states have the same bits."""
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    same = [torch.equal(a, b) for a, b in pairs]
    return f"{sum(same)} of {len(same)} weight tensors equal, bit for bit"


# --- what a trained model gets right ---

OPERATION = re.compile(r"(\w+) ([-+*/]) (\w+)")
SAME = "one, same operand twice"


def question(code):
    """What a program asks for, by its arithmetic: the rows of a table."""
    found = OPERATION.findall(code)
    if not found:
        return "no arithmetic"
    if len(found) > 1 or len(re.findall(r"[-+*/]", code)) > 1:
        some = any(left == right for left, _, right in found)
        return f"several, {'some' if some else 'none'} same operand twice"
    left, _, right = found[0]
    return SAME if left == right else "one, two operands"


def twice(code):
    """Which operation a program does with one operand, such as "b − b"."""
    sign = OPERATION.findall(code)[0][1]
    return f"  of these, b {sign} b".replace("-", "−")


def kinds_table(corpus, ids, right):
    """What programs ask for, and how often the model and the copier are right."""
    codes, outputs = corpus.codes, corpus.outputs
    copied = [copier(codes[i]) == outputs[i] for i in ids]
    same = [question(codes[i]) == SAME for i in ids]

    def rows(kind, chosen):
        chosen = np.flatnonzero(chosen)
        parts = (
            by_kind(
                lambda i: kind(codes[i]), corpus, np.asarray(ids)[chosen], x
            )
            for x in (np.asarray(right)[chosen], np.asarray(copied)[chosen])
        )
        model, simple = parts
        simple = {name: share for name, _, share in simple}
        return [(*row, simple[row[0]]) for row in model]

    whole = rows(question, np.ones(len(ids), bool))
    place = [name for name, *_ in whole].index(SAME) + 1
    whole[place:place] = rows(twice, same)
    return show_table(
        whole, ("arithmetic in the program", "programs", "model", "copier"),
        "Test programs that are executed right.",
        {"model": ".0%", "copier": ".0%"},
    )  # fmt: skip


def audits_table(audits):
    """Audits {name: Audit} as a table, without their causes."""
    return show_table(
        [
            (name, a.wrong_steps, a.first_wrong, f"{a.inversion_share:.1%}",
             a.repeats, a.omissions, a.unknown_rows)
            for name, a in audits.items()
        ],
        ("loader", "steps wrong", "the first", "inversions", "repeats",
         "omissions", "unknown"),
        "Audits of 700 steps of 64 programs.",
    )  # fmt: skip


def output_kind(code, output):
    """What a program prints: nothing, a number from its text, another, ..."""
    if not output:
        return "nothing"
    if "\n" in output:
        return "several lines"
    if "." in output:
        return "a decimal"
    if output in re.findall(r"\d+", code):
        return "a number that stands in the program"
    return "another whole number"


def by_kind(kind_of, corpus, ids, right):
    """Rows (kind, programs, share right), the best first."""
    table = {}
    for i, ok in zip(ids, right, strict=True):
        table.setdefault(kind_of(i), []).append(ok)
    rows = [
        (kind, len(oks), float(np.mean(oks))) for kind, oks in table.items()
    ]
    return sorted(rows, key=lambda row: -row[2])


def draw_constructs(quick, desk):
    """Execution by grammar level: seeds of a short study, one longer run."""
    levels = sorted(quick[0]["results"]["exact"]["execution"]["by_construct"])
    _, axes = plt.subplots(figsize=(7, 3))
    for place, name in enumerate(levels):
        seeds = [records.accuracy(r, construct=name) for r in quick]
        mean, low, high = stats.mean_interval(seeds)
        first = place == 0
        plots.interval(
            axes, place + 0.15, mean, max(low, 0), high, marker="o",
            label="quick, mean of 3 seeds" if first else None,
        )  # fmt: skip
        axes.plot(
            seeds, [place + 0.15] * 3, "|", color=plots.INK, markersize=9
        )
        group = desk[0]["results"]["exact"]["execution"]["by_construct"][name]
        plots.interval(
            axes, place - 0.15, group["accuracy"], group["low"], group["high"],
            marker="s", color=plots.BLUE, label="desk, 1 seed" if first else None,
        )  # fmt: skip
    axes.set(
        xlabel="accuracy in execution (exact)", ylabel="grammar level",
        yticks=range(len(levels)), yticklabels=levels, xlim=(0, 1),
    )  # fmt: skip
    axes.invert_yaxis()
    axes.legend()
    plt.show()


def two_plans(data, scale):
    """The plans of baseline and sequential."""
    names = ("baseline", "sequential")
    return {
        n: experiment.resolve(Experiment(schedule=n, scale=scale), data).plan
        for n in names
    }

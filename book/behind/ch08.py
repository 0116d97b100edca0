"""Behind chapter 8: a run that is stopped early, a small trial, and three figures."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from behind.arms import LABELS, final, forgetting, loss_axis
from curriculum import plots, training
from curriculum.evaluation import evaluate, stats
from curriculum.model import GPT, config
from curriculum.show import show_table
from curriculum.training import Programs, TrainConfig, TrainState


def stopped(arm, step):
    """The arm's model as it is after `step` steps of its plan."""
    state = TrainState(arm.fresh_model(), arm.plan, arm.batches, arm.config)
    return training.train_together([state], stop_at=step)[0].model


# How the second line of a program can begin: its first character decides.
KINDS = {"assignment": "abcde", "print": "p", "if": "i", "for": "f"}


def programs_begin(data):
    """How second lines of training programs begin, and what the programs contain."""
    codes, rows = data.corpus.codes, []
    for label, name in enumerate(LABELS):
        found = [
            codes[i] for i in data.train[data.labels[data.train] == label]
        ]
        first = [code.split("\n")[1][0] for code in found]
        words = [set(code.split()) for code in found]
        whole = (
            np.mean(["if" in w for w in words]),
            np.mean([not {"if", "for"} & w for w in words]),
        )
        shares = (np.mean([c in k for c in first]) for k in KINDS.values())
        rows.append((name, *shares, *whole))
    columns = ("programs", *KINDS, "if anywhere", "no if or for")
    return show_table(
        rows, columns, "How the second line begins; what programs contain.",
        dict.fromkeys(columns[1:], ".0%"),
    )  # fmt: skip


def second_lines(models, data, n=100):
    """How second lines begin, by the probabilities of models.

    Args: models: {name: model}, asked after the first lines of `n` easy programs.
    """
    codes, tokenizer = data.corpus.codes, data.corpus.tokenizer
    rows = []
    easy = data.valid[data.labels[data.valid] == 0][:n]
    for name, model in models.items():
        expected = np.zeros(tokenizer.size)
        for i in easy:
            line = tokenizer.encode(codes[i].split("\n")[0] + "\n")
            with torch.no_grad():
                last = model(torch.from_numpy(line.astype(np.int64))[None])
            expected += last[0, -1].softmax(-1).numpy() / len(easy)
        shares = (expected[tokenizer.encode(k)].sum() for k in KINDS.values())
        rows.append((name, *shares))
    return show_table(
        rows, ("model", *KINDS), "What models expect after an easy first line.",
        dict.fromkeys(KINDS, ".0%"),
    )  # fmt: skip


def trial(arm, plan):
    """Train a nano model on a plan: forgetting of easy, and the loss on hard."""
    corpus, labels = arm.data.corpus, arm.data.labels
    watched = arm.validation_ids(30)
    watch = evaluate.Watch(corpus, watched, labels[watched])
    log = []

    def note(state):
        if state.step % 20 == 0:
            log.append({"stage": plan.stage(state.step - 1), **watch(state)})

    model = GPT(
        config("nano", corpus.tokenizer.size), seed=arm.experiment.seed
    )
    settings = TrainConfig(lr=3e-3, lr_schedule="constant")
    batches = Programs(corpus, micro_batches=2)  # enough for 16 rows
    training.train(model, plan, batches, settings, callbacks=[note])
    return forgetting(log)["easy"], log[-1]["valid"]["hard"]


def draw_two_rates(decayed, restarted):
    """One plan under two learning-rate schedules: the loss on each label."""
    _, row = plt.subplots(1, 3, figsize=(7, 3), sharey=True)
    looks = {
        "multistep": (decayed, plots.BLACK, "-"),
        "multistep-restart": (restarted, plots.VERMILION, "--"),
    }
    for axes, label in zip(row, LABELS, strict=True):
        for name, (record, colour, dashes) in looks.items():
            steps = [c["step"] for c in record["curve"]]
            losses = [c["valid"][label] for c in record["curve"]]
            axes.plot(
                steps, losses, label=name, linestyle=dashes, color=colour
            )
        for start in restarted["plan"]["starts"][1:-1]:
            axes.axvline(start, color=plots.SOFT, linewidth=1)
        loss_axis(axes)
        axes.set(title=label, xlabel="training step")
    row[0].set_ylabel("validation loss (nats)")
    row[2].legend(loc="upper right")
    plt.show()


def draw_gaps(pairs):
    """Paired differences in final loss, hundredths of a nat; ticks are seeds."""
    _, row = plt.subplots(1, 3, figsize=(7, 2.6), sharey=True)
    for axes, label in zip(row, LABELS, strict=True):
        for place, (arm, reference) in enumerate(pairs.values()):
            pair = [
                [100 * final(label)(r) for r in runs]
                for runs in (arm, reference)
            ]
            gap = stats.paired(*pair)
            look = {"marker": "s", "color": plots.VERMILION}
            plots.interval(axes, place, gap.mean, gap.low, gap.high, **look)
            axes.plot(np.subtract(*pair), [place] * 3, "|", color=plots.INK)
        axes.axvline(0, color=plots.INK, linewidth=1)
        axes.set(title=label)
    row[1].set_xlabel("difference in final loss (hundredths of a nat)")
    row[0].set_yticks(range(len(pairs)), list(pairs))
    row[0].invert_yaxis()
    plt.show()


def draw_criticised(runs):
    """The figure of an exercise: every number right, and misleading."""
    step = [c["step"] for c in runs["baseline"][0]["curve"]]

    def mean(found, value):
        return np.mean([[value(c) for c in r["curve"]] for r in found], 0)

    taught = mean(runs["sequential"], lambda c: c["valid"][LABELS[c["stage"]]])
    whole = mean(
        runs["baseline"], lambda c: np.mean(list(c["valid"].values()))
    )
    _, axes = plt.subplots(figsize=(7, 2.8))
    for name, values, schedule in (
        ("baseline", whole, "baseline"),
        ("curriculum", taught, "sequential"),
    ):
        look = plots.schedule_style(schedule)
        axes.plot(step, values, label=name, markevery=3, **look)
    axes.set(xlabel="training step", ylabel="loss", ylim=(0.35, 1.3))
    plots.label_ends(axes, gap=0.08)
    plt.show()
    lower = (taught < whole).sum()
    print(f"lower than the baseline in {lower} of {len(step)} measurements")

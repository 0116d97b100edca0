"""Behind chapter 1: the two toy problems for many seeds at once, and the figures.

- `learn` is the chapter's own training loop with one more axis: all runs are computed
  together, run 7 of every order with the same first weights and the same examples. A test
  compares it with the plain loop.
- `descend` is logistic regression, in the same way.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle

from curriculum import plots
from curriculum.evaluation import stats

ORDERS = ("easy first", "shuffled", "hard first", "hard only")
BATCH = 32
STYLE = {
    "easy first": "sequential",
    "shuffled": "baseline",
    "hard first": "anti",
    "hard only": "hard-only",
}


# --- the box of switches, for many seeds ---------------------------------------------


@dataclass(frozen=True)
class Box:
    switches: int = 20
    wired: int = 6  # the first ones; the network does not know
    easy: float = 0.1  # chance that a switch is down in an easy input
    hard: float = 0.5  # ... and in a hard one

    def draw(self, rng, shape, kind):
        """Inputs (*shape, switches): +1 is up, -1 is down."""
        chance = rng.random((*shape, self.switches))
        return 1 - 2 * (chance < getattr(self, kind)).astype(np.int8)

    def lamp(self, x):
        """+1, on, if an even number of the wired switches is down; else -1."""
        return x[..., : self.wired].prod(-1)


def deliver(order, n=600, runs=24, box=Box()):  # noqa: B008
    """The examples of every run in the order of one arm: (runs, n, BATCH, switches)."""
    rng = np.random.default_rng(1)
    half = (runs, n // 2, BATCH)
    easy, hard, more = (
        box.draw(rng, half, k) for k in ("easy", "hard", "hard")
    )
    first, second = {
        "hard first": (hard, easy),
        "hard only": (more, hard),
    }.get(order, (easy, hard))
    x = np.concatenate((first, second), axis=1)
    if order == "shuffled":
        rows = rng.random((runs, n * BATCH)).argsort(1, kind="stable")
        flat = x.reshape(runs, -1, box.switches)
        x = np.take_along_axis(flat, rows[..., None], 1).reshape(x.shape)
    return x


def first_weights(runs, width, hidden=64):
    """First weights of `runs` networks with one hidden layer, the same in every arm."""
    rng = np.random.default_rng(2)
    w = rng.standard_normal((runs, width, hidden)) / width**0.5
    v = rng.standard_normal((runs, hidden, 1)) / hidden**0.5
    weights = (w, np.zeros((runs, 1, hidden)), v, np.zeros((runs, 1, 1)))
    return [torch.tensor(a, requires_grad=True) for a in weights]


def output(x, weights):
    """(runs, B, switches) to (runs, B); the sign is the guess."""
    w, b, v, c = weights
    return (torch.relu(x.double() @ w + b) @ v + c).squeeze(-1)


def factor(lr_schedule, u):
    """What the learning rate is multiplied by at progress u in [0, 1)."""
    if lr_schedule == "constant":
        return 1.0
    if lr_schedule == "multistep-restart":
        u = 2 * u % 1  # two stages, each with a decay of its own
    return 0.1 ** sum(u >= edge for edge in (0.7, 0.8, 0.9))


def exams(runs, box):
    """Unseen inputs of both kinds: (runs, 500, switches) each."""
    rng = np.random.default_rng(3)
    return {
        k: torch.from_numpy(box.draw(rng, (runs, 500), k))
        for k in ("hard", "easy")
    }


def learn(
    order,
    rate=0.01,
    lr_schedule="constant",
    n=600,
    runs=24,
    box=Box(),  # noqa: B008
    inputs=deliver,
):
    """Accuracy on unseen inputs, 12 times a run: {kind: (runs, 12)}."""
    x = torch.from_numpy(np.ascontiguousarray(inputs(order, n, runs, box)))
    exam, curve = exams(runs, box), {"hard": [], "easy": []}
    weights = first_weights(runs, box.switches)
    adam = torch.optim.Adam(weights, lr=rate, fused=True)
    for step in range(n):
        adam.param_groups[0]["lr"] = rate * factor(lr_schedule, step / n)
        margin = box.lamp(x[:, step]) * output(x[:, step], weights)
        adam.zero_grad()
        F.softplus(-margin).mean(1).sum().backward()  # runs stay apart
        adam.step()
        if (step + 1) % (n // 12) == 0:
            for kind, z in exam.items():
                right = box.lamp(z) * output(z, weights) > 0
                curve[kind].append(right.double().mean(1).numpy())
    return {kind: np.stack(points, 1) for kind, points in curve.items()}


def hard_again(order, n, runs, box):
    """Hard first over two thirds of the run, then new hard inputs."""
    more = box.draw(np.random.default_rng(9), (runs, n // 3, BATCH), "hard")
    return np.concatenate(
        (deliver(order, 2 * n // 3, runs, box), more), axis=1
    )


def mixed(mix):
    """`inputs` for `learn`: a reader's own mixture of easy and hard rows."""

    def inputs(order, n, runs, box):
        x = deliver("easy first", n, runs, box)
        halves = x.reshape(runs, 2, -1, box.switches)
        rng = np.random.default_rng(7)
        return np.stack([mix(*half, rng) for half in halves]).reshape(x.shape)

    return inputs


# --- logistic regression, for many seeds ----------------------------------------------


@dataclass(frozen=True)
class Bowl:
    """200 examples with noisy labels, whose loss has one minimum."""

    x: np.ndarray  # (seeds, 200, 5)
    y: np.ndarray  # (seeds, 200) of ±1
    hardness: (
        np.ndarray
    )  # (seeds, 200): how deep on the wrong side of the boundary
    minimum: np.ndarray  # (seeds, 5), found with all examples at once

    @classmethod
    def make(cls, seeds=24, n=200, features=5):
        rng = np.random.default_rng(5)
        x = rng.standard_normal((seeds, n, features))
        side = x @ (1.5 * rng.standard_normal((seeds, features, 1)))
        noise = rng.random((seeds, n, 1)) < 1 / (1 + np.exp(-side))
        y = np.where(noise, 1.0, -1.0)
        minimum = np.zeros((seeds, features))
        for _ in range(3000):
            minimum = minimum - slope(x, y[..., 0], minimum)
        return cls(x, y[..., 0], -(y * side)[..., 0], minimum)


def slope(x, y, w, penalty=0.01):
    """Gradient of the mean loss at w (seeds, features)."""
    pull = y / (1 + np.exp(y * np.einsum("snf,sf->sn", x, w)))
    return penalty * w - (x * pull[..., None]).mean(1)


def descend(bowl, order, passes=300, fade=0.02, batch=10):
    """Distance to the minimum after each pass over the examples: (passes, seeds)."""
    rng, w, k, gone = (
        np.random.default_rng(6),
        np.zeros(bowl.minimum.shape),
        0,
        [],
    )
    for _ in range(passes):
        keys = {"easy first": bowl.hardness, "hard first": -bowl.hardness}
        key = keys.get(order, rng.random(bowl.hardness.shape))
        rows = np.argsort(key, 1, kind="stable")
        for i in np.split(rows, rows.shape[1] // batch, axis=1):
            xi = np.take_along_axis(bowl.x, i[..., None], 1)
            yi = np.take_along_axis(bowl.y, i, 1)
            w = w - 0.5 / (1 + fade * k) * slope(xi, yi, w)
            k += 1
        gone.append(np.linalg.norm(w - bowl.minimum, axis=1))
    return np.array(gone)


# --- the full run ------------------------------------------------------------------------

BOXES = {"small": Box(), "large": Box(switches=30, easy=0.05)}
FULL = {
    "rates": [0.003, 0.006, 0.01, 0.02, 0.03],
    "seeds": 48,
    "budgets": [300, 450, 600, 900, 1200],
    "lr_schedule": "constant",
}


def full_run():
    """All boxes, orders, rates and budgets of the committed record (six minutes)."""
    return [
        {
            "box": name,
            "order": order,
            "rate": rate,
            "steps": n,
            "accuracy": np.round(
                learn(order, rate, n=n, runs=48, box=box)["hard"][:, -1], 3
            ).tolist(),
        }
        for name, box in BOXES.items()
        for order in ORDERS[:3]
        for rate in FULL["rates"]
        for n in FULL["budgets"]
    ]


# --- figures ---------------------------------------------------------------------------------


def draw_strips(programs=60, seed=0):
    """The same programs in three orders, as strips of tiles."""
    rng = np.random.default_rng(seed)
    levels = np.sort(np.arange(programs) % 3, kind="stable")
    strips = {
        "easy first": levels,
        "shuffled": rng.permutation(levels),
        "hard first": levels[::-1],
    }
    figure, axes = plt.subplots(figsize=(7, 2.4))
    colours = [colour for colour, *_ in plots.LEVELS.values()]
    for row, order in enumerate(strips.values()):
        for place, level in enumerate(order):
            tile = Rectangle(
                (place, -row), 0.86, 0.62, facecolor=colours[level]
            )
            axes.add_patch(tile)
    for level, name in enumerate(plots.LEVELS):
        axes.text(
            programs * (0.5 + level) / 3, 0.9, name, color=colours[level], ha="center",
            weight="bold",
        )  # fmt: skip
    axes.set(xlim=(-0.5, programs), ylim=(-2.3, 1.3), xlabel="training →")
    axes.set_yticks([0.31, -0.69, -1.69], list(strips))
    axes.set_xticks([])
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    plt.show()


def draw_switches():
    """Eight easy and eight hard inputs, with what the lamp does."""
    rng = np.random.default_rng(0)
    figure, pair = plt.subplots(1, 2, figsize=(7, 2.5), sharey=True)
    for axes, kind in zip(pair, ("easy", "hard"), strict=True):
        x = Box().draw(rng, (8,), kind)
        axes.imshow(x < 0, cmap="Greys", vmin=0, vmax=1.4, aspect="equal")
        axes.axvline(Box.wired - 0.5, color=plots.INK, linestyle="--")
        for row, lamp in enumerate(Box().lamp(x)):
            axes.text(19.9, row, "on" if lamp > 0 else "off", va="center")
        axes.set(
            title=f"{kind} inputs", xlabel="switch", xticks=range(0, 20, 5)
        )
        axes.grid(False)
    pair[0].set(ylabel="example", yticks=range(0, 8, 2))
    plt.show()


def draw_orders(done):
    """Accuracy on hard inputs while training, by order: mean and interval over seeds."""
    figure, axes = plt.subplots()
    for order, curve in done.items():
        look = plots.schedule_style(STYLE[order])
        at = np.arange(1, 13) * 50
        bands = np.array([stats.mean_interval(c) for c in curve["hard"].T])
        axes.plot(at, bands[:, 0], label=order, **look)
        axes.fill_between(
            at, bands[:, 1], bands[:, 2], color=look["color"], alpha=0.15
        )
    axes.axvline(300, color=plots.SOFT, linewidth=1)
    axes.set(
        xlabel="training step",
        ylabel="accuracy on hard inputs",
        ylim=(0.4, 1.02),
    )
    plots.label_ends(axes, gap=0.06)
    plt.show()


def draw_walks(walks):
    """Distance to the single minimum, by order, on two logarithmic axes."""
    figure, axes = plt.subplots()
    for order, walk in walks.items():
        look = plots.schedule_style(STYLE[order]) | {
            "markevery": [0, 2, 9, 29, 99, 299]
        }
        axes.plot(np.arange(1, 301), walk.mean(1), label=order, **look)
    axes.set(xscale="log", yscale="log", xlabel="passes over the 200 examples")
    axes.set(ylabel="distance to the minimum")
    axes.legend()
    plt.show()


def draw_grid(gaps, rates, budgets):
    """Differences by learning rate and budget; bold where the interval excludes zero."""
    shape = len(rates), len(budgets)
    mean = np.array([gap.mean for gap in gaps]).reshape(shape)
    figure, axes = plt.subplots(figsize=(7, 3.8))
    axes.imshow(
        mean, cmap="PuOr_r", vmin=-0.2, vmax=0.2, aspect="auto", origin="lower"
    )
    for k, gap in enumerate(gaps):
        sure = gap.low > 0 or gap.high < 0
        row, column = divmod(k, shape[1])
        axes.text(
            column, row, f"{round(gap.mean, 2) + 0:+.2f}", ha="center", va="center",
            color="black", fontweight="bold" if sure else "normal",
        )  # fmt: skip
    axes.set(xlabel="training steps", ylabel="learning rate")
    axes.set_xticks(range(shape[1]), budgets)
    axes.set_yticks(range(shape[0]), rates)
    axes.grid(False)
    plt.show()

"""Behind chapter 19: the records of the fine-tuning study, and the figures."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from scipy import stats as scipy_stats

from curriculum import files, plots
from curriculum.evaluation import stats
from curriculum.evaluation.answers import inflate
from curriculum.finetune import orders
from curriculum.show import interval

STUDY = "results/finetune"
ORDERS = (
    "random",
    "length",
    "length-reversed",
    "attention",
    "attention-reversed",
    "loss",
    "loss-reversed",
)
MIXED = (
    "loss-mixed",
    "loss-mixed-reversed",
)  # exploratory: by loss within kinds
KINDS = ("predict", "repair", "explain")
CRITERIA = ("length", "attention", "loss")
# order's criterion: colour and marker; a reversed one is hollow and dotted
LOOKS = {
    "random": (plots.BLACK, "o"),
    "length": (plots.ORANGE, "s"),
    "attention": (plots.SKY, "^"),
    "loss": (plots.PURPLE, "D"),
}
MARGIN = 0.02

# --- what is kept -------------------------------------------------------------------------


class Items:
    """The items that the seeds drew, each once, with what the base model makes of them."""

    def __init__(self, folder=STUDY):
        seen = {}
        for path in sorted(files.found(folder).glob("items_s*.json")):
            kept = files.read_json(path, sealed=True)
            columns = kept["criteria"]
            for n, item in enumerate(kept["items"]):
                values = {name: column[n] for name, column in columns.items()}
                seen[item["id"]] = item | values
        self.rows = [seen[i] for i in sorted(seen)]
        self.kinds = np.array([row["kind"] for row in self.rows])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name):
        return np.array([row[name] for row in self.rows])

    def first(self, kind):
        """The shortest item of a kind."""
        mine = [row for row in self.rows if row["kind"] == kind]
        return min(mine, key=lambda row: row["length"])


class Runs:
    """The records of the study, whole blocks alone: `exact` and `loss` by order."""

    def __init__(self, folder=STUDY):
        self.tests = files.read_json(f"{folder}/tests.json", sealed=True)
        self.kinds = np.array([item["kind"] for item in self.tests["items"]])
        self.records, self.seeds = [], []
        for seed in itertools.count():
            paths = [
                files.found(folder) / f"{order}_s{seed}.json"
                for order in ORDERS
            ]
            if not all(path.exists() for path in paths):
                break
            self.seeds.append(seed)
            self.records += [files.read_json(p, sealed=True) for p in paths]
        more = [
            files.found(folder) / f"{order}_s{seed}.json"
            for order in MIXED
            for seed in self.seeds
        ]
        self.mixed = [
            files.read_json(p, sealed=True) for p in more if p.exists()
        ]

    def of(self, what, order, kind="predict"):
        """(seeds, items) "exact" or "loss" of an order's test items of a kind."""
        type_ = {"exact": "u1", "loss": "<f4"}[what]
        mine = [r for r in self.records + self.mixed if r["order"] == order]
        table = np.stack(
            [np.frombuffer(inflate(r["answers"][what]), type_) for r in mine]
        )
        return table[:, self.kinds == kind].astype(float)

    @property
    def source(self):
        """The provenance of the results, in three lines."""
        every = self.records + self.mixed
        first = every[0]
        dates, commits = (
            ", ".join(sorted({r["provenance"][k] for r in every}))
            for k in ("date", "commit")
        )
        seeds = ", ".join(map(str, self.seeds))
        return (
            f"study finetune: {len(every)} runs, seeds {seeds},"
            f" {first['audit']['steps']} steps of {first['design']['batch']}\n"
            f"commits {commits}; {first['provenance']['hardware']}; {dates}"
        )


def contrasts(runs, what="exact", kind="predict"):
    """[(order, Contrast, p after Holm, (mean, low, high) by Student, verdict)]."""
    base = runs.of(what, "random", kind)
    found = [
        stats.contrast(runs.of(what, order, kind), base, MARGIN)
        for order in ORDERS[1:]
    ]
    held = stats.holm([c.p for c in found])
    student = [
        stats.mean_interval((runs.of(what, o, kind) - base).mean(1))
        for o in ORDERS[1:]
    ]
    return [
        (order, c, float(p), s, stats.verdict(c, p))
        for order, c, p, s in zip(
            ORDERS[1:], found, held, student, strict=True
        )
    ]


def last_kinds(runs, order, seed, steps=5):
    """{kind: share} of the items in the last steps of a run."""
    kept = files.read_json(f"{STUDY}/items_s{seed}.json", sealed=True)
    kind = {item["id"]: item["kind"] for item in kept["items"]}
    scores = {k: np.array(v) for k, v in kept["criteria"].items()}
    batch = runs.records[0]["design"]["batch"]
    plan = orders.make_plan(order, list(kind), scores, 1, batch, seed)
    last = [kind[i] for step in plan[-steps:] for i in step]
    return {k: last.count(k) / len(last) for k in KINDS}


def by_kind(runs, names):
    """Rows of order, exact in % by kind (mean over seeds), and predictions at the end."""
    rows = []
    for order in names:
        shares = [100 * runs.of("exact", order, kind).mean() for kind in KINDS]
        ends = "–"
        if order not in MIXED:
            ends = np.mean(
                [last_kinds(runs, order, s)["predict"] for s in runs.seeds]
            )
            ends = f"{ends:.0%}"
        rows.append((order, *shares, float(np.mean(shares)), ends))
    return rows


def spearman(x, y):
    """Rank correlation of two scores."""
    return float(scipy_stats.spearmanr(x, y).statistic)


def thirds(x):
    """0, 1 or 2: the third of the items that each belongs to, by rank."""
    rank = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    return rank * 3 // len(x)


def agreement(items, pairs, members=slice(None)):
    """Rows of pair, rank correlation, share of items in the same third."""
    rows = []
    for a, b in pairs:
        x, y = items[a][members], items[b][members]
        x, y = (-v if n == "attention" else v for n, v in ((a, x), (b, y)))
        same = float((thirds(x) == thirds(y)).mean())
        rows.append((f"{a}, {b}", spearman(x, y), same))
    return rows


def points(mean, low, high):
    """Three shares as a difference in percentage points."""
    return interval(mean, low, high, 1, 100, True)


# --- figures ------------------------------------------------------------------------------


def draw_lora():
    """A layer's matrix, which stays, and two thin ones beside it, which learn."""
    figure, axes = plt.subplots(figsize=(7, 2.9))
    axes.set(xlim=(0, 14), ylim=(0, 6), aspect="equal")
    axes.axis("off")
    boxes = (
        (0.3, 1, 0.5, 4, "#eeeeee", "x", ""),
        (3.0, 1, 4, 4, "#eeeeee", "W", "stays as it is"),
        (9.0, 1, 0.9, 4, plots.ORANGE, "B", "learns"),
        (10.4, 3.1, 3.2, 0.9, plots.ORANGE, "A", "learns"),
    )
    for x, y, w, h, color, name, words in boxes:
        axes.add_patch(
            Rectangle(
                (x, y), w, h, facecolor=color, edgecolor=plots.INK, alpha=0.8
            )
        )
        axes.text(
            x + w / 2, y + h / 2, name, ha="center", va="center", size=13
        )
        if words:
            axes.text(
                x + w / 2, y - 0.45, words, ha="center", va="center", size=9
            )
    for x, sign in ((1.7, "→"), (8.1, "+")):
        axes.text(x, 3, sign, ha="center", va="center", size=18)
    axes.text(9.45, 5.4, "r columns", ha="center", size=9)
    axes.text(12, 4.4, "r rows", ha="center", size=9)
    plt.show()


def draw_loss(tokens, start):
    """A row of tokens: which of them are asked for, and which only read."""
    figure, axes = plt.subplots(figsize=(7, 2.1))
    width = 10
    lines = -(-len(tokens) // width)
    axes.set(xlim=(0, width), ylim=(-lines, 0.1))
    axes.axis("off")
    for n, token in enumerate(tokens):
        x, y = n % width, -1 - n // width
        asked = n >= start
        axes.add_patch(
            Rectangle(
                (x + 0.04, y + 0.08),
                0.92,
                0.84,
                facecolor=plots.ORANGE if asked else "#eeeeee",
                edgecolor=plots.INK,
                linewidth=1.8 if asked else 0.5,
            )
        )
        axes.text(
            x + 0.5, y + 0.5, visible(token), ha="center", va="center", size=9
        )
    plt.show()


def visible(token):
    """A token as a figure can show it."""
    if token.startswith("<|"):
        return "start" if "endoftext" in token else "end"
    return token.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "␣")


def draw_attention(examples):
    """Attention of each answer token, mean over heads and layers: easy above hard."""
    figure, panels = plt.subplots(2, 1, figsize=(7, 5.2))
    for axes, name in zip(panels, ("easy", "hard"), strict=True):
        one = examples[name]
        weights, start = np.array(one["attention"]), one["answer_start"]
        future = np.arange(weights.shape[1]) >= (
            start + np.arange(len(weights))[:, None]
        )
        shown = np.ma.array(
            weights, mask=future
        )  # the token itself is left out
        shown[:, 0] = np.ma.masked  # see the text: most of the weight
        axes.imshow(shown, cmap="magma_r", vmin=0, vmax=0.1, aspect="auto")
        words = [visible(t) for t in one["tokens"]]
        axes.set_xticks(range(len(words)), words, rotation=90, fontsize=9)
        axes.set_yticks(range(len(weights)), words[start:], fontsize=9)
        axes.grid(visible=False)
        value = one["criteria"]["attention"]
        axes.set_title(f"{name}: standard deviation {value:.4f}")
    plt.show()


def draw_misplaced(items):
    """Each item: its loss, and what the released code takes for it."""
    figure, axes = plt.subplots(figsize=(6, 3.8))
    for kind, color, marker in zip(
        KINDS, (plots.BLUE, plots.ORANGE, plots.GREEN), "os^", strict=True
    ):
        mine = items.kinds == kind
        axes.plot(
            items["loss"][mine],
            items["misplaced loss"][mine],
            marker,
            color=color,
            ms=3.5,
            alpha=0.7,
            label=kind,
        )
    axes.set(
        xlabel="loss on the answer, nats a token",
        ylabel="with misplaced labels",
    )
    axes.legend(loc="lower right")
    plt.show()


def draw_results(runs, base):
    """Every run's exact matches: a row for each order, a dot for each seed."""
    figure, axes = plt.subplots(figsize=(7, 3.4))
    for row, order in enumerate(ORDERS):
        share = 100 * runs.of("exact", order).mean(1)
        color, marker = LOOKS[order.removesuffix("-reversed")]
        hollow = order.endswith("-reversed")
        axes.plot(
            share,
            row + 0.12 * (np.arange(len(share)) - (len(share) - 1) / 2),
            marker,
            color=color,
            mfc="white" if hollow else color,
            ms=6,
        )
        axes.plot(
            [share.mean()] * 2, [row - 0.32, row + 0.32], color=plots.INK
        )
    axes.set_yticks(range(len(ORDERS)), ORDERS)
    axes.set_ylim(len(ORDERS) - 0.5, -0.5)
    axes.set(xlabel="outputs predicted exactly, %")
    plt.show()


def draw_losses(runs, window=5):
    """The loss of each training step, smoothed: mean over seeds."""
    figure, panels = plt.subplots(1, 3, figsize=(7.2, 2.9), sharey=True)
    kernel = np.ones(window) / window
    curves = {
        order: np.mean(
            [
                np.convolve(r["losses"], kernel, "valid")
                for r in runs.records
                if r["order"] == order
            ],
            axis=0,
        )
        for order in ORDERS
    }
    for axes, criterion in zip(panels, CRITERIA, strict=True):
        for order, dashes in (
            ("random", "-"),
            (criterion, "--"),
            (f"{criterion}-reversed", ":"),
        ):
            color = LOOKS[order.removesuffix("-reversed")][0]
            words = order.replace(criterion, "").strip("-") or "as published"
            x = np.arange(len(curves[order])) + window
            axes.plot(x, curves[order], dashes, color=color, label=words)
        axes.set(title=criterion, xlabel="step")
        axes.legend(loc="upper right")
    panels[0].set_ylabel("training loss, nats")
    plt.show()

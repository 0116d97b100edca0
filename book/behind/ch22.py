"""Behind chapter 22: what a pretrained model made of the paper's orders.

- `Runs` reads `results/large`, whole blocks alone (a seed with all its arms).
- `contrasts` are the four of the protocol; `tables` and figures show them by level.
- `copier` asks the two regular expressions of chapter 5 the same questions.
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np

from behind.ch14 import copier
from curriculum import files, plots
from curriculum.evaluation import stats
from curriculum.evaluation.answers import inflate
from curriculum.finetune.data import ASKED
from curriculum.show import interval, show_table

ARMS = ("baseline", "sequential", "incremental", "hybrid", "hybrid-shuffled")
PAIRS = (
    ("sequential", "baseline"),
    ("incremental", "baseline"),
    ("hybrid", "baseline"),
    ("hybrid", "hybrid-shuffled"),
)
LEVELS = {
    "1.1": "sums", "1.2": "brackets", "2.1": "if", "2.2": "chained if",
    "3.1": "loops", "3.2": "loops with sums",
}  # fmt: skip
MARGIN = 0.02


class Runs:
    """The records of whole blocks, the test items, and the untouched model's answers."""

    def __init__(self, folder="results/large"):
        self.tests = files.read_json(f"{folder}/tests.json", sealed=True)
        self.items = self.tests["items"]
        self.levels = np.array([item["level"] for item in self.items])
        self.records, self.seeds = {arm: [] for arm in ARMS}, []
        for seed in itertools.count():
            paths = [
                files.found(folder) / f"{arm}_s{seed}.json" for arm in ARMS
            ]
            if not all(path.exists() for path in paths):
                break
            self.seeds.append(seed)
            for arm, path in zip(ARMS, paths, strict=True):
                self.records[arm].append(files.read_json(path, sealed=True))

    def exact(self, arm):
        """(seeds, items) 1 where the whole output was right."""
        return np.stack([unpacked(r, "exact") for r in self.records[arm]])

    def base(self, how="base"):
        """(items,) of the untouched model: "base" or "base after examples"."""
        return unpacked(self.tests[how], "exact")

    def copied(self):
        """(items,) of the two regular expressions."""
        start = len(ASKED["predict"]) + 1
        said = [copier(item["question"][start:]) for item in self.items]
        truth = [item["answer"] for item in self.items]
        return np.array(
            [a == b for a, b in zip(said, truth, strict=True)], float
        )

    @property
    def source(self):
        """The provenance of the results, in two lines."""
        every = [r for rows in self.records.values() for r in rows]
        first, seeds = every[0], ", ".join(map(str, self.seeds))
        commits = ", ".join(sorted({r["provenance"]["commit"] for r in every}))
        return (
            f"study large: {len(every)} runs, seeds {seeds},"
            f" {first['audit']['steps']} steps of {first['design']['batch']};\n"
            f"commit {commits}; {first['provenance']['hardware']};"
            f" {first['provenance']['date']}"
        )


def unpacked(record, what):
    """The answers of one test as numbers, one an item."""
    type_ = {"exact": "u1", "loss": "<f4"}[what]
    return np.frombuffer(inflate(record["answers"][what]), type_).astype(float)


def contrasts(runs):
    """[(arm, minus, Contrast, Student's (mean, low, high), Holm's p, verdict)]."""
    found = [
        stats.contrast(runs.exact(a), runs.exact(b), MARGIN) for a, b in PAIRS
    ]
    held = stats.holm([c.p for c in found])
    rows = []
    for (a, b), c, p in zip(PAIRS, found, held, strict=True):
        student = stats.mean_interval((runs.exact(a) - runs.exact(b)).mean(1))
        rows.append((a, b, c, student, float(p), stats.verdict(c, p)))
    return rows


def points(mean, low, high):
    """A difference in percentage points."""
    return interval(100 * mean, 100 * low, 100 * high, digits=1)


def accuracy_table(runs):
    """Per cent of the test programs, each arm: mean and single seeds."""
    rows = []
    for arm in ARMS:
        by_seed = 100 * runs.exact(arm).mean(1)
        singles = ", ".join(f"{x:.1f}" for x in by_seed)
        rows.append((arm, f"{by_seed.mean():.1f}", singles))
    return show_table(
        rows, ("arm", "executed, %", "single seeds"),
        f"SmolLM2 fine-tuned in five orders: {len(runs.items)} test programs.",
    )  # fmt: skip


def contrast_table(runs):
    """The four contrasts in points."""
    rows = [
        (
            f"{a} − {b}",
            points(c.mean, c.low, c.high),
            points(*student),
            verdict,
        )
        for a, b, c, student, _, verdict in contrasts(runs)
    ]
    return show_table(
        rows, ("comparison", "points", "Student's", "verdict"),
        f"Execution, points, {len(runs.seeds)} seeds; first interval: seeds and"
        " programs.",
    )  # fmt: skip


def level_table(columns, levels, caption):
    """Per cent by grammar level: columns {name: (…, items) right answers}."""
    rows = [
        (f"{level} {name}",
         *(f"{100 * c[..., levels == level].mean():.0f}" for c in columns.values()))
        for level, name in LEVELS.items()
    ]  # fmt: skip
    rows.append(("all", *(f"{100 * c.mean():.0f}" for c in columns.values())))
    return show_table(rows, ("level", *columns), caption)


def shown_table(runs):
    """How many easy, medium and hard items each arm was shown, mean over seeds."""
    rows = []
    for arm in ARMS:
        counts = np.mean([r["plan"]["shown"] for r in runs.records[arm]], 0)
        tokens = np.mean([r["cost"]["tokens"] for r in runs.records[arm]])
        rows.append((arm, *(f"{x:.0f}" for x in counts), f"{tokens:,.0f}"))
    return show_table(
        rows, ("arm", "easy", "medium", "hard", "tokens"),
        "Items shown in a run, by difficulty; mean over seeds.",
    )  # fmt: skip


def draw_arms(runs):
    """Each arm: a dot a seed, a bar for the mean; the untouched model and the copier."""
    _, axes = plt.subplots(figsize=(6.5, 3.2))
    for place, arm in enumerate(ARMS):
        colour = plots.schedule_style(arm)["color"]
        values = 100 * runs.exact(arm).mean(1)
        axes.plot(
            values, np.full(len(values), place), "o", color=colour, alpha=0.5
        )
        axes.plot(values.mean(), place, "|", color=colour, ms=22, mew=2.5)
    for value, name in (
        (100 * runs.copied().mean(), "two regular\nexpressions"),
        (
            100 * runs.base("base after examples").mean(),
            "untouched,\n4 examples",
        ),
    ):
        axes.axvline(value, color=plots.SOFT, ls="--", lw=1)
        axes.text(value, -0.75, name, fontsize=8.5, ha="center", va="bottom",
                  color=plots.SOFT)  # fmt: skip
    axes.set_yticks(range(len(ARMS)), ARMS)
    axes.set_ylim(len(ARMS) - 0.5, -0.7)
    axes.set_xlabel("test programs executed, %")
    axes.grid(axis="y", visible=False)
    plt.show()


def draw_losses(runs, window=10):
    """The loss of the answers while fine-tuning, mean over seeds and a few steps."""
    _, axes = plt.subplots(figsize=(6.5, 3.2))
    for arm in ARMS:
        table = np.array([r["losses"] for r in runs.records[arm]]).mean(0)
        smooth = np.convolve(table, np.ones(window) / window, "valid")
        style = plots.schedule_style(arm) | {"label": arm}
        style.pop("marker", None)
        axes.plot(np.arange(window, len(table) + 1), smooth, **style)
    starts = runs.records["hybrid"][0]["plan"]["starts"][1:-1]
    for start in starts:
        axes.axvline(start, color=plots.SOFT, lw=0.8)
    plots.label_ends(axes, gap=0.07)
    axes.set(xlabel="step", ylabel="loss of the answer, nats a token")
    plt.show()

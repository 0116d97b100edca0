"""Behind the closing chapter: all comparisons of the book, one figure, one guide.

- `Evidence` reads `results/evidence/contrasts.json`, which `book/tools/evidence.py`
  computes from the records.
- `draw_forest`: every comparison with its interval, a panel for each kind of data.
- `draw_last`: what stood last in a run, and what the run gained.
- `draw_guide`: five questions before a curriculum.
"""

from collections import Counter
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

from curriculum import files, plots
from curriculum.show import interval, show_table

# Domain: title of its panel, what a unit of its axis is, colour.
PANELS = {
    "programs": ("Programs, models from random weights",
                 "points of execution accuracy", plots.BLUE),
    "pretrained": ("Programs, a pretrained model",
                   "points of execution accuracy", plots.GREEN),
    "instructions": ("Instructions, a pretrained model",
                     "points of exact answers", plots.ORANGE),
    "questions": ("Questions about programs, a pretrained model",
                  "points of right choices", plots.PURPLE),
    "diagnoses": ("Questions about diagnoses, a pretrained model",
                  "points of right choices", plots.PURPLE),
    "networks": ("Lessons for a phone network",
                 "hundredths of utility", plots.VERMILION),
}  # fmt: skip
MARGIN = 0.01


class Evidence:
    """All comparisons, in the order of the book."""

    def __init__(self, path="results/evidence/contrasts.json"):
        self.kept = files.read_json(path, sealed=True)
        self.rows = self.kept["rows"]
        self.domains = [d for d in PANELS if any(self.of(d))]

    def of(self, domain):
        """The rows of one kind of data."""
        return [row for row in self.rows if row["domain"] == domain]

    @property
    def source(self):
        """Where the numbers come from, in a few lines."""
        one = self.kept["provenance"]
        studies = fill(", ".join(self.kept["records"]) + ";", 66)
        return f"{studies}\ncomputed at commit {one['commit']}, {one['date']}"


def side(row):
    """Where the whole interval lies: "above", "below", "both" sides of zero."""
    if row["low"] > 0:
        return "above"
    return "below" if row["high"] < 0 else "both"


def order_of(row):
    """The order that a row compares with its control."""
    return row["name"].partition(" − ")[0]


def sides_table(evidence):
    """How many intervals lie where, for each kind of data."""
    rows = []
    for domain in evidence.domains:
        mine = evidence.of(domain)
        at = Counter(side(row) for row in mine)
        seen = Counter(str(row["verdict"]) for row in mine)
        rows.append(
            (domain, len(mine), at["below"], at["both"], at["above"],
             seen["seen"], seen["ruled out"])
        )  # fmt: skip
    total = ["all", *(sum(r[i] for r in rows) for i in range(1, 7))]
    return show_table(
        [*rows, total],
        ("data", "comparisons", "below 0", "both sides", "above 0", "seen",
         "ruled out"),
        "95 % intervals of curriculum or order minus its control, by where"
        " they lie.",
    )  # fmt: skip


def domain_table(evidence, domain):
    """The rows of one panel in numbers."""
    title, unit, _ = PANELS[domain]
    rows = [
        (r["name"], r["seeds"],
         interval(100 * r["mean"], 100 * r["low"], 100 * r["high"], digits=1),
         r["verdict"] or "")
        for r in evidence.of(domain)
    ]  # fmt: skip
    return show_table(
        rows, ("comparison", "seeds", "difference", "verdict"),
        f"{title}: {unit} [two-way bootstrap].",
    )  # fmt: skip


def draw_forest(evidence):
    """Every comparison: mean and interval, a panel for each kind of data."""
    sizes = [len(evidence.of(d)) for d in evidence.domains]
    _, panels = plt.subplots(
        len(sizes), 1, figsize=(7, 0.25 * sum(sizes) + 0.72 * len(sizes)),
        height_ratios=[n + 1.2 for n in sizes], constrained_layout=True,
    )  # fmt: skip
    for axes, domain in zip(
        np.atleast_1d(panels), evidence.domains, strict=True
    ):
        _panel(axes, evidence, domain)
    plt.show()


def _panel(axes, evidence, domain):
    title, unit, colour = PANELS[domain]
    mine = evidence.of(domain)
    axes.axvspan(-100 * MARGIN, 100 * MARGIN, color="#e5e7eb", zorder=0)
    axes.axvline(0, color=plots.INK, lw=1)
    for place, row in enumerate(mine):
        ends = (100 * row[k] for k in ("mean", "low", "high"))
        decided = row["verdict"] not in (None, "open")
        plots.interval(
            axes, place, *ends, color=colour, marker="o",
            markerfacecolor=colour if decided else "white", ms=5,
        )  # fmt: skip
    names = [f"{r['name']} ({r['seeds']})" for r in mine]
    axes.set_yticks(range(len(mine)), names, fontsize=8.5)
    axes.set_ylim(len(mine) - 0.4, -0.6)
    axes.set_xlabel(unit, fontsize=9)
    axes.set_title(title)
    axes.grid(axis="y", visible=False)


def draw_last(evidence):
    """Instructions: share of tested items in the last steps, and the gain over random."""
    mine = [r for r in evidence.of("instructions") if "last" in r]
    _, axes = plt.subplots(figsize=(6.5, 3.4))
    points = [(100 * r["last"], 100 * r["mean"], order_of(r)) for r in mine]
    points.append((100 * evidence.kept["random, last"], 0.0, "random"))
    for x, y, name in points:
        axes.plot(
            x, y, "o", color=plots.ORANGE if name != "random" else plots.INK
        )
        left = x > 80
        axes.annotate(
            name, (x, y), xytext=(-7 if left else 7, 4),
            textcoords="offset points", ha="right" if left else "left",
            fontsize=9,
        )  # fmt: skip
    axes.axhline(0, color=plots.SOFT, lw=1)
    axes.set(
        xlabel="of the items in the last five steps, % of the tested kind",
        ylabel="points above random", xlim=(-4, 104),
    )  # fmt: skip
    plt.show()


def last_table(evidence):
    """The points of `draw_last`, sorted by what stood last."""
    mine = [r for r in evidence.of("instructions") if "last" in r]
    rows = [(order_of(r), r["last"], 100 * r["mean"]) for r in mine]
    rows.append(("random", evidence.kept["random, last"], 0.0))
    return show_table(
        sorted(rows, key=lambda row: row[1]),
        ("order", "tested kind, last steps", "points above random"),
        "SmolLM2 fine-tuned in seven orders, 3 seeds: what stood last, and"
        " the gain.",
        {"tested kind, last steps": ".0%", "points above random": "+.1f"},
    )  # fmt: skip


def label_table(evidence):
    """What the order alone does, by difficulty."""
    rows = [
        (
            r["label"],
            interval(*(100 * r[k] for k in ("mean", "low", "high")), digits=1),
        )
        for r in evidence.kept["order alone, by label"]
    ]
    return show_table(
        rows, ("programs", "hybrid − hybrid-shuffled"),
        "Points of execution, order alone, 16 seeds [Student's interval].",
    )  # fmt: skip


# --- the guide ---

QUESTIONS = (
    ("Could you see the gain\nyou hope for?", "no",
     "Shuffle. Or first:\nmore seeds, more tests"),
    ("Does your loop feed\nwhat you planned?", "no",
     "Audit it first"),
    ("Does the difficulty score\npredict your model's errors?", "no",
     "Shuffle; or take the\nmodel's own loss"),
    ("Noisy data, or far too\nfew steps for it?", "no",
     "Shuffle; spend the\neffort on the data"),
    ("Does what you test\ncome last, too?", "no",
     "Replay it, or end\nwith a shuffled phase"),
)  # fmt: skip
END = "Try a curriculum, beside\nits own programs shuffled"


def draw_guide():
    """Five questions; whoever can say yes to all has a reason to try."""
    height = 1.25
    _, axes = plt.subplots(
        figsize=(6.6, 0.95 * (len(QUESTIONS) + 1) * height * 0.8)
    )
    for i, (asked, _, advice) in enumerate(QUESTIONS):
        y = -i * height
        _box(axes, 0, y, f"{i + 1}  {asked}", "white", plots.INK)
        _box(axes, 5.2, y, advice, "#f3f4f6", plots.SOFT)
        _arrow(axes, (1.75, y), (3.6, y), "no", above=True)
        _arrow(axes, (0, y - 0.42), (0, y - height + 0.42), "yes")
    _box(axes, 0, -len(QUESTIONS) * height, END, "#dbeafe", plots.BLUE)
    axes.set_xlim(-1.9, 7)
    axes.set_ylim(-len(QUESTIONS) * height - 0.55, 0.55)
    axes.axis("off")
    plt.show()


def _box(axes, x, y, text, face, edge):
    box = {"boxstyle": "round,pad=0.45", "facecolor": face, "edgecolor": edge}
    axes.text(x, y, text, ha="center", va="center", fontsize=9.5, bbox=box,
              color=plots.INK)  # fmt: skip


def _arrow(axes, tail, head, label, above=False):
    axes.annotate(
        "", head, tail, arrowprops={"arrowstyle": "->", "color": plots.SOFT}
    )
    x, y = (tail[0] + head[0]) / 2, (tail[1] + head[1]) / 2
    axes.text(x + (0 if above else 0.12), y + (0.1 if above else 0), label,
              fontsize=9, color=plots.SOFT, ha="center" if above else "left",
              va="bottom" if above else "center")  # fmt: skip

"""One look for the whole book: a style, and a colour *and* line style per schedule.

- Schedules have Okabe–Ito colours, which readers with any colour vision can tell apart,
  and their own dashes and marker, because a page may be printed. Difficulty levels have
  three shades of violet, which no schedule has.
- White background, one size, fonts of at least 9 points, no box around the axes.
- Figures label their curves directly where there is room (`label_ends`).
- The figures that many chapters share are here: `draw_plan`, `draw_curves`,
  `draw_differences`.

Every chapter uses it; the notation page prints the table of styles.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .evaluation.stats import mean_interval

SIZE = (7.0, 3.6)  # inches: the text column of the page at 100 dots per inch

INK, SOFT = "#1f2430", "#6b7280"
ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
LIGHT, MIDDLE, DARK = "#B3A8DC", "#7D67C0", "#38206E"  # one hue: no schedule has it

# schedule: (colour, dashes, marker). Controls are dotted or dash-dotted.
SCHEDULES = {
    "baseline": (BLACK, "-", "o"),
    "sequential": (VERMILION, "--", "s"),
    "incremental": (BLUE, (0, (7, 2)), "^"),
    "hybrid": (GREEN, "-", "D"),
    "anti": (PURPLE, "-.", "v"),
    "random-order": (ORANGE, ":", "P"),
    "hard-only": (SKY, (0, (1, 1)), "X"),
    "hybrid-shuffled": (GREEN, ":", "d"),
    "warmup": (SKY, "--", "p"),
}
# difficulty label: (colour, dashes, marker, hatch)
LEVELS = {
    "easy": (LIGHT, "-", "o", ""),
    "medium": (MIDDLE, "--", "s", "//"),
    "hard": (DARK, ":", "^", "xx"),
}


def style() -> None:
    """Set the book's figure style for this session (call once, in the first cell)."""
    plt.rcParams.update(
        {
            "figure.figsize": SIZE,
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": SOFT,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": SOFT,
            "ytick.color": SOFT,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "axes.grid": True,
            "grid.color": "#e5e7eb",
            "grid.linewidth": 0.8,
            "axes.axisbelow": True,
            "lines.linewidth": 1.8,
            "lines.markersize": 5,
            "axes.prop_cycle": plt.cycler(
                color=[BLUE, ORANGE, GREEN, VERMILION, PURPLE]
            ),
        }
    )


def schedule_style(name: str) -> dict:
    """Line keywords of a schedule; grey for a name that has no style of its own."""
    plain, _, with_restarts = name.partition(", ")
    colour, dashes, marker = SCHEDULES.get(plain, (SOFT, "-", "."))
    if with_restarts:
        dashes = "--"
    return {"color": colour, "linestyle": dashes, "marker": marker}


def level_style(name: str) -> dict:
    """Line keywords of a difficulty label (easy, medium, hard)."""
    colour, dashes, marker, _ = LEVELS[name]
    return {"color": colour, "linestyle": dashes, "marker": marker}


def label_ends(axes, gap: float = 0.04) -> None:
    """Write each line's label at its right end, moved apart so that none overlap.

    Args: gap: least distance between labels, as a share of the axes' height.
    """
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    lines = [line for line in lines if len(line.get_xdata())]
    low, high = axes.get_ylim()
    ends = [float(np.asarray(line.get_ydata())[-1]) for line in lines]
    placed = -np.inf
    for index in np.argsort(ends, kind="stable"):
        place = max(ends[index], placed + gap * (high - low))
        placed = place
        axes.annotate(
            lines[index].get_label(),
            (np.asarray(lines[index].get_xdata())[-1], place),
            xytext=(8, 0),
            textcoords="offset points",
            color=lines[index].get_color(),
            va="center",
            fontsize=9,
            annotation_clip=False,
        )


def interval(axes, position, mean, low, high, **line) -> None:
    """A point with its interval, drawn as a horizontal bar at height `position`."""
    keywords = {"color": INK, **line, "linestyle": "none"}
    axes.errorbar(
        mean, position, xerr=[[mean - low], [high - mean]], capsize=3, **keywords
    )


def draw_plan(axes, plan, label_of, blocks: int = 70) -> np.ndarray:
    """The plan as bands: which labels it draws over the run, with stage lines.

    Args:
        plan: a `Plan`. label_of: (N,) 0 easy, 1 medium, 2 hard, by program id.
        blocks: parts of the run that shares are averaged over; a part that two stages
            share is cut where the second begins.
    Returns: (blocks, 3) the shares drawn, each row summing to 1; a cut adds a block.
    """
    edges = np.linspace(0, plan.steps, blocks + 1).astype(int)
    edges = np.unique(np.concatenate([edges, plan.starts]))
    parts = np.split(np.asarray(label_of)[plan.table], edges[1:-1])
    shares = np.array([[(part == i).mean() for i in range(3)] for part in parts])
    heights = np.concatenate([shares, shares[-1:]]).T  # (3, edges)
    colours = [v[0] for v in LEVELS.values()]
    bands = axes.stackplot(edges, heights, colors=colours, step="post")
    for band, name in zip(bands, LEVELS, strict=True):
        band.set(hatch=LEVELS[name][3], edgecolor="white", linewidth=0)
    for start in plan.starts[1:-1]:
        axes.axvline(start, color=INK, linewidth=1)
    steps = (edges[:-1] + edges[1:]) / 2
    floor = np.cumsum(shares, 1) - shares
    for i, name in enumerate(LEVELS):  # named where its band is thickest
        at = int(shares[:, i].argmax())
        if shares[at, i] > 0.08:
            near = shares[:, i] > 0.9 * shares[at, i]
            at = int(np.median(np.flatnonzero(near)))
            inside = np.clip(steps[at] / plan.steps, 0.06, 0.94)
            axes.text(
                inside * plan.steps,
                floor[at, i] + shares[at, i] / 2,
                name,
                ha="center",
                va="center",
                fontsize=9,  # the bands of a small panel are narrow
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )
    axes.set(xlabel="training step", ylabel="share of the programs drawn")
    axes.set(xlim=(0, plan.steps), ylim=(0, 1))
    axes.grid(False)
    return shares


def draw_curves(axes, curve, key: str = "valid", starts=()) -> None:
    """Loss per difficulty label over the steps of one run, from its log.

    Args:
        curve: lines of `training.read_log`, or a record's "curve".
        key: "valid" (all characters) or "answer" (those of the output alone).
        starts: steps at which stages begin, drawn as vertical lines.
    """
    steps = [line["step"] for line in curve]
    for name in LEVELS:
        loss = [line[key][name] for line in curve]
        axes.plot(steps, loss, label=name, markevery=3, **level_style(name))
    for start in starts:
        axes.axvline(start, color=SOFT, linewidth=1)
    label_ends(axes)
    axes.set(xlabel="training step", ylabel="loss (nats per character)")


def draw_differences(axes, rows) -> None:
    """Paired differences between arms: a dot per seed, the mean with its interval.

    Args: rows: {name: (n,) differences, one per seed}, drawn from top to bottom.
    """
    for place, (name, values) in enumerate(rows.items()):
        mean, low, high = mean_interval(values)
        colour = schedule_style(name)["color"]
        axes.plot(
            values, np.full(len(values), place + 0.18), "o", color=colour, alpha=0.5
        )
        if np.isfinite(low):
            interval(axes, place, mean, low, high, color=colour, marker="D")
        else:
            axes.plot(mean, place, "D", color=colour)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)

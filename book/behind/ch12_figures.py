"""Behind chapter 12: its figures, and the small schedules that two of them draw."""

import heapq

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import ticker
from matplotlib.patches import Rectangle

from curriculum import plots

PALE = "#d6eaf8"


def timeline(issue, work, calls):
    """When a GPU begins each of some calls, and ends the last: ((calls,), end).

    A call begins when it has been issued and the one before it has ended.
    """
    starts, end = [], 0.0
    for number in range(calls):
        starts.append(max((number + 1) * issue, end))
        end = starts[-1] + work
    return np.array(starts), end


def longest_first(jobs, cores):
    """(core, start, seconds) of every job: the longest goes to the core free first."""
    free, rows = [(0.0, core) for core in range(cores)], []
    for seconds in sorted(jobs, reverse=True):
        start, core = heapq.heappop(free)
        rows.append((core, start, seconds))
        heapq.heappush(free, (start + seconds, core))
    return rows


def _bare(axes):
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)


def draw_roofline(peak, bandwidth, points):
    """The roof of a machine, and measured operations under it."""
    figure, axes = plt.subplots()
    grid = np.geomspace(0.3, 300, 200)
    roof = np.minimum(peak, grid * bandwidth) / 1e9
    axes.plot(grid, roof, color=plots.INK)
    axes.text(300, peak * 1.25 / 1e9, "peak of a large product", ha="right")
    marks = {"product": ("s", plots.BLUE), "GELU": ("^", plots.VERMILION),
             "norm": ("o", plots.ORANGE)}  # fmt: skip
    bulk = {"nano": 4, "pocket": 7, "paper": 10}
    for (size, name), (x, speed) in points.items():
        marker, colour = marks[name]
        axes.plot(x, speed / 1e9, marker, color=colour, markersize=bulk[size])
        if size == "paper":
            below = (0, -18) if name == "product" else (28, -3)
            axes.annotate(
                name, (x, speed / 1e9), color=plots.INK, xytext=below,
                textcoords="offset points", ha="center",
            )  # fmt: skip
    top = max(peak, *(speed for _, speed in points.values()))
    axes.set(
        xscale="log", yscale="log", ylim=(None, top * 2.5 / 1e9), xlim=(0.3, 300),
        xlabel="arithmetic intensity (operations per byte)",
        ylabel="billion operations a second",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.LogLocator(subs=(1, 3)))
        axis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    plt.show()


def draw_orders(orders, taken):
    """Seconds of eight measurements of A and B, in two orders."""
    figure, pair = plt.subplots(1, len(orders), figsize=(7, 2.4), sharey=True)
    titles = "one after the other", "in turns"
    for axes, order, title in zip(pair, orders, titles, strict=True):
        axes.set_title(title)
        look = {"A": plots.BLUE, "B": plots.ORANGE}
        colours = [look[name] for name in order]
        axes.bar(range(len(order)), taken, color=colours, width=0.7)
        axes.set_xticks(range(len(order)), order)
        axes.grid(axis="x", visible=False)
        axes.set(xlabel="measurements, in the order they were taken")
    pair[0].set(ylabel="seconds")
    plt.show()


def draw_splits(speed, waste):
    """Speed by micro-batches in a step: characters, and padding on top."""
    figure, axes = plt.subplots()
    bars = np.arange(len(speed))
    useful = np.array(list(speed.values())) / speed[8]
    padding = useful / (1 - np.array([waste[k] for k in speed])) - useful
    axes.bar(bars, useful, color=plots.BLUE, width=0.6)
    axes.bar(bars, padding, bottom=useful, color="white", edgecolor=plots.SOFT,
             hatch="//", width=0.6)  # fmt: skip
    for x, k in enumerate(speed):
        top = useful[x] + padding[x] + 0.02
        axes.text(x, top, f"{waste[k]:.0%}", ha="center", fontsize=9)
    side = {"rotation": 90, "ha": "right", "va": "center"}
    axes.text(-0.38, useful[0] / 2, "characters", color=plots.BLUE, **side)
    axes.text(-0.38, useful[0] + padding[0] / 2, "padding", **side)
    axes.set_xticks(bars, speed)
    axes.grid(axis="x", visible=False)
    axes.set(
        xlabel="micro-batches in a step of 64 programs", xlim=(-0.8, None),
        ylabel="positions a second\n(1 = characters with 8)",
    )  # fmt: skip
    plt.show()


def draw_cores(jobs, products=12, seed=3):
    """A step on two cores: products cut in two, or micro-batches kept whole."""
    figure, pair = plt.subplots(2, 1, figsize=(7, 3.4), sharex=True)
    whole = sum(jobs) / 2
    halves = np.random.default_rng(seed).uniform(0.6, 1.4, (products, 2))
    halves *= whole / halves.sum(0).mean()  # the same work as below
    start = 0.0
    for each in halves:
        for core, seconds in enumerate(each):
            _bar(pair[0], core, start, seconds, plots.BLUE)
            gap = each.max() - seconds
            if gap:
                _bar(pair[0], core, start + seconds, gap, "white")
        start += each.max()
    for core, begin, seconds in longest_first(jobs, 2):
        _bar(pair[1], core, begin, seconds, plots.BLUE)
    titles = "every product cut in two", "whole micro-batches, longest first"
    for axes, title in zip(pair, titles, strict=True):
        axes.set_title(title)
        axes.set(xlim=(0, start * 1.01), ylim=(1.6, -0.6), xticks=[])
        axes.set_yticks([0, 1], ["core 1", "core 2"])
        _bare(axes)
    pair[1].set(xlabel="time")
    plt.show()


def _bar(axes, lane, start, seconds, colour, height=0.7):
    hatch = "////" if colour == "white" else None
    edge = plots.SOFT if colour == "white" else "white"
    axes.barh(lane, seconds, left=start, height=height, color=colour,
              edgecolor=edge, linewidth=0.8, hatch=hatch)  # fmt: skip


def draw_calls(issue=1.0, small=0.3, large=1.8, calls=8):
    """Calls that are issued by a processor and computed by a GPU."""
    figure, pair = plt.subplots(2, 1, figsize=(7, 3.6), sharex=True)
    titles = (
        "small products: the GPU waits for calls",
        "large products: the GPU is always busy",
    )
    for axes, work, title in zip(pair, (small, large), titles, strict=True):
        starts, end = timeline(issue, work, calls)
        for number, start in enumerate(starts):
            colour = plots.BLUE if number % 2 else plots.SKY
            _bar(axes, 0, number * issue, issue, colour)
            _bar(axes, 1, start, work, colour)
        axes.set_title(title)
        axes.set(ylim=(1.6, -0.6), xticks=[])
        axes.set_yticks([0, 1], ["processor\nissues", "GPU\ncomputes"])
        _bare(axes)
    pair[1].set(xlabel="time", xlim=(0, end * 1.01))
    plt.show()


def draw_stack(members=4):
    """M products in M calls, and the same in one call on a stack."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 2.9))

    def product(axes, x, y, names):
        for left, width, name in zip((0, 3.3), (1.6, 1.1), names, strict=True):
            box = Rectangle((left + x, y), width, 0.9, facecolor=PALE,
                            edgecolor=plots.BLUE)  # fmt: skip
            axes.add_patch(box)
            middle = left + x + width / 2
            axes.text(middle, y + 0.45, name, ha="center", va="center")

    for m in range(members):
        y = 1.25 * (members - 1 - m)
        product(pair[0], 0, y, (f"x[{m}]", f"W[{m}]"))
        pair[0].text(2.45, y + 0.45, "@", ha="center", va="center")
        pair[0].text(5.0, y + 0.45, f"call {m + 1}", va="center")
    for m in reversed(range(members)):
        names = ("x[0]", "W[0]") if m == 0 else ("", "")
        product(pair[1], 0.32 * m, 1.5 + 0.22 * m, names)
    pair[1].text(2.95, 1.95, "@", ha="center", va="center")
    pair[1].text(5.6, 2.25, "one call", va="center")
    titles = "one model after the other", "stacked"
    for axes, title in zip(pair, titles, strict=True):
        axes.set_title(title)
        axes.set(xlim=(-0.2, 7.2), ylim=(-0.3, 1.25 * members))
        axes.set(xticks=[], yticks=[])
        _bare(axes)
    plt.show()


def draw_cache(prompt=5, new=4):
    """Places computed for each new character, without a cache and with one."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 2.9), sharey=True)
    for axes, cached in zip(pair, (False, True), strict=True):
        for row in range(new):
            for place in range(prompt + row):
                fresh = not cached or row == 0 or place == prompt + row - 1
                colour = plots.BLUE if fresh else PALE
                box = Rectangle((place, -row), 0.85, 0.7, facecolor=colour)
                axes.add_patch(box)
        axes.set(xlim=(-0.3, prompt + new), ylim=(-new + 0.6, 1.2))
        axes.set_title("with a cache" if cached else "without a cache")
        axes.set(xlabel="place in the text", xticks=[])
        axes.set_yticks(
            [0.35 - row for row in range(new)],
            [f"character {row + 1}" for row in range(new)],
        )
        _bare(axes)
    plt.show()

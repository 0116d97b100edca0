"""Behind chapter 17: the figures, and a piece of the laboratory that measures here."""

import html
import json

import matplotlib.pyplot as plt
import numpy as np

from curriculum import plots, quantise

TASKS = {"token": "next character", "line": "next line", "execution": "output"}
MODELS = {
    "baseline_s0": "baseline",
    "hybrid_s0": "hybrid",
    "sequential_s0": "sequential",
}
PROMPT, TRUTH = "a = 3\nb = 4\nprint(a + b)\n# output\n", "# 7\n\n"


def draw_row(table, bits, row=0):
    """The weights of one row, and the values that rounding leaves them."""
    weights = table[row : row + 1]
    integers, scale = quantise.quantised(weights, bits)
    rounded = quantise.restored(integers, scale, bits)
    size = quantise.GROUP[bits] or weights.size
    fig, axes = plt.subplots(figsize=(6, 3.4))
    at = np.arange(weights.size)
    axes.plot(at, weights[0], "o", ms=4, mfc="none", label="trained")
    axes.plot(
        at, rounded[0], "_", ms=7, mew=2, label=f"rounded to {bits} bits"
    )
    for edge in range(size, weights.size, size):
        axes.axvline(edge - 0.5, color=plots.SOFT, lw=1, ls=":")
    axes.set(xlabel="place in the row (dotted: a new group)", ylabel="weight")
    axes.legend(loc="upper right", ncols=2)
    plt.show()


def draw_cost(rows):
    """Points lost by rounding, each model and task, with intervals over programs."""
    fig, panels = plt.subplots(3, 1, figsize=(6, 6), sharex=True)
    for axes, (task, words) in zip(panels, TASKS.items(), strict=True):
        for i, bits in enumerate((8, 4)):
            for k, model in enumerate(MODELS):
                (row,) = chosen(rows, model, bits, task)
                y = i + 0.24 * (k - 1)
                low, high = (100 * x for x in row["interval"])
                look = plots.schedule_style(MODELS[model])
                axes.plot([low, high], [y, y], color=look["color"], lw=1.6)
                axes.plot(
                    100 * row["difference"],
                    y,
                    look["marker"],
                    color=look["color"],
                    label=MODELS[model] if i == 0 else None,
                )
        axes.axvline(0, color=plots.SOFT, lw=1)
        axes.set(yticks=[0, 1], yticklabels=["8 bits", "4 bits"], title=words)
        axes.set_ylim(1.6, -0.6)
    panels[0].legend(loc="upper left", fontsize=9)
    panels[-1].set_xlabel("points of accuracy, against 16 bits")
    plt.show()


def chosen(rows, model, bits, task):
    """The rows of the results of one model, number of bits and task."""
    wanted = {"model": model, "bits": bits, "task": task}
    return [r for r in rows if all(r[k] == v for k, v in wanted.items())]


def error_by_group(table, sizes):
    """[(size, root mean square of the rounding with 4 bits, bits a weight)]."""
    found = []
    for size in sizes:
        rounded = quantise.restored(
            *quantise.quantised(table, 4, size), 4, size
        )
        error = float(np.sqrt(((rounded - table) ** 2).mean()))
        found.append((size, error, 4 + 16 / size))
    return found


class Device:
    """A page's button that measures; words where there is no JavaScript."""

    def __init__(self, found):
        speeds = {
            r["bits"]: r["speed"]
            for r in found["speeds"]
            if "page" in r["what"]
        }
        rows = [
            {
                "bits": bits,
                "bytes": chosen(found["rounding"], "hybrid_s0", bits, "token")[
                    0
                ]["bytes"],
                "book": sorted(speeds[bits])[len(speeds[bits]) // 2],
                "model": "hybrid_s0" if bits == 16 else f"hybrid_s0_int{bits}",
            }
            for bits in (16, 8, 4)
        ]
        given = {
            "prompt": PROMPT,
            "truth": TRUTH,
            "most": 120,
            "rounds": 5,
            "rows": rows,
        }
        self.committed = html.escape(json.dumps(given))

    def __repr__(self):
        return "A button of the built book measures your device."

    def _repr_html_(self):
        return (
            f'<div id="lab-phone" data-committed="{self.committed}"><p>In the built book,'
            " with JavaScript, a button here measures your device.</p></div>\n"
            '<script defer src="../_static/lab/page.js"></script>\n'
            '<script defer src="../_static/lab/phone.js"></script>'
        )

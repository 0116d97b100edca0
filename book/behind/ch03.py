"""Behind chapter 3: how scorers are shown, faulty labellers, and the figures."""

import html

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from curriculum import difficulty, plots
from curriculum.difficulty import LABELS, SCORERS, score, score_many
from curriculum.evaluation import stats


def show_halstead(source, how):
    """Print what one way of counting sees, and Halstead's difficulty from it."""
    h = difficulty.explain_halstead(source, how)
    print(f"counted by {how}")
    for name, found in (("operators", h.operators), ("operands", h.operands)):
        words = "  ".join(f"{word} ×{n}" for word, n in found)
        print(f"{name:9} {words}".rstrip())
    print(
        f"n1 = {h.n1}, n2 = {h.n2}, N2 = {h.N2},"
        f" HD = {h.n1}/2 · {h.N2}/{h.n2} = {h.difficulty:.2f}\n"
    )


class Registry:
    """The registry of scorers as a table: name, unit, needs, definition."""

    def __repr__(self):
        return "\n".join(
            f"{s.name} ({s.unit}; {s.needs})" for s in SCORERS.values()
        )

    def _repr_html_(self):
        rows = "\n".join(
            f"<tr><td><code>{s.name}</code></td><td>{s.unit}</td><td>{s.needs}</td>"
            f"<td>{html.escape(s.definition)}<br>"
            f"<em>Source: {html.escape(s.source)}</em></td></tr>"
            for s in SCORERS.values()
        )
        head = "".join(
            f"<th>{w}</th>" for w in ("scorer", "unit", "needs", "definition")
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def rank_correlation(pairs):
    return spearmanr(pairs[:, 0], pairs[:, 1]).statistic


def validity(scores, loss, draws):
    """Rank correlation of each score with a loss, with its interval over programs."""
    found = {}
    for name, values in scores.items():
        pairs = np.column_stack((values, loss))
        ends = stats.bootstrap(pairs, rank_correlation, draws)
        found[name] = (rank_correlation(pairs), *ends)
    return found


def form(code):
    """Which kind of condition a program of level 2.1 has."""
    return (
        "elif" if "elif" in code else "else" if "else" in code else "if only"
    )


# Two ways to write the same; TinyPy has none of these constructs.
TRY = "try: f(a)\nexcept E: a = 1\nexcept F: a = 2\nelse: g(a)"
DEF = "def f(a, b = 1):\n    return a + b"
TEXT = '\n    """The sum.\n\n    Or more.\n    """'
TWO_WAYS = {
    "except*": (TRY, TRY.replace("except", "except*")),
    "docstring": (DEF, DEF.replace(":", ":" + TEXT)),
    "type hints": (DEF, "def f(a: int, b: int = 1) -> int:\n    return a + b"),
    "hinted name": ("a = b + 1", "a: int | None = b + 1"),
    "default": ("d = a or b\ndef f(c=d): g", "def f(c=a or b): g"),
    "assert": ("if not (a and b): raise E", "assert a and b"),
    "match": ("if a == 1 or a == 2: b", "match a:\n    case 1 | 2: b"),
    "chain": ("a = 0 < b and b < 9", "a = 0 < b < 9"),
    "not in": ("a = not b in c", "a = b not in c"),
}


def two_ways(names):
    """Rows: the pair's name, and each score once where both ways agree, else twice."""
    for name, (one, other) in TWO_WAYS.items():
        a, b = score(one), score(other)
        both = [(f"{a[n]:.3g}", f"{b[n]:.3g}") for n in names]
        yield name, *(x if x == y else f"{x} | {y}" for x, y in both)


def report(source, table, cdm):
    """Rows: static scores of one program, and how many programs of `table` score less."""
    names = [name for name in table if name not in difficulty.DYNAMIC]
    found = score(source, names, "your program", cdm=cdm)
    return [
        (n, f"{v:.2f}", f"{np.mean(table[n] < v):.0%}")
        for n, v in found.items()
    ]


# --- labellers: one is sound ---------------------------------------------------------


def labeller_a(codes):
    values = score_many(codes, ["om_token"]).table["om_token"]
    return difficulty.label(np.sort(values, kind="stable"), "tertiles")


def labeller_b(codes):
    values = score_many(codes, ["om_token"]).table["om_token"]
    return difficulty.label(values, "tertiles")


def labeller_c(codes):
    unique = sorted(set(codes))
    values = score_many(unique, ["om_token"]).table["om_token"]
    labels = difficulty.label(values, "tertiles")
    return labels[np.arange(len(codes)) % len(unique)]


# --- figures ---------------------------------------------------------------------------


def draw_graph():
    """The program of the chapter's beginning as a graph of its paths."""
    boxes = {
        "a = 4\nb = 7": (0, 2),
        "a < b ?": (1, 2),
        "print(a + 1)": (2, 3),
        "print(b)": (2, 1),
        "end": (3, 2),
    }
    steps = [(0, 1, ""), (1, 2, "yes"), (1, 3, "no"), (2, 4, ""), (3, 4, "")]
    spots = list(boxes.values())
    figure, axes = plt.subplots(figsize=(7, 2.2))
    for start, stop, word in steps:
        shrink = {"shrinkA": 22, "shrinkB": 16 if stop == 4 else 24}
        arrow = {"arrowstyle": "->", "color": plots.INK, **shrink}
        axes.annotate(
            "", spots[stop], spots[start], zorder=1, arrowprops=arrow
        )
        x, y = np.mean([spots[start], spots[stop]], axis=0)
        lift = 0.12 if stop == 2 else -0.32
        axes.text(x - 0.06, y + lift, word, ha="center", fontsize=9)
    box = {
        "boxstyle": "round,pad=0.4",
        "facecolor": "#d6eaf8",
        "edgecolor": plots.SOFT,
    }
    for text, (x, y) in boxes.items():
        axes.text(
            x, y, text, ha="center", va="center", family="monospace", fontsize=9.5,
            bbox=box,
        )  # fmt: skip
    axes.set(xlim=(-0.4, 3.4), ylim=(0.5, 3.5))
    axes.axis("off")
    plt.show()
    print(
        f"{len(steps)} edges - {len(boxes)} nodes + 2 = {len(steps) - len(boxes) + 2}"
    )


def draw_labels(labels, levels):
    """Labels by grammar level, a panel for each scorer: {scorer: (programs,)}."""
    known = np.unique(levels)
    figure, pair = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    for axes, (name, found) in zip(pair, labels.items(), strict=True):
        left = np.zeros(len(known))
        for i, word in enumerate(LABELS):
            colour, _, _, hatch = plots.LEVELS[word]
            parts = [100 * np.mean(found[levels == v] == i) for v in known]
            look = {"color": colour, "hatch": hatch, "edgecolor": "white"}
            axes.barh(known, parts, left=left, label=word, **look)
            left += parts
        axes.set(title=name, xlabel="programs (%)", xlim=(0, 100))
        axes.grid(False)
    pair[0].set(ylabel="grammar level")
    pair[0].invert_yaxis()
    handles = axes.get_legend_handles_labels()
    figure.legend(*handles, ncols=3, loc="outside upper center")
    plt.show()


SHOWN = (
    "lines", "characters", "cyclomatic", "halstead_token", "om_token", "om_radon",
    "halstead_radon", "unfamiliarity", "cdm", "steps", "largest", "digits",
)  # fmt: skip


def draw_agreement(agree):
    """Lower triangle of the rank correlations between scorers."""
    at = [agree.names.index(name) for name in SHOWN]
    rho = agree.spearman[np.ix_(at, at)]
    figure, axes = plt.subplots(figsize=(7, 5.2))
    axes.imshow(
        np.where(np.tri(len(at), k=-1), rho, np.nan),
        cmap="PuOr_r", vmin=-1.1, vmax=1.1, aspect="auto",
    )  # fmt: skip
    for i in range(len(at)):
        for j in range(i):
            text = f"{rho[i, j]:.2f}".replace("-0.00", "0.00")
            colour = "white" if abs(rho[i, j]) > 0.75 else "black"
            axes.text(
                j, i, text, ha="center", va="center", fontsize=9, color=colour
            )
    axes.set_xticks(range(len(at) - 1), SHOWN[:-1], rotation=40, ha="right")
    axes.set_yticks(range(1, len(at)), SHOWN[1:])
    axes.set(xlim=(-0.5, len(at) - 1.5), ylim=(len(at) - 0.5, 0.5))
    axes.grid(False)
    plt.show()


def draw_cdm(picked, reference):
    """The three parts of the CDM of an easy and a hard program: {label: source}."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 2.9), sharey=True)
    for axes, (word, source) in zip(pair, picked.items(), strict=True):
        parts = reference.parts(source)
        colour, _, _, hatch = plots.LEVELS[word]
        look = {"color": colour, "hatch": hatch, "edgecolor": "white"}
        axes.barh(list(parts), parts.values(), **look)
        axes.axvline(reference.score(source), color=plots.INK, linestyle="--")
        axes.set(xlim=(0, 1), xlabel="share of the corpus that is easier")
        axes.set_title(f"{word}: CDM {reference.score(source):.2f}")
    pair[0].invert_yaxis()
    plt.show()


KINDS = {
    "source": (plots.BLUE, "o"), "corpus": (plots.ORANGE, "s"), "run": (plots.GREEN, "D"),
}  # fmt: skip


def draw_validity(valid_for, ranked):
    """Rank correlations with two losses, with intervals, by what a scorer needs."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 4.4), sharey=True)
    for axes, (title, found) in zip(pair, valid_for.items(), strict=True):
        for kind, (colour, marker) in KINDS.items():
            look = {"color": colour, "marker": marker}
            for y, name in enumerate(ranked):
                if SCORERS[name].needs == kind:
                    plots.interval(axes, y, *found[name], **look)
            axes.plot([], [], linestyle="", label=kind, **look)
        axes.axvline(0, color=plots.SOFT, linewidth=1)
        plain = found["characters"][0]
        axes.axvline(plain, color=plots.BLUE, linestyle=":", linewidth=1.2)
        axes.set(title=title, xlabel="rank correlation", xlim=(-0.55, 0.55))
    pair[0].set_yticks(range(len(ranked)), ranked)
    pair[0].invert_yaxis()
    pair[0].legend(title="needs", loc="lower right")
    plt.show()


def draw_accuracy(accuracy):
    """Accuracy by label, a row for each scorer: {name: [(share, low, high)] * 3}."""
    figure, axes = plt.subplots(figsize=(7, 3.4))
    for y, values in enumerate(accuracy.values()):
        for i, (word, ends) in enumerate(zip(LABELS, values, strict=True)):
            look = plots.level_style(word) | {
                "label": word if y == 0 else None
            }
            plots.interval(
                axes, y + 0.22 * (i - 1), *(100 * x for x in ends), **look
            )
    axes.set_yticks(range(len(accuracy)), accuracy)
    axes.invert_yaxis()
    axes.set(xlabel="outputs exactly right (%)", xlim=(0, 80))
    axes.legend(loc="lower right")
    plt.show()


def draw_real(tables):
    """The two OMs against each other, a panel for each set of programs."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 3.3))
    for axes, (title, t) in zip(pair, tables.items(), strict=True):
        axes.scatter(
            t["om_radon"], t["om_token"], s=9, color=plots.BLUE, alpha=0.25
        )
        axes.set(title=title, xlabel="om_radon", ylabel="om_token")
        for cut in (2, 4):
            axes.axvline(
                cut, color=plots.VERMILION, linestyle=":", linewidth=1
            )
            axes.axhline(
                cut, color=plots.VERMILION, linestyle=":", linewidth=1
            )
    pair[1].set(xscale="log", yscale="log")
    plt.show()

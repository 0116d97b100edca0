"""Behind chapter 2: printing programs side by side, and the figures."""

import textwrap
from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np

from curriculum import files, plots
from curriculum.data import tinypy
from curriculum.data.corpus import CorpusSpec, build
from curriculum.data.near_duplicates import near_duplicate_key
from curriculum.evaluation import stats

LOOK = {
    "july": (plots.BLUE, "o", -0.14),
    "august": (plots.VERMILION, "s", 0.14),
}


def visible(text):
    """Line ends and tabs as signs one can see."""
    return text.replace("\n", "⏎").replace("\t", "⇥")


def beside(*texts, width=34):
    """Print texts next to each other."""
    columns = [text.expandtabs(4).split("\n") for text in texts]
    for row in zip_longest(*columns, fillvalue=""):
        print("".join(part.ljust(width) for part in row).rstrip())


def show_rules(rules, *symbols):
    """Print rules of a grammar, one alternative a line."""
    for symbol in symbols:
        for i, alternative in enumerate(rules[symbol]):
            start = f"{symbol:18} =" if i == 0 else f"{'':18} |"
            print(start, visible("".join(alternative)))


def show_context(*symbols):
    """Print these context symbols with what they stand for."""
    for symbol in symbols:
        line = f"{symbol:13} {tinypy.CONTEXT[symbol]}"
        print(textwrap.fill(line, 70, subsequent_indent=" " * 14))


def crossing(keys, levels, share=0.1, seed=0):
    """Per level of a naive split: test programs with a near-duplicate, and all."""
    order = files.hash_order(len(keys), "naive split", seed)
    test, train = np.split(order, [round(len(keys) * share)])
    known = {keys[i] for i in train}
    hit = np.array([keys[i] in known for i in test])
    at = {str(v): levels[test] == v for v in np.unique(levels)}
    return {v: (int(hit[m].sum()), int(m.sum())) for v, m in at.items()}


def leak_by_size():
    """The full run: leaks of naive splits at eight sizes (half a minute)."""
    rows, sizes = [], [1_250 * 2**k for k in range(8)]
    for variant in LOOK:
        big = build(CorpusSpec(size=sizes[-1], variant=variant))
        for kind in ("renamed", "skeleton"):
            keys = [near_duplicate_key(code, kind) for code in big.codes]
            for n in sizes:
                crossed, test = crossing(keys[:n], np.full(n, "ALL"))["ALL"]
                row = {"variant": variant, "kind": kind, "size": n}
                rows.append(row | {"crossing": crossed, "test": test})
    spec = {"sizes": sizes, "test_share": 0.1, "seed": 0, "level": "ALL"}
    return {"spec": spec, "rows": rows, "provenance": files.provenance()}


# --- figures -------------------------------------------------------------------------

BOTTOM = 5.9  # the row of the text


def _place(node, depth, spots, lines, above=0):
    """Fill `spots` with (x, y, text, is text, half width); return x."""
    if isinstance(node, str):
        text = visible(node).replace(" ", "␣")
        left = max((s[0] + s[4] for s in spots if s[3]), default=0)
        half = max(len(text), above) * 0.5 + 0.7
        spots.append((left + half, BOTTOM, text, True, half))
        return left + half
    label = "\n".join(node.symbol.rsplit(" ", 1))
    width = max(map(len, label.split("\n"))) if len(node.children) == 1 else 0
    xs = [_place(c, depth + 1, spots, lines, width) for c in node.children]
    x = (xs[0] + xs[-1]) / 2
    spots.append((x, depth, label, False, 0))
    for child, below in zip(node.children, xs, strict=True):
        y = BOTTOM if isinstance(child, str) else depth + 1
        lines.append(((x, below, below), (depth, min(depth + 0.7, y), y)))
    return x


def draw_tree(tree):
    """A derivation tree: symbols in round boxes, the program's text below."""
    spots, lines = [], []
    _place(tree, 0, spots, lines)
    figure, axes = plt.subplots(figsize=(7.4, 4.4))
    for xs, ys in lines:
        axes.plot(xs, ys, color="#9ca3af", linewidth=1, zorder=1)
    for x, y, text, leaf, _ in spots:
        kept = text.replace("\n", " ") in tinypy.CONTEXT
        colour = "#fde8c8" if kept else "#eceff4" if leaf else "#d6eaf8"
        shape = "square,pad=0.25" if leaf else "round,pad=0.25"
        axes.text(
            x, y, text, ha="center", va="center", fontsize=9, zorder=2,
            family="monospace" if leaf else None, linespacing=0.95,
            bbox={"boxstyle": shape, "facecolor": colour, "edgecolor": "#6b7280"},
        )  # fmt: skip
    axes.set(ylim=(6.2, -0.4), xlim=(0, max(s[0] + s[4] for s in spots)))
    axes.axis("off")
    plt.show()


def draw_lengths(corpora):
    """Box plots of text lengths by grammar level, a panel for each variant."""
    figure, pair = plt.subplots(
        1, 2, figsize=(7, 3.2), sharex=True, sharey=True
    )
    for axes, (variant, made) in zip(pair, corpora.items(), strict=True):
        places = [i for i, v in enumerate(tinypy.LEVELS) if v in made.levels]
        axes.boxplot(
            [made.lengths[made.levels == tinypy.LEVELS[i]] for i in places],
            positions=places, orientation="horizontal", whis=(5, 95), widths=0.6,
            showfliers=False, patch_artist=True,
            boxprops={"facecolor": "#d6eaf8", "edgecolor": plots.INK},
            medianprops={"color": plots.VERMILION, "linewidth": 2},
        )  # fmt: skip
        axes.axvline(256, color=plots.SOFT, linestyle=":")
        axes.set(title=variant, xlabel="characters of the text", xlim=(0, 270))
    pair[0].set_yticks(range(7), tinypy.LEVELS)
    pair[0].set(ylabel="grammar level", ylim=(6.6, -0.6))
    plt.show()


def draw_families(families=6, seed=3):
    """Three splits of the same families of near-duplicates, as coloured tiles."""
    rng = np.random.default_rng(seed)
    sizes = (4, 1, 3, 1, 2, 1)[:families]
    family = np.repeat(np.arange(families), sizes)
    places = rng.permutation(len(family))
    by_family = (0, 1, 0, 0, 0, 1)  # 1: test
    colours = (
        plots.BLUE,
        plots.ORANGE,
        plots.GREEN,
        plots.PURPLE,
        plots.SKY,
        plots.SOFT,
    )
    figure, panels = plt.subplots(2, 1, figsize=(7, 2.2))
    for axes, title in zip(panels, ("by program", "by family"), strict=True):
        naive = title == "by program"
        order = places if naive else np.argsort(family, kind="stable")
        side = [
            i in (2, 6, 9) if naive else bool(by_family[family[i]])
            for i in order
        ]
        for test in (False, True):
            chosen = [i for i, s in zip(order, side, strict=True) if s == test]
            for x, i in enumerate(chosen):
                left = x + (13 if test else 0)
                axes.text(
                    left, 0, "ABCDEF"[family[i]], ha="center", va="center",
                    color="white", weight="bold",
                    bbox={"boxstyle": "round,pad=0.35", "fc": colours[family[i]], "ec": "none"},
                )  # fmt: skip
        axes.axvline(11.5, color=plots.INK, linestyle="--", linewidth=1)
        axes.set(xlim=(-1, 17), ylim=(-0.6, 0.9))
        axes.text(-0.6, 0.62, f"split {title}: training", fontsize=9)
        axes.text(11.8, 0.62, "test", fontsize=9)
        axes.axis("off")
    plt.show()


def draw_leak_levels(leaks):
    """Leaked test programs by level, with intervals, for two variants."""
    figure, axes = plt.subplots(figsize=(7, 3.4))
    for variant, (colour, marker, shift) in LOOK.items():
        for level, (n, test) in leaks[variant].items():
            low, high = stats.wilson(n, test)
            place = tinypy.LEVELS.index(level) + shift
            label = variant if level == "1.1" else None
            look = {"color": colour, "marker": marker, "label": label}
            plots.interval(
                axes, place, 100 * n / test, 100 * low, 100 * high, **look
            )
    names = [f"{level}  {tinypy.MEANING[level]}" for level in tinypy.LEVELS]
    axes.set_yticks(range(7), names)
    axes.set(ylim=(6.6, -0.6), xlim=(-1, 50))
    axes.set_xlabel("renamed near-duplicate in training (% of test programs)")
    axes.legend(loc="lower right")
    plt.show()


def draw_leak_size(leak):
    """Leaks against the size of the corpus: {(kind, variant): {size: share}}."""
    figure, pair = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    for (kind, variant), curve in leak.items():
        colour, marker, _ = LOOK[variant]
        pair[int(kind == "skeleton")].plot(
            curve.keys(), 100 * np.array(list(curve.values())), color=colour,
            marker=marker, linestyle="-" if variant == "july" else "--", label=variant,
        )  # fmt: skip
    for axes, title in zip(
        pair, ("same after renaming", "same skeleton"), strict=True
    ):
        axes.set(title=title, xscale="log", xlabel="programs in the corpus")
        axes.set(ylim=(0, 100), xlim=(1_000, 210_000))
        axes.set_xticks([2_000, 20_000, 200_000], ["2 k", "20 k", "200 k"])
        axes.minorticks_off()
    pair[0].set(ylabel="test programs with a\nnear-duplicate in training (%)")
    pair[0].legend(loc="upper left")
    plt.show()

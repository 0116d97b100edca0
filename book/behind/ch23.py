"""What is not the lesson in "Inside the models": records, tables, figures."""

import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy import stats as scipy_stats

from curriculum import files, plots
from curriculum.experiments import records
from curriculum.inside import landscape, patching
from curriculum.show import show_table

LABELS = ("easy", "medium", "hard")
ARMS = ("baseline", "hybrid", "hybrid-shuffled")
FIRST, LAST = "first weights", 16_800
SEEDS = (8, 9, 10, 11)
STEPS = {
    "baseline": (2_800, 7_000, LAST),
    "hybrid": (2_800, 7_000, LAST),
    "hybrid-shuffled": (LAST,),
}
REACHED = 0.40  # nats: "learned", as the protocol has it
POINTS = 100  # of a path
STUDIES = ("study", "confirm")

# --- curves -------------------------------------------------------------------------------


class Curves:
    """The losses by label along the runs of two studies: (steps, 3) by arm and seed."""

    def __init__(self, root="results", studies=STUDIES):
        self.records = [r for s in studies for r in records.records(s, root)]
        self.steps = np.array([p["step"] for p in self.records[0]["curve"]])
        self.starts = {
            records.arm(r): r["plan"]["starts"] for r in self.records
        }
        self.found = {"answer": {}, "valid": {}}
        for r in self.records:
            for kind, arms in self.found.items():
                table = [[p[kind][k] for k in LABELS] for p in r["curve"]]
                runs = arms.setdefault(records.arm(r), {})
                runs[r["spec"]["seed"]] = np.array(table)

    def of(self, arm, kind="answer"):
        """(seeds, steps, labels)"""
        return np.stack(list(self.found[kind][arm].values()))

    @property
    def arms(self):
        return list(self.found["answer"])

    @property
    def source(self):
        return records.source_line(self.records)


def learned(curve, steps, threshold=REACHED):
    """(labels,) steps at which a run's losses fall below a threshold."""
    found = []
    for y in curve.T:
        below = np.flatnonzero(y < threshold)
        if not len(below) or below[0] == 0:
            found.append(float(steps[0]) if len(below) else np.inf)
            continue
        i = below[0]
        share = (y[i - 1] - threshold) / (y[i - 1] - y[i])
        found.append(steps[i - 1] + share * (steps[i] - steps[i - 1]))
    return np.array(found)


def path(curve):
    """(POINTS, labels): where a run has been, evenly by length, whatever its speed."""
    x = np.log(curve)
    steps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    length = np.r_[0, np.cumsum(steps)]
    at = np.linspace(0, length[-1], POINTS)
    return np.stack([np.interp(at, length, y) for y in x.T], 1)


def apart(one, other):
    """How far two paths lie apart, in the mean, both ways."""
    d = np.linalg.norm(one[:, None] - other[None], axis=-1)
    return (d.min(0).mean() + d.min(1).mean()) / 2


def path_distances(curves, one, other, begin=0):
    """Distances of the paths of all pairs of runs with different seeds."""
    a, b = (curves.found["answer"][x] for x in (one, other))
    pairs = [
        (s, t) for s in a for t in b if s != t and (one != other or s < t)
    ]
    every = {
        (k, s): path(runs[s][begin:])
        for k, runs in enumerate((a, b))
        for s in runs
    }
    return np.array([apart(every[0, s], every[1, t]) for s, t in pairs])


def learned_table(curves, arms):
    rows = []
    for arm in arms:
        every = np.stack([learned(c, curves.steps) for c in curves.of(arm)])
        orders = ["".join("emh"[k] for k in np.argsort(x)) for x in every]
        names, counts = np.unique(orders, return_counts=True)
        told = ", ".join(
            f"{' '.join(name)} ×{n}"
            for name, n in sorted(
                zip(names, counts, strict=True), key=lambda x: -x[1]
            )
        )
        rows.append((arm, len(every), *np.median(every, 0).round(), told))
    columns = ("arm", "seeds", *LABELS, "order of the labels")
    return show_table(
        rows,
        columns,
        f"Step at which the answer loss falls below {REACHED} nats, median.",
        dict.fromkeys(LABELS, ",.0f"),
    )


def forgetting(curves, arm, kind):
    """(seeds, labels): last loss minus the lowest of the run."""
    x = curves.of(arm, kind)
    return x[:, -1] - x.min(1)


def forgetting_table(curves, arms):
    rows = []
    for arm in arms:
        cells = []
        for kind in ("answer", "valid"):
            x = forgetting(curves, arm, kind).mean(0)
            cells += [f"{v:.3f}" for v in x]
        rows.append((arm, *cells))
    columns = (
        "arm",
        *(f"{k} {w}" for w in ("answer", "all") for k in ("E", "M", "H")),
    )
    return show_table(
        rows,
        columns,
        "Last loss minus the lowest, nats a character, mean over seeds; E easy, "
        "M medium, H hard.",
    )


def path_table(curves, reference, arms, begin=0):
    null = path_distances(curves, reference, reference, begin)
    rows = [(f"{reference} (null)", *_spread(null), "")]
    for arm in arms:
        own = path_distances(curves, arm, arm, begin)
        x = path_distances(curves, reference, arm, begin)
        beyond = np.median(x) > max(null.max(), own.max())
        rows.append((arm, *_spread(x), "yes" if beyond else "no"))
    return show_table(
        rows,
        ("arm", "median", "lowest", "highest", "exceeds the seeds"),
        f"Distance of paths from those of the {reference}, other seeds.",
    )


def _spread(x):
    return float(np.median(x)), float(np.min(x)), float(np.max(x))


# --- what was measured --------------------------------------------------------------------


class Measured:
    """The records of `results/inside`."""

    def __init__(self, folder="results/inside"):
        read = lambda n: files.read_json(  # noqa: E731
            f"{folder}/{n}.json", sealed=True
        )
        self.questions = read("questions")["questions"]
        self.pairs = read("pairs")
        self.state, self.gradients = {}, {}
        for kind, kept in (
            ("state", self.state),
            ("gradients", self.gradients),
        ):
            paths = sorted(files.found(folder).glob(f"{kind}_*.json"))
            for p in paths:
                r = files.read_json(p, sealed=True)
                kept[r["arm"], r["seed"], r["step"]] = r

    @property
    def source(self):
        every = [*self.state.values(), *self.gradients.values(), self.pairs]
        commits, dates, hardware = (
            ", ".join(sorted({r["provenance"][k] for r in every}))
            for k in ("commit", "date", "hardware")
        )
        models = len(self.state)
        return (
            f"results/inside: {models} models of block longer, seeds 8 to 11\n"
            f"commit {commits}; {hardware}; {dates}"
        )

    def values(self, figure, arm, step=LAST, kind="state"):
        """(seeds,) a figure of the records of an arm at a step."""
        return np.array(
            [figure(getattr(self, kind)[arm, s, step]) for s in SEEDS]
        )

    def cka(self, place, step=LAST):
        """{kind of pair: (pairs, layers)} of models of one step."""
        found = {}
        for row in self.pairs["cka"]:
            (a, s, n), (b, t, _) = row["models"]
            if n != step:
                continue
            same = "same arm" if a == b else "other arm"
            kind = f"{same}, {'same' if s == t else 'other'} seed"
            found.setdefault(kind, []).append(row[place])
        return {k: np.array(v) for k, v in found.items()}

    def lines(self, kind, aligned=False):
        """(lines, places) losses."""
        key = "aligned" if aligned else "loss"
        return np.array(
            [r[key] for r in self.pairs["lines"] if r["kind"] == kind]
        )


def best(probe, key="accuracy"):
    """The best layer's accuracy."""
    return max(probe[key])


def selectivity(probe):
    """At the layer where the probe is best: its accuracy minus the control's."""
    layer = int(np.argmax(probe["accuracy"]))
    return probe["accuracy"][layer] - probe["control"][layer]


def spearman(x, y):
    """Rank correlation of two lists of numbers."""
    return float(scipy_stats.spearmanr(x, y).statistic)


def arms_table(measured, figure, arms, caption, spec=".3f", kind="state"):
    """Values of every seed, by (arm, step)."""
    rows = []
    for arm, step in arms:
        x = measured.values(figure, arm, step, kind)
        rows.append((f"{arm}, {step:,}" if step else arm, *x))
    columns = ("model", *(f"seed {s}" for s in SEEDS))
    return show_table(rows, columns, caption, dict.fromkeys(columns[1:], spec))


def probe_table(measured):
    rows = []
    for what, q in measured.questions.items():
        row = [what, f"{max(q['commonest'], q.get('digit set last', 0)):.0%}"]
        for arm, step in ((FIRST, 0), *((a, LAST) for a in ARMS)):
            x = measured.values(
                lambda r, w=what: best(r["probes"][w]), arm, step
            )
            row.append(f"{min(x):.0%}–{max(x):.0%}")
        x = [
            selectivity(measured.state[a, s, LAST]["probes"][what])
            for a in ARMS
            for s in SEEDS
        ]
        row.append(f"{np.median(x):+.2f}")
        rows.append(row)
    return show_table(
        rows,
        (
            "question",
            "guess",
            "first",
            "baseline",
            "hybrid",
            "shuffled",
            "selectivity",
        ),
        "Probes at their best layer: lowest and highest of four seeds.",
    )


# --- figures ------------------------------------------------------------------------------


def draw_learning(curves, arms=("baseline", "hybrid", "sequential")):
    """The answer loss of the three labels along the run: a panel for each arm."""
    figure, panels = plt.subplots(
        len(arms), 1, figsize=(6.6, 6.6), sharex=True, sharey=True
    )
    for axes, arm in zip(panels, arms, strict=True):
        for k, label in enumerate(LABELS):
            mean = curves.of(arm)[:, :, k].mean(0)
            axes.plot(
                curves.steps, mean, label=label, **plots.level_style(label)
            )
        axes.axhline(REACHED, color=plots.SOFT, lw=0.8)
        for start in curves.starts[arm][1:-1]:
            axes.axvline(start, color=plots.SOFT, lw=0.8, ls=":")
        axes.set(title=arm, yscale="log", ylabel="answer loss, nats")
        axes.set_yticks([0.2, 0.4, 1, 2], ["0.2", "0.4", "1", "2"])
        axes.minorticks_off()
    panels[0].legend(loc="upper right")
    panels[-1].set_xlabel("step")
    plt.show()


def draw_cka(measured, place="end"):
    """CKA by layer: two seeds of an arm, two arms, before and after training."""
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    looks = {
        "same arm, other seed": (plots.BLACK, "-", "o"),
        "other arm, other seed": (plots.ORANGE, "--", "s"),
        "other arm, same seed": (plots.BLUE, ":", "^"),
    }
    for kind, (color, dashes, marker) in looks.items():
        x = measured.cka(place)[kind]
        layers = np.arange(x.shape[1])
        axes.plot(
            layers,
            np.median(x, 0),
            color=color,
            ls=dashes,
            marker=marker,
            label=kind,
        )
        if kind == "same arm, other seed":
            axes.fill_between(
                layers, x.min(0), x.max(0), color=color, alpha=0.12
            )
    x = measured.cka(place, 0)["same arm, other seed"]
    axes.plot(
        layers,
        np.median(x, 0),
        color=plots.SOFT,
        ls="-.",
        marker="x",
        label="untrained",
    )
    axes.set(xlabel="layer", ylabel="CKA", ylim=(0, 1.02))
    axes.legend(loc="lower left")
    plt.show()


def draw_lines(measured):
    """Loss between models: as they are, and with units in the same order."""
    figure, panels = plt.subplots(1, 2, figsize=(7.2, 3.4), sharey=True)
    t = np.linspace(0, 1, 5)
    looks = {
        "same arm, other seed": (plots.BLACK, "-"),
        "other arm, other seed": (plots.ORANGE, "--"),
        "other arm, same seed": (plots.BLUE, ":"),
    }
    for axes, aligned in zip(panels, (False, True), strict=True):
        for kind, (color, dashes) in looks.items():
            for n, x in enumerate(measured.lines(kind, aligned)):
                axes.plot(
                    t,
                    x,
                    dashes,
                    color=color,
                    lw=1,
                    label=kind if n == 0 else None,
                )
        axes.set(
            title="units aligned" if aligned else "as they are",
            xlabel="share of the way",
        )
    for n, x in enumerate(measured.lines("along a run")):
        panels[0].plot(
            t,
            x,
            "-.",
            color=plots.GREEN,
            lw=1,
            label="along a run" if not n else None,
        )
    panels[0].set(ylabel="loss, nats a character", ylim=(0, 5.2))
    panels[0].legend(loc="upper left", fontsize=9)
    plt.show()


def draw_patches(shares, text):
    """(layers, places): where a patch carries the answer over."""
    figure, axes = plt.subplots(figsize=(7.2, 3.0))
    shown = axes.imshow(shares, cmap="magma_r", aspect="auto", vmin=0, vmax=1)
    words = [c.replace("\n", "⏎").replace(" ", "␣") for c in text]
    axes.set_xticks(range(len(words)), words, fontsize=9)
    axes.set_yticks(range(len(shares)))
    axes.grid(visible=False)
    axes.set(ylabel="layer")
    figure.colorbar(shown, ax=axes, label="logits won")
    plt.show()


def patch_table(measured, step=LAST):
    """At layer 0: whose digit does the answer follow?"""
    rows = []
    for arm, last in itertools.product(ARMS, ("last", "first")):
        row = [arm, f"set {last}"]
        for whose in ("printed", "other"):
            x = measured.values(
                lambda r, k=f"{whose}, printed set {last}": r["patches"][k][
                    "digit"
                ][0],
                arm,
                step,
            )
            row.append(", ".join(f"{100 * v:.0f}" for v in x))
        rows.append(row)
    return show_table(
        rows,
        ("arm", "printed", "follow the printed", "follow the other"),
        "Answers that change to the new digit, % of 50, seeds 8, 9, 10, 11.",
    )


def binding(record):
    """How much more answers follow the printed variable than the other, −1 to 1."""
    at = {k: v["digit"][0] for k, v in record["patches"].items()}
    return np.mean(
        [
            at[f"printed, printed set {x}"] - at[f"other, printed set {x}"]
            for x in ("last", "first")
        ]
    )


# --- live ---------------------------------------------------------------------------------


@torch.no_grad()
def streams(model, corpus, question, group=32):
    """(L + 1, n, C): the stream at the place of each program of a question."""
    texts = [
        corpus[i].text[: p + 1]
        for i, p in zip(question.program, question.place, strict=True)
    ]
    layers, C = model.config.n_layer + 1, model.config.n_embd
    found = torch.empty(layers, len(texts), C)
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    for a in range(0, len(order), group):
        mine = order[a : a + group]
        last = torch.tensor([len(texts[n]) - 1 for n in mine])
        tokens = torch.zeros(len(mine), int(last.max()) + 1, dtype=torch.long)
        for row, n in zip(tokens, mine, strict=True):
            text = corpus.tokenizer.encode(texts[n]).astype("int64")
            row[: len(text)] = torch.from_numpy(text)
        stream = patching.run(model, tokens)[1]
        found[:, mine] = stream[:, torch.arange(len(mine)), last]
    return found.numpy()


def set_last(corpus, question):
    """(n,) the digit that was set last in the first lines, whichever is printed."""
    codes = [corpus.codes[i] for i in question.program]
    return np.array(
        [int(re.findall(r"^\w = (\d)$", c, re.M)[-1]) for c in codes]
    )


# --- gradients ----------------------------------------------------------------------------


def gradients_table(measured, figures, caption):
    """Values of four seeds in one cell: {column: (figure of a record, format)}."""
    rows = []
    for arm, step in ((FIRST, 0), *((a, n) for a in ARMS for n in STEPS[a])):
        row = [f"{arm}, {step:,}" if step else arm]
        for figure, spec in figures.values():
            x = [figure(measured.gradients[arm, s, step]) for s in SEEDS]
            row.append(
                "–"
                if None in x
                else ", ".join(
                    "none" if np.isinf(v) else format(v, spec) for v in x
                )
            )
        rows.append(row)
    return show_table(rows, ("model", *figures), caption)


# --- pairs --------------------------------------------------------------------------------


def cka_table(measured, place="end", layer=6):
    """CKA of two arms of other seeds beside that of one arm, at every step."""
    rows = []
    for step in (0, 2_800, 7_000, LAST):
        found = {k: v[:, layer] for k, v in measured.cka(place, step).items()}
        null = found["same arm, other seed"]
        row = [f"{step:,}", _told(null)]
        other = found.get("other arm, other seed")
        if other is None:
            rows.append([*row, "–", "–"])
            continue
        beyond = not null.min() <= np.median(other) <= null.max()
        rows.append([*row, _told(other), "yes" if beyond else "no"])
    return show_table(
        rows,
        ("step", "one arm (null)", "two arms", "exceeds the seeds"),
        "CKA at the last layer, other seeds: median (lowest to highest).",
    )


def _told(x, digits=2):
    low, high = min(x), max(x)
    return f"{np.median(x):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def barrier_table(measured):
    """Barriers by kind of pair; of one seed by the two arms."""
    groups = {}
    for row in measured.pairs["lines"]:
        kind = row["kind"]
        (a, _, n), (b, _, m) = row["models"]
        if kind == "along a run":
            kind = f"one run: {a}, {n:,} to {m:,}"
        elif "same seed" in kind:
            short = b.replace("hybrid-shuffled", "shuffled")
            kind = f"one seed: {a}, {short}" + (f", {n:,}" if n < LAST else "")
        groups.setdefault(kind, []).append(row)
    rows = []
    first = ["same arm, other seed", "other arm, other seed"]
    rest = sorted(k for k in groups if k not in first)
    ordered = [*first, *(k for k in rest if "one seed" in k)]
    ordered += [k for k in rest if "one seed" not in k]
    for kind in ordered:
        plain = [landscape.barrier(r["loss"]) for r in groups[kind]]
        moved = "–"
        if "aligned" in groups[kind][0]:
            every = [landscape.barrier(r["aligned"]) for r in groups[kind]]
            moved = f"{np.median(every):.2f}"
        rows.append((kind, len(plain), _told(plain), moved))
    return show_table(
        rows,
        ("ends of the line", "lines", "barrier", "aligned"),
        "Barriers, nats a character: median (lowest to highest).",
    )

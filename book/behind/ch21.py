"""Behind chapter 21: the records of the study of nine orders, and the figures."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats as scipy_stats

from curriculum import files, plots
from curriculum.evaluation import stats
from curriculum.evaluation.answers import inflate
from curriculum.finetune import strategies
from curriculum.show import interval

STUDY = "results/human"
SETS = ("programs", "diagnoses")
CURRICULA = strategies.STRATEGIES[3:]
ARMS = (
    *strategies.STRATEGIES[:3],
    *(f"{s}-{by}" for s in CURRICULA for by in ("human", "model")),
)
PUBLISHED = {  # mean accuracy in %, Yang et al. (2024)
    "random": 37.41,
    "blocked": 37.47,
    "interleaved": 38.07,
    "curriculum-human": 37.46,
    "curriculum-model": 37.83,
    "blocked-curriculum-human": 37.45,
    "blocked-curriculum-model": 37.78,
    "interleaved-curriculum-human": 37.48,
    "interleaved-curriculum-model": 38.25,
}
MARGIN = 0.01
WAYS = ("per character", "options alone", "letters")
# what names the difficulty: colour and marker
BY = {
    "": (plots.BLACK, "o"),
    "human": (plots.ORANGE, "s"),
    "model": (plots.BLUE, "D"),
}

# --- what is kept -------------------------------------------------------------------------


class Runs:
    """The records of one set of questions, whole blocks alone."""

    def __init__(self, name, folder=STUDY):
        self.name, self.folder = name, f"{folder}/{name}"
        self.tests = files.read_json(f"{self.folder}/tests.json", sealed=True)
        asked = self.tests["questions"]
        self.right_option = np.array([q["right"] for q in asked])
        self.categories = np.array([q["category"] for q in asked])
        self.records, self.seeds = [], []
        for seed in itertools.count():
            paths = [
                files.found(self.folder) / f"{arm}_s{seed}.json"
                for arm in ARMS
            ]
            if not all(path.exists() for path in paths):
                break
            self.seeds.append(seed)
            self.records += [files.read_json(p, sealed=True) for p in paths]

    def right(self, arm):
        """(seeds, questions) 1 where the model chose the right option."""
        chosen = self._of("chosen", "u1", arm)
        return (chosen == self.right_option).astype(float)

    def probability(self, arm):
        """(seeds, questions) of the right option."""
        return self._of("probability", "<f4", arm).astype(float)

    def _of(self, what, type_, arm):
        mine = [r for r in self.records if r["arm"] == arm]
        return np.stack(
            [np.frombuffer(inflate(r["answers"][what]), type_) for r in mine]
        )

    def before(self, way):
        """(questions, options) scores of the model before fine-tuning."""
        return np.array(self.tests["base"][way])

    def items(self, seed):
        """What a seed draws, and what the base model makes of it."""
        return files.read_json(
            f"{self.folder}/items_s{seed}.json", sealed=True
        )

    def shown(self, arm, seed):
        """The questions of a seed in the order of an arm: a list of dicts."""
        kept = self.items(seed)
        asked = kept["questions"]
        strategy, by = split(arm)
        difficulty = {
            "human": [q["human"] for q in asked],
            "model": kept["model difficulty"],
        }.get(by)
        names = [q["category"] for q in asked]
        return [
            asked[i]
            for i in strategies.order(strategy, names, difficulty, seed)
        ]

    @property
    def source(self):
        """The provenance of the results, in two lines."""
        dates, commits = (
            ", ".join(sorted({r["provenance"][k] for r in self.records}))
            for k in ("date", "commit")
        )
        first, seeds = self.records[0], ", ".join(map(str, self.seeds))
        steps, batch = first["audit"]["steps"], first["design"]["batch"]
        return (
            f"{self.name}: {len(self.records)} runs, seeds {seeds},"
            f" {steps} steps of {batch}\n"
            f"commits {commits}; {first['provenance']['hardware']}; {dates}"
        )


def split(arm):
    """(strategy, whose difficulty) of an arm."""
    for by in ("human", "model"):
        if arm.endswith(f"-{by}"):
            return arm.removesuffix(f"-{by}"), by
    return arm, ""


def short(arm):
    """An arm's name for a table: "blocked c., human"."""
    strategy, by = split(arm)
    words = strategy.replace("-curriculum", " c.")
    return f"{words}, {by}" if by else words


def contrasts(runs):
    """[(arm, Contrast, (mean, low, high) by Student, verdict)], each minus random."""
    base, arms = runs.right("random"), ARMS[1:]
    found = [stats.contrast(runs.right(arm), base, MARGIN) for arm in arms]
    held = stats.holm([c.p for c in found])
    return [
        (arm, c, student(runs, arm), stats.verdict(c, float(p)))
        for arm, c, p in zip(arms, found, held, strict=True)
    ]


def student(runs, arm, base="random"):
    """(mean, low, high) of an arm minus another, over seeds."""
    gap = runs.right(arm) - runs.right(base)
    return stats.mean_interval(gap.mean(1))


def model_minus_human(runs, names=CURRICULA):
    """The contrast of model-defined and human-defined difficulty, mean over curricula."""
    model, human = (
        np.mean([runs.right(f"{s}-{by}") for s in names], axis=0)
        for by in ("model", "human")
    )
    return stats.contrast(model, human, MARGIN)


def interactions(programs, diagnoses):
    """[(arm, (mean, low, high))]: (arm - random) in diagnoses minus that in programs."""
    seeds = min(len(programs.seeds), len(diagnoses.seeds))
    rows = []
    for arm in ARMS[1:]:
        gaps = [
            (r.right(arm) - r.right("random")).mean(1)[:seeds]
            for r in (programs, diagnoses)
        ]
        rows.append((arm, stats.mean_interval(gaps[1] - gaps[0])))
    return rows


def gains(runs):
    """(8,) mean of each arm minus random, in the order of `ARMS`."""
    base = runs.right("random").mean()
    return np.array([runs.right(arm).mean() - base for arm in ARMS[1:]])


def published_gains():
    """(8,) the same of the paper, in points."""
    return np.array([PUBLISHED[a] - PUBLISHED["random"] for a in ARMS[1:]])


def spearman(x, y):
    """Rank correlation of two rows of numbers."""
    return float(scipy_stats.spearmanr(x, y).statistic)


def points(mean, low, high):
    """Three shares as a difference in percentage points."""
    return interval(mean, low, high, 1, 100, True)


def in_a_row(names):
    """The longest stretch of one category."""
    return max(len(list(group)) for _, group in itertools.groupby(names))


def by_place(runs, arm, parts=5):
    """(parts,) accuracy on test questions of the categories that `blocked` shows 1st, 2nd, …

    The ten blocks of an order are taken in fifths: the first two, the next two, … The places
    are those of the blocked order of the seed, whatever the arm.
    """
    found = np.zeros((len(runs.seeds), parts))
    for n, seed in enumerate(runs.seeds):
        names = [q["category"] for q in runs.shown("blocked", seed)]
        turns = list(dict.fromkeys(names))
        for part in range(parts):
            size = len(turns) // parts
            mine = np.isin(
                runs.categories, turns[part * size : (part + 1) * size]
            )
            found[n, part] = runs.right(arm)[n][mine].mean()
    return found.mean(0)


def base_rows(runs):
    """Rows of set, way, accuracy before fine-tuning with its interval.

    "Extremes struck": of the options alone, the likeliest and the least likely are struck,
    and one guesses between the other two.
    """
    total, rows = len(runs.right_option), []
    for way in WAYS:
        right = int((runs.before(way).argmax(1) == runs.right_option).sum())
        ends = stats.wilson(right, total)
        rows.append((runs.name, way, interval(right / total, *ends, 1, 100)))
    right = int(np.isin(place_alone(runs), (1, 2)).sum())
    ends = [x / 2 for x in stats.wilson(right, total)]
    shown = interval(right / total / 2, *ends, 1, 100)
    rows.insert(2, (runs.name, "options alone, extremes struck", shown))
    return rows


def place_alone(runs):
    """(questions,) 0 to 3: place of the right option, the likeliest without the question first."""
    order = np.argsort(-runs.before("options alone"), axis=1, kind="stable")
    return (order == runs.right_option[:, None]).argmax(1)


def difficulties(runs):
    """(categories, human, model) of all training questions drawn, each once."""
    seen = {}
    for seed in runs.seeds:
        kept = runs.items(seed)
        for q, hard in zip(
            kept["questions"], kept["model difficulty"], strict=True
        ):
            seen[q["id"]] = (q["category"], q["human"], hard)
    names, human, model = zip(*seen.values(), strict=True)
    return np.array(names), np.array(human), np.array(model)


def verdict_rows(programs, diagnoses):
    """Rows of what the paper says, what our runs say, and the verdict by the book's rule."""
    sets = (programs, diagnoses)
    found = {r.name: contrasts(r) for r in sets}
    kinds = {
        name: ", ".join(sorted({v for *_, v in rows}))
        for name, rows in found.items()
    }
    best = {r.name: ARMS[1:][int(gains(r).argmax())] for r in sets}
    gain = {r.name: f"{100 * gains(r).max():+.1f}" for r in sets}
    first = {r.name: model_minus_human(r) for r in sets}
    apart = sum(
        low > 0 or high < 0
        for _, (_, low, high) in interactions(programs, diagnoses)
    )
    rows = []
    for r in sets:
        above = int((gains(r) > 0).sum())
        rows.append(
            ("orders beat random", r.name, f"{above} of 8", kinds[r.name])
        )
    for r in sets:
        told = f"{short(best[r.name])} ({gain[r.name]})"
        rows.append(("interleaved is best", r.name, told, "not tested"))
    for r in sets:
        c = first[r.name]
        told = f"{100 * c.mean:+.1f} points"
        rows.append(("model beats human", r.name, told, stats.verdict(c, c.p)))
    rows.append(
        ("no order wins always", "both", f"{apart} of 8 differ", "one model")
    )
    return rows


# --- figures ------------------------------------------------------------------------------

TOY = {
    "arithmetic": (plots.SKY, ""),
    "if": (plots.ORANGE, "//"),
    "for": (plots.GREEN, ".."),
    "while": (plots.PURPLE, "xx"),
}


def draw_orders(categories, difficulty, seed):
    """Six orders of the same items: a bar an item, its height the difficulty."""
    figure, panels = plt.subplots(6, 1, figsize=(7, 6.2), sharex=True)
    for axes, name in zip(panels, strategies.STRATEGIES, strict=True):
        places = strategies.order(name, categories, difficulty, seed)
        for x, i in enumerate(places):
            color, hatch = TOY[categories[i]]
            axes.bar(
                x, difficulty[i], 0.9, color=color, hatch=hatch,
                edgecolor=plots.INK, linewidth=0.5,
            )  # fmt: skip
        axes.set(title=name.replace("-", " "), yticks=[])
        axes.grid(visible=False)
    for name, (color, hatch) in TOY.items():
        panels[0].bar(
            0, 0, color=color, hatch=hatch, edgecolor=plots.INK, label=name
        )
    panels[0].legend(
        ncols=4, loc="lower left", bbox_to_anchor=(0, 1.25), frameon=False
    )
    panels[-1].set_xlabel("training →")
    plt.show()


def draw_results(sets):
    """Each arm minus random, in points: seeds, mean, two-way bootstrap; the paper's."""
    figure, panels = plt.subplots(1, 2, figsize=(7.2, 4.2), sharey=True)
    for axes, runs in zip(panels, sets, strict=True):
        base = runs.right("random").mean(1)
        for row, arm in enumerate(ARMS[1:]):
            gap = 100 * (runs.right(arm).mean(1) - base)
            color, marker = BY[split(arm)[1]]
            low, high = stats.two_way_bootstrap(
                100 * (runs.right(arm) - runs.right("random"))
            )
            axes.plot(
                gap, [row + 0.2] * len(gap), marker, color=color, ms=3.5,
                mfc="white",
            )  # fmt: skip
            axes.plot([low, high], [row - 0.1] * 2, color=color, lw=2)
            axes.plot(gap.mean(), row - 0.1, marker, color=color, ms=7)
        axes.axvline(0, color=plots.SOFT, lw=1)
        axes.set(title=runs.name, xlabel="minus random, points")
    panels[0].plot(
        published_gains(), np.arange(8) - 0.32, "k*", ms=7, label="the paper"
    )
    panels[0].legend(loc="upper left", bbox_to_anchor=(0, -0.14))
    panels[0].set_yticks(range(8), [short(arm) for arm in ARMS[1:]])
    panels[0].set_ylim(7.6, -0.6)
    plt.show()


def draw_places(runs):
    """Accuracy on the chapters of a block, by when the blocked order shows it."""
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    looks = {
        "random": (plots.BLACK, "-", "o"),
        "interleaved": (plots.GREEN, "--", "^"),
        "blocked": (plots.VERMILION, ":", "s"),
    }
    for arm, (color, dashes, marker) in looks.items():
        y = 100 * by_place(runs, arm)
        axes.plot(
            range(1, len(y) + 1), y, marker, ls=dashes, color=color, label=arm
        )
    axes.set_xticks(
        range(1, 6),
        ["first two", "3rd, 4th", "5th, 6th", "7th, 8th", "last two"],
    )
    axes.set(
        xlabel="when the blocked order shows a chapter",
        ylabel="right, %",
        ylim=(0, 100),
    )
    axes.legend()
    plt.show()

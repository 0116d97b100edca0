"""Behind chapter 15: tables and figures of the suites and of the mistakes.

Every function takes what `ood.load` returns. Differences between arms are over the seeds
that both have, and over programs; their intervals resample both.
"""

import matplotlib.pyplot as plt
import numpy as np

from curriculum import plots
from curriculum.evaluation import stats
from curriculum.experiments.ood import CLASSES
from curriculum.show import interval, show_table

ARMS = ("baseline", "hybrid-shuffled", "hybrid", "hybrid, restarts")
PAIRS = (
    ("hybrid", "baseline"),
    ("hybrid", "hybrid-shuffled"),
    ("hybrid, restarts", "baseline"),
)
MISTAKES = CLASSES[1:]


def arms(asked):
    """The arms that were asked, in the order of the book."""
    return [arm for arm in ARMS if arm in asked.seeds]


def pairs(asked):
    """The pairs of arms that share at least two seeds."""
    have = [p for p in PAIRS if all(a in asked.seeds for a in p)]
    return [p for p in have if len(asked.paired(*p)) > 1]


def header(asked):
    """Names of the three differences, as columns."""
    return [f"{a} − {b}" for a, b in pairs(asked)]


# --- what was asked ---


def visible(code):
    """A program on one line, as the tables show it."""
    return code.replace("\n", "⏎").replace("\t", "⇥")


def answer(text):
    """An output as a model writes it, on one line, without the comment signs."""
    lines = text.removesuffix("\n\n").split("\n")
    return " ".join(line.removeprefix("# ") for line in lines) or "nothing"


def describe(suites, meaning):
    """What each suite changes, and the length of its programs."""
    lengths = suites.corpus.lengths
    return show_table(
        [
            (
                name,
                meaning[name],
                int(round(lengths[s.originals].mean())),
                int(round(lengths[s.ids].mean())),
            )
            for name, s in suites.suites.items()
        ],
        ("suite", "what is changed", "before", "after"),
        f"{len(suites.suites['usual'].ids)} programs each; mean characters"
        " of the originals and of the suite.",
    )


# --- accuracy ---


def shares(asked, arm, ids):
    """(seeds, len(ids)) right answers of an arm."""
    return asked.right[arm][:, ids].astype(float)


def spread(table):
    """Mean of (seeds, programs) and its interval over both; one seed has none."""
    if len(table) < 2:
        return f"{100 * table.mean():.1f}"
    low, high = stats.two_way_bootstrap(table)
    return interval(table.mean(), low, high, 1, 100)


def points(table):
    """The same for differences, in points."""
    if len(table) < 2:
        return f"{100 * table.mean():+.1f}"
    low, high = stats.two_way_bootstrap(table)
    return interval(table.mean(), low, high, 1, 100, True)


def change(asked, arm, suite):
    """(seeds, programs) right in the suite minus right on the original."""
    return shares(asked, arm, suite.ids) - shares(asked, arm, suite.originals)


def accuracy_table(asked, arm="baseline"):
    """One arm: accuracy on originals, on the suite, and the change."""
    rows = []
    for name, suite in asked.suites.suites.items():
        usual = name == "usual"
        rows.append(
            (
                name,
                None if usual else f"{100 * shares(asked, arm, suite.originals).mean():.1f}",
                f"{100 * shares(asked, arm, suite.ids).mean():.1f}",
                None if usual else points(change(asked, arm, suite)),
            )
        )
    return show_table(
        rows,
        ("suite", "originals", "suite", "change"),
        f"The {arm}, {len(asked.seeds[arm])} seeds: % executed correctly,"
        " and the change in points.",
    )


def kinds_table(asked, name, arm="baseline"):
    """One arm, one suite: the kinds of change apart."""
    suite = asked.suites.suites[name]
    rows = []
    for kind in sorted(set(suite.kinds)):
        at = np.array([k == kind for k in suite.kinds])
        part = suite._replace(ids=suite.ids[at], originals=suite.originals[at])
        rows.append(
            (
                kind,
                int(at.sum()),
                f"{100 * shares(asked, arm, part.originals).mean():.1f}",
                f"{100 * shares(asked, arm, part.ids).mean():.1f}",
                points(change(asked, arm, part)),
            )
        )
    return show_table(
        rows,
        ("kind", "programs", "originals", "suite", "change"),
        f"Kinds of “{name}”, the {arm}, {len(asked.seeds[arm])} seeds: %"
        " executed, change in points.",
    )


def length_table(asked, arm="baseline", edges=(0, 60, 80, 100, 120, 257)):
    """Accuracy by length of text: test programs beside two suites."""
    corpus, suites = asked.suites.corpus, asked.suites.suites
    groups = {
        "test programs": asked.tests,
        "longer": suites["longer"].ids,
        "five variables": suites["five variables"].ids,
    }
    rows = []
    for low, high in zip(edges, edges[1:], strict=False):
        row = [f"{low} to {high - 1}"]
        for ids in groups.values():
            size = corpus.lengths[ids]
            part = ids[(low <= size) & (size < high)]
            few = len(part) < 20
            said = f"{100 * shares(asked, arm, part).mean():.0f}" if not few else None
            row.append(said and f"{said} ({len(part)})")
        rows.append(row)
    return show_table(
        rows,
        ("characters", *groups),
        f"The {arm}: % executed by length of the whole text, in brackets"
        " programs; – below 20.",
    )


def draw_suites(asked):
    """Accuracy of every arm in every suite, with that of the originals."""
    suites, shown = asked.suites.suites, arms(asked)
    _, axes = plt.subplots(figsize=(7, 5.2))
    for place, suite in enumerate(suites.values()):
        for k, arm in enumerate(shown):
            at = place + 0.18 * (k - (len(shown) - 1) / 2)
            look = plots.schedule_style(arm)
            old = 100 * shares(asked, arm, suite.originals).mean()
            new = 100 * shares(asked, arm, suite.ids).mean()
            axes.plot([old, new], [at, at], color=look["color"], linewidth=1, alpha=0.6)
            axes.plot(old, at, "|", color=look["color"], markersize=8)
            hollow = "restarts" in arm or "shuffled" in arm
            axes.plot(
                new,
                at,
                look["marker"],
                color=look["color"],
                markersize=6,
                markerfacecolor="white" if hollow else look["color"],
                label=arm if place == 0 else None,
            )
    axes.set_yticks(range(len(suites)), list(suites))
    axes.set_ylim(len(suites) - 0.5, -0.6)
    axes.set(xlabel="executed correctly, %", xlim=(-2, None))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
    plt.show()


def gap(asked, pair, ids):
    """(seeds, programs) right answers of one arm minus those of the other."""
    seeds = asked.paired(*pair)
    one, other = (asked.rows(asked.right, arm, seeds)[:, ids] for arm in pair)
    return one.astype(float) - other


def gap_of_change(asked, pair, suite):
    """(seeds, programs) the change of one arm minus the change of the other."""
    return gap(asked, pair, suite.ids) - gap(asked, pair, suite.originals)


def gaps_table(asked):
    """Differences of accuracy between arms, in every suite."""
    rows = [
        (name, *(points(gap(asked, p, suite.ids)) for p in pairs(asked)))
        for name, suite in asked.suites.suites.items()
    ]
    return show_table(
        rows,
        ("suite", *header(asked)),
        f"Differences of accuracy in points: {len(rows) * len(pairs(asked))}"
        " intervals of 95 %, not corrected.",
    )


def changes_table(asked):
    """Differences between arms in how much accuracy changes from original to suite."""
    rows = [
        (name, *(points(gap_of_change(asked, p, suite)) for p in pairs(asked)))
        for name, suite in asked.suites.suites.items()
        if name != "usual"
    ]
    return show_table(
        rows,
        ("suite", *header(asked)),
        f"Differences of the change in points: {len(rows) * len(pairs(asked))}"
        " intervals of 95 %, not corrected.",
    )


# --- mistakes ---


def of_class(table, name):
    """(seeds, programs) 1 where the answer has this class."""
    return (table == CLASSES.index(name)).astype(float)


def mistakes_table(asked, arm="baseline"):
    """Classes of the wrong answers of one arm, and how often luck gives them."""
    found, luck = asked.classes[arm], asked.luck[arm]
    wrong = (found > 0).sum()
    rows = []
    for name in MISTAKES:
        share = of_class(found, name)
        rows.append(
            (
                name,
                spread(share),
                f"{100 * share.sum() / wrong:.1f}",
                f"{100 * of_class(luck, name).sum() / wrong:.1f}",
            )
        )
    return show_table(
        rows,
        ("class", "of all answers", "of mistakes", "by luck"),
        f"Mistakes of the {arm}, {len(found)} seeds,"
        f" {found.shape[1]:,} programs, in %.",
    )


def mix_table(asked):
    """Share of each class among the mistakes of every arm."""
    rows = [
        (
            name,
            *(
                f"{100 * of_class(asked.classes[arm], name).sum() / (asked.classes[arm] > 0).sum():.1f}"
                for arm in arms(asked)
            ),
        )
        for name in MISTAKES
    ]
    total = [f"{100 * (asked.classes[arm] > 0).mean():.1f}" for arm in arms(asked)]
    rows.append(("mistakes, % of all answers", *total))
    return show_table(
        rows, ("class", *arms(asked)), "The mix: % of an arm's mistakes."
    )


def class_gaps(asked, pair, name):
    """(seeds, programs) of one arm minus the other: answers of this class."""
    seeds = asked.paired(*pair)
    one, other = (asked.rows(asked.classes, arm, seeds) for arm in pair)
    return of_class(one, name) - of_class(other, name)


def mix_gaps(asked, pair, name):
    """(seeds,) difference of the share of a class among the mistakes."""
    seeds, found = asked.paired(*pair), []
    for arm in pair:
        table = asked.rows(asked.classes, arm, seeds)
        found.append(of_class(table, name).sum(1) / (table > 0).sum(1))
    return found[0] - found[1]


def class_gaps_table(asked):
    """Differences between arms: answers of each class, in points of all answers."""
    rows = [
        (name, *(points(class_gaps(asked, p, name)) for p in pairs(asked)))
        for name in MISTAKES
    ]
    return show_table(
        rows,
        ("class", *header(asked)),
        f"Differences, in points of all answers: {len(rows) * len(pairs(asked))}"
        " intervals, not corrected.",
    )


def mix_gaps_table(asked):
    """Differences between arms: share of each class among the mistakes."""
    rows = []
    for name in MISTAKES:
        cells = []
        for pair in pairs(asked):
            found = stats.mean_interval(mix_gaps(asked, pair, name))
            cells.append(interval(*found, 1, 100, True))
        rows.append((name, *cells))
    return show_table(
        rows,
        ("class", *header(asked)),
        f"Differences of the mix, in points of the mistakes:"
        f" {len(rows) * len(pairs(asked))} intervals, not corrected.",
    )


def draw_mistakes(asked, arm="baseline"):
    """Classes of mistakes beside what luck would give."""
    found, luck = asked.classes[arm], asked.luck[arm]
    wrong = (found > 0).sum()
    _, axes = plt.subplots(figsize=(7, 3.6))
    for k, (table, colour, hatch, label) in enumerate(
        (
            (found, plots.BLUE, "", "the model's own wrong answer"),
            (luck, plots.ORANGE, "///", "the wrong answer to another program"),
        )
    ):
        values = [100 * of_class(table, name).sum() / wrong for name in MISTAKES]
        axes.barh(
            np.arange(len(MISTAKES)) + 0.38 * k - 0.19,
            values,
            height=0.36,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=label,
        )
    axes.set_yticks(range(len(MISTAKES)), MISTAKES)
    axes.set_ylim(len(MISTAKES) - 0.5, -0.5)
    axes.set(xlabel="% of the mistakes")
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
    plt.show()


def side_by_side(asked, one="baseline", other="hybrid", count=6):
    """Programs that both arms get wrong, with different answers, classes taken in turn.

    Returns: (code, truth, [(arm, answer, class), …]) of the lowest seed that both have.
    """
    seed = asked.paired(one, other)[0]
    at = {arm: asked.seeds[arm].index(seed) for arm in (one, other)}
    classes = {arm: asked.classes[arm][at[arm]] for arm in at}
    said = {
        arm: [asked.said[arm][at[arm]][i] for i in asked.tests] for arm in at
    }
    both = [
        j
        for j in range(len(asked.tests))
        if classes[one][j] and classes[other][j] and said[one][j] != said[other][j]
    ]
    chosen, seen = [], set()
    for j in both:  # the first program of every pair of classes
        mix = classes[one][j], classes[other][j]
        if mix not in seen and len(chosen) < count:
            seen.add(mix)
            chosen.append(j)
    corpus = asked.suites.corpus
    return [
        (
            corpus.codes[asked.tests[j]],
            corpus.outputs[asked.tests[j]],
            [(arm, answer(said[arm][j]), CLASSES[classes[arm][j]]) for arm in at],
        )
        for j in chosen
    ]


def show_examples(found):
    """Print them: the program, the truth, and both answers with their classes."""
    for number, (code, truth, rows) in enumerate(found, 1):
        print(f"{number}  {visible(code)[:66]}")
        for start in range(66, len(visible(code)), 66):
            print(f"   {visible(code)[start : start + 66]}")
        print(f"   {'truth':17} {truth.replace(chr(10), ' ')}")
        for arm, text, kind in rows:
            print(f"   {arm:17} {text:22} {kind}")

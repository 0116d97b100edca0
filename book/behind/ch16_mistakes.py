"""Behind chapter 16: tables and figures of the mistakes.

`found` is what `ood.load_mistakes` returns: sixteen seeds. Intervals of a share of all
answers resample seeds and programs, those of a share of the mistakes are Student's.
"""

import matplotlib.pyplot as plt
import numpy as np

from behind.ch16 import (
    PAIRS,
    SHORT,
    answer,
    common,
    minus,
    percent,
    rows,
    student,
    visible,
)
from curriculum import plots
from curriculum.evaluation import stats
from curriculum.experiments.ood import ARMS, CLASSES
from curriculum.show import interval, show_table

MISTAKES = CLASSES[1:]
# Classes that make up most of a difference; all are in the folded tables.
MAIN = ("form", "another variable", "arithmetic", "other")


def of_class(table, name):
    """1 where the answer has this class."""
    return (table == CLASSES.index(name)).astype(float)


def mix(table, name):
    """(seeds,) share of a class among the mistakes."""
    return of_class(table, name).sum(1) / (table > 0).sum(1)


def planted_table(programs):
    """Faulty versions of one program, and what each of them prints."""
    return show_table(
        [(kind, visible(code), output) for kind, code, output in programs],
        ("class", "program with one fault", "prints"),
    )


def mistakes_table(found, arm="baseline"):
    """Classes of the wrong answers of one arm, and how often luck gives them."""
    table = []
    for name in MISTAKES:
        classes = of_class(found.classes[arm], name)
        low, high = stats.two_way_bootstrap(classes)
        luck = of_class(found.luck[arm], name).sum()
        table.append(
            (
                name,
                interval(classes.mean(), low, high, 1, 100),
                percent(mix(found.classes[arm], name).mean()),
                percent(luck / (found.classes[arm] > 0).sum()),
            )
        )
    seeds, programs = found.classes[arm].shape
    return show_table(
        table,
        ("class", "of all answers", "of mistakes", "by luck"),
        f"Mistakes of the {arm}, {seeds} seeds, {programs:,} programs, %.",
    )


def draw_mistakes(found, arm="baseline"):
    """Classes of mistakes beside what luck would give."""
    wrong = (found.classes[arm] > 0).sum()
    _, axes = plt.subplots(figsize=(7, 3.8))
    kinds = (
        (found.classes, plots.BLUE, "", "the model's wrong answers"),
        (found.luck, plots.ORANGE, "///", "wrong answers to other programs"),
    )
    for k, (table, colour, hatch, label) in enumerate(kinds):
        values = [
            of_class(table[arm], name).sum() / wrong for name in MISTAKES
        ]
        axes.barh(
            np.arange(len(MISTAKES)) + 0.38 * k - 0.19,
            100 * np.array(values),
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
    axes.legend(loc="center right")
    plt.show()


def mix_table(found):
    """Share of each class among the mistakes of every arm."""
    arms = [a for a in ARMS if a in found.seeds]
    table = [
        (name, *(percent(mix(found.classes[a], name).mean()) for a in arms))
        for name in MISTAKES
    ]
    wrong = (percent((found.classes[a] > 0).mean()) for a in arms)
    table.append(("wrong, % of answers", *wrong))
    short = {
        "baseline, restarts": "baseline, r.",
        "hybrid, restarts": "hybrid, r.",
    }
    return show_table(
        table,
        ("class", *(short.get(a, SHORT.get(a, a)) for a in arms)),
        f"% of an arm's mistakes, means over {len(found.seeds[arms[0]])} seeds;"
        " r.: with restarts.",
    )


def class_gaps(found, pair, name):
    """(seeds, programs) answers of this class: one arm minus the other."""
    seeds = common(found, *pair)
    one, other = (rows(found, found.classes, a, seeds) for a in pair)
    return of_class(one, name) - of_class(other, name)


def mix_gaps(found, pair, name):
    """(seeds,) share of a class among the mistakes: one arm minus the other."""
    seeds = common(found, *pair)
    one, other = (rows(found, found.classes, a, seeds) for a in pair)
    return mix(one, name) - mix(other, name)


def class_gaps_table(found, classes=MISTAKES):
    """Differences between arms: answers of each class, in points of all answers."""
    table = []
    for name in classes:
        row = [name]
        for pair in PAIRS:
            values = class_gaps(found, pair, name)
            low, high = stats.two_way_bootstrap(values)
            row.append(interval(values.mean(), low, high, 1, 100, True))
        table.append(row)
    return show_table(
        table,
        ("class", *map(minus, PAIRS)),
        f"In points of all answers: {len(table) * len(PAIRS)} intervals over"
        f" {len(common(found, *ARMS))} seeds, not corrected.",
    )


def mix_gaps_table(found, classes=MISTAKES):
    """Differences between arms: share of each class among the mistakes."""
    table = [
        (name, *(student(mix_gaps(found, pair, name)) for pair in PAIRS))
        for name in classes
    ]
    return show_table(
        table,
        ("class", *map(minus, PAIRS)),
        f"In points of the mistakes: {len(table) * len(PAIRS)} intervals over"
        f" {len(common(found, *ARMS))} seeds, not corrected.",
    )


def levels_table(found, programs, wanted):
    """Which grammar levels a difference of a class comes from.

    Args: wanted: [(pair of arms, class), …], a column each.
    """
    levels = programs.levels[found.tests]
    table = []
    for level in np.unique(levels):
        row = [f"level {level}"]
        for pair, name in wanted:
            inside = class_gaps(found, pair, name) * (levels == level)
            low, high = stats.two_way_bootstrap(inside)
            row.append(interval(inside.mean(), low, high, 1, 100, True))
        table.append(row)
    return show_table(
        table,
        ("", *(f"{name}, {minus(pair)}" for pair, name in wanted)),
        f"In points of all answers: {len(table) * len(wanted)} intervals, not"
        " corrected; a column adds up to the difference above.",
    )


def draw_class_gaps(found, pair=("hybrid", "baseline")):
    """Where an arm's additional mistakes are: a dot a seed, and the mean."""
    _, axes = plt.subplots(figsize=(7, 3.8))
    for place, name in enumerate(MISTAKES):
        values = class_gaps(found, pair, name)
        each = 100 * values.mean(1)
        low, high = (100 * x for x in stats.two_way_bootstrap(values))
        axes.plot(
            each,
            np.full(len(each), place + 0.22),
            "o",
            color=plots.GREEN,
            alpha=0.4,
        )
        plots.interval(
            axes,
            place - 0.1,
            each.mean(),
            low,
            high,
            color=plots.INK,
            marker="D",
        )
    axes.axvline(0, color=plots.INK, linewidth=1)
    axes.set_yticks(range(len(MISTAKES)), MISTAKES)
    axes.set_ylim(len(MISTAKES) - 0.5, -0.5)
    axes.set(xlabel=f"{minus(pair)}, points of all answers")
    axes.grid(axis="y", visible=False)
    plt.show()


def side_by_side(found, programs, said, count=6, width=25):
    """Programs that two runs get wrong with different answers: {arm: answer, class}.

    Of the programs whose lines are short, the first one of every pair of classes.

    Args: said: {arm: (seed, its answers to all test programs)}.
    Returns: (code, truth, [(arm, answer, class), …]) for `count` programs.
    """
    arms = list(said)
    classes = {
        arm: found.classes[arm][found.seeds[arm].index(seed)]
        for arm, (seed, _) in said.items()
    }
    chosen, seen = [], set()
    for j, i in enumerate(found.tests):
        kinds = tuple(int(classes[arm][j]) for arm in arms)
        texts = [answer(said[arm][1][i]) for arm in arms]
        short = max(map(len, programs.codes[i].splitlines())) <= width - 3
        if short and all(kinds) and texts[0] != texts[1] and kinds not in seen:
            seen.add(kinds)
            names = (CLASSES[kind] for kind in kinds)
            rows = list(zip(arms, texts, names, strict=True))
            chosen.append((programs.codes[i], programs.outputs[i], rows))
    return chosen[:count]


def show_examples(examples, width=25):
    """Print them: the program left, the truth and the answers beside it."""
    for number, (code, truth, said) in enumerate(examples, 1):
        left = code.replace("\t", "   ").split("\n")
        right = [f"{'truth':9} {truth.replace(chr(10), ' ')}"]
        right += [f"{arm:9} {text:12} {kind}" for arm, text, kind in said]
        for k in range(max(len(left), len(right))):
            line = left[k] if k < len(left) else ""
            beside = right[k] if k < len(right) else ""
            head = number if k == 0 else ""
            print(f"{head:<3}{line:{width}}  {beside}".rstrip())
        print()

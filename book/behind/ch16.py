"""Behind chapter 16: tables and figures of the suites.

`asked` is what `ood.load` returns: few seeds, so its intervals are Student's over seeds.
Differences between arms are over the seeds that both have.
"""

import re
import textwrap
from collections import Counter
from random import Random

import matplotlib.pyplot as plt
import numpy as np

from curriculum import plots
from curriculum.data.suites import CHANGES
from curriculum.evaluation import stats
from curriculum.experiments.ood import ARMS
from curriculum.show import interval, show_table

SHORT = {"hybrid-shuffled": "shuffled", "hybrid, restarts": "restarts"}
PAIRS = (
    ("hybrid", "baseline"),
    ("hybrid", "hybrid-shuffled"),
    ("hybrid, restarts", "baseline"),
)
CHANGED = {
    "usual": "nothing: test programs as they are",
    "longer": "eight more first values in front",
    "five variables": "every letter has a first value",
    "unseen names": "letters f to u as variables",
    "larger numbers": "two digits instead of one",
    "nested": "the block inside another block",
    "renamed": "letters a to e exchanged",
    "equivalent": "one edit that keeps the output",
}


def common(table, *arms):
    """Seeds that all of these arms have."""
    return sorted(set.intersection(*(set(table.seeds[a]) for a in arms)))


def rows(table, values, arm, seeds):
    """The rows of an arm that belong to these seeds."""
    return values[arm][[table.seeds[arm].index(s) for s in seeds]]


def minus(pair):
    """Two arms as the title of a column."""
    return " − ".join(SHORT.get(arm, arm) for arm in pair)


def percent(value, digits=1):
    return f"{100 * value:.{digits}f}"


def signed(value):
    """A difference in points, with a sign, and without a minus zero."""
    return f"{100 * value:+.1f}".replace("-0.0", "+0.0")


# --- programs ---


def visible(code):
    """A program on one line, as the tables show it."""
    return code.replace("\n", "⏎").replace("\t", "⇥")


def answer(text):
    """An output as a model writes it, on one line, without the comment signs."""
    lines = text.removesuffix("\n").split("\n")
    return (
        " ".join(line.removeprefix("# ") for line in lines).strip()
        or "nothing"
    )


def show_changes(code, seed=0):
    """Print what every suite makes of one program."""
    for name, change in CHANGES.items():
        for new in change(code, Random(seed), "abcde"):
            title = f"{name}: {new.kind}" if new.kind else name
            lines = textwrap.wrap(visible(new.code), 66, drop_whitespace=False)
            print(title, *lines, sep="\n    ")


def suites_table(suites):
    """What each suite changes, and the length of its programs."""
    lengths = suites.corpus.lengths
    return show_table(
        [
            (
                name,
                CHANGED[name],
                f"{lengths[s.originals].mean():.0f}",
                f"{lengths[s.ids].mean():.0f}",
            )
            for name, s in suites.suites.items()
        ],
        ("suite", "what is changed", "before", "after"),
        f"{len(suites.suites['usual'].ids)} programs each; mean characters"
        " of text before and after the change.",
    )


def in_all_suites(asked, number):
    """A test program of which every suite has a version: {suite: its id}."""
    suites = asked.suites.suites
    shared = set.intersection(
        *(set(s.originals.tolist()) for s in suites.values())
    )
    i = sorted(shared)[number]
    return {
        name: int(s.ids[s.originals.tolist().index(i)])
        for name, s in suites.items()
    }


def versions_table(asked, versions, arm="baseline"):
    """One program in all suites: the truth, and what the arm's first model answers."""
    corpus, said = asked.suites.corpus, asked.said[arm][0]
    found = []
    for name, i in versions.items():
        ok = asked.right[arm][0, i]
        truth = corpus.outputs[i].replace("\n", " ")
        found.append(
            (name, truth, answer(said[i]), "right" if ok else "wrong")
        )
    return show_table(
        found,
        ("suite", "true output", "answer", ""),
        f"One program in eight suites, answered by the {arm}, seed"
        f" {asked.seeds[arm][0]}.",
    )


# --- accuracy in the suites ---


def share(asked, arm, ids):
    """(seeds,) accuracy of an arm's models on some programs."""
    return asked.right[arm][:, ids].mean(1)


def change(asked, arm, suite):
    """(seeds,) accuracy in a suite minus accuracy on its originals."""
    return share(asked, arm, suite.ids) - share(asked, arm, suite.originals)


def student(values, sign=True):
    """A mean over seeds with Student's interval, in per cent or points."""
    return interval(*stats.mean_interval(values), 1, 100, sign)


def accuracy_table(asked, arm="baseline"):
    """One arm in all suites, and the least and largest change of any model."""
    table = []
    for name, s in asked.suites.suites.items():
        row = [
            name,
            None,
            percent(share(asked, arm, s.ids).mean()),
            None,
            None,
        ]
        if name != "usual":
            every = np.concatenate([change(asked, a, s) for a in asked.seeds])
            row[1] = percent(share(asked, arm, s.originals).mean())
            row[3] = student(change(asked, arm, s))
            row[4] = f"{signed(every.min())} to {signed(every.max())}"
        table.append(row)
    models = sum(map(len, asked.seeds.values()))
    return show_table(
        table,
        ("suite", "before", "after", "change", f"all {models} models"),
        f"The {arm}, {len(asked.seeds[arm])} seeds: % executed, change in"
        " points; last: the range of the change.",
    )


def kinds_table(asked, name, arm="baseline"):
    """One arm, one suite: the kinds of change apart."""
    suite, table = asked.suites.suites[name], []
    for kind in sorted(set(suite.kinds)):
        at = np.array([k == kind for k in suite.kinds])
        part = suite._replace(ids=suite.ids[at], originals=suite.originals[at])
        table.append(
            (
                kind,
                int(at.sum()),
                percent(share(asked, arm, part.originals).mean()),
                percent(share(asked, arm, part.ids).mean()),
                student(change(asked, arm, part)),
            )
        )
    return show_table(
        table,
        ("kind", "programs", "before", "after", "change"),
        f"Kinds of “{name}”; the {arm}, {len(asked.seeds[arm])} seeds: %"
        " executed, change in points.",
    )


def length_table(asked, arm="baseline", edges=(0, 60, 80, 100, 120, 257)):
    """Accuracy by length of text: all test programs beside two suites."""
    corpus, suites = asked.suites.corpus, asked.suites.suites
    tests = range(asked.suites.tests)
    groups = {
        "test programs": np.array([i for i in tests if corpus.outputs[i]]),
        "longer": suites["longer"].ids,
        "five variables": suites["five variables"].ids,
    }
    table = []
    for low, high in zip(edges, edges[1:], strict=False):
        row = [f"{low} to {high - 1}"]
        for ids in groups.values():
            size = corpus.lengths[ids]
            part = ids[(low <= size) & (size < high)]
            said = len(part) and percent(share(asked, arm, part).mean(), 0)
            row.append(f"{said} ({len(part)})" if len(part) >= 20 else None)
        table.append(row)
    return show_table(
        table,
        ("characters", *groups),
        f"The {arm}, {len(asked.seeds[arm])} seeds: % executed by length of"
        " the text (programs); fewer than 20: –.",
    )


def digits_table(asked, arm="baseline"):
    """Programs that print one two-digit number of their text: what is answered.

    Longer outputs repeat the number; the first one of the answer counts.
    """
    corpus, found = asked.suites.corpus, Counter[str]()
    for i in asked.suites.suites["larger numbers"].ids:
        number, *more = corpus.outputs[i].split("\n")
        copied = re.search(rf"= {re.escape(number)}\n", corpus.codes[i])
        if copied and len(number) == 2 and set(more) <= {number}:
            for said in asked.said[arm]:
                first = answer(said[i]).split(" ")[0]
                places = {number: "both digits", number[0]: "the first digit"}
                places.setdefault(number[1], "the second digit")
                other = (
                    "another digit" if len(first) == 1 else "something else"
                )
                found[places.get(first, other)] += 1
    total = sum(found.values())
    order = ("both digits", "the first digit", "the second digit")
    return show_table(
        [
            (kind, found[kind], percent(found[kind] / total))
            for kind in (*order, "another digit", "something else")
        ],
        ("written", "answers", "%"),
        f"A two-digit number to be copied: {total} answers of the {arm},"
        f" {len(asked.seeds[arm])} seeds.",
    )


def draw_suites(asked):
    """Every model in every suite: a dot; the mean on the originals: a line."""
    suites, arms = asked.suites.suites, [a for a in ARMS if a in asked.seeds]
    _, axes = plt.subplots(figsize=(7, 5.4))
    for place, suite in enumerate(suites.values()):
        before = np.mean(
            [share(asked, a, suite.originals).mean() for a in arms]
        )
        axes.vlines(
            100 * before, place - 0.4, place + 0.4, plots.SOFT, linewidth=3
        )
        for k, arm in enumerate(arms):
            values = 100 * share(asked, arm, suite.ids)
            at = place + 0.15 * (k - (len(arms) - 1) / 2)
            look = plots.schedule_style(arm)
            hollow = "restarts" in arm or "shuffled" in arm
            axes.plot(
                values,
                np.full(len(values), at),
                look["marker"],
                color=look["color"],
                markerfacecolor="white" if hollow else look["color"],
                label=arm if place == 0 else None,
            )
    axes.set_yticks(range(len(suites)), list(suites))
    axes.set_ylim(len(suites) - 0.45, -0.55)
    axes.set(xlabel="executed correctly, %", xlim=(-2, 88))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="center right")
    plt.show()


def gap(asked, pair, ids, seeds):
    """(seeds,) accuracy of one arm minus that of the other."""
    one, other = (rows(asked, asked.right, a, seeds)[:, ids] for a in pair)
    return one.mean(1) - other.mean(1)


def suite_gaps_table(asked, pair=("hybrid", "baseline")):
    """Two arms in every suite: the difference, and the difference of the change."""
    seeds, table = common(asked, *pair), []
    for name, s in asked.suites.suites.items():
        there = gap(asked, pair, s.ids, seeds)
        moved = there - gap(asked, pair, s.originals, seeds)
        each = " ".join(f"{signed(x):>5}" for x in there)
        usual = name == "usual"
        table.append(
            (name, each, student(there), None if usual else student(moved))
        )
    caption = (
        f"{minus(pair)}, points; {2 * len(table) - 1} intervals over"
        f" {len(seeds)} seeds, not corrected."
    )
    named = "seeds " + ", ".join(map(str, seeds))
    return show_table(table, ("suite", named, "accuracy", "change"), caption)


def two_seeds_table(asked):
    """The other pairs have two seeds: both differences, and no interval."""
    table = []
    for name, s in asked.suites.suites.items():
        row = [name]
        for pair in PAIRS[1:]:
            values = gap(asked, pair, s.ids, common(asked, *pair))
            row.append("  ".join(f"{signed(x):>5}" for x in values))
        table.append(row)
    seeds = " and ".join(map(str, common(asked, *PAIRS[1], *PAIRS[2])))
    return show_table(
        table,
        ("suite", *map(minus, PAIRS[1:])),
        f"Differences of accuracy in points, seeds {seeds}.",
    )

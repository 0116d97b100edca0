"""Behind "A referee's questions": tables that answer one question each.

`Evidence` reads the two blocks of the study once. Every function returns what one cell of
the page shows. Intervals are two-way bootstraps over seeds and programs unless a table
says otherwise.
"""

import functools
import math

import numpy as np
from scipy import stats as scipy_stats

from behind import ch14, ch15
from behind.ch11 import PRIMARY
from curriculum import difficulty
from curriculum.evaluation import stats
from curriculum.evaluation.answers import PROTOCOLS, TASKS
from curriculum.experiments import records
from curriculum.show import interval, show_table

NAMES = [f"{a} − {b}" for a, b in PRIMARY]


class Evidence:
    """Records and answers of both blocks of seeds."""

    def __init__(self, first="study", fresh="confirm"):
        self.first, self.fresh = records.records(first), records.records(fresh)
        self.runs = self.first + self.fresh
        self.test = f"results/{first}/test-programs"

    def right(self, task="execution", protocol="exact"):
        """{arm: (16 seeds, programs)} of the arms that both blocks have."""
        return ch15.pooled(*self.blocks(task, protocol))

    @functools.cache  # noqa: B019
    def blocks(self, task="execution", protocol="exact"):
        """The same, a table for each block."""
        return tuple(
            records.right(block, task=task, protocol=protocol)
            for block in (self.first, self.fresh)
        )

    @functools.cached_property
    def gaps(self):
        """(4, 16) differences of the primary contrasts, by seed."""
        right = self.right()
        return np.array([(right[a] - right[b]).mean(1) for a, b in PRIMARY])

    @functools.cached_property
    def programs(self):
        """The test programs that print something."""
        return ch15.Skill(self.test)


def differing(evidence):
    """Which fields of the records differ inside each primary contrast (seed 0)."""
    runs = {
        records.arm(r): r for r in evidence.first if r["spec"]["seed"] == 0
    }
    rows = []
    for name, (a, b) in zip(NAMES, PRIMARY, strict=True):
        one, other = runs[a], runs[b]
        flat = [
            {**r["spec"], **r["scale"], "corpus": r["corpus"]["hash"],
             "plan": r["plan"]["digest"]}
            for r in (one, other)
        ]  # fmt: skip
        fields = sorted(k for k in flat[0] if flat[0][k] != flat[1].get(k))
        rows.append((name, ", ".join(fields)))
    return show_table(
        rows, ("contrast", "fields that differ"), "All other fields agree."
    )


def stages(evidence):
    """What the plan of a hybrid run shows in each stage."""
    run = next(r for r in evidence.first if records.arm(r) == "hybrid")
    rows = []
    for number, stage in enumerate(run["plan"]["preflight"]["stages"], 1):
        labels = stage["labels"]
        total = sum(labels.values())
        shares = (
            f"{labels[k] / total:.0%}" for k in ("easy", "medium", "hard")
        )
        rows.append((number, stage["steps"], *shares))
    return show_table(
        rows, ("stage", "steps", "easy", "medium", "hard"),
        "Programs drawn in each stage of a hybrid run (seed 0), by label.",
    )  # fmt: skip


def methods(evidence):
    """Four intervals and two p values for each primary contrast, sixteen seeds."""
    right = evidence.right()
    gaps = [right[a] - right[b] for a, b in PRIMARY]  # each (seeds, programs)
    intervals = {
        "two-way": stats.two_way_bootstrap,
        "two-way BCa": lambda gap: stats.two_way_bootstrap(gap, bca=True),
        "mixed model": stats.mixed_interval,
        "Student": lambda gap: stats.mean_interval(gap.mean(1))[1:],
    }
    tests = {
        "sign-flip p": stats.sign_flip,
        "t test p": lambda gap: max(
            scipy_stats.ttest_1samp(gap, 0).pvalue, 1e-5
        ),
    }
    rows = []
    for name, method in intervals.items():
        ends = [method(gap) for gap in gaps]
        rows.append(
            (name, *(f"[{100 * a:+.1f}, {100 * b:+.1f}]" for a, b in ends))
        )
    for name, test in tests.items():
        rows.append((name, *(f"{test(gap.mean(1)):.5f}" for gap in gaps)))
    rungs = (f"rung {n}" for n in range(1, len(gaps) + 1))
    return show_table(
        rows, ("method", *rungs), "Sixteen seeds, points; not corrected."
    )


def without_best(evidence, most=3):
    """Each contrast without the seeds that speak most for it."""
    rows = [
        (
            name,
            100 * gap.mean(),
            100 * np.median(gap),
            100 * np.sort(gap)[most:].mean(),
            f"{int((gap < 0).sum())} of {len(gap)}",
        )
        for name, gap in zip(NAMES, evidence.gaps, strict=True)
    ]
    columns = ("contrast", "mean", "median", f"without {most}", "negative")
    return show_table(
        rows, columns,
        f"Points, sixteen seeds; “without {most}”: the largest losses left out.",
        dict.fromkeys(columns[1:4], "+.1f"),
    )  # fmt: skip


def false_alarms(evidence, studies=1_000, seeds=8):
    """How often the rule finds something where nothing is, with our own seed effects.

    Seeds are drawn with replacement from our own, after each contrast's mean was taken
    away: skewness, unequal variances and the contrasts' correlation stay as they are.
    """
    centred = evidence.gaps - evidence.gaps.mean(1, keepdims=True)  # (4, 16)
    rng, single, family = np.random.default_rng(0), 0.0, {"loss": 0, "gain": 0}
    for _ in range(studies):
        drawn = centred[:, rng.integers(centred.shape[1], size=seeds)]
        p = np.array([stats.sign_flip(gap) for gap in drawn])
        single += np.mean(p < 0.05)
        found = stats.holm(p) < 0.05
        family["loss"] += bool((found & (drawn.mean(1) < 0)).any())
        family["gain"] += bool((found & (drawn.mean(1) > 0)).any())
    rows = [
        ("one contrast, sign-flip p below 0.05", f"{single / studies:.1%}")
    ]
    rows += [
        (f"any of four, after Holm: a {direction}", f"{n / studies:.1%}")
        for direction, n in family.items()
    ]
    caption = f"False alarms in {studies:,} studies of {seeds} seeds without a difference."
    return show_table(rows, ("rule", "how often"), caption)


def equivalence(evidence):
    """Hybrid-shuffled against the baseline: is their equality shown?"""
    right, rows = evidence.right(), []
    for margin in (0.01, 0.02):
        c = stats.contrast(right["hybrid-shuffled"], right["baseline"], margin)
        rows.append(
            (f"{100 * margin:.0f}", ch15.points(c), f"{c.equivalent:.3f}")
        )
    return show_table(
        rows, ("margin, points", "difference", "p of equivalence"),
        "hybrid-shuffled − baseline, sixteen seeds; two one-sided tests.",
    )  # fmt: skip


def over_time(evidence, arm="hybrid", reference="hybrid-shuffled"):
    """The gap in the loss on outputs at each logged step, by label."""
    curves = {}
    for r in evidence.runs:
        curves.setdefault(records.arm(r), []).append(
            [
                [line["answer"][k] for k in ("easy", "medium", "hard")]
                for line in r["curve"]
            ]
        )
    steps = [line["step"] for line in evidence.first[0]["curve"]]
    gap = np.array(curves[arm]) - np.array(
        curves[reference]
    )  # (seeds, lines, 3)
    rows = [
        (f"{step:,}", interval(*stats.mean_interval(gap[:, i].mean(1)), 3, 1, True),
         *gap[:, i].mean(0))
        for i, step in enumerate(steps)
    ]  # fmt: skip
    return show_table(
        rows, ("step", "all labels", "easy", "medium", "hard"),
        f"{arm} − {reference}: loss on outputs, nats a character (Student).",
        dict.fromkeys(("easy", "medium", "hard"), "+.3f"),
    )  # fmt: skip


def twice_as_long(evidence, study="longer", arm="hybrid"):
    """The hybrid minus the others after 8,400 and after 16,800 steps, the same seeds."""
    runs = records.records(study)
    long = records.right(runs)
    n = len(long[arm])  # the first seeds of the fresh block
    fresh = evidence.blocks()[1]
    short = {name: fresh[name][:n] for name in long}
    steps = [r[0]["scale"]["steps"] for r in (evidence.fresh, runs)]
    rows = []
    for other, by in ch15.changes(short, long, steps, arm).items():
        found = [ch15.two_ways(gap)[0] for gap in by.values()]
        rows.append(
            (other, *(interval(*ends, 1, 100, True) for ends in found))
        )
    columns = (f"{arm} −", *(f"{n:,}" for n in steps), "change")
    caption = f"Execution, points, {n} seeds, by steps of training; bootstrap."
    return show_table(rows, columns, caption)


def validity(evidence):
    """Rank correlation of scores with success, with intervals over programs."""
    right = evidence.right()["baseline"].mean(0)
    programs = evidence.programs
    scores = ch14.rival_scores(programs.codes, programs.outputs)
    rows = []
    for name in (
        "om_token",
        "om_radon",
        "cyclomatic",
        "tokens",
        "arithmetic signs",
    ):
        pairs = np.column_stack([scores[name], right])
        rho = lambda x: scipy_stats.spearmanr(x[:, 0], x[:, 1])[0]  # noqa: E731
        low, high = stats.bootstrap(pairs, rho, draws=400)
        tenths = 100 * ch14.by_tenth(scores[name], right)[:, 1]
        rows.append((name, f"{rho(pairs):+.2f} [{low:+.2f}, {high:+.2f}]",
                     f"{tenths[0]:.0f}", f"{tenths.max():.0f}", f"{tenths[-1]:.0f}"))  # fmt: skip
    return show_table(
        rows, ("score", "rank correlation", "lowest", "best", "highest tenth"),
        "Score and success of sixteen baselines (%), by tenths of the score.",
    )  # fmt: skip


def lost(evidence):
    """Where the hybrid loses: by grammar level, and where copying would do."""
    right, programs = evidence.right(), evidence.programs
    levels, codes = programs.levels, programs.codes
    copied = np.array(
        [
            ch14.copier(code) == output
            for code, output in zip(codes, programs.outputs, strict=True)
        ]
    )
    groups = {f"level {level}": levels == level for level in np.unique(levels)}
    scores = difficulty.score_many(codes, ["om_token"])
    labels = difficulty.label(scores.table["om_token"], (2.0, 4.0))
    groups |= {
        name: labels == k for k, name in enumerate(("easy", "medium", "hard"))
    }
    groups |= {"copying is right": copied, "copying is wrong": ~copied}
    rows = []
    for name, members in groups.items():
        part = {arm: table[:, members] for arm, table in right.items()}
        found = [
            stats.contrast(part[a], part[b])
            for a, b in (PRIMARY[1], PRIMARY[3])
        ]
        base = f"{100 * part['baseline'].mean():.0f}"
        rows.append((name, int(members.sum()), base, *map(ch15.points, found)))
    return show_table(
        rows, ("programs", "n", "baseline", "hybrid − baseline", "hybrid − shuffled"),
        f"Execution, % and points, sixteen seeds; {2 * len(rows)} intervals, none corrected.",
    )  # fmt: skip


def tasks(evidence):
    """The primary contrasts of order in all three tasks under both protocols."""
    rows = []
    for task in reversed(TASKS):
        for protocol in reversed(PROTOCOLS):
            right = evidence.right(task, protocol)
            found = [
                stats.contrast(right[a], right[b])
                for a, b in (PRIMARY[1], PRIMARY[3])
            ]
            rows.append((task, protocol, *map(ch15.points, found)))
    return show_table(
        rows, ("task", "protocol", "hybrid − baseline", "hybrid − shuffled"),
        "Points, sixteen seeds; released: sampled answers, as in the paper.",
    )  # fmt: skip


def power(evidence):
    """The smallest true difference that 8 and 16 seeds would find four times in five."""
    rows = [
        (name, *(f"{100 * stats.detectable(gap[:n]):.1f}" for n in (8, 16)))
        for name, gap in zip(NAMES, evidence.gaps, strict=True)
    ]
    caption = (
        "Smallest difference found with power 0.8 (paired t test), points."
    )
    return show_table(rows, ("contrast", "8 seeds", "16 seeds"), caption)


def related(evidence):
    """Correlation of the four contrasts over seeds."""
    table = np.corrcoef(evidence.gaps)
    rows = [
        (i + 1, *(f"{x:+.2f}" for x in row)) for i, row in enumerate(table)
    ]
    return show_table(
        rows, ("rung", "1", "2", "3", "4"), "Correlation over sixteen seeds."
    )


def possible(evidence):
    """How many comparisons the records of the two blocks allow."""
    arms = len({records.arm(r) for r in evidence.runs})
    groups = 1 + 3 + len(np.unique(evidence.programs.levels))
    counts = {
        "pairs of arms": arms * (arms - 1) // 2,
        "tasks": len(TASKS),
        "protocols": len(PROTOCOLS),
        "all, labels, grammar levels": groups,
    }
    rows = [*counts.items(), ("comparisons", math.prod(counts.values()))]
    rows.append(("of these named beforehand", len(PRIMARY)))
    return show_table(rows, ("choice", "number"))


def exposure(evidence):
    """What each arm of the study was given: characters, and distinct programs."""
    rows = {}
    for r in evidence.first:
        rows.setdefault(records.arm(r), []).append(
            (
                r["cost"]["tokens"] / 1e6,
                r["plan"]["preflight"]["distinct"] / 1e3,
            )
        )
    return show_table(
        [
            (arm, *(f"{x:.1f}" for x in np.mean(v, axis=0)))
            for arm, v in rows.items()
        ],
        ("arm", "million characters", "thousand distinct programs"),
        "Means over seeds; every arm has 268,800 showings.",
    )


def small_scale(study="scores"):
    """The block of the small model: hybrid orders by three scores, minus the baseline."""
    right = records.right(records.records(study))
    rows = []
    for arm, table in right.items():
        if arm == "baseline":
            continue
        n = min(len(table), len(right["baseline"]))
        c = stats.contrast(table[:n], right["baseline"][:n])
        rows.append((arm, n, ch15.points(c)))
    return show_table(
        rows, ("arm", "seeds", "minus baseline"), "Execution, points."
    )

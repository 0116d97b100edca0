"""Is the plan right? What it draws, against the original scores and labels.

An audit compares a delivery with its plan, so a wrong plan passes if it is delivered
faithfully. Here the plan itself is checked.

- `check_plan` takes the scores and labels *as they were scored*, by program id. A plan
  made from reversed, shifted or sorted scores has the wrong programs in its stages, and
  says nothing about it itself.
- What a schedule promises is read from the schedule: a control such as `anti` is to run
  from hard to easy, and `random-order` is to have no trend.
- A trend is judged between the stages. A plan of one stage is looked at in four parts,
  and a paced plan at each step: no program may come before it is open.

Chapter 13 checks a plan before its run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..difficulty import LABELS

if TYPE_CHECKING:
    from .plan import Plan

UP, DOWN, NONE, MIXED = "easy to hard", "hard to easy", "no trend", "up and down"
FEW = "no trend, as is usual with so few programs"
PARTS = 4  # parts of a plan without stages


@dataclass(frozen=True)
class PlanCheck:
    """What a plan shows, by the original scores and labels."""

    parts: list[
        dict
    ]  # of each stage: steps, mean score, shares of labels, ends replayed
    promised: str  # the trend that the schedule stands for
    found: str  # the trend of the mean score in the plan
    programs: int  # programs of the plan
    never: int  # of these, programs that no step draws
    findings: list[str]  # one sentence each; empty for a plan that keeps its promise

    @property
    def ok(self) -> bool:
        """True when nothing was found."""
        return not self.findings

    def __str__(self):
        heads = " ".join(f"{label:>6}" for label in LABELS)
        lines = [f"{'steps':>11} {'score':>7} {heads}  of these, a part"]
        for part in self.parts:
            steps = f"{part['first']:,}-{part['last']:,}"
            mix = " ".join(f"{share:>6.0%}" for share in part["labels"].values())
            ends = ", ".join(f"{end} {label}" for label, end in part["ends"].items())
            lines.append(f"{steps:>11} {part['score']:>7.2f} {mix}  {ends}".rstrip())
        lines.append(f"promised: {self.promised}; found: {self.found}")
        lines.append(f"never drawn: {self.never:,} of {self.programs:,} programs")
        lines += [f"FINDING: {finding}" for finding in self.findings]
        return "\n".join(lines)


def check_plan(plan: Plan, scores, labels) -> PlanCheck:
    """Compare what `plan` draws with what its schedule promises.

    Args:
        scores, labels: (N,) of the whole corpus, indexed by program id, as they were
            scored and labelled; never `plan.scores`, which a ranking may have reversed.
    Returns: a `PlanCheck`; its text has one line for each stage.
    Raises: ValueError: the arrays do not cover the programs of the plan.
    """
    scores, labels = np.asarray(scores, float), np.asarray(labels, np.int64)
    if scores.ndim != 1 or scores.shape != labels.shape or len(scores) <= max(plan.ids):
        raise ValueError(
            f"scores have the shape {scores.shape}, labels {labels.shape}; they must be"
            f" indexed by program id, and the plan's ids go up to {max(plan.ids)}"
        )
    findings = _input(plan, scores[plan.ids], labels[plan.ids])
    strangers = np.setdiff1d(plan.table, plan.ids)
    if len(strangers):
        findings.append(f"program {strangers[0]} is drawn, but is none of the plan's")
        return PlanCheck([], _promise(plan, labels), MIXED, len(plan.ids), 0, findings)
    bounds, staged = plan.starts, len(plan.starts) > 2
    if not staged:
        bounds = np.linspace(0, plan.steps, min(PARTS, plan.steps) + 1).astype(int)
    parts = []
    for k, (first, last) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        drawn = plan.table[first:last]
        mix = np.bincount(labels[drawn].ravel(), minlength=3) / drawn.size
        part = {
            "first": int(first),
            "last": int(last) - 1,
            "score": float(scores[drawn].mean()),
            "labels": dict(zip(LABELS, mix.tolist(), strict=True)),
            "ends": {},
        }
        if plan.schedule.stages and not plan.schedule.shuffle_steps:
            stage = plan.schedule.stages[k if staged else 0]
            findings += _stage(
                plan, stage, k + 1, part, np.unique(drawn), scores, labels
            )
        parts.append(part)
    promised, found = _promise(plan, labels), _trend(plan, scores, bounds)
    if plan.schedule.pacing:  # an open share that hardly grows shows no trend
        findings += _closed(plan, scores)
    elif promised not in (found, MIXED):
        made_anew = type(plan)(
            plan.schedule,
            plan.ids,
            scores[plan.ids],
            labels[plan.ids],
            plan.seed,
            plan.steps,
            plan.batch,
        )
        if found == NONE == _trend(made_anew, scores, bounds):
            found = FEW  # a right plan would look the same
        else:
            findings.append(f"the schedule promises {promised}; the plan has {found}")
    never = np.setdiff1d(plan.ids, plan.table)
    due = np.intersect1d(never, _due(plan))
    if len(due):
        findings.append(f"{len(due):,} programs are left out, such as {due[0]}")
    return PlanCheck(parts, promised, found, len(plan.ids), len(never), findings)


def _input(plan, scores, labels) -> list[str]:
    """Is the plan made from these scores and labels?"""
    findings = []
    for name, given, true in (
        ("scores", plan.given_scores, scores),
        ("labels", plan.given_labels, labels),
    ):
        wrong = int((given != true).sum())
        if not wrong:
            continue
        rank, other = (np.unique(x, return_inverse=True)[1] for x in (given, true))
        how = "another program's or another scorer's"
        if (rank == other.max() - other).all():
            how = "reversed"
        elif (np.sort(given) == np.sort(true)).all():
            how = "the right values at the wrong programs"
        findings.append(
            f"the plan was made from other {name} than the original ones: {how}"
            f" ({wrong:,} of {len(true):,} differ)"
        )
    return findings


def _asked(plan, selection) -> tuple[int, str]:
    """(original label, end) that a selection stands for, before the ranking."""
    label, end = LABELS.index(selection.label), selection.end
    if plan.schedule.ranking == "reversed":
        flip = {"hardest": "easiest", "easiest": "hardest", "random": "random"}
        return len(LABELS) - 1 - label, flip[end]
    return label, end


def _stage(plan, stage, number, part, drawn, scores, labels) -> list[str]:
    """Are the labels of a stage those that it names, and is the right end replayed?"""
    if plan.schedule.ranking == "permuted":
        return []
    findings, named = [], set()
    for selection in stage.selections:
        label, end = _asked(plan, selection)
        named.add(label)
        if selection.share == 1:
            continue
        members = plan.ids[labels[plan.ids] == label]
        kept = drawn[labels[drawn] == label]
        if not len(members) or not len(kept):
            continue
        k = max(1, round(selection.share * len(members)))
        found = _end(np.sort(scores[members]), scores[kept], k)
        if end == "random" or end in found:
            found = end
        part["ends"][LABELS[label]] = found
        if found != end:
            findings.append(
                f"stage {number} draws the {found} {LABELS[label]} programs; the schedule"
                f" asks for the {end}"
            )
    others = {
        LABELS[i]: s for i, s in enumerate(part["labels"].values()) if i not in named
    }
    for name, share in others.items():
        if share:
            findings.append(
                f"stage {number} is {share:.0%} {name} programs, which the schedule does"
                " not draw there"
            )
    return findings


def _end(members, kept, k) -> str:
    """Which end of the sorted scores `members` the k kept ones are from; ties are both."""
    hardest, easiest = kept.min() >= members[-k], kept.max() <= members[k - 1]
    if hardest and easiest:
        return "hardest or easiest"
    return "hardest" if hardest else "easiest" if easiest else "mixed"


def _closed(plan, scores) -> list[str]:
    """Does a paced plan draw programs that are not open yet?"""
    if plan.schedule.ranking == "permuted":
        return []
    hard = -scores if plan.schedule.ranking == "reversed" else scores
    ranked, n = np.sort(hard[plan.ids]), len(plan.ids)
    open_at = [plan.schedule.open_share(s / plan.steps) for s in range(plan.steps)]
    limit = [ranked[max(plan.batch, round(share * n)) - 1] for share in open_at]
    wrong = np.flatnonzero(hard[plan.table].max(1) > limit)
    if not len(wrong):
        return []
    return [
        f"{len(wrong):,} of {plan.steps:,} steps draw programs that are not open yet,"
        f" first step {wrong[0]}"
    ]


def _promise(plan, labels) -> str:
    """The trend that the schedule stands for."""
    schedule = plan.schedule
    if schedule.shuffle_steps or schedule.ranking == "permuted":
        return NONE
    if schedule.pacing:
        return DOWN if schedule.ranking == "reversed" else UP
    sizes = np.bincount(labels[plan.ids], minlength=len(LABELS))
    means = []
    for stage in schedule.stages:
        asked = [_asked(plan, s)[0] for s in stage.selections]
        weights = [
            s.share * sizes[i] for s, i in zip(stage.selections, asked, strict=True)
        ]
        if not sum(weights):
            return MIXED
        means.append(np.average(asked, weights=weights))
    return _direction(np.diff(means), 1e-9)


def _trend(plan, scores, bounds) -> str:
    """The trend of the mean score over the parts of the plan.

    Differences within four standard errors of the distinct programs of a part are none.
    """
    parts = [
        scores[np.unique(plan.table[first:last])]
        for first, last in zip(bounds[:-1], bounds[1:], strict=True)
    ]
    means = [
        scores[plan.table[a:b]].mean()
        for a, b in zip(bounds[:-1], bounds[1:], strict=True)
    ]
    spread = scores[plan.table].std()
    errors = np.array([spread / np.sqrt(len(part)) for part in parts])
    if (abs(np.array(means) - scores[plan.table].mean()) <= 4 * errors).all():
        return NONE
    staged = len(plan.starts) > 2
    return _direction(np.diff(means), 0 if staged else 4 * errors.max())


def _direction(changes, least) -> str:
    up, down = (changes > least).any(), (changes < -least).any()
    return MIXED if up and down else UP if up else DOWN if down else NONE


def _due(plan) -> np.ndarray:
    """Ids that must come: of stages that last for an epoch, all that they draw from."""
    steps = np.diff(plan.starts)
    pools = [
        plan.ids[pool]
        for pool, n in zip(plan.pools, steps, strict=False)
        if n * plan.batch >= len(pool)
    ]
    return np.unique(np.concatenate(pools)) if pools else np.empty(0, np.int64)

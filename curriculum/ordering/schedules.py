"""Schedules: what a curriculum *is*, written down as a small frozen value.

- A `Schedule` is a list of stages; a `Stage` selections shares of difficulty labels and lasts
  a share of the run. Nothing here knows a program or a step: that is `plan`'s work.
- The four of the paper: `baseline`, `sequential`, `incremental`, `hybrid`, with the
  stage lengths of its released training scripts (out of 120 thousand steps).
- Three controls. `anti` and `random-order` are the hybrid with one thing changed, the
  ranking it is given: turned round, or drawn by lot. `hard-only` trains on hard alone.
- Continuous versions let the share of the data that may be drawn grow by one of six
  pacing functions instead of in stages.

Papers: Naïr et al. (2024); Hacohen & Weinshall (2019) and Wu et al. (2021) for pacing
and controls; Platanios et al. (2019) for root-p. Chapters 6 to 9 draw each one.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from ..difficulty import LABELS

ENDS = ("hardest", "easiest", "random")
RANKINGS = ("score", "reversed", "permuted")


@dataclass(frozen=True)
class LevelSelection:
    """A part of one difficulty label: `share` of its programs, from one `end`."""

    label: str
    share: float = 1.0
    end: str = "hardest"  # which programs, when share < 1

    def __post_init__(self):
        _one_of("label", self.label, LABELS)
        _one_of("end", self.end, ENDS)
        _between("share", self.share, 0, 1, open_low=True)


@dataclass(frozen=True)
class Stage:
    """The pool that batches are drawn from, for `length` parts of the run."""

    selections: tuple[LevelSelection, ...]
    length: float = 1.0  # relative: lengths 1, 1, 2 are a quarter, a quarter, a half

    def __post_init__(self):
        if not self.selections:
            raise ValueError(
                "selections is empty; a stage needs at least one label to draw"
            )
        labels = [take.label for take in self.selections]
        if len(set(labels)) < len(labels):
            raise ValueError(
                f"selections names a label twice: {labels}; give each one once"
            )
        _between("length", self.length, 0, math.inf, open_low=True)


@dataclass(frozen=True)
class Schedule:
    """An order of training data: stages, or one pacing function over a ranking.

    Raises:
        ValueError: names the field that is out of range and what it may be.
    """

    name: str
    stages: tuple[Stage, ...] = ()
    ranking: str = "score"  # the difficulty as scored, reversed, or dealt out by lot
    pacing: str | None = None  # a key of PACING instead of stages
    start: float = 0.1  # share of the data that is open at step 0 (pacing only)
    full_at: float = 0.8  # share of the run after which all of it is open
    power: float = 2.0  # p of root-p, number of jumps of `step`

    def __post_init__(self):
        _one_of("ranking", self.ranking, RANKINGS)
        if (self.pacing is None) == (not self.stages):
            raise ValueError(
                f"schedule {self.name!r} must have either stages or pacing, not"
                f" {'neither' if self.pacing is None else 'both'}"
            )
        if self.pacing is not None:
            _one_of("pacing", self.pacing, tuple(PACING))
            _between("start", self.start, 0, 1, open_low=True)
            _between("full_at", self.full_at, 0, 1, open_low=True)
            _between("power", self.power, 0, math.inf, open_low=True)

    def boundaries(self, steps: int) -> list[int]:
        """First step of each stage, and `steps` at the end: [0, …, steps]."""
        if not self.stages:
            return [0, steps]
        total, passed, starts = sum(s.length for s in self.stages), 0.0, [0]
        for stage in self.stages:
            passed += stage.length
            starts.append(round(steps * passed / total))
        return starts

    def open_share(self, progress: float) -> float:
        """Share of the ranked data open to a pacing schedule at `progress` in [0, 1]."""
        if progress >= self.full_at:
            return 1.0
        pace = PACING[self.pacing](progress / self.full_at, self.start, self.power)
        return min(1.0, max(self.start, pace))

    def to_dict(self) -> dict:
        """Plain JSON values, accepted again by `from_dict`."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(value: dict) -> Schedule:
        """The schedule that `to_dict` wrote; unknown fields are errors that name them."""
        return _build(
            Schedule,
            value,
            stages=lambda stages: tuple(
                _build(
                    Stage,
                    stage,
                    selections=lambda selections: tuple(
                        _build(LevelSelection, take) for take in selections
                    ),
                )
                for stage in stages
            ),
        )


# --- pacing functions: (u, start, power) -> open share, u = progress to full, in [0, 1] ---


def linear(u, start, power):
    """start + (1 − start) u"""
    return start + (1 - start) * u


def root(u, start, power):
    """(start^p + (1 − start^p) u)^(1/p), the competence of Platanios et al. (2019)"""
    return (start**power + (1 - start**power) * u) ** (1 / power)


def geometric(u, start, power):
    """start^(1 − u): the open share grows by the same factor in every step"""
    return start ** (1 - u)


def exponential(u, start, power):
    """start + (1 − start)(e^(10u) − 1)/(e^10 − 1): late and steep (Wu et al., 2021)"""
    return start + (1 - start) * math.expm1(10 * u) / math.expm1(10)


def logarithmic(u, start, power):
    """start + (1 − start)(1 + log(u + e^−10)/10): early and steep (Wu et al., 2021)"""
    return start + (1 - start) * (1 + math.log(u + math.exp(-10)) / 10)


def step(u, start, power):
    """start, then `power` equal jumps up to 1"""
    return start + (1 - start) * math.floor(u * power) / power


PACING = {
    function.__name__: function
    for function in (linear, root, geometric, exponential, logarithmic, step)
}


# --- the schedules of the paper, and the controls ---


def baseline() -> Schedule:
    """All levels, shuffled: what everybody does when nobody thinks about order."""
    return Schedule("baseline", (Stage(_all(LABELS)),))


def sequential() -> Schedule:
    """Easy, then medium, then hard; each level is left behind (40/40/40 k steps)."""
    return Schedule("sequential", tuple(Stage(_all([label]), 40) for label in LABELS))


def incremental() -> Schedule:
    """Easy, then easy + medium, then everything (25/30/65 k steps)."""
    lengths = (25, 30, 65)
    return Schedule(
        "incremental",
        tuple(Stage(_all(LABELS[: i + 1]), lengths[i]) for i in range(len(LABELS))),
    )


def hybrid(
    replay: float = 0.5, end: str = "hardest", name: str = "hybrid", **fields
) -> Schedule:
    """Each level in full, plus a `replay` share of every earlier one (20/30/70 k steps).

    The paper's replayed share is not published; its hardest part is replayed according
    to two notes on the paper. Both are therefore parameters.
    """
    lengths = (20, 30, 70)
    stages = []
    for i, label in enumerate(LABELS):
        earlier = tuple(LevelSelection(old, replay, end) for old in LABELS[:i])
        stages.append(Stage(earlier + (LevelSelection(label),), lengths[i]))
    return Schedule(name, tuple(stages), **fields)


def anti(**fields) -> Schedule:
    """The hybrid with the ranking turned round: hard first."""
    return hybrid(name="anti", ranking="reversed", **fields)


def random_order(**fields) -> Schedule:
    """The hybrid's pacing with difficulty dealt out by lot: same sizes, no meaning."""
    return hybrid(name="random-order", ranking="permuted", **fields)


def hard_only() -> Schedule:
    """The hard level alone, for the whole run."""
    return Schedule("hard-only", (Stage(_all(["hard"])),))


def paced(pacing: str = "linear", **fields) -> Schedule:
    """A continuous curriculum: the easiest share is open first, growing by `pacing`."""
    return Schedule(f"paced-{pacing}", pacing=pacing, **fields)


NAMED = {
    "baseline": baseline,
    "sequential": sequential,
    "incremental": incremental,
    "hybrid": hybrid,
    "anti": anti,
    "random-order": random_order,
    "hard-only": hard_only,
    **{f"paced-{pacing}": (lambda p=pacing, **f: paced(p, **f)) for pacing in PACING},
}
PAPER = ("baseline", "sequential", "incremental", "hybrid")
CONTROLS = ("anti", "random-order", "hard-only")


def get(name: str, **fields) -> Schedule:
    """The named schedule; `fields` are its parameters, such as `replay=0.25`."""
    _one_of("schedule", name, tuple(NAMED))
    try:
        return NAMED[name](**fields)
    except TypeError:
        raise ValueError(
            f"schedule {name!r} does not take {', '.join(fields)}; replay and end belong to"
            " hybrid, anti and random-order; start, full_at and power to the paced ones"
        ) from None


def _all(labels) -> tuple[LevelSelection, ...]:
    return tuple(LevelSelection(label) for label in labels)


def _one_of(field, value, allowed):
    if value not in allowed:
        raise ValueError(
            f"{field} is {value!r}; it must be one of {', '.join(allowed)}"
        )


def _between(field, value, low, high, open_low=False):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (
        not number
        or not (low < value if open_low else low <= value)
        or not value <= high
    ):
        raise ValueError(
            f"{field} is {value!r}; it must be a number"
            f" {'above' if open_low else 'from'} {low} up to {high}"
        )


def _build(kind, value, **nested):
    """A dataclass from a dict; a field it does not have is an error that names it."""
    names = {field.name for field in dataclasses.fields(kind)}
    for key in value:
        if key not in names:
            raise ValueError(
                f"{kind.__name__} has no field {key!r}; it has {', '.join(sorted(names))}"
            )
    return kind(**{k: nested[k](v) if k in nested else v for k, v in value.items()})

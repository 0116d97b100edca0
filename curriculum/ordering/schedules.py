"""Schedules: what a curriculum *is*, written down as a small frozen value.

- A `Schedule` is a list of stages; a `Stage` selects shares of difficulty labels and lasts
  a share of the run. Nothing here knows a program or a step: that is `plan`'s work.
- The four of the paper: `baseline`, `sequential`, `incremental`, `hybrid`, with the
  stage lengths of its released training scripts (out of 120 thousand steps).
- Four controls. `anti`, `random-order` and `hybrid-shuffled` are the hybrid with one thing
  changed: the ranking turned round or drawn by lot, or the programs shuffled over the
  whole run. `hard-only` trains on hard alone.
- `warmup` starts with easy programs and then shuffles everything. Continuous versions
  let the share of the data that may be drawn grow by one of six pacing functions.
- A schedule is a function marked with `@schedule`; its arguments are its parameters.

Papers: Naïr et al. (2024); Hacohen & Weinshall (2019) and Wu et al. (2021) for pacing
and controls; Platanios et al. (2019) for root-p. Chapters 7 to 10 draw each one.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from ..checks import Range, check, checked, one_of
from ..difficulty.labels import LABELS, Label

End = Literal["hardest", "easiest", "random"]
Ranking = Literal["score", "reversed", "permuted"]
Pacing = Literal["linear", "root", "geometric", "exponential", "logarithmic", "step"]
ENDS, RANKINGS = get_args(End), get_args(Ranking)
Share = Annotated[float, Range(0.001, 1)]


@dataclass(frozen=True)
class LevelSelection:
    """A part of one difficulty label: `share` of its programs, from one `end`."""

    label: Label
    share: Share = 1.0
    end: End = "hardest"  # which programs, when share < 1

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class Stage:
    """The pool that batches are drawn from, for `length` parts of the run."""

    selections: tuple[LevelSelection, ...]
    # Relative: lengths 1, 1, 2 are a quarter, a quarter, a half.
    length: Annotated[float, Range(0.001, 1e9)] = 1.0

    def __post_init__(self):
        check(self)
        if not self.selections:
            raise ValueError(
                "selections is empty; a stage needs at least one label to draw"
            )
        labels = [selection.label for selection in self.selections]
        if len(set(labels)) < len(labels):
            raise ValueError(
                f"selections names a label twice: {labels}; give each one once"
            )


@dataclass(frozen=True)
class Schedule:
    """An order of training data: stages, or one pacing function over a ranking.

    Raises:
        ValueError: names the field that is out of range and what it may be.
    """

    name: str
    stages: tuple[Stage, ...] = ()
    ranking: Ranking = "score"  # the difficulty as scored, reversed, or dealt by lot
    pacing: Pacing | None = None  # a key of PACING instead of stages
    start: Share = 0.1  # share of the data that is open at step 0 (pacing only)
    full_at: Share = 0.8  # share of the run after which all of it is open
    power: Annotated[float, Range(0.05, 50)] = 2.0  # p of root-p, jumps of `step`
    shuffle_steps: bool = False  # all programs of the run in one random order

    def __post_init__(self):
        check(self)
        if (self.pacing is None) == (not self.stages):
            raise ValueError(
                f"schedule {self.name!r} must have either stages or pacing, not"
                f" {'neither' if self.pacing is None else 'both'}"
            )

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
        assert self.pacing is not None
        pace = PACING[self.pacing](progress / self.full_at, self.start, self.power)
        return min(1.0, max(self.start, pace))

    def to_dict(self) -> dict:
        """Plain JSON values, accepted again by `from_dict`."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(value: dict) -> Schedule:
        """The schedule that `to_dict` wrote; unknown fields are errors that name them."""
        selections = functools.partial(_each, LevelSelection)
        stages = functools.partial(_each, Stage, selections=selections)
        return _build(Schedule, value, stages=stages)


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

NAMED: dict[str, Callable[..., Schedule]] = {}


def schedule(function):
    """Offer `function` under its name; its arguments, with defaults, are the parameters."""
    NAMED[function.__name__.replace("_", "-")] = function
    return function


@schedule
def baseline() -> Schedule:
    """All levels, shuffled: what everybody does when nobody thinks about order."""
    return Schedule("baseline", (Stage(_all(LABELS)),))


@schedule
def sequential() -> Schedule:
    """Easy, then medium, then hard; each level is left behind (40/40/40 k steps)."""
    return Schedule("sequential", tuple(Stage(_all([label]), 40) for label in LABELS))


@schedule
def incremental() -> Schedule:
    """Easy, then easy + medium, then everything (25/30/65 k steps)."""
    lengths = (25, 30, 65)
    return Schedule(
        "incremental",
        tuple(Stage(_all(LABELS[: i + 1]), lengths[i]) for i in range(len(LABELS))),
    )


@schedule
def hybrid(replay: float = 0.5, end: End = "hardest") -> Schedule:
    """Each level in full, plus a `replay` share of every earlier one (20/30/70 k steps).

    The paper's replayed share is not published; its hardest part is replayed according
    to two notes on the paper. Both are therefore parameters.
    """
    lengths = (20, 30, 70)
    stages = []
    for i, label in enumerate(LABELS):
        earlier = tuple(LevelSelection(old, replay, end) for old in LABELS[:i])
        stages.append(Stage(earlier + (LevelSelection(label),), lengths[i]))
    return Schedule("hybrid", tuple(stages))


@schedule
def anti(replay: float = 0.5, end: End = "hardest") -> Schedule:
    """The hybrid with the ranking turned round: hard first."""
    return dataclasses.replace(hybrid(replay, end), name="anti", ranking="reversed")


@schedule
def random_order(replay: float = 0.5, end: End = "hardest") -> Schedule:
    """The hybrid's pacing with difficulty dealt out by lot: same sizes, no meaning."""
    return dataclasses.replace(
        hybrid(replay, end), name="random-order", ranking="permuted"
    )


@schedule
def hard_only() -> Schedule:
    """The hard level alone, for the whole run."""
    return Schedule("hard-only", (Stage(_all(["hard"])),))


@schedule
def hybrid_shuffled(replay: float = 0.5, end: End = "hardest") -> Schedule:
    """What the hybrid of the same seed delivers, in one random order over the whole run.

    Every program comes as often as in the hybrid; only the order differs. It separates
    the hybrid's order from its choice of programs, as the controls of Wu et al. (2021).
    """
    return dataclasses.replace(
        hybrid(replay, end), name="hybrid-shuffled", shuffle_steps=True
    )


@schedule
def warmup(length: float = 0.2) -> Schedule:
    """Easy programs for the first `length` of the run, then everything, shuffled.

    The best case of Zhang et al. (2025, arXiv 2506.11300): a curriculum as a warm-up
    before random order.
    """
    length = checked("length", length, Annotated[float, Range(0.001, 0.999)])
    return Schedule(
        "warmup", (Stage(_all(["easy"]), length), Stage(_all(LABELS), 1 - length))
    )


def paced(pacing: Pacing = "linear", **fields) -> Schedule:
    """A continuous curriculum: the easiest share is open first, growing by `pacing`."""
    return Schedule(f"paced-{pacing}", pacing=pacing, **fields)


def _paced(pacing):
    def plain(start: float = 0.1, full_at: float = 0.8):
        return paced(pacing, start=start, full_at=full_at)

    def with_power(start: float = 0.1, full_at: float = 0.8, power: float = 2.0):
        return paced(pacing, start=start, full_at=full_at, power=power)

    return with_power if pacing in ("root", "step") else plain


NAMED |= {f"paced-{pacing}": _paced(pacing) for pacing in PACING}
PAPER = ("baseline", "sequential", "incremental", "hybrid")
CONTROLS = ("anti", "random-order", "hard-only")


def get(name: str, **options) -> Schedule:
    """The named schedule; `options` are its parameters, such as `replay=0.25`."""
    one_of("schedule", name, NAMED)
    return make(NAMED[name], name, options)


def make(function, name: str, options: dict) -> Schedule:
    """The schedule that `function` returns; options it does not take are refused.

    Raises: ValueError: names the option, and the schedules that take it.
    """
    known = parameters(function)
    for key, value in options.items():
        if key not in known:
            others = [n for n, f in NAMED.items() if key in parameters(f)]
            raise ValueError(
                f"schedule {name!r} does not take {key}; it takes"
                f" {', '.join(known) or 'no parameter'}. {key} belongs to"
                f" {', '.join(others) or 'no schedule'}"
            )
        options = options | {key: checked(key, value, type(known[key]))}
    return function(**options)


def parameters(function) -> dict:
    """{name: default} of the parameters of a schedule's function."""
    found = inspect.signature(function).parameters.values()
    for p in found:
        if type(p.default) not in (int, float, str, bool):
            raise ValueError(
                f"parameter {p.name} of {function.__name__} needs a number or a text as"
                " its default; its type is read from there"
            )
    return {p.name: p.default for p in found}


def _all(labels) -> tuple[LevelSelection, ...]:
    return tuple(LevelSelection(label) for label in labels)


def _each(kind, values, **nested) -> tuple:
    """A tuple of dataclasses from a list of dicts."""
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"{values!r} must be a list of {kind.__name__}")
    return tuple(_build(kind, value, **nested) for value in values)


def _build(kind, value, **nested):
    """A dataclass from a dict; a field it does not have is an error that names it."""
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} must be a {kind.__name__}: {{field: value}}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in value:
        if key not in fields:
            raise ValueError(
                f"{kind.__name__} has no field {key!r}; it has {', '.join(sorted(fields))}"
            )
    for name, field in fields.items():
        if field.default is dataclasses.MISSING and name not in value:
            raise ValueError(f"{kind.__name__} needs the field {name!r}: {value!r}")
    return kind(**{k: nested[k](v) if k in nested else v for k, v in value.items()})

"""What an experiment is: a flat list of parameters, checked whole before anything starts.

- `Experiment` is that list; papermill, the command line and records use the same names.
- `Experiment.parse` reads words such as `schedule=hybrid replay=0.25 seed=0,1,2`; a
  parameter of a schedule is one of its function's arguments, and refused elsewhere.
- `SCALES` says how much of everything.
- Schedule and scorer may be files of your own (`custom.py`).

Chapter 13 is the manual.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from .. import difficulty
from ..checks import Range, check, checked, one_of
from ..files import results_folder
from ..ordering import schedules
from . import custom

NOTEBOOK = Path(__file__).parents[2] / "book" / "experiment.ipynb"
RESULTS = results_folder()


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    programs: int  # corpus size, before the split
    size: str  # model size
    steps: int
    batch: int  # programs in a step
    lr: float  # peak learning rate
    test: int  # test programs measured at the end, at most
    log_every: int
    keep_weights: bool = False
    block_size: int = 256
    per_level: int = 0  # test programs of each grammar level; 0: the first ones


SCALES = {
    # smoke: seconds, for the tests. quick: about a minute on two cores. desk: ten minutes.
    "smoke": Scale(1_500, "nano", 24, 16, 3e-3, 60, 8),
    "quick": Scale(20_000, "pocket", 700, 64, 3e-3, 500, 35),
    "desk": Scale(100_000, "pocket", 6_000, 64, 3e-3, 2_000, 250, keep_weights=True),
    # laptop: what order by other scores does, on two cores; seven minutes a run.
    "laptop": Scale(100_000, "pocket", 4_000, 32, 3e-3, 2_400, 500, per_level=400),
    # study: half an hour of a GPU for all of its runs together.
    "study": Scale(200_000, "paper", 8_400, 32, 2e-3, 2_400, 1_200, per_level=400),
    "longer": Scale(200_000, "paper", 16_800, 32, 2e-3, 2_400, 2_400, per_level=400),
    "paper": Scale(
        1_000_000, "paper", 120_000, 64, 1e-3, 10_000, 2_000, keep_weights=True
    ),
}
CUTS = {"paper": (2.0, 4.0), "tertiles": "tertiles"}


@dataclass(frozen=True)
class Experiment:
    """Parameters of one arm; every field is a papermill parameter of the same name."""

    schedule: str = "hybrid"  # a name, file.py:function, module:function or spec.json
    scorer: str = "om_token"  # a name, file.py:function or module:function
    cut: Literal["paper", "tertiles"] = "paper"  # thresholds 2 and 4, or tertiles
    options: dict = field(default_factory=dict, hash=False)  # the schedule's parameters
    scale: Literal["smoke", "quick", "desk", "laptop", "study", "longer", "paper"] = (
        "quick"
    )
    variant: Literal["july", "july-az", "august"] = "july"
    rows: Literal["programs", "windows"] = "programs"  # windows: as released
    loss_on: Literal["all", "answer"] = "all"
    lr_schedule: Literal["multistep", "multistep-restart", "constant"] = "multistep"
    cycles: str = ""  # lengths of the restart cycles, "20,30,70"; "": the plan's stages
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0  # first weights and shuffles
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    study: str = "local"  # folder of the record

    def __post_init__(self):
        check(self)
        put = functools.partial(object.__setattr__, self)
        put("schedule", custom.absolute(self.schedule))
        put("scorer", custom.absolute(self.scorer))
        if "scorer" not in self.custom:
            one_of("scorer", self.scorer, difficulty.SCORERS)
        self.make_schedule()
        known = schedules.parameters(self._schedule_function)
        options = {k: checked(k, v, type(known[k])) for k, v in self.options.items()}
        put("options", {k: v for k, v in options.items() if v != known[k]})
        if self.rows == "windows" and self.loss_on == "answer":
            raise ValueError(
                "loss_on is 'answer', which windows cannot do; use rows=programs"
            )
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", self.study):
            raise ValueError(
                f"study is {self.study!r}; use letters, digits, - and _, at most 60"
            )
        if self.cycles:
            put("cycles", ",".join(f"{x:g}" for x in self._checked_cycles()))

    def _checked_cycles(self) -> list[float]:
        if self.lr_schedule != "multistep-restart":
            raise ValueError(
                f"cycles is {self.cycles!r}; only lr_schedule=multistep-restart has them"
            )
        kind = Annotated[float, Range(0.001, 1e9)]
        try:
            found = [checked("cycles", float(x), kind) for x in self.cycles.split(",")]
        except ValueError:
            raise ValueError(
                f"cycles is {self.cycles!r}; it must be positive numbers, such as 20,30,70"
            ) from None
        if min(found) * SCALES[self.scale].steps / sum(found) < 1:
            raise ValueError(
                f"cycles is {self.cycles!r}; one of them is shorter than one step"
            )
        return found

    @functools.cached_property
    def custom(self) -> dict[str, custom.Custom]:
        """Your own code behind `schedule` and `scorer`, read once."""
        pairs = {"schedule": self.schedule, "scorer": self.scorer}
        return {k: custom.load(v) for k, v in pairs.items() if custom.is_custom(v)}

    @property
    def _schedule_function(self):
        if "schedule" in self.custom:
            return self.custom["schedule"].function
        one_of("schedule", self.schedule, schedules.NAMED)
        return schedules.NAMED[self.schedule]

    def make_schedule(self) -> schedules.Schedule:
        """The schedule with this experiment's options."""
        name = self.spec["schedule"]
        try:
            found = schedules.make(self._schedule_function, name, self.options)
        except Exception as error:  # anything that somebody's function may raise
            if isinstance(error, ValueError) or "schedule" not in self.custom:
                raise
            raise ValueError(
                f"schedule {name!r} fails: {type(error).__name__}: {error}"
            ) from None
        if not isinstance(found, schedules.Schedule):
            raise ValueError(
                f"schedule {name!r} returns a {type(found).__name__}; it must return a"
                " Schedule"
            )
        return found

    @property
    def cycle_lengths(self) -> tuple[float, ...]:
        """`cycles` as numbers."""
        return tuple(map(float, self.cycles.split(","))) if self.cycles else ()

    @property
    def spec(self) -> dict:
        """All fields, as records keep them: files of yours without their folder."""
        return dataclasses.asdict(self) | {k: c.name for k, c in self.custom.items()}

    @property
    def code(self) -> dict[str, str]:
        """SHA-256 of each file of yours that decides the result."""
        return {k: c.sha256 for k, c in self.custom.items()}

    @property
    def science(self) -> dict:
        """What decides the result (not where it is computed or kept)."""
        kept = {k: v for k, v in self.spec.items() if k not in ("device", "study")}
        return kept | {"code": self.code}

    @property
    def name(self) -> str:
        """File name of the record: schedule, seed and whatever is not the default.

        A study named after a scale says it already.
        """
        skip = {"schedule", "options", "seed", "study", "device"}
        skip |= {"scale"} if self.scale == self.study else set()
        spec, parts = self.spec, [self.spec["schedule"]]
        for f in dataclasses.fields(self):
            if f.name == "options":
                parts += [f"{k}-{v}" for k, v in sorted(self.options.items())]
            elif f.name not in skip and spec[f.name] != f.default:
                parts.append(f"{f.name}-{spec[f.name]}")
        return re.sub(r"[^\w.-]", "-", "_".join([*parts, f"s{self.seed}"]))

    @property
    def words(self) -> list[str]:
        """The words that `parse` reads this experiment from."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain |= plain.pop("options")
        return [f"{k}={v}" for k, v in plain.items()]

    @staticmethod
    def parse(words) -> list[Experiment]:
        """Experiments from words such as `schedule=baseline,hybrid seed=0,1,2`.

        A comma makes a sweep: the experiments are all combinations. (The commas of
        `cycles` belong to its one value.)
        """
        fields = typing.get_type_hints(Experiment)
        del fields["options"]
        texts = {}
        for word in words:
            key, equals, text = word.partition("=")
            if not equals or not key.isidentifier():
                raise _unknown(word, fields)
            if key in texts:
                raise ValueError(
                    f"{key} is given twice; give it once, with commas for a sweep"
                )
            texts[key] = [text] if key == "cycles" else text.split(",")
        arms = texts.get("schedule", [Experiment.schedule])
        takes = {
            a: schedules.parameters(Experiment(a)._schedule_function) for a in arms
        }
        own = {key: value for known in takes.values() for key, value in known.items()}
        for key in set(own) & set(fields):
            raise ValueError(
                f"{key} is a parameter of the schedule and of every experiment; rename"
                " the schedule's"
            )
        every = {k for f in schedules.NAMED.values() for k in schedules.parameters(f)}
        choices = {}
        for key, parts in texts.items():
            if key not in fields and key not in every | set(own):
                raise _unknown(f"{key}={','.join(parts)}", fields)
            if key not in fields and len(arms) > 1:
                for arm in (a for a in arms if key not in takes[a]):
                    raise ValueError(
                        f"schedule {arm!r} does not take {key}, and in a sweep every"
                        " schedule must; start a sweep of its own for those that do"
                    )
            kind = fields.get(key, type(own.get(key, "")))
            kind = kind if kind in (int, float, bool) else str
            choices[key] = [_read(key, part, kind) for part in parts]
        found = []
        for values in itertools.product(*choices.values()):
            given = dict(zip(choices, values, strict=True))
            options = {k: given.pop(k) for k in choices if k not in fields}
            found.append(Experiment(**given, options=options))
        return found


def _unknown(word, fields):
    return ValueError(
        f"{word!r} is not a parameter; write name=value with one of {', '.join(fields)},"
        " or a parameter of the schedule, such as replay=0.25"
    )


def _read(key, text, kind):
    """`text` as a value of `kind`."""
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError):
        raise ValueError(
            f"{key} is {text!r}; it must be of type {kind.__name__}"
        ) from None


def cache_folder() -> Path:
    """Where corpora and unfinished runs are kept.

    $CURRICULUM_CACHE, else `runs` in the checkout, else (installed alone) in this folder.
    """
    checkout = NOTEBOOK.parent.parent if NOTEBOOK.exists() else Path()
    return Path(os.environ.get("CURRICULUM_CACHE", checkout / "runs"))

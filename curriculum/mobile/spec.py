"""A curriculum of environments: stages that are checked before anything is played.

- A `Stage` says where the stations are, how many users walk how fast, for how many steps
  the agent plays there, and what it is rewarded for. It holds numbers and a word; no code.
- `validate` makes a `Curriculum` of JSON that anybody wrote, a language model included.
  What is out of range, missing or unknown is refused in one line.
- `schema` writes the same ranges as a JSON schema, so that prompt and check agree.
- `plan` is one stage id for each episode; `ordering.audit.audit` compares it with the
  episodes that were played.

Paper: Erak and others (2024). Chapter 20 explains it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

SIDE = 200  # the map is a square; the library that we follow calls the unit a metre
EPISODE = 100  # steps of an episode, in the paper and here
MOST_STATIONS = 3  # what the agent sees and does has room for so many
REWARDS = (
    "utility",
    "connected",
)  # the paper's mean utility; share of users with a link
# field: (lowest, highest, type)
RANGES = {
    "users": (1, 10, int),
    "velocity": (0, 50, float),  # map units a step
    "steps": (EPISODE, 1_000_000, int),
}


@dataclass(frozen=True)
class Stage:
    """One environment, and for how long the agent plays in it."""

    stations: tuple[tuple[float, float], ...]  # 1 to 3 places on the map
    users: int
    velocity: float
    steps: int  # whole episodes: a multiple of `EPISODE`
    reward: str = "utility"

    def __post_init__(self):
        object.__setattr__(self, "stations", _stations(self.stations))
        for name, (low, high, kind) in RANGES.items():
            value = _number(name, getattr(self, name), low, high, kind)
            object.__setattr__(self, name, value)
        if self.steps % EPISODE:
            raise ValueError(
                f"steps is {self.steps}; allowed are whole episodes of {EPISODE} steps;"
                f" take {self.steps // EPISODE * EPISODE}"
            )
        if self.reward not in REWARDS:
            raise ValueError(
                f"reward is {self.reward!r}; allowed are {', '.join(REWARDS)}; choose one"
            )

    @property
    def environment(self) -> tuple:
        """What the agent meets: everything but the number of steps."""
        return self.stations, self.users, self.velocity, self.reward


@dataclass(frozen=True)
class Curriculum:
    """Stages in the order in which they are played."""

    name: str
    stages: tuple[Stage, ...]

    def __post_init__(self):
        if not isinstance(self.name, str) or not 0 < len(self.name) <= 60:
            raise ValueError(
                f"name is {self.name!r}; allowed are texts of 1 to 60 letters"
            )
        if not 0 < len(self.stages) <= 20:
            raise ValueError(
                f"stages has {len(self.stages)} stages; allowed are 1 to 20; join or drop some"
            )

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)


def validate(value) -> Curriculum:
    """The curriculum that `value`, parsed JSON, describes.

    Raises: ValueError: one line that names the field, its value, what is allowed, the cure.
    """
    _fields("the curriculum", value, {"name", "stages"}, {"name", "stages"})
    if not isinstance(value["stages"], list):
        raise ValueError(
            f"stages is {_short(value['stages'])}; it must be a list of stages"
        )
    stages = []
    for number, one in enumerate(value["stages"], 1):
        names = {field.name for field in dataclasses.fields(Stage)}
        _fields(f"stage {number}", one, names, names - {"reward"})
        try:
            stages.append(Stage(**one))
        except ValueError as error:
            raise ValueError(f"stage {number}: {error}") from None
    return Curriculum(value["name"], tuple(stages))


def as_json(curriculum: Curriculum) -> dict:
    """What `validate` reads."""
    stages = [
        {**dataclasses.asdict(stage), "stations": [list(xy) for xy in stage.stations]}
        for stage in curriculum.stages
    ]
    return {"name": curriculum.name, "stages": stages}


def schema() -> dict:
    """A JSON schema with the ranges that `validate` enforces, for language models."""
    place = {"type": "number", "minimum": 0, "maximum": SIDE}
    point = {"type": "array", "items": place, "minItems": 2, "maxItems": 2}
    fields: dict = {
        "stations": {
            "type": "array", "items": point, "minItems": 1, "maxItems": MOST_STATIONS
        },
        "reward": {"type": "string", "enum": list(REWARDS)},
    }  # fmt: skip
    for name, (low, high, kind) in RANGES.items():
        word = "integer" if kind is int else "number"
        fields[name] = {"type": word, "minimum": low, "maximum": high}
    fields["steps"]["multipleOf"] = EPISODE
    stage = _object(fields)
    stages = {"type": "array", "items": stage, "minItems": 1, "maxItems": 20}
    return _object({"name": {"type": "string", "maxLength": 60}, "stages": stages})


def plan(curriculum: Curriculum) -> np.ndarray:
    """(episodes, 1) the stage id of each episode; equal environments share one id."""
    ids = [recognise(curriculum, stage.environment) for stage in curriculum.stages]
    episodes = [stage.steps // EPISODE for stage in curriculum.stages]
    return np.repeat(ids, episodes)[:, None]


def recognise(curriculum: Curriculum, environment) -> int:
    """Id of the first stage with this environment; -1 if the curriculum has none."""
    known = [stage.environment for stage in curriculum.stages]
    return known.index(environment) if environment in known else -1


def fit(name: str, stages, target: Stage, total: int) -> Curriculum:
    """Stages, and then the target for the steps that are left of `total`.

    Raises: ValueError: nothing would be left for the target.
    """
    stages = tuple(stages)
    left = total - sum(stage.steps for stage in stages)
    if left < EPISODE:
        raise ValueError(
            f"total is {total} and the stages take {total - left} of it; the target needs"
            f" {EPISODE} at least: shorten the stages"
        )
    return Curriculum(name, (*stages, dataclasses.replace(target, steps=left)))


def _object(fields) -> dict:
    return {
        "type": "object",
        "properties": fields,
        "required": sorted(fields),
        "additionalProperties": False,
    }


def _fields(where, value, allowed, needed):
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {_short(value)}; it must be a JSON object")
    for name in value:
        if name not in allowed:
            raise ValueError(
                f"{where} has the field {_short(name)}; allowed are"
                f" {', '.join(sorted(allowed))}; leave it out"
            )
    if missing := sorted(needed - value.keys()):
        raise ValueError(f"{where} has no {missing[0]}; add it")


def _stations(value) -> tuple:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_STATIONS:
        raise ValueError(
            f"stations is {_short(value)}; allowed are 1 to {MOST_STATIONS} places [x, y];"
            " list them"
        )
    places = []
    for place in value:
        if not isinstance(place, list | tuple) or len(place) != 2:
            raise ValueError(
                f"stations has {_short(place)}; a place is [x, y]; give both"
            )
        places.append(tuple(_number("stations", c, 0, SIDE, float) for c in place))
    return tuple(places)


def _number(name, value, low, high, kind):
    whole = isinstance(value, int) or isinstance(value, float) and value.is_integer()
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or kind is int and not whole or not low <= value <= high:
        word = "a whole number" if kind is int else "a number"
        raise ValueError(
            f"{name} is {_short(value)}; allowed is {word} from {low} to {high}; change it"
        )
    return kind(value)


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


TARGET = Stage(((110, 130), (65, 80), (120, 30)), 5, 1.5, EPISODE)  # as published
UNSEEN = Stage(((150, 100), (35, 40), (20, 130)), 6, 1.5, EPISODE)  # published test

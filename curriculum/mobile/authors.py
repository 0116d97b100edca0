"""Who writes a curriculum: functions that answer a request with a `Curriculum`.

- `target_only`, `published`, `hand_made`, `random_stages`, `backwards`: the controls.
- `adaptive` sees the rewards so far and decides whether to go on; a summary of the paper
  describes such a loop, and the released code has none.
- `Endpoint` asks any service that speaks OpenAI's protocol. Its answer is JSON that
  `validate` reads; nothing is executed, and what is out of range is refused.
- `recorded` replays answers from a file, so that a chapter needs no model.

The trainer asks its author before every batch of episodes; only `adaptive` changes its
mind. Paper: Erak and others (2024). Chapter 20 compares them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import files
from . import spec
from .spec import EPISODE, SIDE, TARGET, Curriculum, Stage, fit, validate

BATCH = 20  # episodes between two questions to an author


@dataclass(frozen=True)
class Request:
    """What an author knows."""

    total: int  # steps of the whole curriculum
    seed: int = 0
    target: Stage = TARGET
    rewards: tuple[float, ...] = ()  # mean reward of each batch of episodes so far


Author = Callable[[Request], Curriculum]
ONE, TWO = ((100, 100),), ((110, 130), (65, 80))


def target_only(request: Request) -> Curriculum:
    """No curriculum: the target from the first step."""
    return fit("target only", (), request.target, request.total)


def published(request: Request) -> Curriculum:
    """GPT-4's stages as the paper ran them, at their shares of 500,000 steps.

    The place of the single station is ours: the middle of the map.
    """
    steps = [_whole(request.total * part / 500) for part in (10, 10, 15)]
    three = request.target.stations
    stages = (
        Stage(ONE, 2, 0, steps[0]),
        Stage(ONE, 2, 1, steps[1]),
        Stage(three, 2, 5, steps[2]),
    )
    return fit("published", stages, request.target, request.total)


def hand_made(request: Request) -> Curriculum:
    """Ours: stations and users grow together, for three tenths of the steps."""
    steps = _whole(request.total / 10)
    three = request.target.stations
    stages = (
        Stage(ONE, 3, 0, steps),
        Stage(TWO, 4, 1, steps),
        Stage(three, 4, 1.5, steps),
    )
    return fit("hand-made", stages, request.target, request.total)


def random_stages(request: Request) -> Curriculum:
    """Three random stages of the same schema, another three for each seed."""
    rng = np.random.default_rng([20, request.seed])
    stages = [
        Stage(
            tuple(
                map(tuple, rng.integers(0, SIDE + 1, (rng.integers(1, 4), 2)).tolist())
            ),
            int(rng.integers(1, 11)),
            float(rng.integers(0, 21)),
            _whole(request.total * rng.uniform(0.02, 0.12)),
        )
        for _ in range(3)
    ]
    return fit("random", stages, request.target, request.total)


def backwards(author: Author) -> Author:
    """The stages of another author in the opposite order: it ends with the first."""

    def reverse(request: Request) -> Curriculum:
        its = author(request)
        return Curriculum(f"{its.name}, reversed", its.stages[::-1])

    return reverse


def adaptive(request: Request, gain: float = 0.02, most: int = 5) -> Curriculum:
    """The hand-made stages, each until it stops paying.

    It goes on when the last batch's mean reward is less than `gain` above the batch
    before, or after `most` batches. What it plays depends on the learner.
    """
    lessons, steps, here = hand_made(request).stages[:-1], BATCH * EPISODE, 0
    played = [0] * (len(lessons) + 1)
    for i in range(len(request.rewards)):
        played[here] += 1
        n = played[here]
        slow = n > 1 and request.rewards[i] - request.rewards[i - 1] < gain
        if here < len(lessons) and (slow or n >= most):
            here += 1
    if here < len(lessons):
        played[here] += 1  # the batch to come
    stages = [
        dataclasses.replace(stage, steps=n * steps)
        for stage, n in zip(lessons, played, strict=False)
        if n
    ]
    return fit("adaptive", stages, request.target, request.total)


# what the local language model is asked to put in order
CANDIDATES = (
    Stage(ONE, 2, 0, EPISODE),
    Stage(TWO, 3, 1, EPISODE),
    Stage(TARGET.stations, 4, 1.5, EPISODE),
    Stage(TARGET.stations, 10, 5, EPISODE),
)


def in_order(order, name: str = "local model") -> Author:
    """`CANDIDATES` in some order, a twenty-fifth of the steps each, then the target."""

    def write(request: Request) -> Curriculum:
        steps = _whole(request.total / 25)
        stages = [dataclasses.replace(CANDIDATES[i], steps=steps) for i in order]
        return fit(name, stages, request.target, request.total)

    return write


def recorded(path, key: str = "local") -> Author:
    """The author whose answer was kept under `key` in a file of answers."""
    kept = files.read_json(path, sealed=True)[key]
    return in_order(kept["order"], kept["name"])


@dataclass(frozen=True)
class Endpoint:
    """A language model behind an address that speaks OpenAI's chat protocol."""

    address: str  # up to /v1
    model: str
    key: str = ""  # goes into the header, and nowhere else
    timeout: float = 60.0  # seconds
    keep: str = ""  # file that requests and answers are recorded in

    @classmethod
    def from_environment(cls, **options) -> Endpoint:
        """From $CURRICULUM_LLM_URL, $CURRICULUM_LLM_MODEL and $CURRICULUM_LLM_KEY."""
        address, model, key = (
            os.environ.get(f"CURRICULUM_LLM_{name}", "")
            for name in ("URL", "MODEL", "KEY")
        )
        if not address or not model:
            raise ValueError(
                "CURRICULUM_LLM_URL or CURRICULUM_LLM_MODEL is not set; set both, such as"
                " http://127.0.0.1:8000/v1 and the model's name"
            )
        return cls(address, model, key, **options)

    def __call__(self, request: Request) -> Curriculum:
        """Ask once. Raises: ValueError: no answer, or one that `validate` refuses."""
        text = self._ask(prompt(request))
        if self.keep:
            kept = {"model": self.model, "prompt": prompt(request), "answer": text}
            files.write_json(self.keep, kept)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(
                f"the model's answer is no JSON: {text[:40]!r}; ask again, or another model"
            ) from None
        curriculum = validate(value)
        if curriculum.steps != request.total:
            raise ValueError(
                f"the curriculum has {curriculum.steps} steps; {request.total} were asked"
                " for; ask again"
            )
        return curriculum

    def _ask(self, text: str) -> str:
        form = {"name": "curriculum", "strict": True, "schema": spec.schema()}
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
            "response_format": {"type": "json_schema", "json_schema": form},
        }
        head = {"Content-Type": "application/json"}
        if self.key:
            head["Authorization"] = f"Bearer {self.key}"
        call = urllib.request.Request(
            f"{self.address.rstrip('/')}/chat/completions",
            json.dumps(body).encode(),
            head,
        )
        try:
            with urllib.request.urlopen(call, timeout=self.timeout) as reply:
                answer = json.loads(reply.read(1_000_000))
            text = answer["choices"][0]["message"]["content"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ValueError(
                f"no answer from {self.address} ({type(error).__name__}: {error}); check"
                " address, model and key"
            ) from None
        if not isinstance(text, str):
            raise ValueError(f"{self.address} answered no text; check the model")
        return text


def prompt(request: Request) -> str:
    """What a language model is asked."""
    target = {**dataclasses.asdict(request.target), "steps": request.total}
    return (
        "An agent learns, by reinforcement learning, to connect the users of a phone network"
        f" to stations on a map of {SIDE} by {SIDE}. Its final task is"
        f" {json.dumps(target)}. Write a curriculum: stages from easy to hard, the last one"
        f" the final task. The steps of all stages add up to {request.total}; each is a"
        f" multiple of {EPISODE}. Answer with JSON of this schema: "
        + json.dumps(spec.schema())
        + f" Mean rewards so far: {list(request.rewards)}."
    )


AUTHORS: dict[str, Author] = {
    "target only": target_only,
    "published": published,
    "reversed": backwards(published),
    "hand-made": hand_made,
    "random": random_stages,
    "adaptive": adaptive,
}


def _whole(steps: float) -> int:
    """Whole episodes, one at least."""
    return max(1, round(steps / EPISODE)) * EPISODE

"""Runs with a teacher: the arms of an experiment, with an order made on the way.

- `taught` is an arm whose plan a teacher makes; `replayed` is a fresh model on the order
  of a finished taught run, as it was or shuffled. Both are trained by the same loop as all
  other arms, and everything but the order is that of the baseline.
- Tasks are the six levels of the grammar. The teacher sees the loss of the answer on a few
  validation programs of each.
- Every run leaves a record with the teacher's choices, an audit of what was delivered
  against the order that these choices spell, and its answers to every test program.

Chapter 23 uses it; `book/tools/reacting.py` made its results.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .. import files, training
from ..checks import one_of
from ..data.corpus import Corpus
from ..evaluation.answers import pack
from ..evaluation.fast import padded_tokens, prompt_lengths
from ..model import parameter_count, training_flops
from ..ordering.audit import audit
from ..sources import code_digest
from ..teachers import (
    TEACHERS,
    Recorded,
    Tasks,
    Taught,
    by_tasks,
    review,
    shuffled,
)
from .experiment import Arm, Data, resolve
from .spec import Experiment, cache_folder

EVERY = 100  # steps in a window
WATCHED = 32  # validation programs of each task
REPLAYS = ("replay", "shuffled replay")


def tasks_of(data: Data) -> Tasks:
    """The six levels of the grammar, from the lowest mean difficulty to the highest."""
    levels = data.corpus.levels[data.train]
    names = np.unique(levels)
    means = [data.scores[data.train[levels == name]].mean() for name in names]
    names = names[np.argsort(means, kind="stable")]
    task = np.argmax(levels[:, None] == names, axis=1)
    return Tasks(data.train, task, tuple(map(str, names)))


def watched(
    data: Data, tasks: Tasks, each: int = WATCHED
) -> tuple[np.ndarray, np.ndarray]:
    """(ids, task) of the validation programs that a teacher may see: the first `each` of
    every task that print something."""
    valid = data.valid
    speaks = np.array([bool(data.corpus.outputs[i].strip()) for i in valid])
    parts = [
        valid[speaks & (data.corpus.levels[valid] == name)][:each]
        for name in tasks.names
    ]
    for name, part in zip(tasks.names, parts, strict=True):
        if not len(part):
            raise ValueError(
                f"no validation program of level {name}; use a larger corpus"
            )
    return np.concatenate(parts), np.repeat(
        np.arange(len(parts)), [len(p) for p in parts]
    )


class Look:
    """The loss of each task on watched programs, for a model as it is now.

    `look(model)` returns (K,): mean over programs of the mean loss of the answer's
    characters, in nats, as `evaluation.losses(…, "answer")`; everything but the model
    stays on the device, since a teacher looks often.
    """

    def __init__(self, corpus: Corpus, ids, task, device):
        text, lengths = padded_tokens(corpus, ids)
        place = np.arange(1, text.shape[1])
        asked = place >= prompt_lengths(corpus, ids)[:, None]
        asked &= place < lengths[:, None]  # (n, t)
        self.characters = int(lengths.sum() - len(ids))  # of one look
        share = asked / asked.sum(1, keepdims=True)
        share /= np.bincount(task)[task][:, None]
        self._tokens = torch.from_numpy(text).to(device)
        self._share = torch.from_numpy(share).to(device)
        self._task = torch.from_numpy(np.asarray(task)).to(device)

    @torch.no_grad()
    def __call__(self, model) -> np.ndarray:
        was = model.training
        model.eval()
        logits = model(self._tokens[:, :-1]).transpose(1, 2)  # (n, V, t)
        loss = F.cross_entropy(logits, self._tokens[:, 1:], reduction="none")
        mean = (loss.double() * self._share).sum(1)  # (n,)
        tasks = torch.zeros(
            int(self._task.max()) + 1, dtype=torch.double, device=mean.device
        )
        tasks.index_add_(0, self._task, mean)
        model.train(was)
        return tasks.cpu().numpy()


class ReactingArm(Arm):
    """An arm whose plan is `Taught` or `Recorded`."""

    plan: Any
    spec: dict  # the baseline's, with the name of the arm as its schedule
    look: Look | None = None

    @property
    def name(self) -> str:
        """Of the record: the arm and its seed."""
        return f"{self.spec['schedule'].replace(' ', '-')}_s{self.experiment.seed}"

    @functools.cached_property
    def folder(self) -> Path:
        """Checkpoints and log, in the cache; another teacher, order or code has another."""
        e = self.experiment
        key = [e.science, dataclasses.asdict(self.scale), self.plan.digest]
        key += [code_digest("reacting"), self.model.head.weight.device.type]
        return cache_folder() / f"{e.scale}-{self.name}-{files.digest(key)[:8]}"

    def audit(self):
        """What was delivered, beside the order that the teacher's choices spell."""
        state = self.state
        return audit(np.stack(state.delivered), self.plan.table, self.batches.canonical)

    @property
    def choices(self) -> list[dict]:
        """The teacher's windows: [{"losses": (K,), "shares": (K,)}, …]; [] for a replay."""
        return self.state.history.get("teacher", [])

    def cost(self) -> dict:
        """Characters of training and of looking, and their floating-point operations."""
        looks = len(self.choices) * self.look.characters if self.look else 0
        flops = training_flops(
            self.model.config, 96
        )  # of a character that is learnt from
        return {
            "tokens": self.state.tokens,
            "looked": looks,
            "flops": self.state.tokens * flops,
            "flops_looking": looks * flops / 3,  # forward alone
            "seconds": round(self.state.seconds, 1),
            "device": str(training.choose_device(self.experiment.device)[1]),
            "precision": self.config.precision,
        }

    def record(self, results: dict) -> dict:
        """As `Arm.record`, with the choices; `plan.table` is what they spell."""
        shares = np.array([line["shares"] for line in self.choices])
        tasks = tasks_of(self.data)
        levels = self.data.corpus.levels[self.plan.table]
        shown = {name: int((levels == name).sum()) for name in tasks.names}
        return {
            "name": self.name,
            "spec": self.spec,
            "scale": dataclasses.asdict(self.scale),
            "corpus": {"hash": self.data.corpus.hash, "test": len(self.test_ids())},
            "plan": {
                "digest": files.digest(self.plan.table.astype("<i8").tobytes()),
                "spec": self.plan.spec,
            },
            "tasks": list(tasks.names),
            "natural": tasks.natural.tolist(),
            "shown": shown,
            "windows": self.choices,
            "review": review(shares, tasks.natural, tasks.names) if len(shares) else [],
            "parameters": parameter_count(self.model.config),
            "curve": self.curve,
            "results": results,
            "audit": dataclasses.asdict(self.audit()),
            "cost": self.cost(),
            "provenance": files.provenance(),
            "sources": code_digest("reacting"),
        }

    def save(self, results, root="results", weights=None, answers=None) -> Path:
        """Write the record and, before it, the answers to every test program."""
        folder = Path(root) / self.spec["study"]
        if answers is None and results is self._measured[1]:
            answers = self._measured[2]
        if answers:
            files.write_json(folder / "answers" / f"{self.name}.json", pack(answers))
        return files.write_json(folder / f"{self.name}.json", self.record(results))


def taught(
    e: Experiment,
    teacher: str,
    options: dict | None = None,
    data: Data | None = None,
    every: int = EVERY,
) -> ReactingArm:
    """The baseline `e` with its order made by a teacher.

    Args: teacher: a key of `TEACHERS`; options: its parameters. every: steps in a window.
    Raises: ValueError: no such teacher; or as `experiment.resolve`.
    """
    one_of("teacher", teacher, TEACHERS)
    options = options or {}
    function = functools.partial(TEACHERS[teacher], **options)
    arm = _arm(e, teacher, data)
    scale, tasks = arm.scale, tasks_of(arm.data)
    spec = {"teacher": teacher, "options": options, "code": code_digest("reacting")}
    arm.plan = Taught(function, tasks, e.seed, scale.steps, scale.batch, every, spec)
    arm.spec |= {"options": options} if options else {}
    device = arm.model.head.weight.device
    arm.look = Look(arm.data.corpus, *watched(arm.data, tasks), device)
    arm.plan.attach(arm.state, functools.partial(arm.look, arm.model))
    return arm


def replayed(
    e: Experiment, table, of: str, how: str = "replay", data: Data | None = None
) -> ReactingArm:
    """A fresh model on the order of a finished taught run, which never saw this model.

    Args: table: (S, B) ids of that run. of: its teacher. how: "replay", or "shuffled
        replay": the same programs as often, in random order.
    """
    one_of("how", how, REPLAYS)
    arm = _arm(e, f"{of} {how}", data)
    table = shuffled(table, e.seed) if how == "shuffled replay" else table
    source = files.digest(np.asarray(table).astype("<i8").tobytes())[:16]
    arm.plan = Recorded(
        table, {"replay": of, "how": how, "table": source, "seed": e.seed}
    )
    return arm


def _arm(e: Experiment, name: str, data: Data | None) -> ReactingArm:
    if e.schedule != "baseline":
        raise ValueError(
            f"schedule is {e.schedule!r}; a teacher replaces the baseline's"
        )
    base = resolve(e, data)
    arm = ReactingArm(e, base.scale, base.data, base.plan)
    arm.spec = {**e.spec, "schedule": name}
    return arm


def order_of(record: dict, tasks: Tasks) -> np.ndarray:
    """(S, B) ids that a taught run was shown, from its record alone.

    Raises: ValueError: the record is not of these tasks.
    """
    spec, shares = record["plan"]["spec"], [w["shares"] for w in record["windows"]]
    table = by_tasks(shares, tasks, spec["seed"], spec["batch"], spec["every"])
    table = table[: spec["steps"]]
    if files.digest(table.astype("<i8").tobytes()) != record["plan"]["digest"]:
        raise ValueError(
            f"{record['name']} was made from other programs, tasks or code; run it again"
        )
    return table


def run(arm: ReactingArm, show=None) -> training.TrainState:
    """Train an arm in the cache folder, with checkpoints; `show` gets lines of the log."""
    arm.state.callbacks = (arm.log(show),)
    training.train_together([arm.state])
    return arm.state

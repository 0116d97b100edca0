"""Training: one loop, whatever the schedule, the learning rate or the rows.

- The plan decides the data, `learning_rate` the step size, and neither knows the other.
  The release restarts optimizer and learning rate at every stage, so its curricula get
  three cycles and its baseline one; here each learning-rate schedule goes with every schedule.
- The loop notes which programs it fed to the model, recognised from the rows themselves.
- It trains M models of one shape side by side; one model is the case M = 1. How their
  gradients are computed is `backends.py`'s business.
- A run can be killed at any moment and resumed (`checkpoint.py`).
- Callbacks see the run after each step; logging and measuring are callbacks.

Papers: Naïr et al. (2024) for the recipe, Loshchilov & Hutter (2019) for AdamW.
Chapter 6 reads the loop line by line, chapter 11 makes it fast.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..files import write_bytes
from .backends import choose_backend
from .checkpoint import (
    CHECKPOINT,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
)

__all__ = [
    "LR_SCHEDULES", "Log", "TrainState", "TrainConfig", "choose_device", "choose_precision",
    "learning_rate", "load_weights", "read_log", "restarts", "save_weights", "train",
    "train_together",
]  # fmt: skip

LR_SCHEDULES = ("multistep", "multistep-restart", "constant")


@dataclass(frozen=True)
class TrainConfig:
    """How to learn, apart from what and in which order."""

    lr: float = 1e-3  # peak learning rate, as released
    lr_schedule: str = (
        "multistep"  # "multistep-restart" is what the release does at every stage
    )
    cycles: tuple[
        float, ...
    ] = ()  # relative lengths of restart cycles; (): the plan's stages
    weight_decay: float = 0.01  # AdamW's default, as released
    precision: str = "fp32"  # "bf16" where `choose_precision` advises it
    checkpoint_every: int = 200  # steps; a kill costs at most this many

    def __post_init__(self):
        if self.lr_schedule not in LR_SCHEDULES:
            raise ValueError(
                f"lr_schedule is {self.lr_schedule!r}; it must be one of {', '.join(LR_SCHEDULES)}"
            )
        if self.precision not in ("fp32", "bf16"):
            raise ValueError(
                f"precision is {self.precision!r}; it must be fp32 or bf16"
            )
        if not 0 < self.lr <= 1:
            raise ValueError(
                f"lr is {self.lr!r}; a learning rate lies above 0 and up to 1"
            )
        if self.checkpoint_every < 1:
            raise ValueError(
                f"checkpoint_every is {self.checkpoint_every}; it must be at least 1"
            )


def restarts(spec: TrainConfig, plan) -> list[int]:
    """Steps at which the learning rate starts anew: [0, …], and the end of the run."""
    if spec.lr_schedule != "multistep-restart":
        return [0, plan.steps]
    if not spec.cycles:
        return list(plan.starts)
    ends = np.cumsum(spec.cycles) / sum(spec.cycles)
    return [0, *(round(plan.steps * end) for end in ends)]


def learning_rate(spec: TrainConfig, plan, step: int) -> float:
    """Peak rate, then ×0.1 after 70, 80 and 90 % of the cycle (the release's shape)."""
    if spec.lr_schedule == "constant":
        return spec.lr
    starts = restarts(spec, plan)
    cycle = int(np.searchsorted(starts, step, side="right")) - 1
    first, last = starts[cycle], starts[cycle + 1]
    passed = sum(
        step - first >= int(share * (last - first)) for share in (0.7, 0.8, 0.9)
    )
    return spec.lr * 0.1**passed


@dataclass
class TrainState:
    """What a training run knows after a step; callbacks receive it."""

    model: torch.nn.Module  # maps (B, T) integers to (B, T, V) logits; changed in place
    plan: object  # `at(step)` gives the ids of a step, `steps` their number
    batches: object  # `Programs` or `Windows`, which turn ids into rows
    spec: TrainConfig = TrainConfig()
    folder: object = None  # for checkpoint.safetensors; None trains without one
    callbacks: tuple = ()  # called with the run after every step
    step: int = 0  # steps done
    lr: float = 0.0
    seconds: float = 0.0  # in the loop; shared by models that are trained together
    optimizer_state: dict = field(default_factory=dict)  # what the optimizer remembers
    _loss: object = math.nan  # this and the next stay on the device until asked for
    _counts: list = field(default_factory=list)  # characters not yet added up
    _tokens: int = 0
    _prints: list = field(default_factory=list)  # fingerprints not yet recognised
    _delivered: list = field(default_factory=list)

    @property
    def loss(self) -> float:
        """Nats per character, mean over the last step."""
        return float(self._loss)

    @property
    def tokens(self) -> int:
        """Characters learnt from, counted in the rows."""
        if self._counts:
            self._tokens += int(torch.stack(self._counts).sum())
            self._counts.clear()
        return self._tokens

    @property
    def delivered(self) -> list:
        """One (B,) array of ids a step: the programs recognised in the rows."""
        if self._prints:
            found = self.batches.recognise(torch.stack(self._prints))
            self._delivered += list(found)
            self._prints.clear()
        return self._delivered

    def restore(self, delivered, meta: dict) -> None:
        """Stand where a checkpoint was written."""
        self._delivered, self._prints = list(delivered), []
        self.step, self._tokens, self._counts = meta["step"], meta["tokens"], []
        self.seconds = meta["seconds"]

    @property
    def done(self) -> bool:
        return self.step >= self.plan.steps

    @property
    def checkpoint(self) -> Path | None:
        return None if self.folder is None else Path(self.folder) / CHECKPOINT


def train(
    model,
    plan,
    batches,
    spec: TrainConfig = TrainConfig(),
    folder=None,
    callbacks=(),
    stop_at: int | None = None,
) -> TrainState:
    """Train `model` on `plan`, resuming from `folder` if it holds a checkpoint.

    Args: as the fields of `TrainState`. stop_at: stop after this many steps, as a kill would
        (for tests and lessons).
    Returns: the finished `TrainState`; `run.delivered` is what it really saw.
    Raises: as `train_together`, of which this is the case of one model.
    """
    run = TrainState(model, plan, batches, spec, folder, tuple(callbacks))
    return train_together([run], stop_at)[0]


def train_together(
    runs, stop_at: int | None = None, backend=None, deadline: float | None = None
) -> list[TrainState]:
    """Train M models of one shape, each on its own plan, with its own rates and file.

    Every one of them ends where it would have ended alone. Runs that resume from
    different steps wait for the one that is furthest behind.

    Args:
        runs: M fresh `TrainState`s. stop_at: as above.
        backend: a class of `backends.py`; None: what `choose_backend` advises.
        deadline: `time.monotonic()` at which to stop, after the next checkpoint.
    Raises:
        FloatingPointError: a loss is not a number; the last checkpoints stay.
        ValueError: a checkpoint belongs to another plan, spec or model, or the models
            cannot be trained together.
    """
    for run in runs:
        if run.checkpoint and run.checkpoint.exists():
            load_checkpoint(run.checkpoint, run)
    ends = {id(run): min(run.plan.steps, stop_at or run.plan.steps) for run in runs}
    while behind := [run for run in runs if run.step < ends[id(run)]]:
        step = min(run.step for run in behind)
        front = [run for run in behind if run.step == step]
        stops = [run.step for run in behind if run.step > step]
        until = min(stops + [ends[id(run)] for run in front])
        _advance(front, until, backend, deadline)
        if deadline is not None and time.monotonic() > deadline:
            break
    return runs


def _advance(runs, until, backend, deadline):
    """The loop: take runs that stand at the same step to step `until`."""
    models, spec = [run.model for run in runs], runs[0].spec
    for other in runs:
        for name in ("weight_decay", "precision"):
            if getattr(other.spec, name) != getattr(spec, name):
                raise ValueError(f"models that are trained together share {name}")
    chosen = backend or choose_backend(next(models[0].parameters()).device, models)[0]
    backend = chosen(
        models, [run.optimizer_state for run in runs], spec.weight_decay, spec.precision
    )
    batches = [run.batches for run in runs]
    fresh = [set(restarts(r.spec, r.plan)) - {0, r.plan.steps} for r in runs]
    for model in models:
        model.train()
    for step in range(runs[0].step, until):
        began = time.perf_counter()
        for i, run in enumerate(runs):
            run.lr = learning_rate(run.spec, run.plan, step)
            if step in fresh[i]:
                run.optimizer_state.clear()  # the optimizer forgets, as released
        ids = np.stack([run.plan.at(step) for run in runs])  # (M, B)
        losses, prints, counts = backend.backward(batches, ids, step)
        if not (step + 1) % backend.sync_every:
            _look(runs, losses, step)
        backend.update([run.lr for run in runs])
        for i, run in enumerate(runs):
            run._loss = losses[i]
            run._counts.append(counts[i])
            run._prints.append(prints[i])
            run.step = step + 1
            run.seconds += time.perf_counter() - began
        for run in runs:
            for callback in run.callbacks:
                callback(run)
        saving = [r for r in runs if r.checkpoint and _time_to_save(r)]
        if saving:
            _look(runs, losses, step)  # a bad state must not replace a good one
        for run in saving:
            save_checkpoint(run.checkpoint, run)
        if saving and deadline is not None and time.monotonic() > deadline:
            break
    _look(runs, losses, step)
    for model in models:
        model.eval()


def _time_to_save(run):
    return run.step % run.spec.checkpoint_every == 0 or run.done


def _look(runs, losses, step):
    """Stop at a loss that is not a number. The host waits for the device here."""
    for run, loss in zip(runs, losses.tolist(), strict=True):
        if not math.isfinite(loss):
            path = run.checkpoint
            kept = f"{path} holds the last good state" if path else "nothing was saved"
            raise FloatingPointError(
                f"the loss is {loss} at step {step} (learning rate {run.lr:g});"
                f" {kept}. A smaller rate usually cures it"
            )


# --- callbacks and devices ---


class Log:
    """Metrics as JSON lines, one every `every` steps; a resumed run continues the file.

    `measure(run)` adds a dict to each line, such as `evaluate.Watch`; `show(line)` is
    called with each line, such as `print`.
    """

    def __init__(self, path, every: int = 20, measure=None, show=None):
        self.path, self.every, self._known = Path(path), every, None
        self.measure, self.show = (
            measure or (lambda run: {}),
            show or (lambda line: None),
        )

    def __call__(self, run: TrainState):
        if run.step % self.every and not run.done:
            return
        if (
            self._known is None
        ):  # first call: drop what a killed run wrote beyond its checkpoint
            old = read_log(self.path) if self.path.exists() else []
            kept = [line for line in old if line["step"] < run.step]
            write_bytes(self.path, "".join(json.dumps(x) + "\n" for x in kept).encode())
            self._known = True
        line = {
            "step": run.step,
            "tokens": run.tokens,
            "loss": round(run.loss, 6),
            "lr": run.lr,
            "stage": run.plan.stage(run.step - 1),
            "seconds": round(run.seconds, 3),
            **self.measure(run),
        }
        self.show(line)
        with open(self.path, "a") as file:
            file.write(json.dumps(line) + "\n")


def read_log(path) -> list[dict]:
    """The lines of a `Log`; a last line cut by a kill is left out."""
    lines = []
    for text in Path(path).read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def choose_device(request: str = "auto") -> tuple[torch.device, str]:
    """The device to compute on, and the reason in words.

    Raises ValueError when a device is asked for by name and is not there.
    """
    if request not in ("auto", "cpu", "cuda", "mps"):
        raise ValueError(f"device is {request!r}; it must be auto, cpu, cuda or mps")
    if request == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device is 'cuda', but PyTorch finds no GPU here; use auto or cpu"
        )
    if request == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device is 'mps', but this is no Apple GPU; use auto or cpu")
    if request != "auto":
        return torch.device(request), "as asked"
    if torch.cuda.is_available():
        return torch.device("cuda"), f"a GPU is present: {torch.cuda.get_device_name()}"
    return torch.device("cpu"), (
        f"no GPU was found; {torch.get_num_threads()} processor threads do the work"
    )


def choose_precision(device) -> tuple[str, str]:
    """ "fp32" or "bf16" for training on `device`, and the reason in words."""
    if torch.device(device).type != "cuda":
        return "fp32", "processors gain nothing from half precision at this size"
    if torch.cuda.get_device_capability()[0] >= 8:
        return "bf16", "this GPU has bfloat16 units, and bfloat16 needs no loss scaling"
    return "fp32", "this GPU has no bfloat16 units, and float32 is fast enough here"

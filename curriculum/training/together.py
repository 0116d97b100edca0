"""Many models trained at once, each on its own plan: the fast way to train.

- Each model ends where `loop.train` would have taken it: the same steps, notes, callbacks
  and checkpoints. Only the gradients and the optimizer step are a backend's work.
- Experiments train with this, also a single model; `loop.train` is the one to read.
- The host waits for a GPU only every `sync_every` steps, and for a checkpoint.

Chapter 12 measures what it is worth.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from ..model import GPT
from .backends import CoreParallel
from .checkpoint import resume, save_checkpoint
from .config import learning_rate, restarts
from .stacked import Stacked
from .state import TrainState, check_finite


def choose_backend(device, models) -> tuple[type, str]:
    """The backend for `models` on `device`, and the reason in words."""
    if torch.device(device).type != "cuda":
        return (
            CoreParallel,
            "a processor's cores work best on micro-batches of their own",
        )
    if all(type(m) is GPT and m.config == models[0].config for m in models):
        return Stacked, "a GPU needs many models in one product to be busy"
    return CoreParallel, "only GPTs of one shape can be stacked"


def train_together(
    states: list[TrainState],
    stop_at: int | None = None,
    backend=None,
    deadline: float | None = None,
) -> list[TrainState]:
    """Train M models of one shape, each on its own plan, with its own learning rates.

    Models that resume from different steps wait for the one that is furthest behind.

    Args:
        states: M fresh `TrainState`s.
        stop_at: stop after this many steps, as if killed (for tests and lessons).
        backend: a class of `backends` or `stacked`; None: `choose_backend` chooses.
        deadline: `time.monotonic()` at which to stop, after the next checkpoint.
    Returns: the same states, trained.
    Raises:
        FloatingPointError: a loss is not a number; the last checkpoints stay.
        ValueError: a checkpoint belongs to another plan, config or model, or the models
            cannot be trained together.
    """
    for state in states:
        resume(state)
    ends = {id(s): min(s.plan.steps, stop_at or s.plan.steps) for s in states}
    while behind := [s for s in states if s.step < ends[id(s)]]:
        step = min(s.step for s in behind)
        front = [s for s in behind if s.step == step]
        until = min(
            [s.step for s in behind if s.step > step] + [ends[id(s)] for s in front]
        )
        _advance(front, until, backend, deadline)
        if deadline is not None and time.monotonic() > deadline:
            break
    return states


def _advance(states, until, backend, deadline):
    """Take models that stand at the same step to step `until`."""
    models, config = [s.model for s in states], states[0].config
    for other in states:
        for name in ("weight_decay", "precision"):
            if getattr(other.config, name) != getattr(config, name):
                raise ValueError(f"models that are trained together share {name}")
    backend = backend or choose_backend(next(models[0].parameters()).device, models)[0]
    backend = backend(
        models,
        [s.optimizer_state for s in states],
        config.weight_decay,
        config.precision,
    )
    batches = [s.batches for s in states]
    cycles = [set(restarts(s.config, s.plan)) for s in states]
    for model in models:
        model.train()
    for step in range(states[0].step, until):
        began = time.perf_counter()
        for s, starts in zip(states, cycles, strict=True):
            s.lr = learning_rate(s.config, s.plan, step)
            if step in starts:
                s.optimizer_state.clear()
        ids = np.stack([s.plan.at(step) for s in states])  # (M, B)
        losses, fingerprints, counts = backend.backward(batches, ids, step)
        looking = (step + 1) % backend.sync_every == 0
        if looking:
            _check(states, losses, step)
        backend.update([s.lr for s in states])
        seconds = time.perf_counter() - began
        for i, s in enumerate(states):
            s.note(losses[i], fingerprints[i], counts[i], seconds)
            if looking:
                s.sync()
        for s in states:
            for callback in s.callbacks:
                callback(s)
        saving = [s for s in states if s.save_due]
        if saving:
            _check(states, losses, step)
        for s in saving:
            save_checkpoint(s)
        if saving and deadline is not None and time.monotonic() > deadline:
            break
    _check(states, losses, step)
    for s in states:
        s.sync()
        s.model.eval()


def _check(states, losses, step):
    for state, loss in zip(states, losses.tolist(), strict=True):
        check_finite(state, loss, step)

"""The training loop.

- One loop, whatever the order of the programs, the learning rate or the rows.
- A step's rows come in micro-batches of similar length. Their gradients are added up, so
  a step is the same as one large batch with less padding.
- After a step the programs are identified in the rows that were fed to the model: the
  audit compares what was delivered with the plan.
- A run that was killed goes on from its checkpoint and ends with the same bits.
- `together.train_together` does the same for many models at once, and faster.

Papers: Naïr et al. (2024) for the recipe, Loshchilov & Hutter (2019) for AdamW.
Chapter 7 reads the loop line by line.
"""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F

from .batches import IGNORE, count_targets
from .checkpoint import flatten_state, resume, save_checkpoint, unflatten_state
from .config import TrainConfig, learning_rate, restarts
from .device import autocast
from .state import TrainState, check_finite


def train(
    model: torch.nn.Module,
    plan,
    batches,
    config: TrainConfig = TrainConfig(),  # noqa: B008 (frozen)
    folder=None,
    callbacks=(),
    stop_at: int | None = None,
) -> TrainState:
    """Train `model` on `plan`, from the checkpoint in `folder` if there is one.

    Args:
        model: maps (B, T) integers to (B, T, V) logits; it is changed in place.
        plan: `plan.at(step)` are the programs of a step, (B,).
        batches: `Programs` or `Windows`, which turn programs into rows.
        config: learning rate, weight decay, precision, steps between checkpoints.
        folder: for the checkpoint; None trains without one.
        callbacks: each is called with the `TrainState` after every step.
        stop_at: stop after this many steps, as if killed (for tests and lessons).
    Returns: the `TrainState`; its `delivered` is what the model was really shown.
    Raises:
        FloatingPointError: the loss is not a number; the last checkpoint stays.
        ValueError: the checkpoint belongs to another plan, config or model.
    """
    state = TrainState(model, plan, batches, config, folder, tuple(callbacks))
    parameters = list(model.parameters())
    device = parameters[0].device
    optimizer = torch.optim.AdamW(
        parameters,
        weight_decay=config.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )
    resume(state)
    unflatten_state(state.optimizer_state, optimizer)

    model.train()
    for step in range(state.step, min(plan.steps, stop_at or plan.steps)):
        began = time.perf_counter()
        state.lr = learning_rate(config, plan, step)
        for group in optimizer.param_groups:
            group["lr"] = state.lr
        if step in restarts(config, plan):
            optimizer.state.clear()  # a new cycle begins without moments, as released

        micro_batches = batches.batch(plan.at(step), step)
        count = count_targets(micro_batches)  # the loss is a mean over the whole step
        loss = torch.zeros((), device=device)
        optimizer.zero_grad()
        for inputs, targets in micro_batches:  # (b, t) each
            with autocast(device, config.precision):
                logits = model(inputs)  # (b, t, V)
                total = F.cross_entropy(
                    logits.flatten(0, 1),
                    targets.flatten(),
                    ignore_index=IGNORE,
                    reduction="sum",
                )
            part = total / count
            part.backward()  # adds to the gradients
            loss += part.detach()
        check_finite(state, float(loss), step)
        optimizer.step()

        fingerprints = batches.fingerprints(micro_batches)  # (B,)
        state.note(loss, fingerprints, count, time.perf_counter() - began)
        state.sync()
        for callback in state.callbacks:
            callback(state)
        if state.save_due:
            state.optimizer_state = flatten_state(optimizer)
            save_checkpoint(state)

    state.optimizer_state = flatten_state(optimizer)
    model.eval()
    return state

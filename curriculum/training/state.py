"""What a training run knows: its parts, how far it is, and what it was really given.

- After each step the loop notes the loss, the fingerprints of the rows and the number of
  targets. A GPU computes these later than the host asks, so notes stay on the device.
- `sync` waits for the device and brings `loss`, `tokens` and `delivered` up to date. The
  plain loop calls it after every step; `train_together` on a GPU only now and then, so a
  callback that needs these values there calls it first, as `log.Log` does.

Chapter 7 reads a state after training and audits what was delivered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .config import TrainConfig


@dataclass
class TrainState:
    """A training run; callbacks receive it after every step."""

    model: torch.nn.Module  # maps (B, T) integers to (B, T, V) logits; changed in place
    plan: Any  # has `steps`, `at(step)`: ids (B,), `starts`, `stage(step)`, `digest`
    batches: Any  # `Programs` or `Windows`, which turn ids into rows
    config: TrainConfig = TrainConfig()
    folder: Any = None  # for checkpoint.safetensors; None trains without one
    callbacks: tuple = ()
    step: int = 0  # steps done
    lr: float = 0.0  # learning rate of the last step
    seconds: float = 0.0  # in the loop; shared by models that are trained together
    loss: float = math.nan  # nats per character, mean over the last step (at last sync)
    tokens: int = 0  # characters learnt from, counted in the rows (at last sync)
    delivered: list = field(default_factory=list)  # (B,) ids a step (at last sync)
    history: dict = field(default_factory=dict)  # {log: lines}, kept in checkpoints
    optimizer_state: dict = field(default_factory=dict)  # AdamW's moments, (P,) each
    notes: list = field(default_factory=list)  # of steps since the last sync

    def note(self, loss, fingerprints, count, seconds: float) -> None:
        """Count a step as done and keep its tensors, without waiting for the device.

        Args: loss: (). fingerprints: (B,) of the rows. count: () targets in them.
        """
        self.notes.append((loss, fingerprints, count))
        self.step += 1
        self.seconds += seconds

    def sync(self) -> None:
        """Bring `loss`, `tokens` and `delivered` up to date; waits for the device."""
        if not self.notes:
            return
        losses, fingerprints, counts = zip(*self.notes, strict=True)
        self.loss = float(losses[-1])
        self.tokens += int(torch.stack(counts).sum())
        self.delivered += list(self.batches.identify(torch.stack(fingerprints)))
        self.notes = []

    @property
    def done(self) -> bool:
        return self.step >= self.plan.steps

    @property
    def checkpoint(self) -> Path | None:
        """Where the checkpoint is kept."""
        return Path(self.folder) / "checkpoint.safetensors" if self.folder else None

    @property
    def save_due(self) -> bool:
        """Whether a checkpoint should be written after this step."""
        every = self.config.checkpoint_every
        return bool(self.folder) and (self.step % every == 0 or self.done)


def check_finite(state: TrainState, loss: float, step: int) -> None:
    """Stop at a loss that is not a number, before it reaches a checkpoint.

    Raises: FloatingPointError that says which checkpoint is the last good one.
    """
    if not math.isfinite(loss):
        path = state.checkpoint
        kept = f"{path} holds the last good state" if path else "nothing was saved"
        raise FloatingPointError(
            f"the loss is {loss} at step {step} (learning rate {state.lr:g});"
            f" {kept}. A smaller learning rate usually cures it"
        )

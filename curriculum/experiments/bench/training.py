"""The stage "training": one step of 64 rows, forward, backward and optimizer.

- Windows of 256 characters, as released, and whole programs, as in this book.
- The reference is the plain loop of `training.loop` with the model of the released code
  (`reference_model.py`) and each step in one padded batch.
- The limit is the operations of the step done as large matrix products, on as many
  cores. Padding is no work: only characters with a target count.

Paper: Naïr et al. (2024) for the released way.
"""

from types import SimpleNamespace

import numpy as np
import torch

from ... import model
from ...data import corpus
from ...training import Programs, TrainConfig, Windows, together, train
from . import Stage
from .reference_model import ReferenceGPT

BATCH, WINDOW = 64, 256
TURN = 4  # different steps, over and over: a long program must not hit one side only


def stages(size: str, device) -> list[Stage]:
    """Two rows of the table: windows and whole programs."""
    programs = corpus.build(corpus.CorpusSpec(size=2_000, seed=7))
    window = min(WINDOW, int(programs.lengths.sum()) - 1)
    kinds = {
        "windows": (
            lambda n=None: Windows(
                programs, np.arange(len(programs)), window, 0, n, device
            ),
            f"{BATCH} windows of {window} characters",
            window,
        ),
        "whole programs": (
            lambda n=None: Programs(programs, micro_batches=n, device=device),
            f"{BATCH} programs of {programs.lengths.mean():.0f} characters on average",
            float(programs.lengths.mean()),
        ),
    }
    found = []
    for name, (rows, note, length) in kinds.items():
        steps = Steps(size, device, programs, rows())
        released = ReferenceGPT.of(steps.model())
        found.append(
            Stage(
                f"training step, {name}",
                "characters/s",
                steps.whole_turn,
                plain_steps(released, rows(1), steps.turn),
                products(device, steps.flops(length)),
                "matrix products",
                note,
            )
        )
    return found


def plain_steps(model, rows, turn):
    """The steps of `turn`, (B,) programs each, by the plain loop: work to be timed."""
    plan = SimpleNamespace(steps=len(turn), at=turn.__getitem__)
    config = TrainConfig(lr_schedule="constant")
    characters = float(rows.characters(np.stack(turn)).sum())

    def work():
        train(model, plan, rows, config)
        return characters

    return work


class Steps:
    """Fast training steps of M models, one for each call.

    What `train_together` does without its book-keeping: rows, gradients, optimizer.
    """

    def __init__(
        self, size, device, programs, rows, members=1, backend=None, half=False
    ):
        self.shape = model.config(size, programs.tokenizer.size)
        self.rows, self.members, self.device = rows, members, device
        models = [self.model(seed) for seed in range(members)]
        backend = backend or together.choose_backend(device, models)[0]
        self.backend = backend(
            models, [{} for _ in models], precision="bf16" if half else "fp32"
        )
        self.done = 0

    def model(self, seed=0):
        return model.GPT(self.shape, seed).to(self.device)

    @property
    def turn(self) -> list:
        """The programs of the first member in each of the steps, (B,) each."""
        return [self.ids(step)[0] for step in range(TURN)]

    def whole_turn(self) -> float:
        """All steps of a turn; returns their characters."""
        return sum(self() for _ in range(TURN))

    def ids(self, step) -> np.ndarray:
        """(M, B) programs; every member has others."""
        first = BATCH * (step % TURN + 7 * np.arange(self.members))
        return (first[:, None] + np.arange(BATCH)) % len(self.rows.lengths)

    def __call__(self) -> float:
        ids = self.ids(self.done)
        batches = [self.rows] * self.members
        losses, *_ = self.backend.backward(batches, ids, self.done)
        self.backend.update([1e-3] * self.members)
        self.done += 1
        if self.device.type == "cuda" and self.done % 20 == 0:
            losses.tolist()  # the host may run ahead, but not without end
        return float(self.rows.characters(ids).sum())

    def flops(self, length) -> float:
        """Operations of a character that is trained on."""
        return model.training_flops(self.shape, length)


def products(device, flops: float, dtype=torch.float32):
    """A limit: large matrix products; returns the characters so many operations are worth."""
    n = 1024 if device.type == "cpu" else 8192
    a, b = torch.randn(2, n, n, device=device, dtype=dtype)

    def work():
        (a @ b)[0, 0].item()  # waits for the device
        return 2.0 * n**3 / flops

    return work

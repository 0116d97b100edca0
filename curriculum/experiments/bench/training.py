"""The stage "training": one step of 64 rows, forward, backward and optimizer.

- Windows of 256 characters, as released, and whole programs, as in this book.
- The limit is the operations of the step done as large matrix products, on as many
  cores. Padding is no work: only characters with a target count.
"""

import numpy as np
import torch

from ... import model
from ...data import corpus
from ...training import backends
from ...training.batches import Programs, Windows
from . import Stage
from .reference_training import ReferenceTrainer

BATCH, WINDOW = 64, 256
TURN = 4  # different steps, over and over: a long program must not hit one side only


def stages(size: str, device) -> list[Stage]:
    """Two rows: the same characters as windows and as whole programs."""
    programs = corpus.build(corpus.CorpusSpec(size=2_000, seed=7))
    return [
        _windows(size, device, programs),
        _programs(size, device, programs),
    ]


def _windows(size, device, programs):
    window = min(WINDOW, int(programs.lengths.sum()) - 1)
    rows = Windows(programs, np.arange(len(programs)), window, device=device)
    steps = Steps(size, device, programs, rows)
    plain = ReferenceTrainer(steps.net())
    stream = torch.from_numpy(programs.tokens.astype(np.int64))
    draw = np.random.default_rng(0)

    def reference():
        starts = draw.integers(len(stream) - window, size=BATCH)
        plain.on_windows(stream, starts, window)
        return BATCH * window

    return Stage(
        "training step, windows",
        "characters/s",
        steps,
        reference,
        products(device, steps.flops(window)),
        "matrix products",
        f"{BATCH} windows of {window} characters",
    )


def _programs(size, device, programs):
    rows = Programs(programs, device=device)
    steps = Steps(size, device, programs, rows)
    return Stage(
        "training step, whole programs",
        "characters/s",
        lambda: sum(steps() for _ in steps.turn),
        steps.plainly(ReferenceTrainer(steps.net())),
        products(device, steps.flops(float(rows.lengths.mean()))),
        "matrix products",
        f"{BATCH} programs of {rows.lengths.mean():.0f} characters on average",
    )


class Steps:
    """Training steps of M models on an engine, one for each call.

    The training loop without its book-keeping: rows, gradients, optimizer.
    """

    def __init__(
        self, size, device, programs, rows, members=1, chosen=None, half=False
    ):
        self.shape = model.config(size, programs.tokenizer.size)
        self.rows, self.members, self.device = rows, members, device
        nets = [self.net(seed) for seed in range(members)]
        chosen = chosen or backends.choose_backend(device, nets)[0]
        self.machine = chosen(
            nets, [{} for _ in nets], precision="bf16" if half else "fp32"
        )
        self.done = 0

    def net(self, seed=0):
        return model.GPT(self.shape, seed).to(self.device)

    @property
    def turn(self) -> list:
        """The programs of the first member in each of the steps, (B,) each."""
        return [self.ids(step)[0] for step in range(TURN)]

    def ids(self, step) -> np.ndarray:
        """(M, B) programs; every member has others."""
        first = BATCH * (step % TURN + 7 * np.arange(self.members))
        return (first[:, None] + np.arange(BATCH)) % len(self.rows.lengths)

    def __call__(self) -> float:
        ids = self.ids(self.done)
        batches = [self.rows] * self.members
        losses, *_ = self.machine.backward(batches, ids, self.done)
        self.machine.update([1e-3] * self.members)
        self.done += 1
        if self.device.type == "cuda" and self.done % 20 == 0:
            losses.tolist()  # the host may run ahead, but not without end
        return float(self.rows.characters(ids).sum())

    def plainly(self, trainer):
        """The same turn of steps by a `ReferenceTrainer`, as work to be timed."""
        tokens, offsets = self.rows.corpus.tokens, self.rows.corpus.offsets
        rows = [
            [torch.from_numpy(tokens[offsets[i] : offsets[i + 1]]).long() for i in ids]
            for ids in self.turn
        ]
        characters = float(self.rows.characters(np.stack(self.turn)).sum())

        def work():
            for programs in rows:
                trainer.on_programs(programs)
            return characters

        return work

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

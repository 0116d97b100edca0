"""How a step is computed: the same gradients, by processor cores or by a GPU.

- M models are trained at once; one model is the case M = 1. All weights stand in one
  (M, P) table of which the models' own parameters are views, and so do the gradients:
  the optimizer then makes one pass over P numbers a model.
- `CoreParallel`, for processors: each model by itself, each chunk of a step on one core. Small
  matrix products do not share well between cores; whole chunks do. The sums are taken
  in a fixed order, so the result has the same bits on one core and on sixteen.
- `stacked.Stacked`, for GPUs: `stacked_forward` is the model of chapter 4 with one more letter,
  M, in front of every shape, so that M small products become one large one. The host
  never waits for the device inside a step, and the work of a step can be recorded once
  and replayed (CUDA graphs), which spares some hundred kernel launches a chunk.

Papers: Kaplan et al. (2020) for what training costs. Chapter 11 measures each step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..cores import available, on_cores
from ..model import GPT
from .batches import IGNORE


def choose_backend(device, models) -> tuple[type, str]:
    """The engine for `models` on `device`, and the reason in words."""
    if torch.device(device).type != "cuda":
        return CoreParallel, "a processor's cores work best on chunks of their own"
    from .stacked import Stacked  # which builds on this room

    if all(type(m) is GPT and m.config == models[0].config for m in models):
        return Stacked, "a GPU needs many models in one product to be busy"
    return CoreParallel, "only GPTs of one shape can be stacked"


class Backend:
    """Weights, gradients and optimizers of M models of one shape.

    Args:
        models: their parameters become views of `weights`; the values stay.
        optimizer_state: per model a dict of what the optimizer remembers; shared, so that
            clearing it makes the optimizer forget, and saving it saves the optimizer.
        weight_decay, precision: as in `train.TrainConfig`.
    """

    def __init__(self, models, optimizer_state, weight_decay=0.01, precision="fp32"):
        self.models, self.precision = models, precision
        named = dict(models[0].named_parameters())
        self.shapes = {name: p.shape for name, p in named.items()}
        for i, other in enumerate(models):
            if {n: p.shape for n, p in other.named_parameters()} != self.shapes:
                raise ValueError(
                    f"model {i} has another shape than model 0; train it by itself"
                )
        first = next(iter(named.values()))
        self.device = first.device
        size = sum(shape.numel() for shape in self.shapes.values())
        self.weights = torch.empty(len(models), size, device=self.device)  # (M, P)
        self.gradients = torch.zeros_like(self.weights)
        for i, member in enumerate(models):
            for p, view in zip(
                member.parameters(), self._views(self.weights[i]), strict=True
            ):
                view.copy_(p.detach())
                p.data = view
        self.optimizers = []
        for row, gradient, memory in zip(
            self.weights, self.gradients, optimizer_state, strict=True
        ):
            row = torch.nn.Parameter(row)
            row.grad = gradient
            fused = self.device.type in ("cpu", "cuda")
            adam = torch.optim.AdamW([row], weight_decay=weight_decay, fused=fused)
            adam.state[row] = memory
            self.optimizers.append(adam)

    def _views(self, table) -> list[torch.Tensor]:
        """`table` (…, P) cut into tensors (…, *shape), one for each parameter."""
        parts = table.split([s.numel() for s in self.shapes.values()], dim=-1)
        return [
            part.unflatten(-1, shape)
            for part, shape in zip(parts, self.shapes.values(), strict=True)
        ]

    def backward(self, batches, ids, step) -> tuple:
        """Add the step's gradients up in `gradients`.

        Args:
            batches: M makers of rows. ids: (M, B) programs. step: its number.
        Returns: (M,) losses, nats per character; M tensors (B,) of fingerprints; (M,)
            characters with a target, counted in the rows, by which losses are divided.
        """
        raise NotImplementedError

    def update(self, rates) -> None:
        """One optimizer step of every model, each at its own learning rate."""
        for adam, rate in zip(self.optimizers, rates, strict=True):
            adam.param_groups[0]["lr"] = rate
            adam.step()
        self.gradients.zero_()

    def _half(self):
        return torch.autocast(
            self.device.type, torch.bfloat16, self.precision == "bf16"
        )


class CoreParallel(Backend):
    """Model by model, chunk by chunk; on a processor one core for each chunk."""

    sync_every = 1  # steps between two looks at the loss: looking is free here

    def __init__(self, models, optimizer_state, weight_decay=0.01, precision="fp32"):
        super().__init__(models, optimizer_state, weight_decay, precision)
        self.cores = available(self.device)
        self._gradient_views = [self._views(row) for row in self.gradients]

    def backward(self, batches, ids, step):
        rows = [maker.batch(own, step) for maker, own in zip(batches, ids, strict=True)]
        counts = torch.stack([count_targets(chunks) for chunks in rows])  # (M,)
        jobs = [(i, chunk) for i, chunks in enumerate(rows) for chunk in chunks]
        losses = torch.zeros(len(rows), device=self.device)
        for (i, _), (loss, found) in zip(jobs, self._each(jobs, counts), strict=True):
            losses[i] += loss
            torch._foreach_add_(self._gradient_views[i], found)
        prints = [m.prints(r) for m, r in zip(batches, rows, strict=True)]
        return losses, prints, counts

    def _each(self, jobs, counts):
        """(loss, gradients) of every job, in the order of `jobs`."""

        def work(job):
            i, (inputs, targets) = job
            with self._half():
                logits = self.models[i](inputs)  # (b, t, V)
                loss = F.cross_entropy(
                    logits.flatten(0, 1),
                    targets.flatten(),
                    ignore_index=IGNORE,
                    reduction="sum",
                )
            loss = loss / counts[i]
            return loss.detach(), torch.autograd.grad(
                loss, list(self.models[i].parameters())
            )

        return on_cores(work, jobs, lambda job: job[1][0].numel(), self.cores)


def count_targets(chunks):
    """How many targets there are in chunks of (…, b, t): a tensor (…)."""
    return sum((targets != IGNORE).sum((-2, -1)) for _, targets in chunks)

"""How a step of M models is computed fast: by processor cores or by a GPU.

- M models are trained at once; one model is the case M = 1. All weights stand in one
  (M, P) table of which the models' own parameters are views, and so do the gradients:
  the optimizer then makes one pass over P numbers a model.
- `CoreParallel`, for processors: each model by itself, each micro-batch of a step on one
  core. Small matrix products do not share well between cores; whole micro-batches do.
  The sums are taken in a fixed order, so the result has the same bits on one core and on
  sixteen: those of `loop.train` on one core.
- `stacked.Stacked`, for GPUs: all models in one stacked computation.

Papers: Kaplan et al. (2020) for what training costs. Chapter 12 measures each step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..cores import available, on_cores
from .batches import IGNORE, count_targets
from .device import autocast


class Backend:
    """Weights and gradients of M models of one shape, in one table each.

    Args:
        models: their parameters become views of `weights`; the values stay.
        optimizer_states: per model a dict of what the optimizer remembers; shared, so that
            clearing it makes the optimizer forget, and saving it saves the optimizer.
        weight_decay, precision: as in `config.TrainConfig`.
    """

    def __init__(self, models, optimizer_states, weight_decay=0.01, precision="fp32"):
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

    def update(self, lrs) -> None:
        """One optimizer step of every model, each at its own rate; gradients are zero then."""
        raise NotImplementedError

    def _half(self):
        return autocast(self.device, self.precision)


class CoreParallel(Backend):
    """Model by model; on a processor one core for each micro-batch."""

    sync_every = 1  # steps between two looks at the loss: looking is free here

    def __init__(self, models, optimizer_states, weight_decay=0.01, precision="fp32"):
        super().__init__(models, optimizer_states, weight_decay, precision)
        self.cores = available(self.device)
        self._gradient_views = [self._views(row) for row in self.gradients]
        self.optimizers = []
        for row, gradient, state in zip(
            self.weights, self.gradients, optimizer_states, strict=True
        ):
            row = torch.nn.Parameter(row)
            row.grad = gradient
            fused = self.device.type in ("cpu", "cuda")
            adam = torch.optim.AdamW([row], weight_decay=weight_decay, fused=fused)
            adam.state[row] = state
            self.optimizers.append(adam)

    def backward(self, batches, ids, step):
        rows = [maker.batch(own, step) for maker, own in zip(batches, ids, strict=True)]
        counts = torch.stack([count_targets(own) for own in rows])  # (M,)
        jobs = [(i, pair) for i, own in enumerate(rows) for pair in own]
        losses = torch.zeros(len(rows), device=self.device)
        for (i, _), (loss, found) in zip(jobs, self._each(jobs, counts), strict=True):
            losses[i] += loss
            torch._foreach_add_(self._gradient_views[i], found)
        fingerprints = [m.fingerprints(r) for m, r in zip(batches, rows, strict=True)]
        return losses, fingerprints, counts

    def update(self, lrs):
        for adam, lr in zip(self.optimizers, lrs, strict=True):
            adam.param_groups[0]["lr"] = lr
            adam.step()
        self.gradients.zero_()

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

"""How a step is computed: the same gradients, by processor cores or by a GPU.

- M models are trained at once; one model is the case M = 1. All weights stand in one
  (M, P) table of which the models' own parameters are views, and so do the gradients:
  the optimizer then makes one pass over P numbers a model.
- `Apart`, for processors: each model by itself, each chunk of a step on one core. Small
  matrix products do not share well between cores; whole chunks do. The sums are taken
  in a fixed order, so the result has the same bits on one core and on sixteen.
- `Together`, for GPUs: `stacked_forward` is the model of chapter 4 with one more letter,
  M, in front of every shape, so that M small products become one large one. The host
  never waits for the device inside a step, and the work of a step can be recorded once
  and replayed (CUDA graphs), which spares some hundred kernel launches a chunk.

Papers: Kaplan et al. (2020) for what training costs. Chapter 11 measures each step.
"""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F

from .batches import IGNORE
from .cores import available, on_cores
from .model import GPT


def choose_engine(device, models) -> tuple[type, str]:
    """The engine for `models` on `device`, and the reason in words."""
    if torch.device(device).type != "cuda":
        return Apart, "a processor's cores work best on chunks of their own"
    if all(type(m) is GPT and m.config == models[0].config for m in models):
        return Together, "a GPU needs many models in one product to be busy"
    return Apart, "only GPTs of one shape can be stacked"


class Engine:
    """Weights, gradients and optimizers of M models of one shape.

    Args:
        models: their parameters become views of `weights`; the values stay.
        moments: per model a dict of what the optimizer remembers; shared, so that
            clearing it makes the optimizer forget, and saving it saves the optimizer.
        weight_decay, precision: as in `train.TrainSpec`.
    """

    def __init__(self, models, moments, weight_decay=0.01, precision="fp32"):
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
        for row, slope, memory in zip(
            self.weights, self.gradients, moments, strict=True
        ):
            row = torch.nn.Parameter(row)
            row.grad = slope
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

    def slopes(self, batches, ids, step) -> tuple:
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


class Apart(Engine):
    """Model by model, chunk by chunk; on a processor one core for each chunk."""

    patience = 1  # steps between two looks at the loss: looking is free here

    def __init__(self, models, moments, weight_decay=0.01, precision="fp32"):
        super().__init__(models, moments, weight_decay, precision)
        self.cores = available(self.device)
        self._slopes = [self._views(row) for row in self.gradients]

    def slopes(self, batches, ids, step):
        rows = [maker.batch(own, step) for maker, own in zip(batches, ids, strict=True)]
        counts = torch.stack([_targets(chunks) for chunks in rows])  # (M,)
        jobs = [(i, chunk) for i, chunks in enumerate(rows) for chunk in chunks]
        losses = torch.zeros(len(rows), device=self.device)
        for (i, _), (loss, found) in zip(jobs, self._each(jobs, counts), strict=True):
            losses[i] += loss
            torch._foreach_add_(self._slopes[i], found)
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


class Together(Engine):
    """All models in one stacked computation; recorded and replayed on a GPU.

    Args: record: replay CUDA graphs; None: where there is CUDA.
    """

    def __init__(
        self, models, moments, weight_decay=0.01, precision="fp32", record=None
    ):
        super().__init__(models, moments, weight_decay, precision)
        self.config = getattr(models[0], "config", None)
        if any(type(m) is not GPT or m.config != self.config for m in models):
            raise ValueError("only GPTs of one shape can be stacked; use Apart")
        on_gpu = self.device.type == "cuda"
        self.patience = 50 if on_gpu else 1  # a look makes the host wait for the GPU
        self.record = on_gpu if record is None else record
        self._stack = dict(
            zip(
                self.shapes,
                (v.detach().requires_grad_() for v in self._views(self.weights)),
                strict=True,
            )
        )
        self._slope_views = self._views(self.gradients)
        self._recorded: dict[tuple, _Recorded] = {}

    def slopes(self, batches, ids, step):
        if all(maker is batches[0] for maker in batches):
            chunks = batches[0].batch(ids, step)
            prints = list(batches[0].prints(chunks))
        else:
            rows = [m.batch(own, step) for m, own in zip(batches, ids, strict=True)]
            prints = [m.prints(r) for m, r in zip(batches, rows, strict=True)]
            chunks = [_stack_rows(parts) for parts in zip(*rows, strict=True)]
        counts = _targets(chunks)  # (M,)
        losses = torch.zeros(len(self.models), device=self.device)
        for inputs, targets in chunks:
            losses += self._chunk(inputs, targets, counts)
        return losses, prints, counts

    def _chunk(self, inputs, targets, counts):
        if not self.record:
            return self._work(inputs, targets, counts)
        key = tuple(inputs.shape)
        if key not in self._recorded:
            kept = self.gradients.clone()  # recording runs the work a few times
            try:
                self._recorded[key] = _Recorded(self._work, inputs, targets, counts)
            except RuntimeError as error:  # a driver or a library that cannot record
                self.record = False
                warnings.warn(f"nothing is recorded here: {error}", stacklevel=2)
            self.gradients.copy_(kept)
            if not self.record:
                return self._work(inputs, targets, counts)
        return self._recorded[key](inputs, targets, counts)

    def _work(self, inputs, targets, counts):
        """Losses (M,) of one chunk (M, b, t); adds its gradients up."""
        with self._half():
            logits = stacked_forward(self._stack, inputs, self.config)
            loss = F.cross_entropy(
                logits.flatten(0, 2),
                targets.flatten(),
                ignore_index=IGNORE,
                reduction="none",
            )
        loss = loss.view(len(self.models), -1).sum(1) / counts  # (M,)
        found = torch.autograd.grad(loss.sum(), list(self._stack.values()))
        torch._foreach_add_(self._slope_views, found)
        return loss.detach()


class _Recorded:
    """A chunk's work as a CUDA graph: recorded once for a shape, then replayed."""

    def __init__(self, work, *examples):
        self.inputs = [x.clone() for x in examples]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries set themselves up on a first call
            for _ in range(3):
                work(*self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = work(*self.inputs)

    def __call__(self, *inputs):
        for kept, new in zip(self.inputs, inputs, strict=True):
            kept.copy_(new)
        self.graph.replay()
        return self.result


def stacked_forward(weights, tokens, c) -> torch.Tensor:
    """The forward pass of M GPTs in one: logits (M, B, T, V) for `tokens` (M, B, T).

    Args: weights: name → (M, …), named as in `GPT`. c: the shape they share.
    A line here is a line of chapter 4; `@` multiplies M matrices at once.
    """
    M, B, T = tokens.shape
    C, H = c.width, c.heads
    shelf = c.vocabulary * torch.arange(M, device=tokens.device)[:, None, None]
    x = F.embedding(tokens + shelf, weights["characters.weight"].flatten(0, 1))
    x = x + weights["positions.weight"][:, None, :T]  # (M, B, T, C)
    x = x.view(M, B * T, C)
    for layer in range(c.layers):
        w = {
            name.removeprefix(f"blocks.{layer}."): value
            for name, value in weights.items()
            if name.startswith(f"blocks.{layer}.")
        }
        a = _norm(x, w["norm1.weight"])
        qkv = a @ w["attention.qkv.weight"].mT  # (M, B·T, 3·C)
        q, k, v = qkv.view(M * B, T, 3, H, C // H).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (M·B, H, T, D)
        y = y.transpose(1, 2).reshape(M, B * T, C)
        x = x + y @ w["attention.out.weight"].mT + w["attention.out.bias"][:, None]
        a = F.gelu(_norm(x, w["norm2.weight"]) @ w["mlp.0.weight"].mT)
        x = x + a @ w["mlp.2.weight"].mT  # (M, B·T, C)
    x = _norm(x, weights["norm.weight"]) @ weights["head.weight"].mT
    return (x + weights["head.bias"][:, None]).view(M, B, T, -1)


def _norm(x, weight):
    return F.layer_norm(x, x.shape[-1:]) * weight[:, None]


def _targets(chunks):
    """How many targets there are in chunks of (…, b, t): a tensor (…)."""
    return sum((targets != IGNORE).sum((-2, -1)) for _, targets in chunks)


def _stack_rows(parts):
    """M pairs (b, t_m) as one pair (M, b, t), padded to the longest."""
    t = max(inputs.shape[1] for inputs, _ in parts)
    padded = [
        (F.pad(x, (0, t - x.shape[1])), F.pad(y, (0, t - y.shape[1]), value=IGNORE))
        for x, y in parts
    ]
    return tuple(torch.stack(side) for side in zip(*padded, strict=True))

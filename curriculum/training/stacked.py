"""M models in one stacked computation: the backend for GPUs.

- `stacked_forward` is the model of chapter 4 with one more letter, M, in front of every
  shape, so that M small products become one large one.
- The host never waits for the device inside a step, and the work of a step can be
  recorded once and replayed (CUDA graphs), which spares some hundred kernel launches.

Chapter 11 measures each step.
"""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F

from ..model import GPT
from .backends import Backend, count_targets
from .batches import IGNORE


class Stacked(Backend):
    """All models in one stacked computation; recorded and replayed on a GPU.

    Args: record: replay CUDA graphs; None: where there is CUDA.
    """

    def __init__(
        self, models, optimizer_state, weight_decay=0.01, precision="fp32", record=None
    ):
        super().__init__(models, optimizer_state, weight_decay, precision)
        self.config = getattr(models[0], "config", None)
        if any(type(m) is not GPT or m.config != self.config for m in models):
            raise ValueError("only GPTs of one shape can be stacked; use CoreParallel")
        on_gpu = self.device.type == "cuda"
        self.sync_every = 50 if on_gpu else 1  # a look makes the host wait for the GPU
        self.record = on_gpu if record is None else record
        self._stack = dict(
            zip(
                self.shapes,
                (v.detach().requires_grad_() for v in self._views(self.weights)),
                strict=True,
            )
        )
        self._gradient_views = self._views(self.gradients)
        self._recorded: dict[tuple, _Recorded] = {}

    def backward(self, batches, ids, step):
        if all(maker is batches[0] for maker in batches):
            chunks = batches[0].batch(ids, step)
            prints = list(batches[0].fingerprints(chunks))
        else:
            rows = [m.batch(own, step) for m, own in zip(batches, ids, strict=True)]
            prints = [m.fingerprints(r) for m, r in zip(batches, rows, strict=True)]
            chunks = [_stack_rows(parts) for parts in zip(*rows, strict=True)]
        counts = count_targets(chunks)  # (M,)
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
        torch._foreach_add_(self._gradient_views, found)
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
    C, H = c.n_embd, c.n_head
    shelf = c.vocab_size * torch.arange(M, device=tokens.device)[:, None, None]
    x = F.embedding(tokens + shelf, weights["characters.weight"].flatten(0, 1))
    x = x + weights["positions.weight"][:, None, :T]  # (M, B, T, C)
    x = x.view(M, B * T, C)
    for layer in range(c.n_layer):
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


def _stack_rows(parts):
    """M pairs (b, t_m) as one pair (M, b, t), padded to the longest."""
    t = max(inputs.shape[1] for inputs, _ in parts)
    padded = [
        (F.pad(x, (0, t - x.shape[1])), F.pad(y, (0, t - y.shape[1]), value=IGNORE))
        for x, y in parts
    ]
    return tuple(torch.stack(side) for side in zip(*padded, strict=True))

"""M models in one stacked computation: the backend for GPUs.

- `stacked_forward` is the model of chapter 4 with one more letter, M, in front of every
  shape, so that M small products become one large one.
- AdamW is written out here, because every model has its own learning rate and its own
  count of steps: one pass over the (M, P) tables instead of M optimizers.
- The host never waits for the device inside a step. The work of a step is recorded once
  for each shape and replayed (CUDA graphs), which spares some hundred kernel launches.
- `compiled` lets `torch.compile` fuse what stands between the matrix products.

Papers: Loshchilov & Hutter (2019) for AdamW. Chapter 12 measures each step.
"""

from __future__ import annotations

import functools
import warnings

import torch
import torch.nn.functional as F

from ..model import GPT
from .backends import Backend, count_targets
from .batches import IGNORE

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # AdamW's defaults, as released


class Stacked(Backend):
    """All models in one computation; recorded and replayed on a GPU.

    Args:
        record: replay CUDA graphs; None: where there is CUDA.
        compiled: fuse with `torch.compile`; pays for itself in runs of some minutes.
    """

    def __init__(
        self,
        models,
        optimizer_state,
        weight_decay=0.01,
        precision="fp32",
        record=None,
        compiled=False,
    ):
        super().__init__(models, optimizer_state, weight_decay, precision)
        self.config = getattr(models[0], "config", None)
        if any(type(m) is not GPT or m.config != self.config for m in models):
            raise ValueError("only GPTs of one shape can be stacked; use CoreParallel")
        on_gpu = self.device.type == "cuda"
        self.sync_every = 50 if on_gpu else 1  # a look makes the host wait for the GPU
        self.record = on_gpu if record is None else record
        views = [v.detach().requires_grad_() for v in self._views(self.weights)]
        self._stack = dict(zip(self.shapes, views, strict=True))
        self._gradient_views = self._views(self.gradients)
        self._recorded: dict[tuple, _Recorded] = {}
        # Recordings are replayed one after the other, so they can share their memory.
        self._pool = torch.cuda.graph_pool_handle() if self.record else None
        if compiled:
            torch._dynamo.reset()  # code for another number of models is of no use
        compile = functools.partial(torch.compile, dynamic=None)
        self._block = compile(block) if compiled else block
        self._adamw = compile(adamw) if compiled else adamw
        self._states, self.weight_decay = optimizer_state, weight_decay
        self._tables = {
            "exp_avg": torch.zeros_like(self.weights),  # (M, P)
            "exp_avg_sq": torch.zeros_like(self.weights),  # (M, P)
            "step": torch.zeros(len(models), 1, device=self.device),  # (M, 1)
        }
        self._lrs, self._lr = None, torch.zeros(len(models), 1, device=self.device)

    # --- gradients ---

    def backward(self, batches, ids, step):
        if all(maker is batches[0] for maker in batches):
            micro_batches = batches[0].batch(ids, step)
            fingerprints = list(batches[0].fingerprints(micro_batches))
        else:
            rows = [m.batch(own, step) for m, own in zip(batches, ids, strict=True)]
            fingerprints = [
                m.fingerprints(r) for m, r in zip(batches, rows, strict=True)
            ]
            micro_batches = [_stack_rows(parts) for parts in zip(*rows, strict=True)]
        counts = count_targets(micro_batches)  # (M,)
        losses = torch.zeros(len(self.models), device=self.device)
        for inputs, targets in micro_batches:
            losses += self._replay(self._micro_batch, inputs, targets, counts)
        return losses, fingerprints, counts

    def _micro_batch(self, inputs, targets, counts):
        """Losses (M,) of one micro-batch (M, b, t); adds its gradients up."""
        with self._half():
            logits = stacked_forward(self._stack, inputs, self.config, self._block)
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

    # --- the optimizer ---

    def update(self, lrs):
        self._adopt()
        if lrs != self._lrs:
            self._lrs = list(lrs)
            self._lr.copy_(torch.tensor(lrs)[:, None])
        self._replay(self._step)

    def _step(self):
        self._adamw(
            self.weights,
            self.gradients,
            *self._tables.values(),
            self._lr,
            self.weight_decay,
        )
        return self._lr

    def _adopt(self):
        """Make each model's optimizer state a view of the tables; empty: all zeros."""
        for i, state in enumerate(self._states):
            for name, table in self._tables.items():
                row = table[i, 0] if name == "step" else table[i]
                kept = state.get(name)
                if kept is None or kept.data_ptr() != row.data_ptr():
                    row.copy_(0 if kept is None else kept)
                    state[name] = row

    # --- recording ---

    def _replay(self, work, *inputs):
        if not self.record:
            return work(*inputs)
        key = work.__name__, *(tuple(x.shape) for x in inputs)
        if key not in self._recorded:
            # Recording runs the work a few times: put back what it changes.
            changed = self.weights, self.gradients, *self._tables.values()
            kept = [table.clone() for table in changed]
            try:
                self._recorded[key] = _Recorded(self._pool, work, *inputs)
            except RuntimeError as error:  # a driver or a library that cannot record
                self.record = False
                warnings.warn(f"nothing is recorded here: {error}", stacklevel=2)
            for table, old in zip(changed, kept, strict=True):
                table.copy_(old)
            if not self.record:
                return work(*inputs)
        return self._recorded[key](*inputs)


class _Recorded:
    """Some work as a CUDA graph: recorded once for a shape, then replayed."""

    def __init__(self, pool, work, *examples):
        self.inputs = [x.clone() for x in examples]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries set themselves up on a first call
            for _ in range(3):
                work(*self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool):
            self.result = work(*self.inputs)

    def __call__(self, *inputs):
        for kept, new in zip(self.inputs, inputs, strict=True):
            kept.copy_(new)
        self.graph.replay()
        return self.result


def stacked_forward(weights, tokens, c, block=None) -> torch.Tensor:
    """The forward pass of M GPTs in one: logits (M, B, T, V) for `tokens` (M, B, T).

    Args: weights: name → (M, …), named as in `GPT`. c: the shape they share. block: a
        compiled version of `block`, or None.
    A line here is a line of chapter 4; `@` multiplies M matrices at once.
    """
    M, B, T = tokens.shape
    first = c.vocab_size * torch.arange(M, device=tokens.device)[:, None, None]
    x = F.embedding(tokens + first, weights["characters.weight"].flatten(0, 1))
    x = x + weights["positions.weight"][:, None, :T]  # (M, B, T, C)
    x = x.view(M, B * T, c.n_embd)
    for layer in range(c.n_layer):
        own = [weights[f"blocks.{layer}.{name}"] for name in BLOCK]
        x = (block or globals()["block"])(x, B, c.n_head, *own)
    x = _norm(x, weights["norm.weight"]) @ weights["head.weight"].mT
    return (x + weights["head.bias"][:, None]).view(M, B, T, -1)


BLOCK = (
    "norm1.weight", "attention.qkv.weight", "attention.out.weight",
    "attention.out.bias", "norm2.weight", "mlp.0.weight", "mlp.2.weight",
)  # fmt: skip


def block(x, B, H, norm1, qkv, out, bias, norm2, up, down):
    """A transformer block of M models: (M, B·T, C) to the same."""
    M, BT, C = x.shape
    q, k, v = (
        (_norm(x, norm1) @ qkv.mT)  # (M, B·T, 3·C)
        .view(M * B, BT // B, 3, H, C // H)
        .permute(2, 0, 3, 1, 4)
    )
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (M·B, H, T, D)
    y = y.transpose(1, 2).reshape(M, BT, C)
    x = x + y @ out.mT + bias[:, None]
    return x + F.gelu(_norm(x, norm2) @ up.mT) @ down.mT


def adamw(weights, gradients, exp_avg, exp_avg_sq, steps, lr, weight_decay):
    """One step of AdamW for M models, in place; the gradients are zero afterwards.

    Args: weights … exp_avg_sq: (M, P). steps: (M, 1) done so far. lr: (M, 1).
    """
    steps.add_(1)
    exp_avg.lerp_(gradients, 1 - BETA1)
    exp_avg_sq.mul_(BETA2).addcmul_(gradients, gradients, value=1 - BETA2)
    unbiased = exp_avg / (1 - BETA1**steps)
    scale = (exp_avg_sq / (1 - BETA2**steps)).sqrt() + EPS
    weights.mul_(1 - lr * weight_decay).sub_(lr * unbiased / scale)
    gradients.zero_()


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

"""The loss around and between models: a line, a better order of units, noise, sharpness.

- `between` is a model on the straight line from one to another. If the loss rises on the
  way, a hill lies between them: they are not in the same basin.
- Two models can be the same function with hidden units in another order. `aligned` looks
  for the order in which one model's weights resemble the other's most, and changes no
  output: channels of the stream, units of each MLP, heads, and the places within a head.
- `noise_scale` says how much gradients of single programs disagree, `sharpness` how strongly
  the loss bends in its steepest direction.

Papers: Frankle et al. (2020) and Entezari et al. (2022) for lines; Ainsworth et al. (2023)
for matching weights; McCandlish et al. (2018), appendix A, for the noise scale; Ghorbani et
al. (2019) for Lanczos. Chapter 23 uses it.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..model import GPT
from ..training.batches import IGNORE


def between(one: GPT, other: GPT, t: float) -> GPT:
    """The model at share `t` of the line from `one` (0) to `other` (1), a new one."""
    found = copy.deepcopy(one)
    with torch.no_grad():
        for p, q in zip(found.parameters(), other.parameters(), strict=True):
            p.lerp_(q, t)
    return found


def barrier(losses) -> float:
    """The highest rise over the straight line between the two ends.

    Args: losses: (k,) at k even steps from one model to the other, both included.
    """
    losses = np.asarray(losses, float)
    return float((losses - np.linspace(losses[0], losses[-1], len(losses))).max())


# --- aligned ---


def _best(score) -> np.ndarray:
    """The order p with the largest Σ score[i, p[i]]."""
    return linear_sum_assignment(score, maximize=True)[1]


def _heads(block, C: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(3, H, D, C) rows of q, k, v and (H, D, C) columns of the output of a block."""
    H = block.attention.n_head
    qkv = block.attention.qkv.weight.view(3, H, C // H, C)
    out = block.attention.out.weight.T.reshape(H, C // H, C)
    return qkv, out


@torch.no_grad()
def _permute_stream(model: GPT, p) -> None:
    """Put the C channels of the stream into the order p."""
    for name, w in model.named_parameters():
        if name in ("characters.weight", "positions.weight", "head.weight"):
            w.copy_(w[:, p])
        elif "norm" in name or name.endswith("attention.out.bias"):
            w.copy_(w[p])
        elif name.endswith(("qkv.weight", "mlp.0.weight")):
            w.copy_(w[:, p])
        elif name.endswith(("attention.out.weight", "mlp.2.weight")):
            w.copy_(w[p])


def _stream_score(a: GPT, b: GPT) -> np.ndarray:
    """(C, C): how well channel i of a goes with channel j of b, over all their weights."""
    score = np.zeros((a.config.n_embd, a.config.n_embd))
    for (name, x), y in zip(a.named_parameters(), b.parameters(), strict=True):
        if name == "head.bias":
            continue
        rows = x.dim() == 1 or name.endswith(("attention.out.weight", "mlp.2.weight"))
        x, y = (z.detach().view(len(z), -1) if rows else z.detach().T for z in (x, y))
        score += (x @ y.T).double().numpy()
    return score


@torch.no_grad()
def _align_block(a, b, C: int) -> None:
    """Reorder hidden units and heads of block b as they resemble those of block a."""
    score = a.mlp[0].weight @ b.mlp[0].weight.T + a.mlp[2].weight.T @ b.mlp[2].weight
    p = _best(score.numpy())
    b.mlp[0].weight.copy_(b.mlp[0].weight[p])
    b.mlp[2].weight.copy_(b.mlp[2].weight[:, p])

    (x, xo), (y, yo) = _heads(a, C), _heads(b, C)
    H = len(xo)
    score, inner = np.zeros((H, H)), {}
    for i in range(H):
        for j in range(H):  # q and k share an order within a head, v and out another
            qk = sum(x[n, i] @ y[n, j].T for n in (0, 1)).numpy()
            vo = (x[2, i] @ y[2, j].T + xo[i] @ yo[j].T).numpy()
            inner[i, j] = _best(qk), _best(vo)
            rows = np.arange(C // H)
            score[i, j] = sum(
                s[rows, p].sum() for s, p in zip((qk, vo), inner[i, j], strict=True)
            )
    new, out = torch.empty_like(y), torch.empty_like(yo)
    for i, j in enumerate(_best(score)):
        qk, vo = inner[i, j]
        new[0, i], new[1, i], new[2, i] = y[0, j][qk], y[1, j][qk], y[2, j][vo]
        out[i] = yo[j][vo]
    b.attention.qkv.weight.copy_(new.view(3 * C, C))
    b.attention.out.weight.copy_(out.view(C, C).T)


def likeness(a: GPT, b: GPT) -> float:
    """The cosine of all weights of two models."""
    x, y = (torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (a, b))
    return float(F.cosine_similarity(x.double(), y.double(), 0))


def aligned(a: GPT, b: GPT, rounds: int = 20) -> GPT:
    """A model that computes what `b` does, with its units in the order most like `a`'s.

    Each round reorders the channels of the stream, then each block's units and heads; it
    ends when the weights no longer come nearer. This finds a good order, not the best.
    Raises: ValueError: the models have different shapes.
    """
    if a.config != b.config:
        raise ValueError(f"{a.config} and {b.config}; align models of one shape")
    b, C = copy.deepcopy(b), a.config.n_embd
    reached = likeness(a, b)
    for _ in range(rounds):
        _permute_stream(b, torch.from_numpy(_best(_stream_score(a, b))))
        for one, other in zip(a.blocks, b.blocks, strict=True):
            _align_block(one, other, C)
        before, reached = reached, likeness(a, b)
        if reached <= before + 1e-6:
            break
    return b


# --- gradients ---


def mean_loss(model: GPT, batch) -> torch.Tensor:
    """Loss in nats per character of micro-batches [(inputs, targets), …]."""
    total = sum(
        F.cross_entropy(
            model(x).flatten(0, 1), y.flatten(), ignore_index=IGNORE, reduction="sum"
        )
        for x, y in batch
    )
    return total / sum((y != IGNORE).sum() for _, y in batch)


def gradient(model: GPT, batch) -> torch.Tensor:
    """(P,) gradient of `mean_loss`."""
    parameters = list(model.parameters())
    return torch.cat(
        [g.flatten() for g in torch.autograd.grad(mean_loss(model, batch), parameters)]
    )


def noise_scale(gradients, size: int) -> dict:
    """The simple noise scale, tr Σ / |G|², from gradients of n batches of `size` programs.

    Σ is the covariance of one program's gradient, G the true gradient. The scatter of the
    batches gives tr Σ; it is also taken off |mean|², which noise makes too large.

    Returns: "noise" tr Σ, "signal" |G|² and "scale", in programs: batches much smaller
        than this are mostly noise. The scale is inf where no signal is left.
    """
    g = torch.stack(list(gradients)).double()  # (n, P)
    if len(g) < 2:
        raise ValueError("one batch has no scatter; give two or more")
    noise = float(g.var(0).sum()) * size
    signal = float(g.mean(0).square().sum()) - noise / (size * len(g))
    return {
        "noise": noise,
        "signal": signal,
        "scale": noise / signal if signal > 0 else float("inf"),
    }


def sharpness(model: GPT, batch, steps: int = 10, seed: int = 0) -> float:
    """The largest eigenvalue of the loss's second derivatives, by `steps` of Lanczos.

    It never exceeds the true value, and comes close to it in some ten steps if that stands
    apart. Memory: a vector of P numbers a step.
    """
    parameters = list(model.parameters())
    sizes = [p.numel() for p in parameters]
    with sdpa_kernel(SDPBackend.MATH):  # the fused attention has no second derivative
        first = torch.autograd.grad(
            mean_loss(model, batch), parameters, create_graph=True
        )

        def bend(v):  # (P,) second derivatives times v
            parts = [
                x.view_as(p) for x, p in zip(v.split(sizes), parameters, strict=True)
            ]
            second = torch.autograd.grad(first, parameters, parts, retain_graph=True)
            return torch.cat([g.flatten() for g in second])

        generator = torch.Generator().manual_seed(seed)
        v = torch.randn(sum(sizes), generator=generator)
        basis, alpha, beta = [v / v.norm()], [], []
        for _ in range(steps):
            w = bend(basis[-1])
            alpha.append(float(w @ basis[-1]))
            for u in basis:  # against rounding: stay at right angles to all before
                w = w - (w @ u) * u
            beta.append(float(w.norm()))
            if beta[-1] < 1e-9:
                break
            basis.append(w / beta[-1])
    n = len(alpha)
    small = np.diag(alpha) + np.diag(beta[: n - 1], 1) + np.diag(beta[: n - 1], -1)
    return float(np.linalg.eigvalsh(small)[-1])

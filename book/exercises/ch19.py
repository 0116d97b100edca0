"""Checks of the exercises in "Length, attention, loss"."""

import numpy as np
import torch

from exercises import check, returned

IGNORED = -100
ROWS = (([0, 7, 8, 9, 2], 3), ([0, 4, 4, 2], 1), ([0, 5, 6, 2, 2], 4))


@check
def targets(function: callable):
    for tokens, start in ROWS:
        wanted = [IGNORED] * start + tokens[start:]
        found = _numbers(function(list(tokens), start))
        if found != wanted:
            return f"{tokens}, answer from {start}: wanted {wanted}."
    return "Right: the question has no part in the loss, the end mark has."


def _numbers(value):
    """Whole numbers of a list, an array or a tensor; anything else as it is."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return list(value) if isinstance(value, list | tuple) else value


@check
def merged(function: callable):
    rng = np.random.default_rng(0)
    for n, m, r, alpha in ((3, 5, 2, 4.0), (4, 2, 1, 1.0), (6, 6, 3, 16.0)):
        W, A, B = (
            torch.tensor(rng.normal(size=shape))
            for shape in ((n, m), (r, m), (n, r))
        )
        kept = W.clone()
        found = returned(function(W, A, B, alpha), torch.Tensor)
        if not torch.equal(W, kept):
            return "Your function changes W itself; return a new matrix."
        if tuple(found.shape) != (n, m):
            return f"The shape is {tuple(found.shape)}; W has ({n}, {m})."
        x = torch.tensor(rng.normal(size=m))
        wanted = W @ x + alpha / r * (B @ (A @ x))
        if not torch.allclose(found @ x, wanted):
            return (
                f"Rank {r}, α = {alpha:g}: another matrix."
                " What does the layer add to W x?"
            )
    return "Right: after training, the two thin matrices cost nothing more."


@check
def spread(function: callable):
    rng = np.random.default_rng(1)
    for size, start in ((6, 3), (9, 7), (5, 2)):
        weights = np.tril(rng.random((size, size)))
        weights = torch.tensor(weights / weights.sum(1, keepdims=True))
        rows = [weights[t, :t].std() for t in range(start, size)]
        wanted = float(torch.stack(rows).mean())
        found = returned(function(weights, start), float)
        if abs(found - wanted) > 1e-6:
            return (
                f"A map of {size} tokens, answer from {start}: {found:.4f},"
                f" wanted {wanted:.4f}."
            )
    return "Right: one number for one head."


def _thirds(x):
    return (
        np.argsort(np.argsort(x, kind="stable"), kind="stable") * 3 // len(x)
    )


@check
def same_third(function: callable):
    rng = np.random.default_rng(2)
    for n, noise in ((30, 0.0), (30, 0.5), (99, 2.0)):
        x = rng.permutation(n).astype(float)
        y = x + noise * n * rng.random(n)
        wanted = float((_thirds(x) == _thirds(y)).mean())
        found = returned(function(x.copy(), y.copy()), float)
        if abs(found - wanted) > 1e-6:
            return f"{n} items: {found:.3f} is not the share {wanted:.3f}."
    return "Right: for two unrelated scores it would be a third."

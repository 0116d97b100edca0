"""Do two models compute alike? CKA of their layers, and the evenness of an output head.

- Single neurons of two models cannot be compared: their order and direction is an accident
  of the first weights. CKA compares what is left: which texts lie near which.
- A value of CKA says nothing by itself. It needs a null: two seeds of the same arm.
- `singular_entropy` is a number that one of the papers follows along training.

Papers: Kornblith et al. (2019), equation 4, for linear CKA; Godey et al. (2024) for the
singular entropy. Chapter 23 uses both.
"""

from __future__ import annotations

import numpy as np
import torch


def cka(x, y) -> float:
    """Linear CKA of two models' vectors for the same n places, from 0 to 1.

    Args: x: (n, C) and y: (n, D), a row for each place, in the same order.
    It is 1 if y is x turned, mirrored or scaled, and does not see the order of columns.
    Raises: ValueError: different numbers of rows, or a matrix without any spread.
    """
    x, y = (np.asarray(z, np.float64) for z in (x, y))
    if len(x) != len(y):
        raise ValueError(
            f"{len(x)} and {len(y)} rows; both need a row for each of the same places"
        )
    x, y = x - x.mean(0), y - y.mean(0)
    within = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    if not within:
        raise ValueError("all rows of a matrix are equal; CKA needs rows that differ")
    return float(np.linalg.norm(x.T @ y) ** 2 / within)


def singular_entropy(weight) -> float:
    """How uneven the singular values of a matrix are, in nats: 0 if all are equal.

    The Kullback-Leibler divergence of the normalised singular values p from the even
    distribution over k of them, log k + Σ p log p. At most log k, for rank one. A head
    that *saturates* has few large directions, and a large value.

    Args: weight: a matrix, for an output head (V, C); k is the smaller of the two.
    """
    values = torch.linalg.svdvals(torch.as_tensor(weight).detach().double())
    p = values / values.sum()
    p = p[p > 0]
    return float(np.log(len(values)) + (p * p.log()).sum())

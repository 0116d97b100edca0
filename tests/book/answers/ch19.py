import numpy as np
import torch

from exercises import ch19 as check


def targets(tokens, start):
    return [-100] * start + tokens[start:]


def merged(W, A, B, alpha):
    return W + alpha / A.shape[0] * B @ A


def spread(weights, start):
    rows = [weights[t, :t].std() for t in range(start, len(weights))]
    return torch.stack(rows).mean()


def same_third(x, y):
    n = len(x)
    first, second = (
        np.argsort(np.argsort(v, kind="stable"), kind="stable") * 3 // n for v in (x, y)
    )
    return float((first == second).mean())


def in_place(W, A, B, alpha):
    W += alpha / A.shape[0] * B @ A
    return W


WRONG = {
    check.targets: [
        None,
        lambda tokens, start: tokens,
        lambda tokens, start: [-100] * len(tokens),
        lambda tokens, start: [-100] * (start - 1) + tokens[start - 1 :],
        lambda tokens, start: [-100] * start + tokens[start:-1] + [-100],
        lambda tokens, start: tokens[start:] + [-100] * start,
        lambda tokens, start: [-100 if t == 2 else t for t in tokens],
        lambda tokens: tokens,
    ],
    check.merged: [
        None,
        lambda W, A, B, alpha: W,
        lambda W, A, B, alpha: W + B @ A,
        lambda W, A, B, alpha: W + alpha * B @ A,
        lambda W, A, B, alpha: alpha / A.shape[0] * B @ A,
        lambda W, A, B, alpha: W + alpha / A.shape[1] * B @ A,
        lambda W, A, B, alpha: (W + alpha / A.shape[0] * B @ A).T,
        in_place,
    ],
    check.spread: [
        None,
        lambda w, start: float(w.std()),
        lambda w, start: float(w[start:].std()),
        lambda w, start: float(
            np.mean([float(w[t].std()) for t in range(start, len(w))])
        ),
        lambda w, start: float(
            np.mean([float(w[t, : t + 1].std()) for t in range(start, len(w))])
        ),
        lambda w, start: float(
            np.mean([float(w[t, :t].var()) for t in range(start, len(w))])
        ),
        lambda w, start: float(
            np.mean([float(w[t, :t].std()) for t in range(2, len(w))])
        ),
    ],
    check.same_third: [
        None,
        lambda x, y: 1 / 3,
        lambda x, y: float(np.corrcoef(x, y)[0, 1]),
        lambda x, y: float(np.mean(x == y)),
        lambda x, y: float(np.mean((x < len(x) / 3) == (y < len(y) / 3))),
        lambda x, y: 1.0,
        lambda x, y: "0.5",
    ],
}
RIGHT = {
    check.targets: [
        targets,
        lambda tokens, start: torch.tensor(targets(tokens, start)),
    ],
    check.merged: [
        merged,
        lambda W, A, B, alpha: W + (B @ A) * (alpha / B.shape[1]),
    ],
    check.spread: [
        spread,
        lambda w, start: np.mean(
            [np.std(w[t, :t].numpy(), ddof=1) for t in range(start, len(w))]
        ),
    ],
    check.same_third: [same_third, lambda x, y: np.float32(same_third(x, y))],
}

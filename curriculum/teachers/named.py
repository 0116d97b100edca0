"""Teachers from the literature, for a handful of tasks.

- Each is a pure function of what was `Seen`: it returns the share of each task in the next
  window. Keyword arguments are its parameters.
- Two look at the clock alone: `competence` and `fading`. The others react to losses.
- The papers decide about single programs or single batches; here a teacher decides about
  the mix of K tasks for a window of steps. What that changes is said at each.

Chapter 23 explains each one and tries them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import lambertw

from ..files import hash_bits
from .taught import Seen


def natural(seen: Seen) -> np.ndarray:
    """The mix of the data: no teacher at all, by the machinery of teachers."""
    return seen.natural


def competence(seen: Seen, start: float = 0.1, full_at: float = 0.8) -> np.ndarray:
    """The easiest part of the data, growing with the square root of time.

    Platanios et al. (2019): the competence √(t (1 − c₀²) + c₀²) is the part of the ranked
    data that is open. Tasks stand from easy to hard; the last one may be partly open.
    """
    time = min(1.0, seen.progress / full_at)
    opened = np.sqrt(time * (1 - start**2) + start**2)
    before = np.cumsum(seen.natural) - seen.natural
    return np.clip(opened - before, 0, seen.natural)


def fading(seen: Seen, width: float = 1.0) -> np.ndarray:
    """A bell that moves from the easiest task to the hardest: easy tasks fade out.

    After the Gaussian schedule of E2H (arXiv 2506.06632), where it serves reinforcement
    learning. width: of the bell, in tasks.
    """
    rank = np.arange(len(seen.natural))
    centre = seen.progress * (len(rank) - 1)
    return seen.natural * np.exp(-0.5 * ((rank - centre) / width) ** 2)


def self_paced(seen: Seen, start: float = 0.3, full_at: float = 0.8) -> np.ndarray:
    """The tasks that the model finds easiest now, a growing part of the data.

    Self-paced learning (Kumar et al., 2010) learns from what has a loss below a threshold
    that rises. The threshold is given as a part of the data, as is usual, and the ranking
    is refreshed before each window.
    """
    opened = start + (1 - start) * min(1.0, seen.progress / full_at)
    order = np.argsort(seen.losses[-1], kind="stable")
    size = seen.natural[order]
    shares = np.empty(len(order))
    shares[order] = np.clip(opened - (np.cumsum(size) - size), 0, size)
    return shares


def superloss(seen: Seen, softness: float = 0.25) -> np.ndarray:
    """Tasks with a loss above the mean count less, those below it more.

    SuperLoss (Castells et al., 2020) weighs an example by exp(−W(max(−2/e, β)/2)), with
    β = (loss − mean) / softness and Lambert's W. A task that weighs twice as much is shown
    twice as often here. softness: nats a character; a large one changes nothing.
    """
    now = seen.losses[-1]
    above = (now - now @ seen.natural) / softness
    w = lambertw(
        np.maximum(above / 2, 1e-9 - 1 / np.e)
    ).real  # its real branch begins there
    return seen.natural * np.exp(-w)


def exp3s(seen: Seen, rate: float = 0.3, mix: float = 0.1, forget: float = 0.01):
    """A bandit that likes learning progress: Exp3.S after Graves et al. (2017).

    The reward of a task is how much its loss fell in a window, scaled so that the 20th and
    80th percentiles of all rewards so far become −1 and 1. Weights grow by exp(rate ·
    reward), every task keeps a part `mix`, and `forget` of all weight is spread anew in
    every window. Graves et al. see the reward of the one task they played and divide it by
    its probability; here all tasks are watched, so nothing has to be divided.
    """
    K = len(seen.natural)
    progress = seen.losses[:-1] - seen.losses[1:]  # (w, K)
    logs = np.zeros(K)
    for w in range(
        1, len(progress)
    ):  # the first fall, from random weights, is no guide
        low, high = np.quantile(progress[1 : w + 1], (0.2, 0.8))
        scaled = 2 * (progress[w] - low) / max(high - low, 1e-9) - 1
        logs += rate * np.clip(scaled, -1, 1)
        weights = np.exp(logs - logs.max())
        weights = (1 - forget) * weights + forget * weights.mean()
        logs = np.log(weights)
    chosen = np.exp(logs) / np.exp(logs).sum()
    return (1 - mix) * chosen + mix / K


def slope(seen: Seen, window: int = 8, mix: float = 0.1) -> np.ndarray:
    """Where the loss changes fastest, up or down: after Matiisen et al. (2017).

    A line is fitted to the last losses of each task; its steepness, whichever the sign, is
    what the task is worth (a rising loss is being forgotten). Shares are proportional to
    it, and every task keeps a part `mix`. window: losses that a line is fitted to.
    """
    K, recent = len(seen.natural), seen.losses[1:][-window:]  # without the random model
    if len(recent) < 3:
        return seen.natural
    time = np.arange(len(recent)) - (len(recent) - 1) / 2
    worth = np.abs(time @ recent) / (time @ time)  # (K,) nats a window
    return (1 - mix) * worth / max(worth.sum(), 1e-12) + mix / K


def learned(seen: Seen, rate: float = 0.1, spread: float = 0.5) -> np.ndarray:
    """A teacher that learns: it tries two mixes and moves towards the better one.

    The smallest member of the family of meta-learning: shares are softmax(θ). Of each pair
    of windows the first shows θ + spread·ε and the second θ − spread·ε, ε being ±1 by lot;
    θ moves along ε by the difference of what the two windows did for the mean loss of all
    tasks, in units of the usual difference (simultaneous perturbation, Spall, 1992). The
    outer objective is the loss on watched programs in their natural mix.
    """
    K = len(seen.natural)
    theta = np.log(seen.natural)
    fell = -np.diff(seen.losses @ seen.natural)  # (w,) what each window did
    for pair in range(seen.window // 2):
        if pair == 0:
            continue  # the first fall, from random weights, is no guide
        difference = fell[2 * pair] - fell[2 * pair + 1]
        usual = np.abs(np.diff(fell[2 : 2 * pair + 2])).mean()
        step = np.clip(difference / max(usual, 1e-9), -1, 1)
        theta = theta + rate * step * _signs(pair, K, seen.seed)
    pair, second = divmod(seen.window, 2)
    tried = theta + (-1 if second else 1) * spread * _signs(pair, K, seen.seed)
    shares = np.exp(tried - tried.max())
    return shares / shares.sum()


def _signs(pair: int, K: int, seed: int) -> np.ndarray:
    """(K,) of ±1, by lot."""
    return 1.0 - 2.0 * (hash_bits(np.arange(K), "signs", seed, pair) % np.uint64(2))


TEACHERS: dict[str, Callable[..., np.ndarray]] = {
    f.__name__: f
    for f in (
        natural, competence, fading, self_paced, superloss, exp3s, slope, learned,
    )
}  # fmt: skip

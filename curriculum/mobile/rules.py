"""Agents that learn nothing: what a learner has to beat.

- `best_signal`: link every user to the station it hears best, and to no other. The rule
  that engineers would try first; it reads only what the learner sees.
- `every_signal`: link to every station that answers. It remembers nothing, so it tries a
  missing link again and again; a try costs nothing, but only one link a step can change.
- `random_actions` and `nothing`: floors.

Each takes (E, U, 7) observations and returns (E, U) actions. Chapter 20 uses them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .spec import MOST_STATIONS, Stage
from .world import ACTIONS, World


def best_signal(seen) -> np.ndarray:
    """Drop a link that is not the best one; else ask for the best; else do nothing."""
    links, signals = seen[..., :MOST_STATIONS] > 0, _signals(seen)
    best = np.eye(MOST_STATIONS, dtype=bool)[signals.argmax(-1)]  # (E, U, S)
    extra = links & ~best
    missing = best & ~links
    return _first(np.where(extra.any(-1, keepdims=True), extra, missing))


def every_signal(seen) -> np.ndarray:
    """Ask for the strongest station that there is no link to, the best one first.

    Without any link the best station is asked for, with one the second best, and so on.
    """
    links, signals = seen[..., :MOST_STATIONS] > 0, _signals(seen)
    wanted = np.where(links | (signals <= 0), -1.0, signals)
    return np.where(wanted.max(-1) > 0, wanted.argmax(-1) + 1, 0)


def nothing(seen) -> np.ndarray:
    """Never toggle: no user ever gets a link."""
    return np.zeros(seen.shape[:2], int)


def random_actions(seed: int) -> Callable:
    """Uniformly random actions."""
    rng = np.random.default_rng(seed)
    return lambda seen: rng.integers(0, ACTIONS, seen.shape[:2])


def play(act, stage: Stage, seeds) -> np.ndarray:
    """(E,) mean reward of one episode for each seed; `act` maps observations to actions."""
    world = World(stage, seeds)
    seen, total = world.observe(), np.zeros(len(seeds))
    for _ in range(world.horizon):
        seen, reward = world.step(act(seen))
        total += reward
    return total / world.horizon


def _signals(seen):
    return seen[..., MOST_STATIONS : 2 * MOST_STATIONS]


def _first(wanted):
    """The first True of the last axis as an action; 0 if there is none."""
    return np.where(wanted.any(-1), wanted.argmax(-1) + 1, 0)

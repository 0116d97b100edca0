"""Six orders that people learn in, as plain functions: an order is a list of positions.

- *random*; *blocked*: one category after the other; *interleaved*: each block is cut into
  three parts, and three rounds go through the categories; *curriculum*: ascending difficulty,
  whatever the category; *blocked curriculum* and *interleaved curriculum*: the same with each
  block sorted by difficulty.
- All six start from one shuffle, which the seed names. It breaks ties of difficulty and is
  the order within a block, so that two orders of a seed differ in the rule alone.
- The seed draws the order of the categories as well. (The released code sorts them by name.)
- Each item is shown once: one epoch, no shuffling afterwards.

Source: Yang, Bean, McCraith & Mahdi (2024), arXiv 2408.07888. Explained in chapter 21.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..checks import one_of
from ..files import hash_order
from .loop import batches

STRATEGIES = (
    "random",
    "blocked",
    "interleaved",
    "curriculum",
    "blocked-curriculum",
    "interleaved-curriculum",
)
PARTS = 3  # rounds of an interleaved order


def shuffled(n: int, seed: int) -> np.ndarray:
    """(n,) all positions, in the order that a seed names."""
    return hash_order(n, "human-inspired", seed)


def blocked(categories: Sequence, seed: int) -> np.ndarray:
    """One category after the other; within one, as shuffled."""
    return _in_blocks(shuffled(len(categories), seed), categories, seed)


def interleaved(categories: Sequence, seed: int) -> np.ndarray:
    """Three rounds through the categories; a round shows a third of each."""
    return _in_rounds(blocked(categories, seed), categories)


def curriculum(difficulty: Sequence[float], seed: int) -> np.ndarray:
    """Ascending difficulty; equals as shuffled."""
    start = shuffled(len(difficulty), seed)
    return start[np.argsort(np.asarray(difficulty)[start], kind="stable")]


def blocked_curriculum(
    categories: Sequence, difficulty: Sequence[float], seed: int
) -> np.ndarray:
    """One category after the other, each by ascending difficulty."""
    return _in_blocks(curriculum(difficulty, seed), categories, seed)


def interleaved_curriculum(
    categories: Sequence, difficulty: Sequence[float], seed: int
) -> np.ndarray:
    """Three rounds through the categories: first the easiest third of each."""
    blocks = blocked_curriculum(categories, difficulty, seed)
    return _in_rounds(blocks, categories)


def _in_blocks(order: np.ndarray, categories: Sequence, seed: int) -> np.ndarray:
    """`order`, taken apart by category; which category comes first is drawn."""
    names = np.asarray(categories)[order]  # (n,)
    kinds = np.unique(names)
    turns = kinds[hash_order(len(kinds), "human-inspired, categories", seed)]
    return np.concatenate([order[names == kind] for kind in turns])


def _in_rounds(blocks: np.ndarray, categories: Sequence) -> np.ndarray:
    """Blocks cut into `PARTS` each, and dealt out in as many rounds."""
    names = np.asarray(categories)[blocks]  # (n,)
    first = np.sort(np.unique(names, return_index=True)[1])  # where each block begins
    cut = [np.array_split(blocks[names == name], PARTS) for name in names[first]]
    return np.concatenate([part[turn] for turn in range(PARTS) for part in cut])


def order(
    strategy: str,
    categories: Sequence,
    difficulty: Sequence[float] | None = None,
    seed: int = 0,
) -> np.ndarray:
    """(n,) positions in the order of a strategy, the first to be shown first.

    Args:
        strategy: one of `STRATEGIES`.
        categories: (n,) names. difficulty: (n,) larger is harder; curricula need it.
    Raises: ValueError: an unknown strategy, or a difficulty that is missing or not finite.
    """
    one_of("strategy", strategy, STRATEGIES)
    if strategy == "random":
        return shuffled(len(categories), seed)
    if strategy in ("blocked", "interleaved"):
        return {"blocked": blocked, "interleaved": interleaved}[strategy](
            categories, seed
        )
    if difficulty is None or len(difficulty) != len(categories):
        given = "none" if difficulty is None else len(difficulty)
        raise ValueError(
            f"{strategy!r} orders {len(categories)} items by difficulty, and {given} are"
            " given; give one number for each item"
        )
    if not np.isfinite(np.asarray(difficulty, float)).all():
        raise ValueError("difficulty is not finite everywhere; leave such items out")
    if strategy == "curriculum":
        return curriculum(difficulty, seed)
    if strategy == "blocked-curriculum":
        return blocked_curriculum(categories, difficulty, seed)
    return interleaved_curriculum(categories, difficulty, seed)


def make_plan(
    strategy: str,
    ids: Sequence[int],
    categories: Sequence,
    difficulty: Sequence[float] | None = None,
    batch: int = 4,
    seed: int = 0,
) -> list[list[int]]:
    """Steps of item ids for `loop.finetune`: one epoch in the order of a strategy."""
    places = order(strategy, categories, difficulty, seed)
    return batches(np.asarray(ids)[places], batch)

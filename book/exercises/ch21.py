"""Checks of the exercises in "Human-inspired orders"."""

import numpy as np

from exercises import check, returned

TEXTS = ("12", "a longer option", "7\n8\n9", "3.25")


@check
def choose(function: callable):
    rng = np.random.default_rng(0)
    for _ in range(40):
        sums = [-len(t) * rng.uniform(0.5, 1.5) for t in TEXTS]
        wanted = int(
            np.argmax([s / len(t) for s, t in zip(sums, TEXTS, strict=True)])
        )
        found = returned(function(list(sums), list(TEXTS)), float)
        if found != wanted:
            shown = ", ".join(f"{s:.1f}" for s in sums)
            sizes = ", ".join(str(len(t)) for t in TEXTS)
            return (
                f"Sums {shown}; {sizes} characters: {wanted}, not {found:g}."
            )
    return "Right: the length of an option no longer decides."


@check
def difficulty(function: callable):
    rng = np.random.default_rng(1)
    for k in (4, 4, 3, 5):
        scores, right = rng.normal(-2, 1, k), int(rng.integers(k))
        e = np.exp(scores)
        wanted = float(1 - e[right] / e.sum())
        found = returned(function(scores.copy(), right), float)
        if abs(found - wanted) > 1e-6:
            return (
                f"{k} options, number {right} is right: {found:.3f}, wanted"
                f" {wanted:.3f}."
            )
    return (
        "Right: 0 for a sure and right model, near 1 for a sure and wrong one."
    )


@check
def rounds(function: callable):
    blocks = [list("aaaaaa"), list("bbb"), list("cccccc")]
    blocks = [[f"{x}{n}" for n, x in enumerate(block)] for block in blocks]
    for given in (blocks, blocks[:2], [[5, 3, 1], [2, 4, 6]]):
        kept = [list(block) for block in given]
        found = function([list(block) for block in given])
        if not isinstance(found, list | tuple | np.ndarray):
            return "Return one list of items."
        parts = [np.array_split(np.arange(len(b)), 3) for b in kept]
        wanted = [
            kept[b][i]
            for turn in range(3)
            for b in range(len(kept))
            for i in parts[b][turn]
        ]
        if len(found) != len(wanted):
            return (
                f"{len(wanted)} items went in, {len(found)} came out;"
                " the result is one flat list."
            )
        if list(found) != wanted:
            n = next(i for i, x in enumerate(wanted) if found[i] != x)
            return (
                f"Blocks of {[len(b) for b in kept]}: place {n} holds"
                f" {found[n]!r}, wanted {wanted[n]!r}."
            )
    return "Right: three rounds, a third of each block in each."


@check
def seeds_needed(function: callable):
    from curriculum.evaluation import stats

    for spread, effect in ((2.0, 1.0), (1.0, 1.0), (2.0, 4.0)):
        wanted = next(
            n
            for n in range(2, 500)
            if stats.detectable_at(spread, n) <= effect
        )
        found = returned(function(spread, effect), float)
        if found != wanted:
            return (
                f"Seeds scatter by {spread:g} points, {effect:g} to be seen:"
                f" {found:g}, wanted {wanted}."
            )
    return "Right: a smaller effect is dear; half the effect, four times the seeds."

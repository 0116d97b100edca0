"""What a plan can be made of: ids, scores and labels that fit each other.

`Plan` calls `usable` first; what it refuses is named, and said how to mend. Chapter 7.
"""

from __future__ import annotations

import numpy as np

from ..difficulty import LABELS


def usable(ids, scores, labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids (int64), scores (float) and labels (int64) of N programs, each (N,).

    Raises: ValueError: no plan can be made of them; the first value at fault is named.
    """
    arrays = {"ids": ids, "scores": scores, "labels": labels}
    ids, scores, labels = map(np.asarray, arrays.values())
    for name, array in zip(arrays, (ids, scores, labels), strict=True):
        if array.ndim != 1:
            raise ValueError(
                f"{name} has the shape {array.shape}; it must be one row, with one value"
                " for each program"
            )
    if not len(ids) == len(scores) == len(labels):
        raise ValueError(
            f"{len(ids)} ids, {len(scores)} scores and {len(labels)} labels;"
            " a plan needs one score and one label for each program"
        )
    if not len(ids):
        raise ValueError("the corpus is empty; a plan needs programs to draw")
    for name, array in zip(arrays, (ids, scores, labels), strict=True):
        kinds = "iuf" if name == "scores" else "iu"
        if array.dtype.kind not in kinds:
            raise ValueError(
                f"{name} begins with {array[0]!r}; it must hold"
                f" {'' if name == 'scores' else 'whole '}numbers. Number programs by their"
                " place in the corpus, labels from 0 (easy) to 2 (hard)"
            )
    top = np.iinfo(np.int32).max  # a saved plan has 32 bits for an id
    again = np.ones(len(ids), bool)
    again[np.unique(ids, return_index=True)[1]] = False
    labelled = np.isin(labels, range(len(LABELS)))
    for bad, words in (
        ((ids < 0) | (ids > top), "is no id; ids are numbers from 0 to 2,147,483,647"),
        (again, "stands twice among the ids; name each program once"),
        (~np.isfinite(scores), "has the score {score}; drop it first"),
        (~labelled, "has the label {label}; it must be 0 easy, 1 medium or 2 hard"),
    ):
        if bad.any():
            i = int(bad.argmax())
            raise ValueError(
                f"program {ids[i]} {words.format(score=scores[i], label=labels[i])}"
            )
    return ids.astype(np.int64), scores.astype(float), labels.astype(np.int64)
